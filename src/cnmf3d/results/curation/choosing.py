"""Choosing ROIs by what is known of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.results.curation.rules import matching
from cnmf3d.results.curation.session import CurationSession


def values_of(session: CurationSession) -> dict[str, npt.NDArray[Any]]:
    """Everything that a rule can name, (n,) each: measures, ``id``, ``x y z`` (µm), ``accepted``, tag columns.

    A tag column that has the name of a measure is ``tag NAME``.
    """
    z, y, x = session.centroids_um.T
    out: dict[str, npt.NDArray[Any]] = {"id": session.ids, **session.metrics, "x": x, "y": y, "z": z}
    out["accepted"] = session.accepted
    for column, tags in session.tags.items():
        values = np.empty(len(session), object)
        values[:] = [tags.get(int(i)) for i in session.ids]
        out[f"tag {column}" if column in out else column] = values
    return out


def where(session: CurationSession, rule: str) -> npt.NDArray[np.int64]:
    """Ids of the ROIs that a rule is true of, as ``snr < 3 and `cell type` == 'PV'``.

    Raises
    ------
    UsageError
        For a rule that can't be understood, or a name that isn't there.
    """
    return session.ids[matching(rule, values_of(session))]
