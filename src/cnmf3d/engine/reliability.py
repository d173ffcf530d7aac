"""Reliability: whether a component's trace lasts, as a cell's transients do, and noise does not.

A footprint that was fitted to noise has a trace that is white in time: however the noise is spread, skewed or shared by
neighbours, a bin later nothing of it is left. So the trace's own past confirms it, without data held out.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from cnmf3d.components import Float
from cnmf3d.engine.block import Block, Fit, Footprints
from cnmf3d.engine.demix import raw_traces
from cnmf3d.engine.lasting import QUIET, persistence
from cnmf3d.engine.supports import ellipsoids
from cnmf3d.geometry import ZYX

PLACES = 150
"""Random places that show what chance gives; their tenth percentile is taken to be free of cells."""

MOST_CHANCE = 0.6
"""Upper limit of the level: where all places have more, there is activity everywhere, and noise is not the reason."""

ODDS = 0.05
"""Odds of a candidate to be a cell at which all of the stated significance is asked for; where more of them are cells,
less evidence will do. Candidates in noise have lower odds: some in a hundred reach 4.5 standard deviations."""

LEAST = 3.5
"""Standard deviations that are asked for in any case: with less, what motion leaves of bright cells passes, too."""

DOUBTFUL = 5
"""Candidates taken to be none beside those that there are, so that one or two say little about the next."""


def deviation(bins: int) -> float:
    """Fisher 1921: ``atanh(r)`` of independent normal traces has standard deviation ``1/√(n − 3)``."""
    return float(1 / np.sqrt(max(bins - 3, 1)))


def threshold(bins: int, significance: float = 4.5, chance: float = 0.0) -> float:
    """Least reliability of a real component: `significance` standard deviations of Fisher's z above `chance`."""
    return float(np.tanh(np.arctanh(chance) + significance * deviation(bins)))


def required(scores: Float, bins: int, significance: float = 4.5, chance: float = 0.0) -> float:
    """Least reliability of a real one among candidates with these scores: a movie full of cells needs less evidence.

    Evidence of z standard deviations multiplies the odds of being a cell by about ``exp(z² / 2)``. The odds before are
    those of all candidates: of those that reach `significance` to the others. With z₀ of `significance` at the odds
    `ODDS`, ``z² = z₀² − 2 log(odds / ODDS)`` gives the same odds after (Bayes), and so the same share of false ones.

    Parameters
    ----------
    scores : (candidates,) float32
        Their reliability.
    bins : int
    significance : float
        Standard deviations asked for where few candidates are cells; never more than that.
    chance : float
        Reliability of places without a cell.
    """
    sure = int((scores > threshold(bins, significance, chance)).sum())
    odds = sure / (scores.size - sure + DOUBTFUL)
    asked = np.sqrt(max(significance**2 - 2 * np.log(max(odds / ODDS, 1.0)), 0.0))
    return threshold(bins, min(significance, max(LEAST, float(asked))), chance)


def reliability(traces: Float) -> Float:
    """``tanh`` of the persistence of demixed traces, in units of Fisher's z; (components,) float32.

    Parameters
    ----------
    traces : (components, bins) float32
        With their noise, not clipped at zero.
    """
    return np.asarray(np.tanh(persistence(traces) * deviation(traces.shape[1])), np.float32)


def chance_level(block: Block, fit: Fit, sigma: ZYX) -> float:
    """Reliability that places at random have, where there is no cell: 0 where noise is white in time.

    Noise that lasts (line noise, motion) lifts it. Places are demixed beside the known components. Many of them lie on
    cells, so the level is their tenth percentile, shifted to the middle of the distribution that white noise gives.

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
    with_places = dataclasses.replace(fit, footprints=footprints, traces=traces)
    agreement = reliability(raw_traces(block, with_places)[fit.count :])
    low = float(np.arctanh(np.percentile(agreement, 10))) - QUIET * deviation(block.bins)
    return float(np.clip(np.tanh(low), 0, MOST_CHANCE))
