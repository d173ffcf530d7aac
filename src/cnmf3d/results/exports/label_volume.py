"""Footprints as one volume of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.results.footprints import relative


def label_volume(components: Components, ids: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Where each ROI is: ``id + 1`` in its voxels, 0 elsewhere.

    A ROI has the voxels in which its footprint reaches the level of its outline in the report (`LEVEL` of its peak). A
    voxel that several reach belongs to the one that is nearest to its own peak there.

    Parameters
    ----------
    components : Components
    ids : (components,) int64

    Returns
    -------
    (Z, Y, X) uint16, or uint32 where ids need it
    """
    from cnmf3d.results.report.views import LEVEL

    footprints = components.footprints
    owner = np.repeat(np.arange(components.count), np.diff(footprints.indptr))
    height = relative(footprints)
    chosen = np.flatnonzero(height >= LEVEL)
    chosen = chosen[np.argsort(height[chosen], kind="stable")]
    top = int(ids.max(initial=0)) + 1
    volume = np.zeros(int(np.prod(components.shape)), np.uint16 if top < 2**16 else np.uint32)
    volume[footprints.indices[chosen]] = ids[owner[chosen]] + 1  # the last one stays: the highest
    return volume.reshape(components.shape)
