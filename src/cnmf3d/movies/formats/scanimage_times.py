"""When the planes, volumes and acquisitions of a ScanImage recording were taken: by its stamps and frame numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.formats.scanimage_placing import Placement
from cnmf3d.movies.formats.scanimage_settings import Volume
from cnmf3d.movies.timing import SEGMENTS, STAMPS, Times, plane_times, scanned, some_of

Seconds = Callable[[int], float | None]


def times_of(
    placement: Placement,
    volume: Volume,
    rate: float | None,
    frame_rate: float | None,
    seconds: Seconds,
    each: int = 1,
) -> dict[str, Any]:
    """Times of planes, of volumes where time is missing between them, and first volumes of acquisitions.

    Parameters
    ----------
    placement : Placement
    volume : Volume
    rate, frame_rate : float or None
        Volumes and frames of the file a second.
    seconds : callable
        ``seconds(i)`` is the time stamp of frame i of the file.
    each : int
        Frames of the movie in each volume: the repeats of its planes where these are frames of their own. They are
        taken as spread evenly over their volume, and planes have no times: some would be beyond the next frame.

    Returns
    -------
    dict
        Entries of `Facts.metadata`.
    """
    entries: dict[str, Any] = _planes(placement.frames, volume, frame_rate, seconds) if each == 1 else {}
    begins = np.flatnonzero(np.diff(placement.acquisition)) + 1
    if begins.size:
        starts = [0, *(begins * each).tolist()]
        entries[SEGMENTS] = Times((f"acquisition {n}", start) for n, start in enumerate(starts, 1))
    if rate and (begins.size or (np.diff(placement.number) != 1).any()):
        stamps = _stamps(placement, [0, *begins.tolist()], rate, seconds)
        entries[STAMPS] = Times(np.add.outer(stamps, np.arange(each) / (each * rate)).ravel().tolist())
    return entries


def _planes(
    frames: npt.NDArray[np.intp], volume: Volume, frame_rate: float | None, seconds: Seconds
) -> dict[str, Times]:
    """Times of planes: by the stamps of some volumes, or else in the order of the scan at the frames' rate."""
    whole = frames[(frames >= 0).all(axis=1)]
    some = whole[some_of(len(whole))] if len(whole) else whole
    stamps = np.array([[_stamp(seconds, frame) for frame in row] for row in some])
    stamped = plane_times(stamps.reshape(len(some), volume.slices, volume.repeats).mean(axis=2))
    if stamped or volume.slow:
        return stamped
    return scanned(volume.slices, volume.repeats / frame_rate if frame_rate else None)


def _stamps(placement: Placement, begins: Sequence[int], rate: float, seconds: Seconds) -> npt.NDArray[np.float64]:
    """Seconds of each volume: within an acquisition by its number, which counts those that were not saved.

    Between acquisitions as the stamps say, where they go on rising; else one follows the other at once.
    """
    out = np.empty(len(placement.number))
    ends = [*begins[1:], len(out)]
    first = _stamp(seconds, placement.frames[0, 0])
    for start, end in zip(begins, ends, strict=True):
        within = (placement.number[start:end] - placement.number[start]) / rate
        least = out[start - 1] + 1 / rate if start else 0.0
        stamp = _stamp(seconds, placement.frames[start, 0]) - first
        out[start:end] = within + (stamp if stamp > least - 0.5 / rate and start else least)
    return out


def _stamp(seconds: Seconds, frame: np.intp) -> float:
    """Not-a-number where a frame has no stamp."""
    value = seconds(int(frame))
    return math.nan if value is None else value


def date_of(epoch: str) -> str:
    """Start of a recording as ``YYYYMMDD_HHMMSS``; empty where it isn't known."""
    numbers = [int(part.partition(".")[0]) for part in re.findall(r"\d[\d.]*", epoch)]
    return "{:04d}{:02d}{:02d}_{:02d}{:02d}{:02d}".format(*numbers) if len(numbers) == 6 else ""


def seconds_between(epochs: Sequence[str]) -> list[float]:
    """Seconds from the first recording's start to that of each; zeros where one isn't known."""
    clocks = []
    for epoch in epochs:
        try:
            parts = [float(part) for part in re.findall(r"\d[\d.]*", epoch)]
            day = datetime(*(int(part) for part in parts[:5]))  # type: ignore[arg-type]
            clocks.append(day + timedelta(seconds=parts[5]))
        except (ValueError, TypeError, IndexError, OverflowError):
            return [0.0] * len(epochs)
    return [(clock - clocks[0]).total_seconds() for clock in clocks]
