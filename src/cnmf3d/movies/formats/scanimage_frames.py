"""Which volume and plane each frame of a ScanImage recording belongs to, by the numbers that its pages carry.

Frames that ScanImage could not save are missing from the file, while ``frameNumbers`` count them. Only the numbers
tell the plane of what follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.formats.scanimage_settings import Volume

FIRST = 8
"""Frames at the beginning whose numbers tell whether averaged frames count by one or by the frames averaged: more
are of no use, as one pair that follows directly is enough."""

SHOWN = 4
"""Ranges of volumes that a message names."""


@dataclass(frozen=True)
class Header:
    """What the description of a page says.

    Attributes
    ----------
    number : int or None
        ``frameNumbers``, from the start of the recording.
    acquisition : int
        ``acquisitionNumbers``; 0 where it isn't said.
    within : int or None
        ``frameNumberAcquisition``, from the start of the acquisition; `number` where it isn't said.
    seconds : float or None
        ``frameTimestamps_sec``.
    epoch : str
        When the recording began, as MATLAB writes it; empty where it isn't said.
    ended : bool or None
        ``endOfAcquisitionMode`` or ``endOfAcquisition``; None where neither is said.
    """

    number: int | None
    acquisition: int = 0
    within: int | None = None
    seconds: float | None = None
    epoch: str = ""
    ended: bool | None = None


def header_of(description: str) -> Header:
    """Read a page's description."""
    said = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", description, re.MULTILINE))

    def integer(name: str) -> int | None:
        return int(said[name]) if re.fullmatch(r"\d+", said.get(name, "")) else None

    number, ended = integer("frameNumbers"), integer("endOfAcquisition")
    stamp = said.get("frameTimestamps_sec", "")
    seconds = float(stamp) if re.fullmatch(r"[\d.]+(e[+-]?\d+)?", stamp) else None
    within = integer("frameNumberAcquisition")
    return Header(
        number,
        integer("acquisitionNumbers") or 0,
        number if within is None else within,
        seconds,
        said.get("epoch", "").strip("[]"),
        None if ended is None else bool(ended or integer("endOfAcquisitionMode")),
    )


@dataclass(frozen=True)
class Numbers:
    """Numbers of frames, in the order of the file.

    Attributes
    ----------
    acquisition : (n,) int
    frame : (n,) int
        From 0 at the start of the acquisition, in frames as they are saved.
    """

    acquisition: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int64]


def numbers_of(header: Callable[[int], Header], frames: int, volume: Volume) -> Numbers | None:
    """Find the number of every frame of a file from the headers of few.

    Numbers rise, so that a stretch whose ends are as far apart as its frames has no gap. Stretches with one are
    halved until the gap is found.

    Parameters
    ----------
    header : callable
        ``header(i)`` is the header of frame i.
    frames : int
        At least 1.
    volume : Volume

    Returns
    -------
    Numbers or None
        None where the pages aren't numbered.
    """

    @cache
    def key(frame: int) -> tuple[int, int] | None:
        told = header(frame)
        acquisition, number = (0, told.number) if volume.slow else (told.acquisition, told.within)
        return None if number is None else (acquisition, number)

    first = key(0)
    if first is None or key(frames - 1) is None:
        return None
    step = _step(key, frames, volume.average)
    acquisition, number = np.empty(frames, np.int64), np.empty(frames, np.int64)
    todo = [(0, frames - 1)]
    while todo:
        low, high = todo.pop()
        one, other = key(low), key(high)
        if one is None or other is None:
            return None
        if one[0] == other[0] and other[1] - one[1] == (high - low) * step:
            acquisition[low : high + 1] = one[0]
            number[low : high + 1] = one[1] + step * np.arange(high - low + 1)
        elif high - low == 1:
            (acquisition[low], number[low]), (acquisition[high], number[high]) = one, other
        else:
            middle = (low + high) // 2
            todo += [(low, middle), (middle, high)]
    return Numbers(acquisition, (number - 1) // step)


def _step(key: Callable[[int], tuple[int, int] | None], frames: int, average: int) -> int:
    """By how much the number rises from frame to frame: by 1, or by the frames averaged."""
    if average == 1:
        return 1
    told = [each for each in map(key, range(min(frames, FIRST))) if each is not None]
    rises = [b[1] - a[1] for a, b in pairwise(told) if a[0] == b[0] and b[1] > a[1]]
    return average if rises and min(rises) >= average else 1


def stamped_rate(header: Callable[[int], Header], numbers: Numbers | None, volume: Volume) -> float | None:
    """Mean number of volumes a second of a file's first acquisition, by the time stamps of their first frames.

    Returns
    -------
    float or None
        None where fewer than two volumes begin in it, or frames have no stamps.
    """
    if numbers is None:
        return None
    again = np.flatnonzero((np.diff(numbers.frame) <= 0) | (np.diff(numbers.acquisition) != 0))
    end = int(again[0]) + 1 if again.size else len(numbers.frame)
    starts = np.flatnonzero(numbers.frame[:end] % volume.frames == 0)
    if len(starts) < 2:
        return None
    one, other = header(int(starts[0])).seconds, header(int(starts[-1])).seconds
    if one is None or other is None or other <= one:
        return None
    return int(numbers.frame[starts[-1]] - numbers.frame[starts[0]]) / volume.frames / (other - one)


@dataclass(frozen=True)
class Placement:
    """Frames that make whole volumes.

    Attributes
    ----------
    frames : (volumes, frames without flyback) int
        Position in the file.
    lost : sequence of str
        What is missing, as sentences without the file's name.
    acquisition, number : (volumes,) int
        Which acquisition each volume is of, from 0, and its number in that.
    """

    frames: npt.NDArray[np.intp]
    lost: Sequence[str]
    acquisition: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]


def place_frames(numbers: Numbers, volume: Volume) -> Placement:
    """Put frames to their volumes and planes; leave out volumes that lack a plane.

    Parameters
    ----------
    numbers : Numbers
        Each frame once within an acquisition.
    volume : Volume
    """
    again = np.diff(numbers.acquisition, prepend=numbers.acquisition[:1]) != 0
    again |= np.diff(numbers.frame, prepend=numbers.frame[:1] - 1) <= 0
    stretch = np.cumsum(again)
    number, slot = np.divmod(numbers.frame, volume.frames)
    starts = np.flatnonzero((np.diff(stretch, prepend=-1) != 0) | (np.diff(number, prepend=-1) != 0))
    row = np.cumsum(np.isin(np.arange(len(number)), starts)) - 1
    table = np.full((len(starts), volume.frames), -1, np.intp)
    table[row, slot] = np.arange(len(number))
    table = table[:, : volume.wanted]
    whole = np.asarray((table >= 0).all(axis=1))
    lost = _lost(stretch[starts], number[starts], slot[starts], whole)
    return Placement(table[whole], lost, stretch[starts][whole], number[starts][whole])


def _lost(
    stretch: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    slot: npt.NDArray[np.int64],
    whole: npt.NDArray[np.bool_],
) -> list[str]:
    """Say which volumes are missing, and where acquisitions meet; one row for each volume, with its first slot."""
    missing, begun, incomplete, stopped = [], [], [], []
    for each in range(int(stretch[-1]) + 1):
        rows = np.flatnonzero(stretch == each)
        found = number[rows].tolist()
        missing += [(low + 1, high - 1) for low, high in pairwise([-1, *found]) if high - low > 1]
        torn = {int(row) for row in rows if not whole[row]}
        within = [row for row in rows[:1].tolist() if row in torn and slot[row]]
        end = [row for row in rows[-1:].tolist() if row in torn and row not in within]
        begun += [(int(number[row]),) * 2 for row in within]
        stopped += [(int(number[row]),) * 2 for row in end]
        incomplete += [(int(number[row]),) * 2 for row in sorted(torn - {*within, *end})]
    texts, kept = [], "Times of traces have the gap."
    if missing:
        texts.append(
            f"by its frame numbers volumes are missing: {_count(missing)} ({_ranges(missing)}, counted from 0). Files "
            f"are missing or frames were not saved. {kept}"
        )
    if begun:
        texts.append(f"it begins within a volume, which is left out ({_ranges(begun)}, counted from 0).")
    if incomplete:
        texts.append(
            f"by its frame numbers frames were dropped. Volumes that lack a plane are left out: {_count(incomplete)} "
            f"({_ranges(incomplete)}, counted from 0). {kept}"
        )
    if stopped:
        texts.append(f"its last volume is incomplete and left out ({_ranges(stopped)}, counted from 0).")
    if stretch[-1]:
        rows = np.flatnonzero(np.diff(stretch)) + 1
        begins: list[int] = (np.cumsum(whole) - whole)[rows].tolist()
        texts.append(
            f"its frame numbers begin again {int(stretch[-1])} times (at volume {_ranges([(n, n) for n in begins])}, "
            "counted from 0): it holds several acquisitions, which are segments of the movie."
        )
    return texts


def _count(spans: Sequence[tuple[int, int]]) -> int:
    """Count the numbers of spans."""
    return sum(high - low + 1 for low, high in spans)


def _ranges(spans: Sequence[tuple[int, int]]) -> str:
    """Write spans of numbers short: ``3–5, 9``."""
    joined: list[tuple[int, int]] = []
    for low, high in spans:
        if joined and low == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    texts = [f"{low}" if low == high else f"{low}–{high}" for low, high in joined[:SHOWN]]
    return ", ".join(texts) + (", …" if len(joined) > SHOWN else "")
