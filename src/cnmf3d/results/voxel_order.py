"""How CaImAn flattens a volume or a picture, and where our voxels are in that: the one place that knows.

CaImAn stores voxels in Fortran order over ``dims``. A volume's ``dims`` are (X, Y, Z), which is C order over (Z, Y, X):
nothing is turned. A picture's are (rows, columns), that is (Y, X), which is C order over (X, Y).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cnmf3d.components import VolumeShape

Order = npt.NDArray[np.int64] | slice
"""Which stored row each voxel is, in C order over (Z, Y, X); a slice where both orders are one."""


def dims_of(shape: VolumeShape) -> tuple[int, ...]:
    """CaImAn's ``dims`` for a volume of (Z, Y, X) voxels: two for one plane, as its readers want."""
    z, y, x = shape
    return (y, x) if z == 1 else (x, y, z)


def order_of(dims: Sequence[int], axes: str = "xyz") -> tuple[VolumeShape, Order]:
    """Shape (Z, Y, X) of a volume with CaImAn's `dims`, and which stored row each of its voxels is.

    Parameters
    ----------
    dims : sequence of 2 or 3 int
        Two are always rows and columns.
    axes : str
        What three are: ``xyz``, or ``yxz`` where CaImAn was given T × Y × X × Z.
    """
    sizes = [int(n) for n in dims]
    if len(sizes) == 2:
        sizes, axes = [*sizes, 1], "yxz"
    grid = np.arange(int(np.prod(sizes))).reshape(sizes, order="F").transpose([axes.index(axis) for axis in "zyx"])
    z, y, x = grid.shape
    return (z, y, x), slice(None) if axes == "xyz" else grid.ravel()


def stored(values: npt.NDArray[np.float64], order: Order) -> npt.NDArray[np.float64]:
    """Values of our voxels, along the first axis, in the order in which they are stored."""
    if isinstance(order, slice):
        return values
    out = np.empty_like(values)
    out[order] = values
    return out
