"""Thresholds on measures: which ROIs pass, and how many would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cnmf3d.viewer.models.roi_store import RoiStore

Limits = Mapping[str, tuple[float, float]]
"""Name of a measure to its least and greatest value that pass."""


def passing(store: RoiStore, limits: Limits) -> npt.NDArray[np.bool_]:
    """Which ROIs are within all limits, (n,); a measure that isn't known of an ROI doesn't speak against it.

    Parameters
    ----------
    store : RoiStore
    limits : mapping
        Measures that the store doesn't have are passed over.
    """
    out = np.ones(len(store), bool)
    for name, (low, high) in limits.items():
        values = store.metrics.get(name)
        if values is not None:
            known = np.asarray(values, float)
            out &= np.isnan(known) | ((known >= low) & (known <= high))
    return out


def span_of(store: RoiStore, name: str) -> tuple[float, float] | None:
    """Least and greatest value of a measure; None where it is known of no ROI, or the same of all."""
    values = np.asarray(store.metrics.get(name, ()), float)
    values = values[np.isfinite(values)]
    if not values.size or values.min() == values.max():
        return None
    return float(values.min()), float(values.max())
