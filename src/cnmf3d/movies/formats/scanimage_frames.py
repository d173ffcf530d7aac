"""Numbers and times of the frames of a ScanImage recording, from the descriptions of its pages."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.formats.scanimage_settings import Volume

PERIODS, STRETCH = 32, 256
"""Intervals at the beginning whose median is that of frames, and frames of a stretch of which the two ends alone are
looked at: in a longer one the clocks of scanner and computer, which differ by up to a thousandth, could hide a frame
that is lost; in a shorter one opening would take longer."""

FIRST = 8
"""Frames at the beginning whose numbers tell whether averaged frames count by one or by the frames averaged: more
are of no use, as one pair that follows directly is enough."""


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
        found = header(frame)
        acquisition, number = (0, found.number) if volume.slow else (found.acquisition, found.within)
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


def counted_by_stamps(
    seconds: Callable[[int], float | None], frames: int
) -> tuple[npt.NDArray[np.int64], float] | None:
    """Number frames by their time stamps, for pages that carry no numbers: a longer interval has lost frames.

    Parameters
    ----------
    seconds : callable
        ``seconds(i)`` is the stamp of frame i.
    frames : int

    Returns
    -------
    number : (frames,) int
        From 0.
    period : float
        Seconds from frame to frame.
        None in place of both where frames have no stamps, or these do not rise steadily.
    """
    stamps = [seconds(frame) for frame in range(min(frames, PERIODS + 1))]
    begin = np.array([math.nan if each is None else each for each in stamps])
    intervals = np.diff(begin)
    if intervals.size < 2 or not np.isfinite(begin).all() or intervals.min() <= 0:
        return None
    period = float(np.median(intervals))
    steps = np.ones(frames, np.int64)
    spread = float(np.median(np.abs(intervals - period)))  # over a stretch it must not add up to half a frame
    edges = [*range(0, frames - 1, max(1, min(STRETCH, int(period / (4 * spread + 1e-12 * period))))), frames - 1]
    todo = list(pairwise(edges))
    while todo:
        low, high = todo.pop()
        one, other = seconds(low), seconds(high)
        if one is None or other is None:
            return None
        lasted = round((other - one) / period)
        if lasted == high - low:
            continue
        if lasted < high - low:
            return None
        if high - low == 1:
            steps[high] = lasted
        else:
            middle = (low + high) // 2
            todo += [(low, middle), (middle, high)]
    steps[0] = 0
    return np.cumsum(steps), period


def _step(key: Callable[[int], tuple[int, int] | None], frames: int, average: int) -> int:
    """By how much the number rises from frame to frame: by 1, or by the frames averaged."""
    if average == 1:
        return 1
    keys = [each for each in map(key, range(min(frames, FIRST))) if each is not None]
    rises = [b[1] - a[1] for a, b in pairwise(keys) if a[0] == b[0] and b[1] > a[1]]
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
