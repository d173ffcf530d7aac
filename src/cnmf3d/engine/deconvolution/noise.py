"""White noise of traces."""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Float


def noise_level(traces: Float) -> Float:
    """Standard deviation of white noise, (components,) float32: median of the second differences' absolute values.

    Second differences of white noise have six times its variance; calcium hardly bends within three frames.
    """
    if traces.shape[1] < 3:
        return np.ones(len(traces), np.float32)
    bends = np.abs(np.diff(traces, n=2, axis=1))
    return np.asarray(np.maximum(np.median(bends, axis=1) / (0.6745 * np.sqrt(6)), 1e-6), np.float32)
