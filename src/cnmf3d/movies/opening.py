"""From what a user points at to a `Movie`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d.errors import ChoiceError, InputError, UsageError
from cnmf3d.garbage import uncollected
from cnmf3d.geometry import ZYX, AxisValue
from cnmf3d.movies.agreement import axes_differ, planes_differ, rate_of, voxel_size_of
from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.axes import completed, fitting, match_axes, page_readings, with_axes, with_times
from cnmf3d.movies.calibration import calibrated
from cnmf3d.movies.clock import between_files, plane_times_given, segments_of_files, timeline_of, without_times
from cnmf3d.movies.folding import ORDER, fold_pages, take_turns
from cnmf3d.movies.formats import format_of, open_place
from cnmf3d.movies.formats.array import open_array
from cnmf3d.movies.gathering import by_names, end_to_end
from cnmf3d.movies.given import axes_given, one_of, rate_given, refuse_unknown, size_given, whole_given
from cnmf3d.movies.joined import Joined, Part
from cnmf3d.movies.layout import LaidOut
from cnmf3d.movies.movie import Frames, Movie
from cnmf3d.movies.naming import gap_in
from cnmf3d.movies.places import bytes_of, locate
from cnmf3d.movies.plane_order import Order, in_depth, order_given, times_in_depth
from cnmf3d.movies.sidecar import sidecar_of
from cnmf3d.movies.sources import axis_sources, sources_of
from cnmf3d.movies.stored import DROPPED, REPEATS, USUAL, Choices, Facts, LazyArray, Place, Stored
from cnmf3d.movies.timing import BEGAN, DISAGREE, SEGMENTS, STAMPS

if TYPE_CHECKING:
    from cnmf3d.movies.registered.opening import MotionSource


@dataclass(frozen=True)
class Reading:
    """How the user wants a file to be read.

    Attributes
    ----------
    axes : str or None
        As `parse_axes` returns.
    planes : int or None
        Planes a volume where pages lie in one list.
    channel : int or None
    dataset : str or None
    channels : int or None
        Channels of a frame where pages lie in one list.
    volumes : bool
        Whether a file without time is one volume of several.
    order : Order or None
        Planes in the order of depth.
    choices : Choices
        About frames that were dropped or repeated.
    said : mapping
        Who says ``axes``, ``z`` (planes), ``c`` (channels), ``order``: what is given, or the sidecar.
    """

    axes: str | None
    planes: int | None
    channel: int | None
    dataset: str | None
    channels: int | None = None
    volumes: bool = False
    order: Order | None = None
    choices: Choices = USUAL
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Planes and channels that follow one another in a list of pages, as far as the user says."""
        counts = {"z": self.planes, "c": self.channels}
        return {letter: size for letter, size in counts.items() if size is not None}


def open_movie(  # noqa: PLR0913 - all but the first by name
    source: str | Path | Sequence[str | Path] | Any,
    *,
    axes: str | None = None,
    rate: float | str | None = None,
    voxel_size: AxisValue | None = None,
    channel: int | None = None,
    dataset: str | None = None,
    planes: int | None = None,
    channels: int | None = None,
    plane_order: str | Sequence[int] | None = None,
    dropped: str | None = None,
    frames_per_slice: str | None = None,
    plane_times: float | Sequence[float] | str | None = None,
    motion: MotionSource | None = None,
    **unknown: Any,
) -> Movie:
    """Open a movie of any known format. Only labels are read; values are read where they are asked for.

    What is given here wins over the sidecar (``movie.json`` beside ``movie.tif``), which wins over the file.

    Parameters
    ----------
    source : path, list of paths, folder, pattern, URL or array
        A file; a list of files in the order of time; a folder or a pattern (``trial_*.tif``), in natural
        order; a zarr folder or its URL for any file system of fsspec; or an array of numpy, zarr, dask or
        h5py with the axes (T, Z, Y, X) or (T, Y, X). Several files are stretches of time, or one volume each.
    axes : str, optional
        Order of the axes in each file, the slowest first: ``t`` time, ``z`` depth, ``y`` height, ``x`` width
        and ``c`` channel, e.g. ``"tzxy"``.
    rate : float or str, optional
        Volumes a second (Hz); as text with a unit, too: ``"5 Hz"``.
    voxel_size : number, (x, y, z), {"x": , "y": , "z": } or str, optional
        µm; as text ``"1, 1, 5"``. ``"z=15"`` gives the distance of planes alone, where the file knows the pixels.
    channel : int, optional
        Which channel to read, from 0, where there are several.
    dataset : str, optional
        Which array of a file that holds several: a name in HDF5, NWB and zarr, the number of the series in
        TIFF, that of the region in ScanImage's mROI.
    planes : int, optional
        Planes a volume, where a file holds a flat list of pages, z running faster than t. Pages of several files are
        one list; those after the last whole volume are left out.
    channels : int, optional
        Channels of each plane, where their pages follow one another in a flat list, each channel's after the other's.
        Where all planes of a channel come before those of the next, give ``axes="tczyx"`` too.
    plane_order : str or sequence of int, optional
        Planes in the order of depth, from 0, where the file has them in another one: ``"3,0,1,2"``. Of a movie of one
        plane with several channels, channels are planes (light beads). ``"0,2;1,3"`` has two channels of two planes.
    dropped : str, optional
        What becomes of volumes that lack planes, by the frame numbers of ScanImage: ``"leave out"``, ``"nan"``
        (float32), or ``"interpolate"`` between their neighbours in time.
    frames_per_slice : str, optional
        Where ScanImage recorded each plane several times: their ``"mean"``, or each ``"apart"``, as a frame.
    plane_times : number, sequence of numbers or str, optional
        Seconds of each plane since its volume began, or from each plane to the next; ``"none"`` where all are taken
        at once, whatever the file says. As the file says where it isn't given.
    motion : path or Motion, optional
        How the tissue moved: a motion file (``cnmf3d register``), shifts of CaImAn (``shifts_rig``) or Suite2p
        (``ops.npy`` or its folder). The movie is registered as it is read: float32, NaN where a frame shows nothing.
    **unknown
        Other names are refused, with the one that is meant: ``fps`` is ``rate`` here.

    Returns
    -------
    Movie

    Raises
    ------
    UsageError
        For arguments that can't be meant.
    InputError
        For a file that can't be read, or that doesn't tell what is needed; the message says what would fit.
    """
    refuse_unknown(unknown, OPTIONS)
    wanted = Reading(
        axes=axes_given(axes),
        planes=whole_given(planes, "planes"),
        channel=whole_given(channel, "channel"),
        dataset=dataset,
        channels=whole_given(channels, "channels"),
        order=order_given(plane_order),
        said=_said(axes=axes, z=planes, c=channels, order=plane_order),
        choices=Choices(one_of(dropped, DROPPED, "dropped"), one_of(frames_per_slice, REPEATS, "frames_per_slice")),
    )
    given, late = Facts(rate_given(rate), size_given(voxel_size)), plane_times_given(plane_times)
    with uncollected():  # there may be 100,000 files
        movie = _as_wanted(source, wanted, given, late)
    return _registered(movie, motion)


def _as_wanted(source: Any, asked: Reading, given: Facts, late: tuple[float, ...] | None) -> Movie:
    """Open a movie; its other channels are opened in the same way.

    Parameters
    ----------
    source : path, list of paths or array
    asked : Reading
        As the user gave it.
    given : Facts
        Rate and size of a voxel that the user gave.
    late : tuple of float or None
        As `plane_times_given` has them.
    """

    def other(number: int) -> Movie:
        return _as_wanted(source, replace(asked, channel=number), given, late)

    if not _names_files(source):
        where = "the array"
        frames, facts = _one(open_array(source), asked, where)
        movie = _movie(frames, (), [("what is given", given), (where, facts)], where, late)
        return replace(movie, other=other)
    places = locate(source)
    sidecar = sidecar_of(places)
    wanted = replace(
        asked,
        axes=asked.axes or sidecar.axes,
        planes=sidecar.planes if asked.planes is None else asked.planes,
        channels=sidecar.channels if asked.channels is None else asked.channels,
        said={**_said("the sidecar", axes=sidecar.axes, z=sidecar.planes, c=sidecar.channels), **asked.said},
    )
    where = str(places[0]) if len(places) == 1 else f"{places[0]} and {len(places) - 1} more files"
    opened = _single(places[0], wanted) if len(places) == 1 else _several(places, wanted, where)
    known = [("what is given", given), (f"the sidecar of {places[0]}", sidecar.facts), (str(places[0]), opened[1])]
    movie = _movie(opened[0], _all_files(places, opened[1]), known, where, late)
    return replace(movie, other=other)


def _said(who: str = "", **values: Any) -> dict[str, str]:
    """Who says what; without `who` it is the option of that name."""
    options = {"axes": "axes=", "z": "planes=", "c": "channels=", "order": "plane_order="}
    return {name: who or f"{options[name]} as given" for name, value in values.items() if value is not None}


def _registered(movie: Movie, motion: MotionSource | None) -> Movie:
    """A movie that is registered as it is read; as it is for None."""
    if motion is None:
        return movie
    from cnmf3d.movies.registered import motion_of, registered

    return registered(movie, motion_of(motion, movie))


OPTIONS = tuple(name for name, each in signature(open_movie).parameters.items() if each.kind is each.KEYWORD_ONLY)
"""Options of `open_movie`, by name."""


def _all_files(places: Sequence[Place], facts: Facts) -> tuple[str, ...]:
    """Name the files that were given, then those that belong to them."""
    if not facts.files:
        return tuple(place.address for place in places)
    if sorted(facts.files) == sorted(map(str, places)):  # the same ones, in the order of time
        return facts.files
    named = {place.path.resolve() for place in places if place.path is not None}
    more = [file for file in facts.files if Path(file).resolve() not in named]
    return (*map(str, places), *more)


def _names_files(source: Any) -> bool:
    """Whether the source is one or several paths rather than an array."""
    if isinstance(source, (str, Path)):
        return True
    return isinstance(source, (list, tuple)) and all(isinstance(each, (str, Path)) for each in source)


def _single(place: Place, wanted: Reading) -> tuple[LaidOut, Facts]:
    """Open one file."""
    return _one(open_place(place, wanted.dataset), wanted, str(place))


def _one(stored: Stored, wanted: Reading, where: str) -> tuple[LaidOut, Facts]:
    """Label the axes of what a file holds, and choose its channel."""
    if wanted.choices != USUAL:
        if stored.chosen is None:
            raise UsageError(
                f"{where} is {stored.format}: dropped= and frames_per_slice= are about ScanImage's files",
                "Leave them out.",
            )
        stored = stored.chosen(wanted.choices)
    data, warnings, facts = stored.data, stored.facts.warnings, stored.facts
    dtype = np.dtype(data.dtype)
    if dtype.kind not in "buif":
        raise InputError(f"{where} holds values of the type {dtype}", "Export real numbers: uint16 or float32.")
    if 0 in data.shape:
        raise InputError(f"{where} is empty: its shape is {tuple(data.shape)}", "Check how it was exported.")
    data, axes, cautions = _labelled(stored, wanted, where)
    warnings += cautions
    listed = stored.format == "TIFF" and stored.axes[0] == "?" and len(stored.data.shape) == 3
    if listed and wanted.channels is None and wanted.planes != 2 and take_turns(stored.data):
        text = "its pages are bright and dim in turn, as two channels or two planes in one list are"
        warnings += (f"{where}: {text}. If they are, give channels=2 (--channels 2), or planes=2.",)
    if data is not stored.data and wanted.planes is not None:
        warnings += tuple(planes_differ(stored.axes, stored.data.shape, wanted.planes, where))
    if data is not stored.data and facts.rate and "t" in axes and data.shape[axes.index("t")] > 1:
        facts, warnings = _rate_of_pages(facts, warnings, stored, data, axes, where)
    data, axes, channel, cautions = in_depth(data, axes, wanted.order, wanted.channel, where)
    warnings += cautions
    metadata = times_in_depth(facts.metadata, data)
    data = calibrated(data, facts.calibration)
    frames = LaidOut(data, axes, _checked_channel(data, axes, channel, where, facts))
    if "t" not in axes and not wanted.volumes:
        planes = frames.shape[1]
        fix = fitting(data.shape, likely=stored.likely) if "?" in stored.axes else with_times(axes, planes)
        raise InputError(f"{where} has no time axis: it is {f'{planes} planes' if planes > 1 else 'one picture'}", fix)
    sources = {**facts.sources, **axis_sources(stored, data.shape, axes, wanted.said)}
    labels = {**metadata, "format": stored.format, "axes": axes.replace("-", "")}
    if facts.calibration is not None and facts.calibration.changes:
        labels["calibration"] = facts.calibration.as_metadata()
    return frames, replace(facts, metadata=labels, warnings=warnings, sources=sources)


def _labelled(stored: Stored, wanted: Reading, where: str) -> tuple[LazyArray, str, tuple[str, ...]]:
    """Give the dimensions their letters, and cut a list of pages into volumes; with cautions."""
    data, found = stored.data, stored.axes
    said = dict(zip(found, data.shape, strict=True))
    if wanted.axes is None and all(said.get(letter) == size for letter, size in wanted.sizes.items()):
        axes, assumed = completed(data.shape, found, where, volumes=wanted.volumes, likely=stored.likely)
        return data, axes, (assumed,) if assumed else ()
    if wanted.axes is None:
        data, axes, cautions = fold_pages(data, found, wanted.sizes, where, image=stored.likely[0][2:])
        if wanted.volumes and "z" not in axes and "z" not in found:
            axes = axes.replace("t", "z")
            cautions += (f"{where}: its {data.shape[0]} pages for each channel were read as planes of one volume.",)
        return data, axes, cautions
    asked = wanted.axes
    if wanted.volumes and "t" in asked and len(asked) == len(data.shape) + 1:
        asked = asked.replace("t", "")
    if wanted.sizes and "t" in asked and match_axes(data.shape, found, asked) is None:
        pages = "".join(letter for letter in asked if letter in ORDER)
        order = pages + "".join(letter for letter in ORDER if letter not in pages)
        return fold_pages(
            data, found, wanted.sizes, where, order, "".join(letter for letter in asked if letter in "yx")
        )
    axes = with_axes(data.shape, found, asked, wanted.sizes, where, stored.likely)
    return data, axes, tuple(axes_differ(found, axes, where))


def _rate_of_pages(
    facts: Facts, warnings: tuple[str, ...], stored: Stored, data: Any, axes: str, where: str
) -> tuple[Facts, tuple[str, ...]]:
    """Take a file's rate as that of its own volumes or pages, where these were cut into other volumes."""
    before, planes = (
        int(shape[letters.index("z")]) if "z" in letters else 1
        for letters, shape in ((stored.axes, stored.data.shape), (axes, data.shape))
    )
    if planes == before:
        return facts, warnings
    rate = (facts.rate or 0) * before / planes
    text = (
        f"{where}: its rate {facts.rate:.4g} Hz was taken as that of "
        f"{'single pages' if before == 1 else f'volumes of {before} planes'}: {rate:.4g} volumes a second with "
        f"{planes} planes. Give rate= (--fps) if that is wrong."
    )
    return replace(facts, rate=rate), (*warnings, text)


def _several(places: Sequence[Place], wanted: Reading, where: str) -> tuple[Frames, Facts]:
    """Open several files as one movie."""
    together = format_of(places[0]).open_together
    whole = together(places, wanted.dataset) if together is not None else None
    if whole is not None:
        return _one(whole, wanted, where)

    def opened(number: int) -> Stored:
        stored = open_place(places[number], wanted.dataset)
        _check_apart(stored.facts, number, places)
        return stored

    whole = by_names(places, opened, wanted.axes, bool(wanted.sizes))
    if whole is not None:
        of_all = wanted.axes is not None and {"t", "z"} <= set(wanted.axes)
        return _one(whole, wanted if of_all else replace(wanted, axes=None), where)
    gap = gap_in([str(place) for place in places])
    if wanted.planes is not None:
        rising = wanted.axes is None or wanted.axes.startswith("t")
        whole = end_to_end(places, opened, math.prod(wanted.sizes.values()), rising=rising)
    frames, facts = (
        _one(whole, wanted, where) if whole is not None else _one_by_one(places, replace(wanted, volumes=True), where)
    )
    return frames, replace(facts, warnings=(*facts.warnings, f"{where}: {gap}")) if gap else facts


def _one_by_one(places: Sequence[Place], wanted: Reading, where: str) -> tuple[Frames, Facts]:
    """Open files with volumes of their own as one movie, and see that they belong together.

    A file as large as the first one is not opened before it is read, where that one holds its values
    uncompressed.
    """

    def opened(number: int) -> tuple[LaidOut, Facts]:
        frames, facts = _single(places[number], wanted)
        _check_apart(facts, number, places)
        return frames, facts

    first, facts = opened(0)
    size = bytes_of(places[0]) if isinstance(first.data, Mapped) and BEGAN not in facts.metadata else None
    of_files = [facts]
    parts, cautions = [Part(str(places[0]), first.shape[0])], list(facts.warnings)
    for number, place in enumerate(places[1:], 1):
        if size is not None and bytes_of(place) == size and place.suffix == places[0].suffix:
            parts.append(Part(str(place), first.shape[0]))
            continue
        frames, more = opened(number)
        if frames.shape[1:] != first.shape[1:] or frames.dtype != first.dtype:
            raise InputError(
                f"{place} has volumes of {_text(frames)}, the first file {places[0]} has {_text(first)}",
                "All files of a movie must have volumes of one shape and type; leave the others out.",
            )
        parts.append(Part(str(place), frames.shape[0]))
        of_files.append(more)
        cautions += [text for text in more.warnings if text.replace(str(place), str(places[0])) not in cautions]
        cautions += [text for text in (_other_rate(places[0], facts, place, more),) if text]
    sources = {**facts.sources, "t": f"{len(places)} files, one after the other; in each {facts.sources.get('t', '1')}"}
    facts = replace(facts, warnings=tuple(cautions), sources=sources)
    if first.shape[:2] == (1, 1) and wanted.axes is None:
        ways = "; ".join(f"planes={planes} ({volumes} volumes)" for volumes, planes in page_readings(len(places)))
        text = f"{where}: each file holds one page; they were read as {len(places)} frames of one plane."
        facts = replace(facts, warnings=(*facts.warnings, f"{text} These would fit: {ways}." if ways else text))
    volumes = [part.volumes for part in parts]
    times = between_files(of_files, volumes) if len(of_files) == len(parts) else {}
    times |= segments_of_files([part.name for part in parts], volumes)
    kept = {name: value for name, value in facts.metadata.items() if name not in (STAMPS, SEGMENTS)}
    facts = replace(facts, metadata={**kept, **times})
    return Joined(parts, first.shape[1:], first.dtype, lambda number: opened(number)[0]), facts


def _check_apart(facts: Facts, number: int, places: Sequence[Place]) -> None:
    """See that a file's values don't lie in other files of the list, too: they would be read more than once."""
    if not facts.files:
        return
    place, inside = places[number], {Path(file).resolve() for file in facts.files}
    others = [each for each in places if each is not place and each.path is not None and each.path.resolve() in inside]
    if others:
        raise InputError(
            f"{place} and {others[0]} are files of one image, and the list holds other files besides",
            f"Open {place} alone: its other files are found.",
        )


def _other_rate(place: Place, facts: Facts, other: Place, more: Facts) -> str:
    """Say that two files have different rates; empty where they don't."""
    if facts.rate is None or more.rate is None or abs(more.rate / facts.rate - 1) <= DISAGREE:
        return ""
    return f"{other} says {more.rate:.4g} Hz, the first file {place} {facts.rate:.4g} Hz, which is used for all."


def _text(frames: Frames) -> str:
    """Shape and type of volumes, as x × y × z."""
    z, y, x = frames.shape[1:]
    return f"{x} × {y} × {z} {frames.dtype}"


def _movie(
    frames: Frames,
    paths: tuple[str, ...],
    known: Sequence[tuple[str, Facts]],
    where: str,
    late: tuple[float, ...] | None,
) -> Movie:
    """Put frames and facts together; the first of `known` (name, facts) that says something wins."""
    if frames.shape[0] < 2:
        z, y, x = frames.shape[1:]
        axes = next((str(facts.metadata["axes"]) for _, facts in known if "axes" in facts.metadata), "")
        what = f"volume of {x} × {y} × {z}" if z > 1 else f"picture of {x} × {y}"
        raise InputError(f"{where} holds one {what}, which is no movie", with_times(axes, z))
    warnings = [warning for _, facts in reversed(known) for warning in facts.warnings]
    rate, cautions = rate_of(known, frames.shape[1])
    size, others = voxel_size_of(known)
    warnings += cautions + others
    if size is not None and math.isnan(size.z):
        if frames.shape[1] > 1:
            text = f"{size.x:g} × {size.y:g} µm pixels, but no distance of planes"
            warnings.append(f"{where} tells {text}. Give voxel_size=(x, y, z) in µm (--voxel-size).")
        size = ZYX(size.x, size.y, size.x) if frames.shape[1] == 1 else None
    if rate is None:
        warnings.append(
            f"{where} does not tell its rate. Give rate= (--fps), in volumes a second, or write "
            '{"fps": 5.0} with it into a .json file of the same name beside it.'
        )
    if frames.dtype.kind == "f" and frames.dtype.itemsize > 4:
        warnings.append(f"{where} is {frames.dtype}: float32 holds all of it in half the space and is read faster.")
    metadata = {name: value for _, facts in reversed(known) for name, value in facts.metadata.items()}
    if isinstance(metadata.get("motion"), Mapping):  # `registered` alone says by what a movie is registered
        del metadata["motion"]
    timeline, cautions = timeline_of(known, late, frames.shape, rate)
    warnings += [f"{where}: {text}" for text in cautions]
    return Movie(
        frames, rate, size, paths, without_times(metadata), tuple(dict.fromkeys(warnings)), sources_of(known), timeline
    )


def _checked_channel(data: Any, axes: str, channel: int | None, where: str, facts: Facts) -> int:
    """Choose the channel; several and none chosen is an error."""
    count = int(data.shape[axes.index("c")]) if "c" in axes else 1
    names = facts.metadata.get("channels")
    named = f" ({', '.join(names)})" if isinstance(names, list) and len(names) == count else ""
    if channel is None:
        if count > 1:
            fix = f"Say which one to read: channel=0 (--channel 0) up to channel={count - 1}."
            if "t" in axes and dict(zip(axes, data.shape, strict=True)).get("z", 1) == 1:
                fix += ' Where the channels are planes (light beads), give plane_order="0,1,2,..." (--plane-order).'
            choices = [str(name) for name in names or ()] if named else [f"channel {n}" for n in range(count)]
            raise ChoiceError(f"{where} has {count} channels{named}", fix, "channel", choices)
        return 0
    if not 0 <= channel < count:
        if count == 1:
            raise UsageError(f"channel is {channel}, but {where} has only one", "Leave channel (--channel) out.")
        raise UsageError(f"channel is {channel}, {where} has {count}{named}", f"Channels count from 0 to {count - 1}.")
    return channel
