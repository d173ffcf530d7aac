"""Volume rate from time stamps, and what they tell of irregular or missing volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnmf3d.movies.stored import Facts

IRREGULAR = 0.05
"""Standard deviation of the intervals, as a part of their mean, from which a recording is irregular."""

GAP = 1.5
"""Medians that an interval must last to be called a gap."""


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
        do not rise. ``metadata`` holds ``interval_s`` and ``interval_spread_s`` (standard deviation). Gaps
        and irregular intervals are warnings.
    """
    stamps = np.asarray(times, dtype=np.float64)
    if stamps.size < 2 or not np.isfinite(stamps).all():
        return Facts()
    intervals = np.diff(stamps)
    median = float(np.median(intervals))
    if median <= 0:
        return Facts(warnings=(f"{where}: its time stamps do not rise; they were not used for the volume rate.",))
    gaps = intervals > GAP * median
    regular = intervals[~gaps]
    mean, spread = float(regular.mean()), float(regular.std())
    warnings = []
    if gaps.any():
        missing = int(np.round(intervals[gaps] / median - 1).sum())
        first = int(np.flatnonzero(gaps)[0])
        warnings.append(
            f"{where}: by its time stamps {missing} volumes were dropped, the first after volume {first} "
            f"({stamps[first]:.3g} s). Traces run on there without a gap; cut the movie if that matters."
        )
    if spread > IRREGULAR * mean:
        warnings.append(
            f"{where}: its volumes are {mean:.4g} ± {spread:.2g} s apart, which is irregular. "
            f"The mean rate {1 / mean:.4g} Hz is used; give rate= (--fps) if you know it better."
        )
    return Facts(1 / mean, None, {"interval_s": mean, "interval_spread_s": spread}, tuple(warnings))
