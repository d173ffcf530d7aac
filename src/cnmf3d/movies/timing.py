"""Volume rate from time stamps, irregular or missing volumes that they show, and rates that contradict another."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.stored import Facts
from cnmf3d.timeline import gaps_of

IRREGULAR = 0.05
"""Standard deviation of the intervals, as a part of their mean, from which a recording is irregular."""

PLANES, STAMPS, SEGMENTS, BEGAN = "plane_times_s", "time_stamps_s", "segments", "began_s"
"""Entries of `Facts.metadata` that say when something was taken: seconds of each plane since its volume began, of each
volume whose stamps are not even, (name, first frame) of each segment, and the clock when the file's first volume was
taken, which says how much time lies between files. They become the movie's `Timeline`. Their
values are `Times`: what files of others have under these names is metadata like any other."""


class Times(tuple[Any, ...]):
    """The value of an entry of `Facts.metadata` about time that was made here, and not copied from a file."""


STEADY = 0.1
"""Part of a volume's duration by which a plane may be early or late and still have a time of its own: jitter is far
less, planes that are scanned in both directions differ by up to all of it."""

DISAGREE = 0.02
"""Part by which two rates may differ without a warning: files round theirs, and clocks drift less."""


def began(date: str, after: float = 0.0) -> dict[str, Times]:
    """When a file's first volume was taken, as an entry of metadata; none for what is no date with a time.

    Parameters
    ----------
    date : str
        ISO 8601: ``2026-01-31T14:25:00.5Z``.
    after : float
        Seconds from there to the first volume.
    """
    try:
        day = datetime.fromisoformat(date.strip())
        clock = day.replace(tzinfo=day.tzinfo or UTC).timestamp() + after
    except (ValueError, OverflowError):
        return {}
    return began_at(clock) if re.search(r"\d:\d", date) else {}


def began_at(clock: float) -> dict[str, Times]:
    """When a file's first volume was taken, by a clock in seconds, as an entry of metadata; none for no number."""
    return {BEGAN: Times((clock,))} if math.isfinite(clock) else {}


def rate_of(times: Sequence[float], where: str) -> Facts:
    """Find the volume rate.

    Parameters
    ----------
    times : sequence of float
        Seconds, one a volume, in the volumes' order.
    where : str
        The file, for warnings.

    Returns
    -------
    Facts
        ``rate`` is one over the mean interval, gaps left out; None for fewer than two stamps or stamps that
        do not rise. ``metadata`` holds ``interval_s`` and ``interval_spread_s`` (standard deviation), and the stamps
        themselves (``time_stamps_s``) where they are not even. Gaps and irregular intervals are warnings.
    """
    stamps = np.asarray(times, dtype=np.float64)
    if stamps.size < 2 or not np.isfinite(stamps).all():
        return Facts()
    intervals = np.diff(stamps)
    median = float(np.median(intervals))
    if median <= 0:
        return Facts(warnings=(f"{where}: its time stamps do not rise; they were not used for the volume rate.",))
    gaps = gaps_of(intervals)
    regular = intervals[~gaps]
    mean, spread = float(regular.mean()), float(regular.std())
    warnings = []
    if gaps.any():
        missing = int(np.round(intervals[gaps] / median - 1).sum())
        first = int(np.flatnonzero(gaps)[0])
        warnings.append(
            f"{where}: by its time stamps {missing} volumes were dropped, the first after volume {first} "
            f"({stamps[first]:.3g} s). The times of traces have the gaps; deconvolution doesn't run across them."
        )
    if spread > IRREGULAR * mean:
        warnings.append(
            f"{where}: its volumes are {mean:.4g} ± {spread:.2g} s apart, which is irregular. "
            f"The mean rate {1 / mean:.4g} Hz is used; give rate= (--fps) if you know it better."
        )
    spacing = {"interval_s": mean, "interval_spread_s": spread}
    uneven = {STAMPS: Times((stamps - stamps[0]).tolist())} if warnings and intervals.min() > 0 else {}
    return Facts(1 / mean, None, {**spacing, **uneven}, tuple(warnings))


def plane_times(stamps: npt.NDArray[np.float64]) -> dict[str, Times]:
    """Times of planes, as an entry of metadata; none where they aren't the same in each volume.

    Parameters
    ----------
    stamps : (volumes, planes) float64
        Seconds of each plane.
    """
    if stamps.ndim != 2 or stamps.shape[1] < 2 or not stamps.size or not np.isfinite(stamps).all():
        return {}
    late = stamps - stamps.min(axis=1, keepdims=True)
    typical = np.median(late, axis=0)
    typical -= typical.min()
    if not typical.any() or np.median(np.abs(late - typical), axis=0).max() > STEADY * np.ptp(typical):
        return {}
    return {PLANES: Times(typical.round(9).tolist())}


LOOKED = 5
"""Volumes whose stamps are looked at for the times of planes: their order is the scanner's, which doesn't change, and
in some files each stamp takes a read."""


def some_of(volumes: int) -> npt.NDArray[np.intp]:
    """Numbers of the few volumes whose stamps are looked at for the times of planes."""
    return np.unique(np.linspace(0, max(0, volumes - 1), LOOKED).astype(np.intp))


def scanned(planes: int, seconds: float | None) -> dict[str, Times]:
    """Times of planes that are scanned one after the other, as an entry of metadata.

    Parameters
    ----------
    planes : int
    seconds : float or None
        From each plane to the next; None where it isn't known.
    """
    return {PLANES: Times(seconds * z for z in range(planes))} if seconds and planes > 1 else {}


def contradiction(used: float | None, other: float | None, planes: int, source: str, flyback: int = 0) -> list[str]:
    """Say that two rates of one movie differ.

    Parameters
    ----------
    used : float or None
        The rate that is used (volumes a second, Hz).
    other : float or None
        What `source` says.
    planes : int
        Planes of a volume: a ratio of that number is that of frames to volumes.
    source : str
        Who says the other: the file, its sidecar, a part of the file.
    flyback : int
        Frames of a volume that are no planes, because the focus returns.

    Returns
    -------
    list of str
        One warning, or none where the rates agree within `DISAGREE` or one isn't known.
    """
    if not used or not other or _near(used, other):
        return []
    text = f"{source} says {other:.4g} Hz, but {used:.4g} Hz is used as the rate of volumes."
    counts = {f"{planes} planes": planes}
    if flyback:
        counts[f"{planes} planes and {flyback} of flyback"] = planes + flyback
    for frames, count in counts.items():
        if count > 1 and _near(used, other * count):
            return [
                f"{text} That is {count} times as much, and a volume has {frames}: {used:.4g} Hz looks like the frame "
                f"rate (planes a second). If it is, give rate={other:.4g} (--fps {other:.4g})."
            ]
        if count > 1 and _near(used * count, other):
            return [f"{text} {other:.4g} Hz looks like the frame rate: a volume has {frames}."]
    return [f"{text} Give the right one with rate= (--fps)."]


def _near(one: float, other: float) -> bool:
    """Whether two rates agree."""
    return abs(one / other - 1) <= DISAGREE
