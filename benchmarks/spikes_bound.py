"""The best that any estimator can reach on synthetic traces: posterior means with everything known but the spikes.

The posterior mean has the least expected squared error of all estimators, and, of traces of a given power, all but the
highest correlation. Here it also knows what no estimator does: response, noise, baseline, how often there are spikes,
and that each of them has the size 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

SHIFT = 3
"""Frames by which a spike is moved at most in a proposal."""


@njit(cache=True)
def _gain(residual: Any, kernel: Any, t: int) -> float:
    total = 0.0
    for i in range(min(kernel.size, residual.size - t)):
        total += residual[t + i] * kernel[i]
    return total


@njit(cache=True)
def _take(residual: Any, kernel: Any, t: int, amount: float) -> None:
    for i in range(min(kernel.size, residual.size - t)):
        residual[t + i] -= amount * kernel[i]


@njit(cache=True)
def known_but_spikes(
    trace: Any, kernel: Any, probability: float, noise: float, burn: int, sweeps: int, rng: Any
) -> Any:
    """Posterior mean of spikes of size 1 in each frame: Gibbs sampling, and moves by a few frames (Metropolis)."""
    n = trace.size
    residual, spikes, mean, own = trace.copy(), np.zeros(n), np.zeros(n), np.zeros(n)
    for t in range(n):
        for i in range(min(kernel.size, n - t)):
            own[t] += kernel[i] * kernel[i]
    log_odds, variance = math.log(probability / (1 - probability)), noise * noise
    for sweep in range(burn + sweeps):
        for t in range(n):
            evidence = _gain(residual, kernel, t) + spikes[t] * own[t]
            log = log_odds + (evidence - 0.5 * own[t]) / variance
            chance = 1 / (1 + math.exp(-log)) if log > -500 else 0.0
            if sweep >= burn:
                mean[t] += chance / sweeps
            new = 1.0 if rng.random() < chance else 0.0
            if new != spikes[t]:
                _take(residual, kernel, t, new - spikes[t])
                spikes[t] = new
        for t in range(n):
            u = t + int(rng.random() * (2 * SHIFT + 1)) - SHIFT
            if spikes[t] == 0 or u < 0 or u >= n or spikes[u] > 0:
                continue
            _take(residual, kernel, t, -1.0)
            here = _gain(residual, kernel, t) - 0.5 * own[t]
            there = _gain(residual, kernel, u) - 0.5 * own[u]
            moves = math.log(rng.random()) < (there - here) / variance
            at = u if moves else t
            spikes[t], spikes[at] = 0.0, 1.0
            _take(residual, kernel, at, 1.0)
    return mean


def bound(traces: np.ndarray[Any, Any], spikes: np.ndarray[Any, Any], g: tuple[float, ...], noise: float) -> float:
    """Mean correlation of those posterior means with the true spikes, frame by frame.

    Parameters
    ----------
    traces, spikes : (cells, frames)
        Without baseline; 0 or 1.
    g : tuple of float
        Coefficients of the autoregressive process.
    noise : float
    """
    kernel = np.zeros(min(400, spikes.shape[1]))
    for t in range(len(kernel)):
        kernel[t] = float(t == 0) + sum(c * kernel[t - 1 - k] for k, c in enumerate(g) if t > k)
    kernel = kernel[: int(np.flatnonzero(kernel > 1e-3 * kernel.max())[-1]) + 1]
    found = [
        known_but_spikes(t, kernel, spikes.mean(), noise, 30, 150, np.random.default_rng(k))
        for k, t in enumerate(traces)
    ]
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(found, spikes, strict=True)]))
