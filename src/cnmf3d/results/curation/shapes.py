"""Where footprints lie and how large they are, all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
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


BLOCK = 2**16
"""Entries that are looked at together: they stay in the processor's cache, and no large array comes and goes."""


def blocks(footprints: sparse.csc_array[Any]) -> Iterator[tuple[slice, sparse.csc_array[Any]]]:
    """Columns in blocks of about `BLOCK` entries: which ones, and these."""
    ends, (voxels, count) = footprints.indptr, footprints.shape
    cuts = np.searchsorted(ends, np.arange(0, int(ends[-1]), BLOCK))
    for first, last in pairwise(np.unique([0, *cuts, count]).tolist()):
        span = slice(ends[first], ends[last])
        part = (footprints.data[span], footprints.indices[span], ends[first : last + 1] - ends[first])
        yield slice(first, last), sparse.csc_array(part, shape=(voxels, last - first))


def shapes_of(footprints: sparse.csc_array[Any], shape: VolumeShape) -> Shapes:
    """Geometry of all columns of a footprint matrix, voxels in C order over (Z, Y, X)."""
    count = footprints.shape[1]
    out = Shapes(np.full((count, 3), np.nan), np.zeros((count, 2, 3), np.int64), np.zeros(count, np.int64))
    for columns, block in blocks(footprints):
        _measure(block, shape, Shapes(out.centroid[columns], out.box[columns], out.size[columns]))
    return out


def _measure(footprints: sparse.csc_array[Any], shape: VolumeShape, out: Shapes) -> None:
    """Fill `out`."""
    filled = np.flatnonzero(np.diff(footprints.indptr))
    if not filled.size:
        return
    starts = footprints.indptr[filled]
    mass = np.add.reduceat(footprints.data.astype(np.float64), starts)
    for axis, place in enumerate(_places(footprints.indices, shape)):
        out.centroid[filled, axis] = np.add.reduceat(footprints.data * place.astype(np.float64), starts)
        out.box[filled, 0, axis] = np.minimum.reduceat(place, starts)
        out.box[filled, 1, axis] = np.maximum.reduceat(place, starts) + 1
    out.centroid[filled] /= np.where(mass > 0, mass, np.nan)[:, None]
    out.size[filled] = np.add.reduceat((footprints.data > 0).astype(np.int64), starts)


def _places(voxels: npt.NDArray[Any], shape: VolumeShape) -> tuple[npt.NDArray[Any], ...]:
    """z, y and x of voxels; a quotient by one number is fast in numpy, a remainder isn't."""
    rows = voxels // shape[2]
    planes = rows // shape[1]
    return planes, rows - planes * shape[1], voxels - rows * shape[2]


def edges_of(footprints: sparse.csc_array[Any], shape: VolumeShape) -> sparse.csc_array[Any]:
    """Footprints without the voxels that have all four neighbours of their plane in the same footprint.

    Parameters
    ----------
    footprints : csc (voxels, columns)
        Voxels in C order over (Z, Y, X).
    shape : (Z, Y, X)
    """
    if not footprints.has_sorted_indices:
        footprints = footprints.sorted_indices()
    edge = np.zeros(footprints.nnz, bool)
    for columns, block in blocks(footprints):
        edge[footprints.indptr[columns.start] : footprints.indptr[columns.stop]] = _on_edge(block, shape)
    kept = np.flatnonzero(edge)
    starts = np.searchsorted(kept, footprints.indptr)
    return sparse.csc_array((footprints.data[kept], footprints.indices[kept], starts), shape=footprints.shape)


def _on_edge(footprints: sparse.csc_array[Any], shape: VolumeShape) -> npt.NDArray[np.bool_]:
    """(entries,) whether one of the four neighbours isn't there."""
    _, height, width = shape
    columns = np.repeat(np.arange(footprints.shape[1], dtype=np.int64), np.diff(footprints.indptr))
    key = columns * int(np.prod(shape)) + footprints.indices
    _, y, x = _places(footprints.indices, shape)
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    near = key[1:] == key[:-1] + 1
    inside[1:] &= near
    inside[:-1] &= near
    inside[[0, -1] if key.size else []] = False
    for step in (-width, width):
        wanted = key[inside] + step
        place = np.minimum(np.searchsorted(key, wanted), key.size - 1)
        inside[inside] = key[place] == wanted
    return ~inside
