"""Which ROIs lie at a voxel: footprints turned around, strongest last, and painted into a volume of small numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
HIDDEN = 0


def spans(starts: npt.NDArray[np.integer[Any]], stops: npt.NDArray[np.integer[Any]]) -> Ints:
    """All numbers of the ranges ``starts[i]:stops[i]``, one range after the other."""
    lengths = stops - starts
    offsets = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return np.asarray(offsets + np.arange(int(lengths.sum())), np.int64)


def relative(footprints: sparse.csc_array[Any]) -> npt.NDArray[np.float32]:
    """Each entry over its column's greatest, from 0 to 1."""
    sizes = np.diff(footprints.indptr)
    filled = np.flatnonzero(sizes)
    peaks = np.maximum.reduceat(footprints.data, footprints.indptr[filled]) if filled.size else np.zeros(0)
    share = footprints.data / np.repeat(np.maximum(peaks, 1e-30), sizes[filled])
    return np.asarray(np.clip(share, 0, 1), np.float32)


def strength(footprints: sparse.csc_array[Any], column: int, voxel: int) -> float:
    """One entry over its column's greatest, from 0 to 1."""
    span = slice(footprints.indptr[column], footprints.indptr[column + 1])
    data = footprints.data[span]
    return float(data[footprints.indices[span] == voxel].max(initial=0) / max(data.max(initial=0), 1e-30))


class VoxelIndex:
    """Columns of a footprint matrix by voxel, in each voxel the strongest last.

    Strength is the weight over the column's greatest weight, in 65,535 steps.

    Parameters
    ----------
    footprints : csc (voxels, columns)
    """

    def __init__(self, footprints: sparse.csc_array[Any]) -> None:
        voxels, columns = footprints.shape
        sizes = np.diff(footprints.indptr)
        column = np.repeat(np.arange(columns, dtype=np.int32), sizes)
        strength = (relative(footprints) * 65535).astype(np.uint16)
        order = np.argsort(strength, kind="stable")
        order = order[np.searchsorted(strength[order], 1) :]  # what weighs nothing lies nowhere
        # one row of a matrix, turned into columns: a counting sort by voxel that keeps the order by strength
        row = sparse.csr_array((column[order], footprints.indices[order], np.array([0, order.size])), shape=(1, voxels))
        turned = sparse.csc_array(row)
        self.starts: Ints = turned.indptr.astype(np.int64)
        self.columns: npt.NDArray[np.int32] = turned.data.astype(np.int32)

    def at(self, voxel: int) -> Ints:
        """Columns at a voxel, the weakest first."""
        return self.columns[self.starts[voxel] : self.starts[voxel + 1]].astype(np.int64)

    def paint(self, classes: Bytes, volume: Bytes) -> None:
        """Write over a flat `volume` wherever a column lies: the class of the strongest one that isn't `HIDDEN`.

        Parameters
        ----------
        classes : (columns,) uint8
        volume : (voxels,) uint8
            Changed in place.
        """
        values = classes[self.columns]
        voxel = np.repeat(np.arange(volume.size, dtype=np.int32), np.diff(self.starts))
        shown = values != HIDDEN
        volume[voxel[shown]] = values[shown]

    def repaint(self, voxels: Ints, classes: Bytes, volume: Bytes) -> None:
        """Write over some voxels of a flat `volume`, as `paint` would."""
        starts, stops = self.starts[voxels], self.starts[voxels + 1]
        values = classes[self.columns[spans(starts, stops)]]
        voxel = np.repeat(voxels, stops - starts)
        shown = values != HIDDEN
        volume[voxel[shown]] = values[shown]
