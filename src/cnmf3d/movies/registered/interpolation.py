"""Interpolation between voxels: a windowed sinc.

Interpolating blurs, by an amount that depends on the part of a voxel that a frame is moved by. So that still edges
don't flicker with the motion, the kernel must be nearly transparent, at any shift, to all that optics let through. The
sinc function is so for images without detail beyond the sampling limit (Shannon 1949); Kaiser's window (Kaiser 1974)
cuts it to a few voxels. docs/registration.md has the comparison with linear, cubic, spline and Lanczos kernels.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]

RADIUS = 4
"""Voxels to each side that count. With 3, spots with a standard deviation of 1.5 voxels flicker nine times as much (by
0.3 % instead of 0.03 %); with 6 it takes half as long again."""

BETA = 6.0
"""Kaiser's shape parameter: lower ripples (higher values) against more blur of the finest detail (lower values)."""

MARGIN = 0.5
"""Voxels beyond the centre of the outermost one that count as seen: a voxel's own half. With less, planes at the ends
are unseen in every other frame of a movie that trembles along z; with more, what moved away still shows."""

STEPS = 1024
"""Parts of a voxel for which weights are tabulated: places are rounded by at most 1/2048 voxel."""


def weights_at(places: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], Float]:
    """Weights of the voxels around places of an image.

    Parameters
    ----------
    places : float array of any shape
        Voxels.

    Returns
    -------
    first : int64, shape of `places`
        The first voxel that counts.
    weights : (..., 2 RADIUS) float32
        Of that one and those that follow; their sum is 1. At whole places the weight of that voxel is 1.
    """
    whole = np.floor(places)
    part = np.asarray(places - whole, np.float64)[..., None]
    offsets = np.arange(1 - RADIUS, RADIUS + 1) - part
    window = np.i0(BETA * np.sqrt(np.clip(1 - (offsets / RADIUS) ** 2, 0, None))) / np.i0(BETA)
    weights = np.sinc(offsets) * window
    weights /= weights.sum(axis=-1, keepdims=True)
    return whole.astype(np.int64) + 1 - RADIUS, weights.astype(np.float32)


@cache
def table() -> Float:
    """Weights for ``STEPS + 1`` parts of a voxel from 0 to 1, (STEPS + 1, 2 RADIUS); don't change it."""
    weights = weights_at(np.arange(STEPS) / STEPS)[1]
    last = np.zeros((1, 2 * RADIUS), np.float32)
    last[0, RADIUS] = 1  # a whole voxel further
    return np.ascontiguousarray(np.concatenate([weights, last]))
