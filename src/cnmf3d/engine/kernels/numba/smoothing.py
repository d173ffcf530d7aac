"""Footprints smoothed as much as their own noise asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from cnmf3d.engine.kernels.numba.supports import bounds, place


@njit(cache=True, nogil=True)
def smooth_footprints(
    indptr: Any, indices: Any, data: Any, noise: Any, shape: Any, weights: Any, kept: Any, planes: int
) -> None:
    """Each footprint smoothed by the Gaussians with the least estimated error, on its own support, in place.

    Widths grow while the risk falls, in the plane and along z in turn.

    Parameters
    ----------
    indptr, indices : CSC structure of the supports, (voxels, components)
    data : (entries,) float32, changed
    noise : (2, components) float64
        Sum of the variances of a footprint's values, zero where it is to stay; and, written, the share of a value's
        standard error that is left.
    shape : three of int
        Size of the volume along z, y and x.
    weights : (widths, 2 * reach + 1) float32
        Gaussians that are tried, from no smoothing to the most: first those in the plane, then those along z.
    kept : pair of (widths, 3) float64
        For each width along z, y and x: covariance of a smoothed value's noise with its own before, and variance of
        the smoothed value's noise, both over the variance before.
    planes : int
        Number of those in the plane.

    Notes
    -----
    Stein 1981, Ann Statist 9:1135: the risk of an estimate from the data alone.
    """
    own, left = kept
    depth, height, width = shape
    plane = height * width
    across = weights.shape[0] - planes
    reaches = np.zeros(weights.shape[0], np.int64)
    centre = weights.shape[1] // 2
    for w in range(weights.shape[0]):
        for i in range(weights.shape[1]):
            if weights[w, i] != 0:
                reaches[w] = max(reaches[w], abs(i - centre))
    for k in range(indptr.size - 1):
        first, stop = indptr[k], indptr[k + 1]
        brightest = np.float32(0)
        noise[1, k] = 1
        for e in range(first, stop):
            brightest = max(brightest, data[e])
        if brightest <= 0 or noise[0, k] <= 0:
            continue
        low_z, low_y, low_x, high_z, high_y, high_x = bounds(indices[first:stop], plane, width)
        # zeros around, but not where the volume ends: beyond that a cell goes on, unseen
        low_z, low_y, low_x = max(low_z - 1, 0), max(low_y - 1, 0), max(low_x - 1, 0)
        high_z, high_y, high_x = min(high_z + 1, depth - 1), min(high_y + 1, height - 1), min(high_x + 1, width - 1)
        box = np.zeros((high_z - low_z + 1, high_y - low_y + 1, high_x - low_x + 1), np.float32)
        for e in range(first, stop):
            z, y, x = place(indices[e], plane, width)
            box[z - low_z, y - low_y, x - low_x] = data[e]
        variance = noise[0, k]
        best = np.empty(stop - first, np.float32)
        for e in range(first, stop):
            best[e - first] = data[e]
        candidate = np.empty(stop - first, np.float32)
        half = np.empty(box.shape, np.float32)
        tried = np.empty(box.shape, np.float32)
        least, share = 0.0, 1.0
        in_plane, along_z = 0, 0
        grows_in_plane, grows_along_z = True, depth > 1
        turn = 0
        while grows_in_plane or grows_along_z:
            if turn % 2 == 0:
                wanted, a, b = grows_in_plane, in_plane + 1, along_z
            else:
                wanted, a, b = grows_along_z, in_plane, along_z + 1
            better = False
            if wanted and a < planes and b < across:
                _copy(box, tried)
                shared, remaining = 1.0, 1.0
                for axis in range(3):
                    w = planes + b if axis == 0 else a
                    if reaches[w] > 0:
                        _along(tried, axis, weights[w], reaches[w], half)
                        _copy(half, tried)
                        shared *= own[w, axis]
                        remaining *= left[w, axis]
                risk = -2 * variance * (1 - shared)
                for e in range(first, stop):
                    z, y, x = place(indices[e], plane, width)
                    value = tried[z - low_z, y - low_y, x - low_x]
                    candidate[e - first] = value
                    risk += np.float64(value - data[e]) ** 2
                if risk < least:
                    better = True
                    least, share = risk, np.sqrt(remaining)
                    for e in range(stop - first):
                        best[e] = candidate[e]
                    in_plane, along_z = a, b
            if turn % 2 == 0:
                grows_in_plane = better
            else:
                grows_along_z = better
            turn += 1
        for e in range(first, stop):
            data[e] = best[e - first]
        noise[1, k] = share


@njit(cache=True, nogil=True)
def _along(box: Any, axis: int, weights: Any, reach: int, out: Any) -> None:
    """Weighted means along an axis; beyond its ends the last value goes on."""
    centre = weights.size // 2
    depth, height, width = box.shape
    last = box.shape[axis] - 1
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                total = np.float32(0)
                for step in range(-reach, reach + 1):
                    if axis == 0:
                        value = box[min(max(z + step, 0), last), y, x]
                    elif axis == 1:
                        value = box[z, min(max(y + step, 0), last), x]
                    else:
                        value = box[z, y, min(max(x + step, 0), last)]
                    total += weights[centre + step] * value
                out[z, y, x] = total


@njit(cache=True, nogil=True)
def _copy(box: Any, out: Any) -> None:
    """Copy all values; loops like this one and the others above compile in half the time of assignments of arrays."""
    for z in range(box.shape[0]):
        for y in range(box.shape[1]):
            for x in range(box.shape[2]):
                out[z, y, x] = box[z, y, x]
