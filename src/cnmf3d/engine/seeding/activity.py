"""Seeds at the local maxima of activity: where the band-passed residual makes more upward excursions than noise does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.bandpass import Bandpass
from cnmf3d.engine.kernels.numba import block as kernels
from cnmf3d.engine.supports import ellipsoid_offsets
from cnmf3d.geometry import ZYX

EXCURSION = 2.5
_MEAN, _VARIANCE = 0.0500, 0.4217
"""Mean and variance of x² 1[x > 2.5] for standard normal x."""


@dataclass(frozen=True)
class Seeds:
    """Positions on the coarse grid, and a first trace of each.

    Attributes
    ----------
    positions : (seeds, 3) int64, order z, y, x
    traces : (seeds, bins) float32, non-negative
    scores : (seeds,) float32
        Activity in standard deviations of what noise gives.
    """

    positions: npt.NDArray[np.int64]
    traces: Float
    scores: Float


def find_seeds(residual: Float, shape: VolumeShape, sigma: ZYX, threshold: float, banned: npt.NDArray[np.int64]) -> Seeds:
    """Local maxima of activity.

    Parameters
    ----------
    residual : (supervoxels, bins) float32
        Coarse residual, noise of variance one.
    shape : (Z, Y, X) of the coarse grid
    sigma : ZYX
        Half-width of a cell on the coarse grid.
    threshold : float
        Least score of a seed.
    banned : (n, 3) int64
        Positions near which no seed is wanted.
    """
    bins = residual.shape[1]
    passed = Bandpass.design(shape, sigma).apply(residual.reshape(*shape, bins)).reshape(-1, bins)
    energy = np.empty(passed.shape[0], np.float32)
    spread = np.empty(passed.shape[0], np.float32)
    kernels.activity(passed, EXCURSION, energy, spread)
    score = ((energy - bins * _MEAN) / np.sqrt(bins * _VARIANCE)).reshape(shape)
    reach = ellipsoid_offsets(ZYX(*(1.2 * s for s in sigma)))
    size = reach.max(axis=0)
    footprint = np.zeros(2 * size + 1, bool)
    footprint[tuple((reach + size).T)] = True
    peaks = (score == ndimage.maximum_filter(score, footprint=footprint, mode="constant", cval=-np.inf)) & (score > threshold)
    positions = np.argwhere(peaks)
    if len(banned) and len(positions):
        distance = (positions[:, None, :] - banned[None, :, :]) / np.maximum(np.array(sigma), 0.5)
        positions = positions[((distance**2).sum(axis=2) > 0.8**2).all(axis=1)]
    flat = np.ravel_multi_index(tuple(positions.T), shape) if len(positions) else np.zeros(0, np.int64)
    order = np.argsort(-score.ravel()[flat], kind="stable")
    flat = flat[order]
    traces = np.maximum(passed[flat] - 1.25 * spread[flat, None], 0)
    return Seeds(positions[order], traces.astype(np.float32), score.ravel()[flat])
