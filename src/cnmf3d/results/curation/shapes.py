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


def edges_of(footprints: sparse.csc_array[Any], shape: VolumeShape) -> sparse.csc_array[Any]:
    """Footprints without the voxels that have all four neighbours of their plane in the same footprint.

    Parameters
    ----------
    footprints : csc (voxels, columns)
        Voxels in C order over (Z, Y, X).
    shape : (Z, Y, X)
    """
    _, height, width = shape
    if not footprints.has_sorted_indices:
        footprints = footprints.sorted_indices()
    columns = np.repeat(np.arange(footprints.shape[1], dtype=np.int64), np.diff(footprints.indptr))
    voxel = footprints.indices.astype(np.int64)
    key = columns * int(np.prod(shape)) + voxel
    x, y = voxel % width, voxel // width % height
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    near = key[1:] == key[:-1] + 1
    inside[1:] &= near
    inside[:-1] &= near
    inside[[0, -1] if key.size else []] = False
    for step in (-width, width):
        wanted = key[inside] + step
        place = np.minimum(np.searchsorted(key, wanted), key.size - 1)
        inside[inside] = key[place] == wanted
    kept = np.flatnonzero(~inside)
    starts = np.searchsorted(kept, footprints.indptr)
    return sparse.csc_array((footprints.data[kept], footprints.indices[kept], starts), shape=footprints.shape)
