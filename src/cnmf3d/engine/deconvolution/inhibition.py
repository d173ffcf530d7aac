"""Cells that fall below their rest: inhibition takes light that a cell has at rest, and that isn't noise.

Of a trace alone a level that it often comes back to may be rest, with inhibition below it, or activity that never ends,
with rest below it. Rest is flat: a trace that is at one level for much of the time, within its noise, rests there.
"""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Float
from cnmf3d.engine.deconvolution.noise import noise_level

AT_REST, WITHIN = 0.3, 3.0
"""Share of the frames that are within so many standard deviations of noise of the level of rest. Less takes
activity that goes on for rest, more misses rest that neuropil or bleaching moves a little."""

BELOW, DEEP = 0.03, 6.0
"""Share of the frames that are so many standard deviations below it: noise has none, and shallower falls can't be told
from those of neuropil that is left."""

FLAT, LATER = 1.5, 5
"""Change of the trace at rest over so many frames, in standard deviations of its noise, up to which it is flat: of
medians of three frames of white noise it is 1, of activity that goes on 2 and more. What neuropil leaves is slow."""

LASTING = 3
"""Frames over whose median they are: a single one is an artefact."""


def resting_levels(raw: Float, noise: Float) -> Float:
    """Level at which each trace rests that also falls below it; NaN for traces that don't, (components,) float32.

    Parameters
    ----------
    raw : (components, frames) float32
    noise : (components,) float32
        Standard deviation of white noise.
    """
    return np.array([_level(trace, float(sigma)) for trace, sigma in zip(raw, noise, strict=True)], np.float32)


def without_falls(raw: Float) -> Float:
    """Traces at rest where they are clearly below it: kinetics, and what shows a cell, are those of events.

    Parameters
    ----------
    raw : (components, frames) float32
    """
    noise = noise_level(raw)
    levels = resting_levels(raw, noise)
    bottom = (levels - WITHIN * noise)[:, None]
    return np.where(raw < bottom, levels[:, None], raw).astype(np.float32)  # NaN compares as false


def _level(trace: Float, sigma: float) -> float:
    """Most frequent level of one trace, if it rests there and falls below."""
    steady = (
        np.median(np.lib.stride_tricks.sliding_window_view(trace, LASTING), axis=1) if trace.size > LASTING else trace
    )
    low, high = np.percentile(steady, (0.5, 99.5))
    bins = int(min((high - low) / (0.5 * sigma), 10_000)) if high > low else 0
    if bins < 2 * DEEP:  # all within noise
        return float("nan")
    counts, edges = np.histogram(steady, bins, (low, high))
    width = edges[1] - edges[0]
    reach = max(int(WITHIN * sigma / width), 1)
    within = np.convolve(counts, np.ones(2 * reach + 1), "same")
    top = int(np.argmax(within))
    near = steady[np.abs(steady - 0.5 * (edges[top] + edges[top + 1])) < WITHIN * sigma]
    level = float(np.median(near)) if near.size else float("nan")
    falls = float((steady < level - DEEP * sigma).mean())
    rests = np.abs(steady - level) < WITHIN * sigma
    changes = (steady[LATER:] - steady[:-LATER])[rests[LATER:] & rests[:-LATER]]
    flat = changes.size > 0 and 1.4826 * float(np.median(np.abs(changes))) < FLAT * sigma
    return level if flat and within[top] >= AT_REST * steady.size and falls >= BELOW else float("nan")
