"""Thresholds on measures: which ROIs pass, and how many, as sliders move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Bool
from cnmf3d.errors import UsageError

Metrics = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Limits:
    """What a measure may be; both ends are allowed.

    Attributes
    ----------
    low, high : float or None
        None: no limit.
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        ends = [end for end in (self.low, self.high) if end is not None]
        if any(np.isnan(end) for end in ends) or (len(ends) == 2 and ends[0] > ends[1]):
            raise UsageError(f"no value lies between {self.low} and {self.high}", "Give the lower end first.")

    def allow(self, values: npt.NDArray[Any]) -> Bool:
        """Which values lie within; NaN, which was not measured, is let through."""
        within = np.ones(len(values), bool)
        if self.low is not None:
            within &= ~(values < self.low)
        if self.high is not None:
            within &= ~(values > self.high)
        return within


@dataclass(frozen=True)
class Counts:
    """What thresholds would do.

    Attributes
    ----------
    passed, failed : int
        ROIs.
    gained, lost : int
        ROIs that would be accepted and are not now, and the other way round.
    failed_by : mapping of name to int
        ROIs that each measure's limits reject, whatever the others say.
    """

    passed: int
    failed: int
    gained: int
    lost: int
    failed_by: Mapping[str, int]


def passing(metrics: Metrics, limits: Mapping[str, Limits]) -> Bool:
    """Which ROIs lie within all limits, (n,) bool.

    Raises
    ------
    UsageError
        For a measure that isn't there.
    """
    count = len(next(iter(metrics.values()), ()))
    out = np.ones(count, bool)
    for name, each in limits.items():
        out &= each.allow(_measure(metrics, name))
    return out


def counts(metrics: Metrics, limits: Mapping[str, Limits], accepted: Bool) -> Counts:
    """What the limits would do to ROIs of which some are accepted now."""
    passed = passing(metrics, limits)
    failed_by = {name: int((~each.allow(_measure(metrics, name))).sum()) for name, each in limits.items()}
    gained, lost = int((passed & ~accepted).sum()), int((accepted & ~passed).sum())
    return Counts(int(passed.sum()), int((~passed).sum()), gained, lost, failed_by)


def spread(values: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Least and greatest value; None where none is known, or all are the same."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not known.size or known.min() == known.max():
        return None
    return float(known.min()), float(known.max())


def _measure(metrics: Metrics, name: str) -> npt.NDArray[Any]:
    if name not in metrics:
        raise UsageError(f"there is no measure {name!r}", f"There are: {', '.join(metrics) or 'none'}.")
    return metrics[name]
