"""ThorImage: ``Experiment.xml`` beside one raw file with all frames, or beside a TIFF for each plane, time and channel.

A raw file holds, for each time, the planes, with those of the flyback last, for each plane the channels, for each
channel one image of 16-bit numbers. Names of TIFFs are channel, region, tile, plane and time:
``ChanA_0001_0001_0003_0012.tif``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.movies.arrays import Mapped, Stacked, folded
from cnmf3d.movies.formats.descriptions import has_root, number, parsed, whole
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.spread import Spread, in_order
from cnmf3d.movies.formats.tiff_series import letters
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.timing import began_at, scanned
from cnmf3d.movies.units import micrometres, voxel_size

ROOT = "ThorImageExperiment"
NAME = "Experiment.xml"
RAW = re.compile(r"Image_\d+_\d+\.raw$", re.IGNORECASE)
TIFF = re.compile(r"(?P<channel>Chan[A-D])_\d+_\d+_(?P<plane>\d+)_(?P<time>\d+)\.tiff?$", re.IGNORECASE)
STREAMING = 1
"""``CaptureMode`` in which frames follow one another at the scanner's own rate."""


@dataclass(frozen=True)
class Settings:
    """What the description says.

    Attributes
    ----------
    size : tuple of int
        (Y, X) pixels.
    planes, flyback : int
        Of a volume; `flyback` frames are no planes.
    times : int
        Volumes that the recording should have.
    channels : sequence of str
        Channels that are stored.
    rate : float or None
        Volumes a second (Hz).
    voxel_size : ZYX or None
        µm.
    date : str
    fast : bool
        Whether the focus goes through the planes at the scanner's own rate.
    """

    size: tuple[int, int]
    planes: int
    flyback: int
    times: int
    channels: Sequence[str]
    rate: float | None
    voxel_size: ZYX | None
    date: str
    fast: bool = False
    clock: float = float("nan")

    def facts(self, planes: int) -> Facts:
        """The same, as of a movie of so many planes: as are there, whatever number the description has."""
        metadata = {"channels": list(self.channels), "flyback_planes": self.flyback, "date": self.date}
        entries = {name: value for name, value in metadata.items() if value}
        z = f"Experiment.xml; {self.flyback} frames of flyback after each volume are left out"
        frames = self.planes + self.flyback
        late = scanned(planes, 1 / (self.rate * frames) if self.fast and self.rate else None)
        return Facts(
            self.rate,
            self.voxel_size,
            {**entries, **late, **began_at(self.clock)},
            sources={"z": z} if self.flyback else {},
        )


def recognises(place: Place) -> bool:
    """Whether this is a recording's description, or the raw file beside one."""
    if place.path is None:
        return False
    if place.suffix == ".xml":
        return has_root(place.path, ROOT)
    return RAW.match(place.path.name) is not None and has_root(place.path.with_name(NAME), ROOT)


def described_in(folder: Path) -> Path | None:
    """Find the description of the recording in a folder."""
    path = folder / NAME
    if not has_root(path, ROOT):
        return None
    return path if any(RAW.match(each.name) or TIFF.match(each.name) for each in folder.iterdir()) else None


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open a recording.

    Raises
    ------
    InputError
        Where the description is damaged, or its frames are not beside it or don't fit it.
    """
    del dataset
    assert place.path is not None
    folder = place.path.parent
    said = Place(str(folder / NAME), folder / NAME)
    settings = _settings(said, parsed(said))
    raw = sorted(each for each in folder.iterdir() if RAW.match(each.name))
    if raw:
        path = place.path if RAW.match(place.path.name) else raw[0]
        return _raw(said, path, settings)
    return _tiffs(said, folder, settings)


def _settings(place: Place, root: ElementTree.Element) -> Settings:
    """Read the description."""
    scan, stage, stream = root.find("LSM"), root.find("ZStage"), root.find("Streaming")
    camera = root.find("Camera")
    if scan is None or whole(scan, "pixelX", 0) < 1:
        scan = camera
    y, x = whole(scan, "pixelY", whole(scan, "height", 0)), whole(scan, "pixelX", whole(scan, "width", 0))
    if min(y, x) < 1:
        raise InputError(f"{place} does not tell the size of its images", "Copy it again from where it was recorded.")
    streaming = whole(root.find("CaptureMode"), "mode", 0) == STREAMING and whole(stream, "enable", 0) == 1
    fast = streaming and whole(stream, "zFastEnable", 0) == 1
    stacked = fast or not streaming
    planes = max(1, whole(stage, "steps", 1)) if stacked and whole(stage, "enable", 1) else 1
    flyback = max(0, whole(stream, "flybackFrames", 0)) if fast and planes > 1 else 0
    frames = whole(stream, "frames", 0) if streaming else whole(root.find("Timelapse"), "timepoints", 1)
    times = frames // (planes + flyback) if streaming else frames
    rate = _rate(root, scan, planes + flyback, streaming=streaming)
    side, step = micrometres(number(scan, "pixelSizeUM")), abs(number(stage, "stepSizeUM") or 0.0)
    size = voxel_size(micrometres(step) if planes > 1 else None, side, side)
    date = root.find("Date")
    day, clock = "" if date is None else date.get("date", ""), number(date, "uTime")
    return Settings((y, x), planes, flyback, times, _channels(root), rate, size, day, fast, clock or float("nan"))


def _rate(root: ElementTree.Element, scan: ElementTree.Element | None, frames: int, *, streaming: bool) -> float | None:
    """Volumes a second; None for a recording whose times are set by a clock that the description doesn't tell."""
    rate = number(scan, "frameRate")
    if not streaming:
        interval = number(root.find("Timelapse"), "intervalSec")
        return 1 / interval if interval else None
    if not rate:
        return None
    average = max(1, whole(scan, "averageNum", 1)) if whole(scan, "averageMode", 0) == 1 else 1
    return rate / (average * frames)


def _channels(root: ElementTree.Element) -> list[str]:
    """Names of the channels that were on."""
    waves = root.find("Wavelengths")
    named = [] if waves is None else [each.get("name", "") for each in waves.findall("Wavelength")]
    return named or ["ChanA"]


def _raw(place: Place, path: Path, settings: Settings) -> Stored:
    """Map the raw file."""
    y, x = settings.size
    frames = settings.planes + settings.flyback
    image = y * x * 2
    images = path.stat().st_size // image
    channels, caution = _stored_channels(place, path, images, frames, settings)
    times = images // (frames * channels)
    if times < 1:
        raise InputError(
            f"{path} holds {images} images of {x} × {y}, which is less than one volume of {frames} frames in "
            f"{channels} channels, by {place}",
            "Copy it again from where it was recorded.",
        )
    warnings = list(caution)
    if times < settings.times:
        warnings.append(f"{path} holds {times} of the {settings.times} volumes asked for: the recording was stopped.")
    data = Mapped(path, np.dtype("<u2"), (times * frames * channels, y, x))
    shaped = folded(data, (times, frames, channels))
    assert shaped is not None
    if settings.flyback:
        order = np.arange(times * frames * channels, dtype=np.intp).reshape(times, frames, channels)
        shaped = Stacked(data, order[:, : settings.planes])
    facts = replace(settings.facts(settings.planes), warnings=tuple(warnings), files=(str(path),))
    return Stored(shaped, "tzcyx", "ThorImage raw", facts)


def _stored_channels(
    place: Place, path: Path, images: int, frames: int, settings: Settings
) -> tuple[int, tuple[str, ...]]:
    """Count the channels in a raw file: those that were on, or all four places, by the length of the file."""
    named = len(settings.channels)
    if not settings.times or images == settings.times * frames * named:
        return named, ()
    for count in (1, 2, 3, 4):
        if images == settings.times * frames * count:
            text = (
                f"{path} holds {count} channels by its length, {place} names {named} ({', '.join(settings.channels)})"
            )
            return count, (f"{text}: channels count from 0 in the order of the file.",)
    return named, ()


def _tiffs(place: Place, folder: Path, settings: Settings) -> Stored:
    """Put TIFF files together by their names."""
    found: dict[tuple[int, int, str], Path] = {
        (int(match["time"]), int(match["plane"]), match["channel"]): path
        for path in sorted(folder.iterdir())
        if (match := TIFF.match(path.name))
    }
    if not found:
        raise InputError(
            f"{place} describes a recording, but neither Image_0001_0001.raw nor TIFFs such as "
            "ChanA_0001_0001_0001_0001.tif lie beside it",
            "Copy them into its folder.",
        )
    times, planes, channels = (sorted(dict.fromkeys(part)) for part in zip(*found, strict=True))
    paths = list(found.values())
    at = {key: place for place, key in enumerate(found)}
    file = np.array([[[at.get((t, z, c), -1) for c in channels] for z in planes] for t in times], np.intp)
    page: npt.NDArray[np.intp] = np.zeros_like(file)
    pages, order, cautions = Spread(place, "TZC", paths, file, page, "files' names").gathered()
    facts = settings.facts(len(planes))
    metadata = {**facts.metadata, "channels": channels}
    facts = replace(facts, metadata=metadata, warnings=cautions, files=tuple(str(path) for path in paths))
    return Stored(in_order(pages, order), letters("TZCYX"), "ThorImage TIFF", facts)


FORMAT = Format("ThorImage", (), recognises, open_recording, described_in=described_in)
