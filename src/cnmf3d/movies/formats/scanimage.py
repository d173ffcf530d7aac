"""ScanImage: files of ScanImage 2015 and later as volumes, one file or all files of a recording.

From ScanImage's own description of its TIFF files: the non-varying frame data hold the state of the microscope
(``SI.…``), each page's description holds ``frameNumbers``. Channels vary fastest, then frames of a slice, slices,
flyback frames at the end of a volume, volumes. A recording may be cut into files anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.movies.arrays import Averaged, Rows, Stacked
from cnmf3d.movies.chained import Chained
from cnmf3d.movies.formats import scanimage_settings as settings
from cnmf3d.movies.formats.mosaic import Mosaic
from cnmf3d.movies.formats.scanimage_frames import (
    Header,
    Numbers,
    counted_by_stamps,
    header_of,
    numbers_of,
    stamped_rate,
)
from cnmf3d.movies.formats.scanimage_legacy import legacy_state, modern_state
from cnmf3d.movies.formats.scanimage_placing import Placement, place_frames
from cnmf3d.movies.formats.scanimage_regions import Regions, regions_of
from cnmf3d.movies.formats.scanimage_settings import Volume
from cnmf3d.movies.formats.scanimage_times import date_of, seconds_between, times_of
from cnmf3d.movies.formats.tiff_index import description, read_index
from cnmf3d.movies.formats.tiff_pages import all_pages, flat_pages
from cnmf3d.movies.gaps import with_gaps
from cnmf3d.movies.stored import USUAL, Choices, Facts, LazyArray, Place, Stored
from cnmf3d.movies.timing import DISAGREE
from cnmf3d.movies.units import voxel_size

if TYPE_CHECKING:
    from tifffile import TiffFile


@dataclass(frozen=True)
class Section:
    """One file of a recording.

    Attributes
    ----------
    place : Place
    state : mapping
        Names and values of the microscope's settings.
    groups : mapping or None
        Regions of interest.
    volume : Volume
    pages : LazyArray
        (pages, Y, X).
    numbers : Numbers or None
        Of its frames; None where they aren't numbered.
    rate : float or None
        Volumes a second by the time stamps.
    first, last : Header
        Of its first and its last frame.
    seconds : callable
        Time stamp of each frame.
    """

    place: Place
    state: Mapping[str, Any]
    groups: Any
    volume: Volume
    pages: LazyArray
    numbers: Numbers | None
    rate: float | None
    first: Header
    last: Header
    seconds: Callable[[int], float | None]

    @property
    def frames(self) -> int:
        """Whole frames: a page for each channel."""
        return int(self.pages.shape[0]) // self.volume.channels


def open_recording(
    places: Sequence[Place], opened: Callable[[Place], TiffFile], first: TiffFile, dataset: str | None
) -> Stored | None:
    """Open the files of a recording.

    Parameters
    ----------
    places : sequence of Place
        In the order of time.
    opened : callable
        Opens a file as TIFF.
    first : TiffFile
        The first file, open.
    dataset : str or None
        Number of the region, from 0, where a page holds several; None for all of a page.

    Returns
    -------
    Stored or None
        None where the first file isn't one of ScanImage 2015 or later, or has no regions to choose from.

    Raises
    ------
    InputError
        Where files don't belong together or are not in the order of time, or where there is no whole volume.
    """
    sections: list[Section] = []
    for place in places:
        if not sections:
            section = _section(place, first)
        else:
            with opened(place) as tif:
                section = _section(place, tif)
        if section is None:
            if not sections:
                return None
            raise InputError(
                f"{place} is not a file of ScanImage, {places[0]} is one", "Leave files of other kinds out."
            )
        if sections:
            _check_alike(sections[0], section)
        sections.append(section)
    ordered = _in_order(_counted(sections))
    for one, other in pairwise(ordered):
        _check_order(one, other)
    return _stored(ordered, dataset, USUAL)


def open_legacy(place: Place, tif: TiffFile) -> Stored | None:
    """Open a file of ScanImage 3 to 5: its channels are kept apart, its stacks are left to the user.

    Returns
    -------
    Stored or None
        None for other versions.
    """
    description = tif.pages.first.description
    said = legacy_state(description)
    pages = None if said is None else all_pages(place, tif)
    if said is None or pages is None:
        return None
    frames, left = divmod(int(pages.shape[0]), said.channels)
    cautions = []
    if said.slices > 1:
        cautions.append(
            f"{place} is a stack of {said.slices} planes of an early ScanImage, whose order of pages is not known. "
            f"Give planes= (--planes): {said.slices}, and more where the return of the focus was recorded."
        )
    if left:
        cautions.append(f"{place}: its last frame lacks a channel and is left out.")
    order = np.arange(frames * said.channels).reshape(frames, said.channels)
    data = Stacked(pages, order) if said.channels > 1 else pages
    entries = {"description": description}
    axes = "?cyx" if said.channels > 1 else "?yx"
    return Stored(data, axes, "ScanImage", Facts(said.rate, None, entries, tuple(cautions)))


def _section(place: Place, tif: TiffFile) -> Section | None:
    """Read one file; None for versions before 2015, whose state has other names."""
    said = tif.scanimage_metadata or {}
    state = said.get("FrameData") or modern_state(tif.pages.first.description)
    if not state:
        return None
    volume = settings.volume_of(place, state)
    index = read_index(place, tif)
    count = len(index)
    frames = count // volume.channels
    if not frames:
        raise InputError(
            f"{place} has {count} pages and {volume.channels} channels", "It holds no whole frame: leave it out."
        )

    @cache
    def header(frame: int) -> Header:
        return header_of(description(place, index, frame * volume.channels))

    numbers = numbers_of(header, frames, volume)
    last = header_of(description(place, index, frames * volume.channels - 1))
    if last.number != header(frames - 1).number:
        raise InputError(
            f"the {volume.channels} channels of {place} do not take turns: pages of its last frame are of the frames "
            f"{header(frames - 1).number} and {last.number}",
            "A page is missing. Copy the file again, or open what is whole of it under another name.",
        )
    pages = flat_pages(place, index)
    if len(pages.shape) != 3:
        raise InputError(f"{place} has pages with several samples", "Export the movie's pages to a new file.")
    rate = stamped_rate(header, numbers, volume)
    return Section(
        place, state, said.get("RoiGroups"), volume, pages, numbers, rate, header(0), last, lambda n: header(n).seconds
    )


def _check_alike(one: Section, other: Section) -> None:
    """See that two files were recorded with the same settings."""
    looks: list[tuple[str, Callable[[Section], object]]] = [
        ("planes, frames and channels", lambda s: s.volume),
        ("the size of a page", lambda s: s.pages.shape[1:]),
        ("the type of values", lambda s: np.dtype(s.pages.dtype).newbyteorder("=")),
        ("channels", lambda s: str(s.state.get("SI.hChannels.channelSave"))),
        ("the field of view", lambda s: str(s.state.get("SI.hRoiManager.imagingFovUm"))),
        ("the rate", lambda s: s.state.get("SI.hRoiManager.scanFrameRate")),
        ("numbered frames", lambda s: s.numbers is None),
    ]
    differ = [name for name, look in looks if look(one) != look(other)]
    if differ:
        raise InputError(
            f"{other.place} and {one.place} were recorded with different settings ({', '.join(differ)})",
            "Open the recordings one by one.",
        )


def _counted(sections: Sequence[Section]) -> Sequence[Section]:
    """Count frames by their time stamps where no file numbers them; as they are where that can't be."""
    if any(section.numbers is not None or section.volume.slow for section in sections):
        return sections
    begins = [section.first.seconds for section in sections]
    if len({section.first.epoch for section in sections}) > 1 or any(begin is None for begin in begins):
        return sections
    ordered = [sections[number] for number in sorted(range(len(sections)), key=begins.__getitem__)]  # type: ignore[arg-type]
    out: list[Section] = []
    for section in ordered:
        found = counted_by_stamps(section.seconds, section.frames)
        if found is None:
            return sections
        frame, period = found
        if out and out[-1].numbers is not None:
            before = out[-1].seconds(out[-1].frames - 1)
            passed = round(((section.first.seconds or 0) - (before or 0)) / period)
            if passed < 1:
                return sections
            frame = frame + out[-1].numbers.frame[-1] + passed
        rate = 1 / (period * section.volume.frames)
        out.append(replace(section, numbers=Numbers(np.zeros_like(frame), frame), rate=rate))
    return out


def _in_order(sections: Sequence[Section]) -> Sequence[Section]:
    """Files of one recording by their frame numbers; those of several in the order in which they are given."""
    epochs = {section.first.epoch for section in sections}
    numbered = [section.numbers for section in sections if section.numbers is not None]
    if len(epochs) > 1 or "" in epochs or len(numbered) < len(sections):
        return sections
    begins = [(int(each.acquisition[0]), int(each.frame[0])) for each in numbered]
    return [sections[number] for number in sorted(range(len(sections)), key=begins.__getitem__)]


def _check_order(one: Section, other: Section) -> None:
    """See that a file follows the one before it in time, and that no page between them is missing."""
    left = one.pages.shape[0] % one.volume.channels
    if left:
        raise InputError(
            f"{one.place} has {one.pages.shape[0]} pages, no multiple of its {one.volume.channels} channels, and "
            "further files follow",
            "Copy it again: its end is missing.",
        )
    if one.numbers is None or other.numbers is None or not one.first.epoch or one.first.epoch != other.first.epoch:
        return
    same = one.numbers.acquisition[-1] == other.numbers.acquisition[0]
    if same and other.numbers.frame[0] <= one.numbers.frame[-1]:
        raise InputError(
            f"{other.place} begins with frame {other.first.number}, but {one.place} before it ends with frame "
            f"{one.last.number} of the same recording",
            "Give the files in the order of time, each of them once.",
        )


def _stored(sections: Sequence[Section], dataset: str | None, choices: Choices) -> Stored | None:
    """Put the pages of all files to volumes, planes and channels; None where they have no such data set."""
    first, where = sections[0], _where(sections)
    regions = regions_of(first.state, first.groups, first.pages.shape[1])
    if dataset is not None and (regions is None or not regions.known):
        return None
    volume = _without_unsaved_flyback(sections)
    placement = _placed(sections, volume, choices.dropped, where)
    if not len(placement.frames):
        frames = sum(section.frames for section in sections)
        raise InputError(
            f"{where} ends within its first volume ({frames} frames, {volume.frames} a volume)",
            "Record at least two volumes; a recording that was stopped at once can't be used.",
        )
    pages = placement.frames[:, :, np.newaxis] * volume.channels + np.arange(volume.channels)
    pages[placement.frames < 0] = -1
    arranged = pages.reshape(len(pages), volume.slices, volume.repeats, volume.channels)
    data, axes, cautions = _arranged(where, _joined(sections), arranged, choices)
    rate, contradicted = _rate(sections, volume, axes, where)
    size, uneven = settings.size_of(first.place, first.state, first.pages.shape[1:])
    strips: tuple[str, ...] = ()
    if regions is not None:
        data, size, strips = _of_regions(data, regions, dataset, size, where)
    lost = [f"{where}: {text}" for text in (*placement.lost, *strips, *_unfinished(sections))]
    times: dict[str, Any] = {}
    if axes.startswith("tz"):
        each = volume.repeats if choices.repeats == "apart" else 1
        frame_rate = settings.frame_rate(first.state, volume)
        times = times_of(placement, volume, rate, frame_rate, _seconds(sections), each)
    entries = {"flyback_frames": volume.flyback, "date": date_of(first.first.epoch), "scanimage": first.state, **times}
    files = tuple(str(section.place) for section in sections)
    sources = _sources(sections, volume, placement, axes)
    sources["rate"] = "time stamps" if any("is from the time stamps" in text for text in contradicted) else "settings"
    if rate is not None and choices.repeats == "apart" and axes.startswith("t"):
        rate *= volume.repeats
    facts = Facts(
        rate,
        size,
        entries,
        (*lost, *cautions, *contradicted, *uneven),
        files=files if len(files) > 1 else (),
        sources=sources,
    )
    return Stored(data, axes, "ScanImage", facts, chosen=lambda other: _known(_stored(sections, dataset, other)))


def _sources(sections: Sequence[Section], volume: Volume, placement: Placement, axes: str) -> dict[str, str]:
    """Where the axes were read."""
    numbered = sections[0].numbers is not None
    by = "order" if not numbered else "time stamps" if sections[0].first.number is None else "frame numbers"
    time = f"{by} of the pages of {len(sections)} file{'s'[: len(sections) > 1]}"
    if placement.left:
        time += f"; {placement.left} volumes that lack planes are left out"
    z = "ScanImage's settings" if volume.slices > 1 else "one plane: no stack was recorded"
    if volume.flyback:
        z += f"; {volume.flyback} frames of flyback after each volume are left out"
    if volume.repeats > 1:
        z += f"; {volume.repeats} frames at each plane"
    if axes.startswith("z"):
        time = "frames of each plane, one plane after the other"
    return {"t": time, "z": z, "c": "ScanImage's settings"}


def _known(stored: Stored | None) -> Stored:
    """What was opened once with the same data set."""
    assert stored is not None
    return stored


def _of_regions(
    data: LazyArray, regions: Regions, dataset: str | None, size: ZYX | None, where: str
) -> tuple[LazyArray, ZYX | None, tuple[str, ...]]:
    """Take one region, or all: where they lie in the sample, or else as one picture with a caution."""
    if dataset is None and regions.count > 1:
        placed = regions.tiles(int(data.shape[-1]))
        if placed is None:
            return data, None, (regions.caution(),)
        first = regions.known[0].pixel
        pixel = None if first is None else voxel_size(size.z if size else None, *first)
        text = (
            f"its {regions.count} regions (mROI) are put together where they lie in the sample, {placed[2]} × "
            f'{placed[1]} pixels; between them it is 0. One alone: dataset="0" (--dataset 0).'
        )
        return Mosaic(data, *placed), pixel, (text,)
    if dataset is None and not regions.known:
        return data, None, ()
    region = regions.chosen(dataset or "0", where)
    pixel = None if region.pixel is None else voxel_size(size.z if size else None, *region.pixel)
    return (data if dataset is None else Rows(data, region.start, region.stop)), pixel, ()


def _where(sections: Sequence[Section]) -> str:
    """Name the files, for messages."""
    more = f" and {len(sections) - 1} more files" if len(sections) > 1 else ""
    return f"{sections[0].place}{more}"


def _joined(sections: Sequence[Section]) -> LazyArray:
    """Pages of all files as one list."""
    if len(sections) == 1:
        return sections[0].pages
    pages = [section.pages for section in sections]
    names = [str(section.place) for section in sections]
    dtype = np.dtype(pages[0].dtype)
    return Chained(names, [int(each.shape[0]) for each in pages], tuple(pages[0].shape[1:]), dtype, pages.__getitem__)


def _seconds(sections: Sequence[Section]) -> Callable[[int], float | None]:
    """Time stamps of the frames of all files, counted through; stamps count from when their recording began."""
    ends = np.cumsum([section.frames for section in sections])
    later = seconds_between([section.first.epoch for section in sections])

    def seconds(frame: int) -> float | None:
        at = int(np.searchsorted(ends, frame, "right"))
        stamp = sections[at].seconds(frame - int(ends[at]) + sections[at].frames)
        return None if stamp is None else stamp + later[at]

    return seconds


def _without_unsaved_flyback(sections: Sequence[Section]) -> Volume:
    """Leave flyback out where the recording is complete without it: ScanImage may discard it before it saves."""
    volume = sections[0].volume
    asked = settings.expected_volumes(sections[0].state)
    frames = sum(section.frames for section in sections)
    if volume.flyback and asked and frames == asked * volume.wanted:
        ends = [(s.numbers.frame[0], s.numbers.frame[-1]) for s in sections if s.numbers is not None]
        if not ends or ends[-1][1] - ends[0][0] == frames - 1:
            return Volume(volume.slices, volume.repeats, 0, volume.channels, volume.average, volume.slow)
    return volume


def _placed(sections: Sequence[Section], volume: Volume, dropped: str, where: str) -> Placement:
    """Put the frames of all files to volumes."""
    numbered = [section.numbers for section in sections if section.numbers is not None]
    if numbered:
        numbers = Numbers(
            np.concatenate([each.acquisition for each in numbered]), np.concatenate([each.frame for each in numbered])
        )
        placement = place_frames(numbers, volume, dropped, where)
        if sections[0].first.number is not None:
            return placement
        text = "its pages carry no frame numbers; they were counted by their time stamps."
        return replace(placement, lost=[*placement.lost, text])
    frames = np.arange(sum(section.frames for section in sections), dtype=np.int64)
    placement = place_frames(Numbers(np.zeros_like(frames), frames), volume)
    text = "its pages carry no frame numbers; planes were taken by the order of the pages. A dropped frame goes unseen."
    return replace(placement, lost=[*placement.lost, text])


def _arranged(
    where: str, pages: LazyArray, order: npt.NDArray[np.intp], choices: Choices
) -> tuple[LazyArray, str, tuple[str, ...]]:
    """Bring pages to a time, a plane and a channel each.

    Parameters
    ----------
    where : str
    pages : (pages, Y, X) LazyArray
    order : (volumes, slices, repeats, channels) int
        Page numbers; -1 for one that is missing.
    choices : Choices
    """
    volumes, slices, repeats, channels = order.shape
    if repeats == 1:
        return with_gaps(pages, order[:, :, 0], choices.dropped), "tzcyx", ()
    if volumes == 1:
        text = f"{where}: its planes were recorded one after the other, {repeats} frames each, not as volumes."
        return Stacked(pages, order[0]), "ztcyx", (text,)
    text = f"{where}: each plane of its {volumes} volumes was recorded {repeats} times"
    if choices.repeats == "apart":
        apart = order.swapaxes(1, 2).reshape(volumes * repeats, slices, channels)
        text = f"{text}; each is a frame of its own, {repeats} in the time of a volume."
        return with_gaps(pages, apart, choices.dropped), "tzcyx", (text,)
    text = f"{text}; the mean is read, in float32."
    return Averaged(with_gaps(pages, order, choices.dropped), 2), "tzcyx", (text,)


def _unfinished(sections: Sequence[Section]) -> list[str]:
    """Say that the recording should go on after the last file."""
    last, asked = sections[-1], settings.expected_volumes(sections[-1].state)
    if last.last.ended is not False or not asked or last.numbers is None:
        return []
    reached = int(last.numbers.frame[-1]) // last.volume.frames + 1
    if reached >= asked:
        return []
    return [
        f"the settings ask for {asked} volumes, it ends with number {reached} and not as a finished recording: it was "
        "stopped early, or further files belong to it."
    ]


def _rate(sections: Sequence[Section], volume: Volume, axes: str, where: str) -> tuple[float | None, tuple[str, ...]]:
    """Volumes a second, by the settings; by the time stamps where the stage moves between planes."""
    state = sections[0].state
    if axes.startswith("z"):
        return settings.frame_rate(state, volume), ()
    rate, stamped = settings.volume_rate(state, volume), sections[0].rate
    if stamped is None or (rate is not None and abs(stamped / rate - 1) <= DISAGREE):
        return rate, ()
    if volume.slow or rate is None:
        return stamped, (f"{where}: its rate {stamped:.4g} Hz is from the time stamps of its frames.",)
    text = (
        f"{where}: its settings say {rate:.4g} volumes a second, the time stamps of its frames {stamped:.4g}. The "
        "settings are used; give rate= (--fps) if they are wrong."
    )
    return rate, (text,)
