"""Which ROIs lie at a voxel: footprints turned around, strongest last, and painted into a volume of small numbers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.results.footprints import relative

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
HIDDEN = 0
"""Colour class of what isn't shown."""

STEPS = 255


def spans(starts: npt.NDArray[np.integer[Any]], stops: npt.NDArray[np.integer[Any]]) -> Ints:
    """All numbers of the ranges ``starts[i]:stops[i]``, one range after the other."""
    lengths = stops - starts
    offsets = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return np.asarray(offsets + np.arange(int(lengths.sum())), np.int64)


def strength(footprints: sparse.csc_array[Any], column: int, voxel: int) -> float:
    """One entry over its column's greatest, from 0 to 1."""
    span = slice(footprints.indptr[column], footprints.indptr[column + 1])
    data = footprints.data[span]
    return float(data[footprints.indices[span] == voxel].max(initial=0) / max(data.max(initial=0), 1e-30))


class VoxelIndex:
    """Columns of a footprint matrix by voxel, in each voxel the strongest last.

    Strength is the weight over the column's greatest weight, in `STEPS` steps.

    Parameters
    ----------
    footprints : csc (voxels, columns)
    """

    def __init__(self, footprints: sparse.csc_array[Any]) -> None:
        voxels, columns = footprints.shape
        column = np.repeat(np.arange(columns, dtype=np.int32), np.diff(footprints.indptr))
        steps = np.ceil(relative(footprints) * STEPS).astype(np.uint8)
        order = np.argsort(steps, kind="stable").astype(np.int32)
        order = order[np.count_nonzero(steps == 0) :]  # what weighs nothing lies nowhere
        # one row of a matrix, turned into columns: a counting sort by voxel that keeps the order by strength
        ends = np.array([0, order.size], np.int32)
        row = sparse.csr_array((column[order], footprints.indices[order], ends), shape=(1, voxels))
        turned = sparse.csc_array(row)
        self.starts: npt.NDArray[np.integer[Any]] = turned.indptr
        self.columns: npt.NDArray[np.int32] = turned.data

    @cached_property
    def voxels(self) -> npt.NDArray[np.int32]:
        """The voxel of each of `columns`."""
        return np.repeat(np.arange(self.starts.size - 1, dtype=np.int32), np.diff(self.starts))

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
        shown = values != HIDDEN
        if shown.all():
            volume[self.voxels] = values
        else:
            volume[self.voxels[shown]] = values[shown]

    def repaint(self, voxels: npt.NDArray[np.integer[Any]], classes: Bytes, volume: Bytes) -> None:
        """Write over some voxels of a flat `volume`, as `paint` would."""
        starts, stops = self.starts[voxels], self.starts[voxels + 1]
        values = classes[self.columns[spans(starts, stops)]]
        voxel = np.repeat(voxels, stops - starts)
        shown = values != HIDDEN
        volume[voxel[shown]] = values[shown]
