"""Bruker's Prairie View: an XML file that names the TIFF page of every frame, with times and positions.

A ``Sequence`` is a cycle of the recording. In those of a ``ZSeries`` its frames are the planes of one volume; in all
others each frame is a time of one plane. ``File`` names a channel's file and, where it holds several, the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.descriptions import XML_FAULTS, beside, number, only_xml_of, whole, xml_of
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.spread import Spread, in_order
from cnmf3d.movies.formats.tiff_series import letters
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.timing import Times, began, plane_times, rate_of
from cnmf3d.movies.units import micrometres, voxel_size

ROOT = "PVScan"

UNEVEN = 0.02
"""Part by which distances of planes may differ and still be one: positions of piezos and lenses jitter by less."""


@dataclass(frozen=True)
class Frame:
    """One scan of the field.

    Attributes
    ----------
    time : float
        Seconds; not-a-number where it isn't known.
    depth : float
        µm, all devices that move the focus together; not-a-number where it isn't known.
    files : mapping of int to (str, int)
        For each channel its file and the page in it, from 0.
    """

    time: float
    depth: float
    files: dict[int, tuple[str, int]]


@dataclass(frozen=True)
class Cycle:
    """A ``Sequence``.

    Attributes
    ----------
    kind : str
        Its ``type``.
    both_ways : bool
        Whether every second volume is scanned from the last plane to the first.
    frames : sequence of Frame
    clock : str
        Time of the day when it began, ``11:20:34.9066674``; empty where it isn't said.
    """

    kind: str
    both_ways: bool
    frames: Sequence[Frame]
    clock: str = ""

    @property
    def is_volume(self) -> bool:
        """Whether its frames are planes of one volume."""
        return "ZSeries" in self.kind


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open a recording by its XML file.

    Raises
    ------
    InputError
        Where the file is damaged, names no frames, or the files it names are not there.
    """
    del dataset
    assert place.path is not None
    settings, cycles, date = _read(place)
    volumes, cautions = _volumes(place, cycles)
    channels = sorted({channel for volume in volumes for frame in volume for channel in frame.files})
    names = list(dict.fromkeys(name for volume in volumes for frame in volume for name, _ in frame.files.values()))
    paths = [beside(place.path.parent, name) for name in names]
    there = [path.is_file() for path in paths]
    if not any(there):
        raise InputError(
            f"none of the {len(paths)} files that {place} names is there, such as {names[0]}",
            "Copy the TIFF files into the folder of the XML file.",
        )
    numbers = {name: at if there[at] else -1 for at, name in enumerate(names)}
    shape = (len(volumes), len(volumes[0]), len(channels))
    file, page = np.full(shape, -1, np.intp), np.zeros(shape, np.intp)
    for t, volume in enumerate(volumes):
        for z, frame in enumerate(volume):
            for channel, (name, at) in frame.files.items():
                file[t, z, channels.index(channel)], page[t, z, channels.index(channel)] = numbers[name], at
    spread = Spread(place, "TZC", paths, file, page, "XML file")
    pages, order, more = spread.gathered()
    facts = _facts(place, settings, volumes[: order.shape[0]], channels)
    facts = replace(facts, metadata={**facts.metadata, **({"date": date} if date else {}), **_began(date, cycles)})
    used = tuple(str(path) for path, here in zip(paths, there, strict=True) if here)
    facts = replace(facts, warnings=(*facts.warnings, *cautions, *more), files=used)
    inner = "YX" if len(pages.shape) == 3 else "YXS"
    return Stored(in_order(pages, order), letters("TZC" + inner), "Bruker Prairie View", facts)


def _read(place: Place) -> tuple[ElementTree.Element | None, list[Cycle], str]:
    """Read settings, cycles and the date; elements are let go of as they are read: it may have hundreds of MB."""
    settings, cycles, date = None, [], ""
    try:
        for event, element in ElementTree.iterparse(place.address, ("start", "end")):
            if event == "start":
                date = element.get("date", "") if element.tag == ROOT else date
            elif element.tag == "Sequence":
                kind, both = element.get("type", ""), element.get("bidirectionalZ") == "True"
                cycles.append(Cycle(kind, both, list(_frames(element)), element.get("time", "")))
                element.clear()
            elif element.tag == "PVStateShard" and settings is None and not cycles:
                settings = element
    except XML_FAULTS as error:
        if not cycles:
            raise InputError(
                f"{place} can't be read as XML ({error})", "Copy it again from where it was recorded."
            ) from error
    if not any(cycle.frames for cycle in cycles):
        raise InputError(
            f"{place} names no frames", "The recording was stopped before its first frame; choose another."
        )
    return settings, cycles, date


def _began(date: str, cycles: Sequence[Cycle]) -> dict[str, Times]:
    """When the first frame was taken, as an entry of metadata: the day of the file, the time of day of its first cycle.

    Prairie View writes the day as the computer is set to: 11/3/2022 with AM or PM is the third of November; without,
    a day that could be either isn't used.
    """
    day, _, rest = date.strip().partition(" ")
    american = rest.upper().endswith(("AM", "PM"))
    found = []
    for form in ("%m/%d/%Y",) if american else ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y-%m-%d", "%d-%m-%Y"):
        try:
            found.append(datetime.strptime(day, form).date().isoformat())
        except ValueError:
            continue
    clock = cycles[0].clock or _clock_of(rest)
    return began(f"{found[0]}T{clock[:15]}") if len(set(found)) == 1 else {}  # microseconds, as Python reads them


def _clock_of(text: str) -> str:
    """Time of the day, 4:20:45 PM or 16:20:45; empty where it is none."""
    for form in ("%I:%M:%S %p", "%H:%M:%S"):
        try:
            return datetime.strptime(text.strip(), form).time().isoformat()
        except ValueError:
            continue
    return ""


def _frames(cycle: ElementTree.Element) -> Iterator[Frame]:
    """Frames of a cycle in the order in which they were scanned."""
    for element in cycle.iter("Frame"):
        files = {
            whole(file, "channel", 1): (file.get("filename", ""), whole(file, "page", 1) - 1)
            for file in element.iter("File")
        }
        time = number(element, "absoluteTime")
        yield Frame(float("nan") if time is None else time, _depth(element), files)


def _depth(frame: ElementTree.Element) -> float:
    """Position of the focus: the sum over all devices that move it."""
    for value in frame.iter("PVStateValue"):
        if value.get("key") == "positionCurrent":
            for axis in value.iter("SubindexedValues"):
                if axis.get("index") == "ZAxis":
                    return sum(number(each, "value") or 0.0 for each in axis.iter("SubindexedValue"))
    return float("nan")


def _volumes(place: Place, cycles: Sequence[Cycle]) -> tuple[list[Sequence[Frame]], list[str]]:
    """Frames of each volume, from the first plane to the last one, with cautions."""
    filled = [cycle for cycle in cycles if cycle.frames]
    stacks = [cycle for cycle in filled if cycle.is_volume]
    others = [cycle for cycle in filled if not cycle.is_volume]
    if stacks and others:
        text = f"{place} holds {len(others)} cycles that are no volumes ({others[0].kind or 'without a type'})"
        return _stacked(place, stacks, [f"{text}: they are left out."])
    if stacks:
        return _stacked(place, stacks, [])
    frames = [(frame,) for cycle in others for frame in cycle.frames]
    several = len(others) > 1 and len(frames) > len(others)
    text = f"{place} holds {len(others)} cycles, which follow one another in the movie."
    return list(frames), [text] if several else []


def _stacked(place: Place, stacks: Sequence[Cycle], cautions: list[str]) -> tuple[list[Sequence[Frame]], list[str]]:
    """Volumes with all their planes."""
    planes = Counter(len(stack.frames) for stack in stacks).most_common(1)[0][0]
    whole_ones = [stack for stack in stacks if len(stack.frames) == planes]
    if len(whole_ones) < len(stacks):
        odd = next(at for at, stack in enumerate(stacks) if len(stack.frames) != planes)
        text = f"{len(stacks) - len(whole_ones)} volumes without all {planes} planes are left out, the first is {odd}"
        cautions.append(f"{place}: {text} (from 0).")
    out: list[Sequence[Frame]] = []
    for at, stack in enumerate(whole_ones):
        depths = np.array([frame.depth for frame in stack.frames])
        if not stack.both_ways:
            out.append(stack.frames)
        elif np.isfinite(depths).all() and np.unique(depths).size == planes:
            rising = whole_ones[0].frames[0].depth <= whole_ones[0].frames[-1].depth
            order = np.argsort(depths if rising else -depths, kind="stable")
            out.append([stack.frames[number] for number in order])
        else:
            out.append(stack.frames if at % 2 == 0 else stack.frames[::-1])
    if whole_ones[0].both_ways:
        cautions.append(
            f"{place}: every second volume was scanned backwards; its planes were put in order. A plane's volumes are "
            "then not evenly apart in time."
        )
    return out, cautions


def _facts(
    place: Place, settings: ElementTree.Element | None, volumes: Sequence[Sequence[Frame]], channels: Sequence[int]
) -> Facts:
    """Rate, size of a voxel and names."""
    cautions: list[str] = []
    starts = [min((frame.time for frame in volume), default=float("nan")) for volume in volumes]
    timed = rate_of(starts, str(place))
    rate = timed.rate
    if rate is None:
        period = number(_value(settings, "framePeriod"), "value")
        rate = 1 / (period * len(volumes[0])) if period else None
    sides = {axis: number(_indexed(settings, "micronsPerPixel", axis), "value") for axis in ("XAxis", "YAxis", "ZAxis")}
    depths = np.array([frame.depth for frame in volumes[0]])
    step, caution = _step(place, depths, sides["ZAxis"])
    cautions += caution
    size = voxel_size(step, micrometres(sides["YAxis"]), micrometres(sides["XAxis"]))
    late = plane_times(np.array([[frame.time for frame in volume] for volume in volumes]))
    metadata: dict[str, Any] = {**timed.metadata, **late, "channels": [f"Ch{channel}" for channel in channels]}
    lens = _value(settings, "objectiveLens")
    if lens is not None and lens.get("value"):
        metadata["objective"] = str(lens.get("value"))
    return Facts(rate, size, metadata, (*timed.warnings, *cautions))


def _step(place: Place, depths: npt.NDArray[np.float64], otherwise: float | None) -> tuple[float, list[str]]:
    """Distance of planes (µm), by their positions and else by the settings; not-a-number where it isn't one."""
    if depths.size < 2:
        return otherwise or float("nan"), []
    steps = np.abs(np.diff(depths))
    if not np.isfinite(steps).all() or not steps.any():
        return otherwise or float("nan"), []
    step = float(np.median(steps))
    if np.abs(steps - step).max() <= UNEVEN * step:
        return step, []
    named = ", ".join(f"{each:.4g}" for each in steps[:8])
    return float("nan"), [f"{place}: its planes are unevenly spaced ({named} µm)."]


def _value(settings: ElementTree.Element | None, key: str) -> ElementTree.Element | None:
    """A setting by its key."""
    if settings is None:
        return None
    return next((each for each in settings.iter("PVStateValue") if each.get("key") == key), None)


def _indexed(settings: ElementTree.Element | None, key: str, index: str) -> ElementTree.Element | None:
    """An item of a setting."""
    value = _value(settings, key)
    return None if value is None else next((each for each in value if each.get("index") == index), None)


FORMAT = Format("Bruker Prairie View", (), xml_of(ROOT), open_recording, described_in=only_xml_of(ROOT))
