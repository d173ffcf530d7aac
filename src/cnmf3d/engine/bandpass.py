"""Separable band-pass over a volume whose every voxel holds a trace: cells pass, neuropil and gradients do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmf3d.components import Float, VolumeShape
from cnmf3d.geometry import ZYX


def smoothing_matrix(length: int, sigma: float) -> Float:
    """Gaussian smoothing along one axis as a (length, length) matrix whose rows sum to one, also at the edges.

    Rows that sum to one keep first and last planes on a par with the others.
    """
    if sigma <= 0 or length == 1:
        return np.eye(length, dtype=np.float32)
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    weights[np.abs(distance) > 3.5 * sigma + 1] = 0
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def smooth(volume: Float, matrices: tuple[Float, Float, Float]) -> Float:
    """Apply one matrix along each axis of a (Z, Y, X, bins) array."""
    z, y, x, bins = volume.shape
    out = volume
    if x > 1:
        out = np.matmul(matrices[2], out)
    if y > 1:
        out = np.matmul(matrices[1], out.reshape(z, y, x * bins)).reshape(volume.shape)
    if z > 1:
        out = np.matmul(matrices[0], out.reshape(z, y * x * bins)).reshape(volume.shape)
    return out


@dataclass(frozen=True)
class Bandpass:
    """Difference of two Gaussians, scaled so that white noise of variance one keeps variance one at every voxel.

    Attributes
    ----------
    narrow, wide : three matrices each, along z, y, x
    noise : (Z, Y, X) float32
        Standard deviation of the unscaled difference on white noise of variance one.
    """

    narrow: tuple[Float, Float, Float]
    wide: tuple[Float, Float, Float]
    noise: Float

    @classmethod
    def design(cls, shape: VolumeShape, sigma: ZYX, ratio: float = 2.5) -> Bandpass:
        """For cells with Gaussian half-width `sigma` voxels; the wide Gaussian is `ratio` times as wide."""
        narrow = tuple(smoothing_matrix(n, s) for n, s in zip(shape, sigma, strict=True))
        wide = tuple(smoothing_matrix(n, ratio * s) for n, s in zip(shape, sigma, strict=True))

        def outer(left: tuple[Float, ...], right: tuple[Float, ...]) -> Float:
            z, y, x = ((a * b).sum(axis=1) for a, b in zip(left, right, strict=True))
            return np.asarray(z[:, None, None] * y[None, :, None] * x[None, None, :], np.float32)

        variance = outer(narrow, narrow) - 2 * outer(narrow, wide) + outer(wide, wide)
        return cls(narrow, wide, np.sqrt(np.maximum(variance, 1e-12)))  # type: ignore[arg-type]

    def apply(self, volume: Float) -> Float:
        """Band-pass a (Z, Y, X, bins) array of unit white noise and signal."""
        out = smooth(volume, self.narrow)
        out -= smooth(volume, self.wide)
        out /= self.noise[..., None]
        return out
