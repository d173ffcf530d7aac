"""Separable band-pass over a volume whose every voxel holds a trace: cells pass, neuropil and gradients do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.groups import count_of, groups, to_groups
from cnmf3d.engine.kernels.numba import block as kernels
from cnmf3d.geometry import ZYX

Steps = tuple[tuple[int, Float], ...]
"""Matrices to apply in turn, each with the axis (0, 1, 2 for z, y, x) that it acts on."""


def gaussian_matrix(length: int, sigma: float) -> Float:
    """Gaussian smoothing along one axis as a (length, length) matrix whose rows sum to one, also at the edges.

    Rows that sum to one keep first and last planes on a par with the others.
    """
    if sigma <= 0 or length == 1:
        return np.eye(length, dtype=np.float32)
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    weights[np.abs(distance) > 3 * sigma + 1] = 0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def halving_matrix(length: int) -> Float:
    """Means of neighbouring pairs, (about length / 2, length)."""
    pair = groups(length, count_of(length, 2))
    matrix = np.zeros((pair[-1] + 1, length), np.float32)
    matrix[pair, np.arange(length)] = 1
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True), np.float32)


def doubling_matrix(length: int) -> Float:
    """Linear interpolation of means of pairs back to `length` places, (length, about length / 2)."""
    pair = groups(length, count_of(length, 2))
    half = int(pair[-1]) + 1
    place = np.clip(to_groups(np.arange(float(length)), pair), 0, half - 1)
    low = np.minimum(place.astype(int), max(half - 2, 0))
    matrix = np.zeros((length, half), np.float32)
    matrix[np.arange(length), low] = 1 - (place - low)
    if half > 1:
        matrix[np.arange(length), low + 1] = place - low
    return matrix


def smoothing_steps(shape: VolumeShape, sigma: Sequence[float], *, thrifty: bool) -> Steps:
    """Matrices that smooth a volume; `thrifty`: wide Gaussians on a grid of half the resolution."""
    down: list[tuple[int, Float]] = []
    smooth: list[tuple[int, Float]] = []
    up: list[tuple[int, Float]] = []
    for axis in (2, 1, 0):
        length = shape[axis]
        if length == 1:
            continue
        if thrifty and sigma[axis] >= 2.5 and length >= 8:
            down.append((axis, halving_matrix(length)))
            smooth.append((axis, gaussian_matrix(count_of(length, 2), sigma[axis] / 2)))
            up.insert(0, (axis, doubling_matrix(length)))
        else:
            smooth.append((axis, gaussian_matrix(length, sigma[axis])))
    return tuple(down + smooth + up)


def apply_steps(volume: Float, steps: Steps) -> Float:
    """Apply the matrices to a (Z, Y, X, bins) array."""
    for axis, matrix in steps:
        shape = volume.shape
        outer = int(np.prod(shape[:axis]))
        inner = int(np.prod(shape[axis + 1 :]))
        first, weights = banded(matrix)
        out = np.empty((outer, matrix.shape[0], inner), np.float32)
        kernels.apply_along(volume.reshape(outer, shape[axis], inner), first, weights, out)
        volume = out.reshape(*shape[:axis], matrix.shape[0], *shape[axis + 1 :])
    return volume


def banded(matrix: Float) -> tuple[npt.NDArray[np.int64], Float]:
    """Rows of a banded matrix: first column and weights of each, all of the same width."""
    length = matrix.shape[1]
    used = matrix != 0
    first = used.argmax(axis=1)
    last = length - 1 - used[:, ::-1].argmax(axis=1)
    band = int((last - first).max()) + 1
    first = np.minimum(first, length - band).astype(np.int64)
    weights = np.take_along_axis(matrix, first[:, None] + np.arange(band)[None, :], axis=1)
    return first, np.ascontiguousarray(weights)


def along_axis(shape: VolumeShape, steps: Steps, axis: int) -> Float:
    """Product of the steps that act on one axis."""
    product = np.eye(shape[axis], dtype=np.float32)
    for where, matrix in steps:
        if where == axis:
            product = matrix @ product
    return product


@dataclass(frozen=True)
class Bandpass:
    """Difference of two Gaussians, scaled so that white noise of variance one keeps variance one at every voxel.

    Attributes
    ----------
    narrow, wide : matrices along z, y, x
    noise : (Z, Y, X) float32
        Standard deviation of the unscaled difference on white noise of variance one.
    """

    narrow: Steps
    wide: Steps
    noise: Float

    @classmethod
    def design(cls, shape: VolumeShape, sigma: ZYX, ratio: float = 2.5) -> Bandpass:
        """For footprints of standard deviation `sigma` voxels; the wide Gaussian is `ratio` times as wide."""
        narrow = smoothing_steps(shape, sigma, thrifty=False)
        wide = smoothing_steps(shape, [ratio * s for s in sigma], thrifty=True)
        one = [along_axis(shape, narrow, axis) for axis in range(3)]
        two = [along_axis(shape, wide, axis) for axis in range(3)]

        def outer(left: list[Float], right: list[Float]) -> Float:
            z, y, x = ((a * b).sum(axis=1) for a, b in zip(left, right, strict=True))
            return np.asarray(z[:, None, None] * y[None, :, None] * x[None, None, :], np.float32)

        variance = outer(one, one) - 2 * outer(one, two) + outer(two, two)
        return cls(narrow, wide, np.sqrt(np.maximum(variance, 1e-12)))

    def apply(self, volume: Float) -> Float:
        """Band-pass a (Z, Y, X, bins) array of unit white noise and signal."""
        out = apply_steps(volume, self.narrow)
        out -= apply_steps(volume, self.wide)
        out /= self.noise[..., None]
        return out
