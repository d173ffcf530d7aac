"""Steps: how a trace's resting level differs from one segment of a recording to the next.

Between files and trials a laser is set anew, the light path moves, the field bleaches on unseen. What is shared by a
cell's whole trace (noise, kinetics, footprint) stays shared; its resting level is each segment's own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.timeline import stretches
from cnmf3d.traces import quiet_level

UNCERTAIN = 2.0
"""Variance of a segment's quiet level in units of noise² over its frames, at least: that of a median is 1.6. Larger
values believe in fewer steps."""

FEW = 10
"""Frames of a segment below which its level is not looked at: that of the others says more."""


def steps(raw: Float, segments: tuple[int, ...]) -> Float | None:
    """How far each segment's resting level lies from the trace's own, (components, frames) float32.

    The level is that of the quiet part. Levels that differ by no more than chance makes are drawn to their mean, each
    trace's by as much as they are uncertain (James & Stein 1961, positive part): without a step there is hardly any.
    Activity lifts the level of a short segment. How uncertain that makes it is how far the levels of a segment's
    halves differ, which no step explains.

    Parameters
    ----------
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    segments : tuple of int
        First frames, beside 0.

    Returns
    -------
    array or None
        None where there is one segment.
    """
    parts = [(a, b) for a, b in stretches(raw.shape[1], segments) if b - a >= FEW]
    if len(parts) < 2 or not len(raw):
        return None
    noise = quiet_level(raw)[1].astype(np.float64)
    levels = np.stack([quiet_level(raw[:, a:b])[0] for a, b in parts], axis=1).astype(np.float64)
    lengths = np.array([b - a for a, b in parts], np.float64)
    noise = np.minimum(noise, np.median([quiet_level(raw[:, a:b])[1] for a, b in parts], axis=0))
    apart = levels - (levels * lengths).sum(axis=1, keepdims=True) / lengths.sum()
    chance = np.maximum(UNCERTAIN * noise**2 * (1 / lengths).mean(), _halves(raw, parts)) * (len(parts) - 1)
    share = np.maximum(0, 1 - chance / np.maximum((apart**2).sum(axis=1), 1e-30))
    out = np.zeros(raw.shape, np.float32)
    for (a, b), far in zip(parts, (apart * share[:, None]).T, strict=True):
        out[:, a:b] = far[:, None]
    return out


def _halves(raw: Float, parts: list[tuple[int, int]]) -> npt.NDArray[np.float64]:
    """Variance of a segment's level by how far its halves' levels differ, mean over segments, (components,).

    Each half's level has twice the variance of the whole's, and the difference of two halves four times.
    """
    middles = [(a, (a + b) // 2, b) for a, b in parts]
    apart = [quiet_level(raw[:, a:m])[0] - quiet_level(raw[:, m:b])[0] for a, m, b in middles]
    return np.asarray((np.stack(apart).astype(np.float64) ** 2).mean(axis=0) / 4)
