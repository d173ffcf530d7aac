"""Noise out of footprints: each is smoothed as much as its own noise asks for, which for bright cells is not at all.

Source: Stein 1981, Ann Statist 9:1135 (the risk of an estimate from the data alone, SURE).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.block import Footprints, with_data
from cnmf3d.engine.kernels.numba import block as kernels
from cnmf3d.engine.parallel import in_order
from cnmf3d.engine.supports import dense_window

IN_PLANE, ACROSS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0), (0.0, 0.4, 0.6, 0.9)
"""Standard deviations of the Gaussians that are tried, in the plane and along z, in voxels."""


def smoothed(footprints: Footprints, traces: Float, shape: VolumeShape, workers: int = 1) -> tuple[Footprints, Float]:
    """Footprints smoothed by the Gaussians with the least estimated error, each on its own support.

    Parameters
    ----------
    footprints : csc (voxels, components)
        Regressed on `traces`, data in units of noise: the standard error of a value is ``1 / ‖trace‖``.
    traces : (components, frames) float32
    shape : (Z, Y, X)
    workers : int
        Threads; the result doesn't depend on it.

    Returns
    -------
    footprints : csc (voxels, components)
    errors : (components,) float32
        Standard error of a value now.
    """
    errors = (1 / np.maximum(np.linalg.norm(traces, axis=1), 1e-9)).astype(np.float32)
    data = footprints.data.copy()

    def smooth(k: int) -> None:
        span = slice(footprints.indptr[k], footprints.indptr[k + 1])
        if data[span].size and data[span].max() > 0:
            data[span], share = _least_risk(footprints.indices[span], data[span], float(errors[k]), shape)
            errors[k] *= share

    for _ in in_order(smooth, range(footprints.shape[1]), workers):
        pass
    return with_data(footprints, data), errors


def _least_risk(indices: npt.NDArray[np.int32], data: Float, error: float, shape: VolumeShape) -> tuple[Float, float]:
    """One footprint smoothed with the least risk; and the share of its noise that is left.

    Widths grow while the risk falls, in the plane and along z in turn.
    """
    box, origin = _framed(*dense_window(indices, data, shape), shape)
    z, rest = np.divmod(indices, shape[1] * shape[2])
    y, x = np.divmod(rest, shape[2])
    place = (z - origin[0], y - origin[1], x - origin[2])
    variance = data.size * error**2

    def tried(plane: int, across: int) -> tuple[float, Float, float]:
        values, own, power = box, 1.0, 1.0
        for axis, width in enumerate((ACROSS[across], IN_PLANE[plane], IN_PLANE[plane])):
            if width:
                weights = gaussian(width)
                values = _along(values, weights, axis)
                own *= float(weights[weights.size // 2])
                power *= float((weights**2).sum())
        candidate = values[place]
        return float(((candidate - data) ** 2).sum()) - 2 * variance * (1 - own), candidate, power**0.5

    best, least, left, at = data, 0.0, 1.0, (0, 0)
    steps = [(1, 0)] + [(0, 1)] * (shape[0] > 1)
    while steps:
        step = steps.pop(0)
        plane, across = at[0] + step[0], at[1] + step[1]
        if plane < len(IN_PLANE) and across < len(ACROSS):
            risk, candidate, share = tried(plane, across)
            if risk < least:
                best, least, left, at = candidate, risk, share, (plane, across)
                steps.append(step)
    return best, left


def _along(box: Float, weights: Float, axis: int) -> Float:
    """Weighted means along an axis; beyond its ends the last value goes on."""
    lines = box.reshape(int(np.prod(box.shape[:axis])), box.shape[axis], int(np.prod(box.shape[axis + 1 :])))
    out = np.empty(lines.shape, np.float32)
    kernels.smooth_along(lines, weights, out)
    return out.reshape(box.shape)


def _framed(box: Float, origin: tuple[int, int, int], shape: VolumeShape) -> tuple[Float, tuple[int, int, int]]:
    """The box with zeros around it, but not where the volume ends: beyond that a cell goes on, unseen."""
    before = [int(first > 0) for first in origin]
    after = [int(first + n < whole) for first, n, whole in zip(origin, box.shape, shape, strict=True)]
    z, y, x = (first - pad for first, pad in zip(origin, before, strict=True))
    return np.pad(box, list(zip(before, after, strict=True))), (z, y, x)


@lru_cache(maxsize=16)
def gaussian(width: float) -> Float:
    """Weights that sum to one, up to three standard deviations."""
    reach = max(1, int(np.ceil(3 * width)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)
