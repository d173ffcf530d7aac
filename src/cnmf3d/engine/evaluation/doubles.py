"""Components that lie within a brighter one and follow it in part: what the model of a bright cell left over."""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Bool, Float
from cnmf3d.engine.block import Footprints, with_data
from cnmf3d.engine.evaluation.kinds import outlined

WITHIN = 0.55
"""Share of a footprint's energy inside a brighter one's outline: of cells that lie over each other one in twenty has
more in dense volumes, of what a bright cell leaves nearly all."""

FOLLOWS = 0.25
"""Correlation with the brighter one's trace, corrected for noise: of different cells one pair in ten has more."""

LAGS = (1, 2, 3)
"""Bins by which traces are shifted: noise is white in time, so it adds nothing there."""


def is_double(footprints: Footprints, raw: Float, width: int, real: Bool) -> Bool:
    """Which components lie within a brighter real one and follow its trace; (components,) bool.

    Parameters
    ----------
    footprints : csc (voxels, components)
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    width : int
        Frames a bin.
    real : (components,) bool
        Components that others may be doubles of.
    """
    count = footprints.shape[1]
    double = np.zeros(count, bool)
    if count < 2:
        return double
    traces = _binned(raw, width)
    own = np.array([_lagged(trace, trace) for trace in traces])
    brightness = np.sqrt(np.maximum(own, 0))
    energy = with_data(footprints, footprints.data**2)
    outline = with_data(footprints, outlined(footprints).astype(np.float32))
    total = np.maximum(np.asarray(energy.sum(axis=0)).ravel(), 1e-30)
    shared = (outline.T @ energy).tocoo()  # (brighter, weaker)
    near = shared.data >= WITHIN * total[shared.col]
    pairs = sorted(zip(shared.row[near], shared.col[near], strict=True), key=lambda pair: -brightness[pair[1]])
    for one, other in pairs:
        if one == other or double[one] or not real[one] or brightness[one] <= brightness[other]:
            continue
        correlation = _lagged(traces[one], traces[other]) / max(float(brightness[one] * brightness[other]), 1e-30)
        double[other] |= correlation > FOLLOWS
    return double


def _binned(raw: Float, width: int) -> Float:
    width = min(width, raw.shape[1])
    bins = raw.shape[1] // width
    traces = raw[:, : bins * width].reshape(len(raw), bins, width).mean(axis=2)
    return np.asarray(traces - traces.mean(axis=1, keepdims=True), np.float32)


def _lagged(one: Float, other: Float) -> float:
    """Covariance over `LAGS`, both ways."""
    return float(sum(one[:-lag] @ other[lag:] + other[:-lag] @ one[lag:] for lag in LAGS if lag < one.size))
