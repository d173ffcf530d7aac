"""Cross-fitted reliability: whether a component exists in data that it was not fitted to.

Footprints are fitted anew on half of the time. On the other half, traces are demixed twice, from two disjoint sets of
voxels, and compared at lags of one to three bins. A cell's transients last, so what one set shows is still there in
the other set a bin later. Noise that is white in time adds nothing, even if the two sets share it, and a component that
was fitted to noise finds nothing in the held-out half. Supports are plain ellipsoids: the component's own support was
chosen on all the data, and would carry noise from one half to the other.
"""

from __future__ import annotations

import dataclasses
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float, centroids_of
from cnmf3d.engine.block import Block, Columns, Fit, Footprints, entry_columns
from cnmf3d.engine.demix import ByVoxel, Pairs, correlate_residual, descended, projected
from cnmf3d.engine.kernels.numba import block as kernels
from cnmf3d.engine.lasting import LAG_WEIGHTS
from cnmf3d.engine.supports import ellipsoid_offsets, ellipsoids
from cnmf3d.geometry import ZYX

REACH = 2.5
"""Half-axes of the supports in sigmas of a cell."""

FEW_VOXELS = 40
"""With fewer voxels around a cell they are not split into two sets: each would have two or three voxels of the cell.
One set will do: noise that is white in time does not agree with itself a bin later."""

PLACES, LOWEST = 150, 5.0
"""Random places that show what chance gives, and their percentile that is free of cells."""

MOST_CHANCE = 0.6
"""Upper limit of the level: where all places have more, there is activity everywhere, and noise is not the reason."""


def deviation(bins: int) -> float:
    """Fisher 1921: ``atanh(r)`` of independent normal traces has standard deviation ``1/√(n − 3)``."""
    return float(1 / np.sqrt(max(bins - 3, 1)))


def threshold(bins: int, significance: float = 4.5, chance: float = 0.0) -> float:
    """Least reliability of a real component: `significance` standard deviations of Fisher's z above `chance`."""
    return float(np.tanh(np.arctanh(chance) + significance * deviation(bins)))


def chance_level(block: Block, fit: Fit, sigma: ZYX) -> float:
    """Reliability that places at random have, where there is no cell: 0 where noise is independent.

    Noise that lasts (line noise, motion) is shared by the two sets of voxels and lifts it. Places are demixed beside
    the known components. Many of them lie on cells, so the level is their 5th percentile, shifted to the middle of
    the distribution that independent noise gives.

    Parameters
    ----------
    block : Block
    fit : Fit
    sigma : ZYX
        Standard deviation of a cell's footprint in voxels.
    """
    rng = np.random.default_rng(0)
    places = np.stack([rng.integers(0, length, PLACES) for length in block.shape], axis=1)
    supports = ellipsoids(block.shape, places, ZYX(*(1.5 * s for s in sigma)))
    footprints: Footprints = sparse.csc_array(sparse.hstack([fit.footprints, supports]))
    traces = np.concatenate([fit.traces, np.ones((PLACES, block.bins), np.float32)])
    agreement = reliability(block, dataclasses.replace(fit, footprints=footprints, traces=traces), sigma)[fit.count :]
    low = float(np.percentile(agreement, LOWEST)) - NormalDist().inv_cdf(LOWEST / 100) * deviation(block.bins)
    return float(np.clip(low, 0, MOST_CHANCE))


def time_halves(bins: int) -> Bool:
    """Alternate stretches of time, long beside a transient: True in one half."""
    stretch = max(8, bins // 12)
    return np.asarray((np.arange(bins) // stretch) % 2 == 0)


def reliability(block: Block, fit: Fit, sigma: ZYX) -> Float:
    """Agreement of the two held-out traces of each component at lags, both halves averaged; (components,) float32.

    ``tanh`` of the mean over halves of `lagged_agreement`. Where a cell has fewer than `FEW_VOXELS`, one trace of all
    its voxels is compared with itself at these lags.
    """
    if fit.count == 0:
        return np.zeros(0, np.float32)
    centres = np.rint(centroids_of(fit.footprints, block.shape)).astype(np.int64)
    supports = ellipsoids(block.shape, centres, ZYX(*(REACH * s for s in sigma)))
    plain = dataclasses.replace(fit, footprints=supports)
    columns = entry_columns(supports)
    position = _positions(supports, block.shape)
    start = _gaussian(position - centres[columns], columns, sigma, fit.count)
    pairs = Pairs.of(supports)
    first = _clipped(_demixed(block, plain, start, pairs))
    tile = np.maximum(1, np.rint(0.75 * np.array(sigma)).astype(np.int64))
    colour = (position // tile).sum(axis=1) % 2 == 0
    half = time_halves(block.bins)
    split = len(ellipsoid_offsets(ZYX(*(REACH * s for s in sigma)))) >= FEW_VOXELS
    sides = [(side, *_part(plain, pairs, side)) for side in (colour, ~colour)]
    total = np.zeros(fit.count, np.float64)
    for fitted in (half, ~half):
        data = _footprints_on(block, plain, first * fitted, start, pairs)
        twice = _clipped(_demixed(block, plain, data, pairs)) * fitted
        data = _footprints_on(block, plain, twice, data, pairs)
        if split:
            one, other = (_demixed(block, part, data[side], shared) for side, part, shared in sides)
        else:
            one = other = _demixed(block, plain, data, pairs)
        total += lagged_agreement(one, other, ~fitted)
    return np.tanh(total / 2).astype(np.float32)


def _positions(supports: Footprints, shape: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    return np.stack(np.unravel_index(supports.indices, shape), axis=1).astype(np.int64)


def _gaussian(offset: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], sigma: ZYX, count: int) -> Float:
    weights = np.exp(-0.5 * ((offset / np.maximum(np.array(sigma), 0.5)) ** 2).sum(axis=1))
    norms = np.sqrt(np.bincount(columns, weights**2, minlength=count))
    return np.asarray(weights / norms[columns], np.float32)


def _part(fit: Fit, pairs: Pairs, side: Bool) -> tuple[Fit, Pairs]:
    """The footprints on one of two sets of voxels; `side` (entries,) says which entries are in it."""
    supports = fit.footprints
    indptr = np.append(0, np.cumsum(side))[supports.indptr].astype(np.int32)
    part = sparse.csc_array((supports.data[side], supports.indices[side], indptr), shape=supports.shape)
    return dataclasses.replace(fit, footprints=part), dataclasses.replace(pairs, by_voxel=ByVoxel.of(part))


def _demixed(block: Block, fit: Fit, data: Float, pairs: Pairs) -> Float:
    """Signed traces of footprints with `data` on the supports of `fit`."""
    target, gram = projected(block, fit, Columns.of(fit.footprints, data)), pairs.gram(data)
    traces = np.zeros(target.shape, np.float32)
    for _ in range(8):
        kernels.update_traces(target, pairs.indptr, pairs.indices, gram, True, traces)
    return traces


def _clipped(traces: Float) -> Float:
    return np.asarray(np.maximum(traces - np.median(traces, axis=1, keepdims=True), 0), np.float32)


def _footprints_on(block: Block, fit: Fit, traces: Float, start: Float, pairs: Pairs) -> Float:
    """Values on the supports of `fit`, regressed on `traces`."""
    return descended(pairs.by_voxel, correlate_residual(block, fit, traces), traces, start, 3)


def lagged_agreement(left: Float, right: Float, where: Bool) -> npt.NDArray[np.float64]:
    """Whether what one set of voxels shows is still there in the other a bin later, in units of Fisher's z."""
    a, b = (_centred(traces, where) for traces in (left, right))
    total = np.zeros(len(a))
    weight = 0.0
    n = int(where.sum())
    for lag, w in enumerate(LAG_WEIGHTS, 1):
        both = where[lag:] & where[:-lag]
        total += w * ((a[:, :-lag] * b[:, lag:] + b[:, :-lag] * a[:, lag:]) * both).sum(axis=1)
        weight += (4 if left is right else 2) * w * w * both.sum() / n
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1)) * np.sqrt(weight)
    return np.where(scale > 0, total / np.maximum(scale, 1e-30), 0.0)


def _centred(traces: Float, where: Bool) -> npt.NDArray[np.float64]:
    values = traces.astype(np.float64) * where
    mean = values.sum(axis=1, keepdims=True) / max(int(where.sum()), 1)
    return np.asarray((values - mean) * where)
