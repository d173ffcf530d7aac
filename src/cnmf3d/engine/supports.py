"""Where footprints may be non-zero: ellipsoids around seeds, and the connected part around a footprint's peak."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import VolumeShape
from cnmf3d.engine.block import Footprints
from cnmf3d.geometry import ZYX

Index = npt.NDArray[np.int64]


def ellipsoid_offsets(radius: ZYX) -> Index:
    """(n, 3) integer offsets z, y, x inside an ellipsoid with the given half-axes in voxels."""
    reach = [int(np.floor(max(r, 0))) for r in radius]
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    inside = ((grid / np.maximum(np.array(radius), 0.5)) ** 2).sum(axis=1) <= 1.0
    return np.asarray(grid[inside], np.int64)


def ellipsoids(shape: VolumeShape, centres: Index, radius: ZYX) -> Footprints:
    """Supports as a CSC pattern of ones, one ellipsoid a centre, cut at the borders of the box.

    Parameters
    ----------
    shape : (Z, Y, X)
    centres : (n, 3) voxel positions z, y, x
    radius : half-axes in voxels
    """
    offsets = ellipsoid_offsets(radius)
    points = centres[:, None, :] + offsets[None, :, :]
    inside = ((points >= 0) & (points < np.array(shape))).all(axis=2)
    flat = (points[..., 0] * shape[1] + points[..., 1]) * shape[2] + points[..., 2]
    indptr = np.concatenate([[0], np.cumsum(inside.sum(axis=1))]).astype(np.int32)
    indices = flat[inside].astype(np.int32)
    data = np.ones(indices.size, np.float32)
    return sparse.csc_array((data, indices, indptr), shape=(int(np.prod(shape)), len(centres)))
