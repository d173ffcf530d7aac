"""Which ROIs lie at a voxel: footprints turned around, strongest last, and painted into a volume of small numbers."""

from __future__ import annotations

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

    Attributes
    ----------
    voxels : (entries,) int32
        Ascending.
    columns : (entries,) int32
        The column of each of `voxels`.
    """

    def __init__(self, footprints: sparse.csc_array[Any]) -> None:
        count = footprints.shape[1]
        steps = np.ceil(relative(footprints) * STEPS).astype(np.uint8)
        bits = count.bit_length()
        # voxel, strength and column in one number, which sorts many times faster than places do
        key = footprints.indices.astype(np.int64)
        key <<= 8
        key |= steps
        key <<= bits
        key |= np.repeat(np.arange(count, dtype=np.int32), np.diff(footprints.indptr))
        if not steps.all():  # what weighs nothing lies nowhere
            key = key[steps > 0]
        key.sort()
        self.columns: npt.NDArray[np.int32] = (key & ((1 << bits) - 1)).astype(np.int32)
        key >>= 8 + bits
        self.voxels: npt.NDArray[np.int32] = key.astype(np.int32)

    def at(self, voxel: int) -> Ints:
        """Columns at a voxel, the weakest first."""
        start, stop = np.searchsorted(self.voxels, np.array([voxel, voxel + 1], np.int32))
        return self.columns[start:stop].astype(np.int64)

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
        wanted = voxels.astype(np.int32)  # of the same type: nothing large is converted
        starts, stops = np.searchsorted(self.voxels, wanted), np.searchsorted(self.voxels, wanted, side="right")
        values = classes[self.columns[spans(starts, stops)]]
        voxel = np.repeat(voxels, stops - starts)
        shown = values != HIDDEN
        volume[voxel[shown]] = values[shown]
