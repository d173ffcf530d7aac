"""Choosing ROIs by what is known of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.results.curation.rules import matching
from cnmf3d.viewer.models.roi_store import RoiStore


def values_of(store: RoiStore) -> dict[str, npt.NDArray[Any]]:
    """Everything that a rule can name, (n,) each: measures, ``id``, ``x y z`` (µm), ``accepted``, tag columns.

    A tag column that has the name of a measure is ``tag NAME``.
    """
    z, y, x = store.centroids_um.T
    out: dict[str, npt.NDArray[Any]] = {"id": store.ids, **store.metrics, "x": x, "y": y, "z": z}
    out["accepted"] = store.accepted
    for column, tags in store.tags.items():
        values = np.empty(len(store), object)
        values[:] = [tags.get(int(i)) for i in store.ids]
        out[f"tag {column}" if column in out else column] = values
    return out


def where(store: RoiStore, rule: str) -> npt.NDArray[np.int64]:
    """Ids of the ROIs that a rule is true of, as ``snr < 3 and `cell type` == 'PV'``.

    Raises
    ------
    UsageError
        For a rule that can't be understood, or a name that isn't there.
    """
    return store.ids[matching(rule, values_of(store))]
