"""Where footprints lie and how large they are, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import VolumeShape

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shapes:
    """Geometry of footprints, in voxels.

    Attributes
    ----------
    centroid : (n, 3) float64
        Centre of mass, z, y, x; NaN for a footprint without voxels.
    box : (n, 2, 3) int64
        First voxel, and the one after the last, along z, y, x; zeros for a footprint without voxels.
    size : (n,) int64
        Voxels with a weight.
    """

    centroid: npt.NDArray[np.float64]
    box: Ints
    size: Ints

    def joined(self, other: Shapes) -> Shapes:
        """Both, one after the other."""
        return Shapes(
            np.concatenate([self.centroid, other.centroid]),
            np.concatenate([self.box, other.box]),
            np.concatenate([self.size, other.size]),
        )

    def take(self, rows: Ints) -> Shapes:
        """Some of them."""
        return Shapes(self.centroid[rows], self.box[rows], self.size[rows])


def shapes_of(footprints: sparse.csc_array[Any], shape: VolumeShape) -> Shapes:
    """Geometry of all columns of a footprint matrix, voxels in C order over (Z, Y, X)."""
    count = footprints.shape[1]
    centroid = np.full((count, 3), np.nan)
    box = np.zeros((count, 2, 3), np.int64)
    size = np.zeros(count, np.int64)
    filled = np.flatnonzero(np.diff(footprints.indptr))
    if not filled.size:
        return Shapes(centroid, box, size)
    starts = footprints.indptr[filled]
    mass = np.add.reduceat(footprints.data.astype(np.float64), starts)
    z, rest = np.divmod(footprints.indices, shape[1] * shape[2])
    y, x = np.divmod(rest, shape[2])
    for axis, place in enumerate((z, y, x)):
        centroid[filled, axis] = np.add.reduceat(footprints.data * place.astype(np.float64), starts)
        box[filled, 0, axis] = np.minimum.reduceat(place, starts)
        box[filled, 1, axis] = np.maximum.reduceat(place, starts) + 1
    centroid[filled] /= np.where(mass > 0, mass, np.nan)[:, None]
    size[filled] = np.add.reduceat((footprints.data > 0).astype(np.int64), starts)
    return Shapes(centroid, box, size)
