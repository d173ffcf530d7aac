"""Seeds at the local maxima of activity: where the band-passed residual rises more often than noise does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.bandpass import Bandpass
from cnmf3d.engine.kernels.numba import block as kernels
from cnmf3d.engine.kernels.numba import supports
from cnmf3d.engine.lasting import QUIET, persistence, standardised
from cnmf3d.engine.supports import ellipsoid_offsets
from cnmf3d.geometry import ZYX

LASTING = 2.0
"""Excursions that last have about twice as high a score by their energy as by their persistence."""

MOST_LASTING = 2.0
"""Standard deviations by which the quietest places may lift what counts as lasting: noise that is shared by successive
bins lifts them, but so do cells that fill a small volume."""

EXCURSION = 2.5
_MEAN, _VARIANCE = 0.0500, 0.4217
"""Mean and variance of x² 1[x > 2.5] for standard normal x."""

Positions = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Seeds:
    """Positions on the coarse grid, and a first trace of each.

    Attributes
    ----------
    positions : (seeds, 3) float64, order z, y, x
    traces : (seeds, bins) float32, non-negative
    scores : (seeds,) float32
        Activity in standard deviations of what noise gives.
    """

    positions: Positions
    traces: Float
    scores: Float

    def take(self, index: npt.NDArray[np.intp]) -> Seeds:
        """Some of the seeds."""
        return Seeds(self.positions[index], self.traces[index], self.scores[index])


def find_seeds(residual: Float, bandpass: Bandpass, sigma: ZYX, threshold: float) -> Seeds:
    """Local maxima of activity, strongest first.

    Parameters
    ----------
    residual : (Z, Y, X, bins) float32
        Coarse residual, noise of variance one.
    bandpass : Bandpass
        For this grid and cell size.
    sigma : ZYX
        Standard deviation of a cell's footprint on the coarse grid.
    threshold : float
        Least score of a seed.
    """
    shape: VolumeShape = residual.shape[:3]
    bins = residual.shape[3]
    passed = bandpass.apply(residual).reshape(-1, bins)
    energy = np.empty(passed.shape[0], np.float32)
    spread = np.empty(passed.shape[0], np.float32)
    kernels.activity(passed, EXCURSION, energy, spread)
    excursions = (energy - bins * _MEAN) / float(np.sqrt(bins * _VARIANCE))
    score = np.minimum(excursions, LASTING * _lasting(passed)).reshape(shape)
    reach = ellipsoid_offsets(ZYX(*(1.2 * s for s in sigma)))
    peak = np.empty(shape, bool)
    supports.peaks(score, threshold, reach, peak)
    positions = np.argwhere(peak)
    flat = np.asarray(np.ravel_multi_index(tuple(positions.T), shape) if len(positions) else [], np.intp)
    order = np.argsort(-score.ravel()[flat], kind="stable")
    flat = flat[order]
    traces = np.maximum(passed[flat] - 1.25 * spread[flat, None], 0).astype(np.float32)
    return Seeds(positions[order].astype(np.float64), traces, score.ravel()[flat])


def _lasting(rows: Float) -> Float:
    """Persistence beyond that of the quietest tenth of the places, (n,) float32."""
    lasting = persistence(rows)
    low = float(np.percentile(lasting, 10)) - QUIET
    return np.asarray(lasting - np.clip(low, 0.0, MOST_LASTING), np.float32)


def without_echoes(
    seeds: Seeds, sigma: ZYX, known: Positions, traces: Float, banned: Positions, *, alone: bool = False
) -> Seeds:
    """Leave out seeds that repeat a stronger one, a component or a place that failed before.

    Parameters
    ----------
    seeds : Seeds
        Strongest first.
    sigma : ZYX
        Standard deviation of a cell's footprint on the grid of the positions.
    known : (components, 3)
        Centroids of the components so far.
    traces : (components, bins) float32
    banned : (n, 3)
        Where seeds were tried before.
    alone : bool
        Leave out all that are near a component, too: a weak seed there is what that one's model left over.

    Notes
    -----
    A seed within three sigmas of another, whose trace correlates above 0.6 with it, is the same cell.
    """
    scale = np.maximum(np.array(sigma), 0.5)
    fresh = standardised(seeds.traces)
    old = standardised(traces)
    kept: list[int] = []
    for s, position in enumerate(seeds.positions):
        if len(banned) and (_distance(banned, position, scale) < 0.8).any():
            continue
        near = _distance(known, position, scale) < 3
        if near.any() and (alone or (old[near] @ fresh[s] > 0.6).any()):
            continue
        if kept:
            near = _distance(seeds.positions[kept], position, scale) < 3
            if near.any() and (fresh[np.array(kept)[near]] @ fresh[s] > 0.6).any():
                continue
        kept.append(s)
    return seeds.take(np.array(kept, np.intp))


def _distance(points: Positions, position: Positions, scale: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.sqrt((((points - position) / scale) ** 2).sum(axis=1)))
