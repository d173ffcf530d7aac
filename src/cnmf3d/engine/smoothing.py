"""Noise out of footprints: each is smoothed as much as its own noise asks for, which for bright cells is not at all.

Source: Stein 1981, Ann Statist 9:1135 (the risk of an estimate from the data alone, SURE).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.block import Footprints, entry_columns, norms_of, with_data
from cnmf3d.engine.kernels.numba import smoothing as kernels
from cnmf3d.engine.parallel import in_order

IN_PLANE, ACROSS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8), (0.0, 0.4, 0.6, 0.9)
"""Standard deviations of the Gaussians that are tried, in the plane and along z, in voxels."""

MOST = 9
"""Voxels that the widest reaches."""

TOGETHER = 32
"""Footprints smoothed in one go."""


def smoothed(
    footprints: Footprints,
    traces: Float,
    shape: VolumeShape,
    grain: Float | None = None,
    brighter: Float | None = None,
    workers: int = 1,
    every: bool = False,
    noisier: float = 0.0,
) -> tuple[Footprints, Float]:
    """Footprints smoothed by the Gaussians with the least estimated error, each on its own support.

    Parameters
    ----------
    footprints : csc (voxels, components)
        Regressed on `traces`, data in units of noise: the standard error of a value is ``1 / ‖trace‖``.
    traces : (components, frames) float32
    shape : (Z, Y, X)
    grain : (3, lags) float32, optional
        Correlation of the noise of voxels so far apart along z, y and x (see `noise.noise_grain`); None: independent.
    brighter : (components,) float32, optional
        Times that the noise is larger while a component is active (see `noise.noise_of_light`).
    workers : int
        Threads; the result doesn't depend on it.
    every : bool
        Whether values of zero count as noisy: they have lost most of their noise, but outlines come out smoother, as
        people draw them.
    noisier : float
        Share of its energy that must be noise for a footprint to be smoothed.

    Returns
    -------
    footprints : csc (voxels, components)
    errors : (components,) float32
        Standard error of a value now.
    """
    errors = (1 / np.maximum(np.linalg.norm(traces, axis=1), 1e-9)).astype(np.float32)
    if brighter is not None:
        errors *= brighter
    data, weights = footprints.data.copy(), gaussians()
    noisy = np.bincount(entry_columns(footprints), data != 0 if not every else None, minlength=footprints.shape[1])
    noise = np.stack([noisy * errors.astype(np.float64) ** 2, np.ones(errors.size)])
    noise[0, noise[0] < noisier * norms_of(footprints) ** 2] = 0
    kept = noise_kept(weights, grain)

    def smooth(first: int) -> None:
        indptr = footprints.indptr[first : first + TOGETHER + 1]
        part, mine = slice(indptr[0], indptr[-1]), slice(first, first + TOGETHER)
        kernels.smooth_footprints(
            indptr - indptr[0],
            footprints.indices[part],
            data[part],
            noise[:, mine],
            shape,
            weights,
            kept,
            len(IN_PLANE),
        )

    for _ in in_order(smooth, range(0, footprints.shape[1], TOGETHER), workers):
        pass
    return with_data(footprints, data), np.asarray(errors * noise[1], np.float32)


@lru_cache(maxsize=1)
def gaussians() -> Float:
    """Weights of all Gaussians, up to three standard deviations; each row sums to one."""
    widths = np.maximum([*IN_PLANE, *ACROSS], 1e-6)[:, None]
    distance = np.abs(np.arange(-MOST, MOST + 1))[None, :]
    weights = np.where(distance <= np.ceil(3 * widths), np.exp(-0.5 * (distance / widths) ** 2), 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def noise_kept(weights: Float, grain: Float | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What smoothing leaves of noise that neighbours share, both (widths, 3) for z, y and x.

    Returns
    -------
    own : ``Σ_d w_d k_d``, covariance of a value's noise before and after, over the variance before
    left : ``Σ_de w_d w_e k_{d−e}``, variance after over the variance before
    """
    reach = weights.shape[1] // 2
    correlation = np.zeros((3, 2 * reach + 1))
    correlation[:, 0] = 1
    if grain is not None:
        count = min(grain.shape[1], 2 * reach + 1)
        correlation[:, :count] = grain[:, :count]
    places = np.arange(2 * reach + 1)
    pairs = correlation[:, np.abs(places[:, None] - places)]
    own = np.einsum("wd,ad->wa", weights, correlation[:, np.abs(places - reach)])
    left = np.einsum("wd,we,ade->wa", weights, weights, pairs)
    return own, left
