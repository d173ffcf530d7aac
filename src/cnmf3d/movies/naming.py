"""What the names of files say: which plane, channel and time each holds.

Programs that write one file a plane number the axes in the names: ``x_t0001_z003``, ``_Z001_T0001``, ``plane1/x_0001``,
``ch0``. All of a name that is not the number of a plane or a channel orders time.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from cnmf3d.errors import ChoiceError, InputError

WORDS = {
    "z": ("z", "zpos", "slice", "plane", "depth"),
    "c": ("ch", "chan", "channel", "chn"),
    "t": ("t", "tm", "tp", "time", "timepoint", "frame", "vol", "volume"),
    "p": ("pos", "position"),
}
"""Words before a number that name its axis; ``p`` are positions of the stage, each of which is a movie of its own."""

AXES = {word: axis for axis, words in WORDS.items() for word in words}
TOKEN = re.compile(rf"(?<![a-z])(?P<word>{'|'.join(AXES)})[ _-]?(?P<n>\d+)", re.IGNORECASE)
SHORT_CHANNEL = re.compile(r"(?<![a-z])(?:c(?P<n>\d+)|w(?!\d+[tzs]\d)(?P<w>\d+[^\W_]*)(?=[\W_]|$))", re.IGNORECASE)
"""A channel in a name that numbers planes or times, too; a lone ``c`` may be a cell, a condition, a strain. MetaMorph
writes the wavelength with its name: ``w1GFP``."""

SCHEMES = (
    re.compile(r"Chan(?P<c>[A-D])_\d+_\d+_(?P<z>\d+)_\d+$"),
    re.compile(r"img_\d{9}_(?P<c>.+)_(?P<z>\d{3})$"),
)
"""Names without words for the axes: ThorImage's (channel, site, tile, plane, time) and those of Micro-Manager's
separate image files (time, channel, plane)."""

REGULAR = 0.8
"""Part of the steps between numbered files that must be alike for a larger one to be a gap: names by the clock and
lists picked by hand have steps of any size."""

FEWEST = 4
"""Files from which a gap in their numbers is looked for: fewer show no regular step."""


DIGITS = re.compile(r"(\d+)")
SUFFIXES = re.compile(r"(\.ome)?\.\w+$", re.IGNORECASE)


def natural(name: str) -> tuple[list[Any], str]:
    """Key that sorts names as people do: ``trial_2.tif`` before ``trial_10.tif``, ``a`` beside ``A``."""
    parts: list[Any] = DIGITS.split(name.casefold())  # texts and numbers in turn, the first one a text
    parts[1::2] = map(int, parts[1::2])
    return parts, name


@dataclass(frozen=True)
class Grid:
    """Files by what their names say.

    Attributes
    ----------
    files : sequence of sequences of sequences of int
        Number of the file for each time, plane and channel.
    planes, channels : sequence of str
        As the names have them, in order.
    cautions : sequence of str
    """

    files: Sequence[Sequence[Sequence[int]]]
    planes: Sequence[str]
    channels: Sequence[str]
    cautions: Sequence[str]


@dataclass(frozen=True)
class _Named:
    """What one name says, and what else it is made of."""

    axes: dict[str, str]
    rest: str


def axes_named(name: str) -> set[str]:
    """What the name of a folder numbers: ``plane3`` and ``ch1`` ``z`` and ``c``, ``t0001`` ``t``, ``Pos0`` ``p``."""
    return {AXES[match["word"].lower()] for match in TOKEN.finditer(name)} | set(_parsed(name).axes)


def grid_of(paths: Sequence[str]) -> Grid | None:
    """Find which plane, channel and time each file holds.

    Parameters
    ----------
    paths : sequence of str
        At least one.

    Returns
    -------
    Grid or None
        None where the names number neither planes nor channels, or all the same one.

    Raises
    ------
    ChoiceError, InputError
        Where they name several positions of the stage, or a file is missing or there twice.
    """
    named = [_parsed(name) for name in _inner_names(paths)]
    places = sorted({each.axes["p"] for each in named if "p" in each.axes}, key=natural)
    if len(places) > 1:
        raise ChoiceError(
            f"the files are of {len(places)} positions ({', '.join(places[:4])}), which are a movie each",
            f"Open them one by one, with a pattern such as '*{places[0]}*'.",
            "position",
            places,
        )
    planes = sorted({each.axes.get("z", "") for each in named}, key=natural)
    channels = sorted({each.axes.get("c", "") for each in named}, key=natural)
    if len(planes) == 1 and len(channels) == 1:
        return None
    for axis, name in (("z", "plane"), ("c", "channel")):
        bare = [path for path, each in zip(paths, named, strict=True) if axis not in each.axes]
        if bare and len(bare) < len(paths):
            problem = f"the name of {bare[0]} numbers no {name}, those of {len(paths) - len(bare)} others do"
            raise InputError(problem, "Leave out files that do not belong to the movie, by a pattern or a list.")
    table = _table(paths, named)
    times, cautions = _whole_times(table, [(z, c) for z in planes for c in channels])
    cautions += [text for text in (_uneven(planes), gap_in(times)) if text]
    grid = [[[table[time][z, c] for c in channels] for z in planes] for time in times]
    return Grid(grid, planes, channels, cautions)


def _table(paths: Sequence[str], named: Sequence[_Named]) -> dict[str, dict[tuple[str, str], int]]:
    """Files by time, plane and channel.

    Where no two planes share a time, as where one counter or a clock runs through all names, the first files of all
    planes are one time, then the second ones.
    """
    table: dict[str, dict[tuple[str, str], int]] = {}
    for number, each in enumerate(named):
        files, key = table.setdefault(each.rest, {}), (each.axes.get("z", ""), each.axes.get("c", ""))
        if key in files:
            raise InputError(f"{paths[number]} and {paths[files[key]]} are the same plane", "Leave one of them out.")
        files[key] = number
    if len(table) < len(paths) or len({re.sub(r"\d+", "", rest) for rest in table}) > 1:
        return table
    seen: Counter[tuple[str, str]] = Counter()
    ranked: dict[str, dict[tuple[str, str], int]] = {}
    for rest in sorted(table, key=natural):
        ((key, number),) = table[rest].items()
        ranked.setdefault(f"number {seen[key]}", {})[key] = number
        seen[key] += 1
    return ranked


def gap_in(names: Sequence[str]) -> str:
    """Say that numbers in names skip some; empty where they don't, or don't rise regularly.

    Parameters
    ----------
    names : sequence of str
        In natural order.
    """
    numbers = [re.findall(r"\d+", PurePath(name).name) for name in names]
    if len(names) < FEWEST or len({len(each) for each in numbers}) != 1:
        return ""
    varied = [place for place in zip(*numbers, strict=True) if len(set(place)) > 1]
    if len(varied) != 1:
        return ""
    steps = [int(b) - int(a) for a, b in pairwise(varied[0])]
    step, count = Counter(steps).most_common(1)[0]
    gaps = [place for place, each in enumerate(steps) if each > step]
    if step < 1 or count < REGULAR * len(steps) or min(steps) < step or not gaps:
        return ""
    missing = sum(steps[place] // step - 1 for place in gaps)
    after = ", ".join(PurePath(names[place]).name for place in gaps[:4])
    return f"by their names {missing} files are missing (after {after}). What follows runs on without a gap in time."


def _inner_names(paths: Sequence[str]) -> list[str]:
    """Paths below the folder that all share, without suffixes."""
    plain = [path.replace("\\", "/") for path in paths] if os.sep == "\\" else paths
    first, last = min(plain), max(plain)
    alike = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    shared = first[:alike].rpartition("/")[0]
    return [SUFFIXES.sub("", path[len(shared) :].lstrip("/")) for path in plain]


def _parsed(name: str) -> _Named:
    """Take a name apart."""
    for scheme in SCHEMES:
        match = scheme.search(name)
        if match:
            return _taken(name, [(axis, match.span(axis)) for axis in ("z", "c")])
    found = [(AXES[match["word"].lower()], match) for match in TOKEN.finditer(name)]
    spans = [(axis, match.span("n")) for axis, match in found if axis in "zc"]
    if any(axis in "zt" for axis, _ in found):
        spans += [("c", match.span("n" if match["n"] else "w")) for match in SHORT_CHANNEL.finditer(name)]
    named = _taken(name, spans)
    return _Named({**named.axes, **{axis: match[0] for axis, match in found if axis == "p"}}, named.rest)


def _taken(name: str, spans: Sequence[tuple[str, tuple[int, int]]]) -> _Named:
    """Take spans out of a name; several of one axis count together."""
    axes: dict[str, str] = {}
    rest = name
    for axis, (start, stop) in sorted(spans, key=lambda each: each[1], reverse=True):
        value = name[start:stop]
        axes[axis] = f"{value} {axes[axis]}" if axis in axes else value
        rest = rest[:start] + "#" + rest[stop:]
    return _Named(axes, rest)


def _whole_times(
    table: dict[str, dict[tuple[str, str], int]], wanted: Sequence[tuple[str, str]]
) -> tuple[list[str], list[str]]:
    """Times that have all planes and channels; the last one may lack some."""
    times = sorted(table, key=natural)
    torn = [time for time in times if len(table[time]) < len(wanted)]
    if not torn:
        return times, []
    plane, channel = next(each for each in wanted if each not in table[torn[0]])
    what = " ".join(f"{name} {number}" for name, number in (("plane", plane), ("channel", channel)) if number)
    if torn != times[-1:] or len(times) < 2:
        raise InputError(
            f"by their names the files are planes, but {what} is missing at {torn[0]!r} (# stands for its number)",
            "Copy the missing file, or open the others by a list or a pattern that leaves that time out.",
        )
    return times[:-1], [f"the last time ({torn[0]}) lacks {what} and is left out."]


def _uneven(planes: Sequence[str]) -> str:
    """Say that the numbers of planes skip some."""
    if len(planes) < 3 or not all(plane.isdecimal() for plane in planes):
        return ""
    steps = {int(b) - int(a) for a, b in pairwise(planes)}
    if len(steps) == 1:
        return ""
    return f"planes are missing or unevenly spaced by the files' names ({', '.join(planes)})."
