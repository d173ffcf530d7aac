"""Results of nothing but footprints: what drawings and label images hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from cnmf3d.components import Background, Components, Float, Kinetics, VolumeShape
from cnmf3d.geometry import ZYX
from cnmf3d.results.footprints import unit
from cnmf3d.results.model import Provenance, Results


def mask_results(
    footprints: sparse.csc_array[Any],
    shape: VolumeShape,
    *,
    rate: float = 0.0,
    voxel_size: ZYX | None = None,
    quality: dict[str, Float] | None = None,
    warnings: tuple[str, ...] = (),
) -> Results:
    """Results without traces: no frames, everything accepted.

    Parameters
    ----------
    footprints : csc (voxels, ROIs)
        Any weights above zero.
    shape : (Z, Y, X)
    rate : float
    voxel_size : ZYX, optional
    quality : dict of name to (ROIs,) float32, optional
    warnings : tuple of str
    """
    count = footprints.shape[1]
    nothing, each = np.zeros((count, 0), np.float32), np.zeros(count, np.float32)
    return Results(
        components=Components(
            shape=shape,
            footprints=unit(footprints)[0],
            traces=nothing,
            residuals=nothing,
            spikes=nothing,
            background=Background(np.zeros((footprints.shape[0], 0), np.float32), np.zeros((0, 0), np.float32)),
            kinetics=Kinetics(nothing, each, each, each, each),
            dff=nothing,
            quality=quality or {},
            accepted=np.ones(count, bool),
        ),
        parameters={},
        rate=rate,
        voxel_size=voxel_size,
        provenance=Provenance(warnings=warnings),
    )
