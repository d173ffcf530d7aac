"""Which components are on something that is really there and isn't asked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.simulate.similarity import Columns, correlations, mask
from cnmf3d.simulate.truth import Others

INSIDE = 0.5
"""Share of a component's energy within an object's mask from which it lies on it: pieces of a process do, a cell that
the process passes by doesn't."""
ALIKE = 0.5
"""Correlation of the traces from which a component is that object; speckles on it have traces of their own."""


def on_active(components: Components, found: Columns, others: Others) -> npt.NDArray[np.bool_]:
    """Tell the components that are an object with activity, or a piece of one.

    Parameters
    ----------
    components : Components
    found : csc_array, (voxels, components)
        Their footprints, unit norm.
    others : Others

    Returns
    -------
    (components,) bool
    """
    hit = np.zeros(components.count, bool)
    lies = _lying(found, others) & others.active
    for k in np.flatnonzero(lies.any(axis=1)):
        traces = others.traces[lies[k]]
        same = correlations(np.broadcast_to(components.traces[k], traces.shape), traces)
        hit[k] = same.max() >= ALIKE
    return hit


def on_still(found: Columns, others: Others) -> npt.NDArray[np.bool_]:
    """Tell the components that lie on an object without activity: a silent cell, a vessel."""
    return np.asarray((_lying(found, others) & ~others.active).any(axis=1))


def _lying(found: Columns, others: Others) -> npt.NDArray[np.bool_]:
    """Which component lies on which object, (components, objects)."""
    if not others.kinds:
        return np.zeros((found.shape[1], 0), bool)
    return np.asarray((found.multiply(found).T @ mask(others.footprints)).toarray() >= INSIDE)
