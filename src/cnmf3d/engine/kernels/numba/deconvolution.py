"""Deconvolution of one trace: sparse non-negative spikes of an autoregressive calcium response."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def products_between(kernel: Any, products: Any) -> None:
    """``products[q, d] = Σ_{i<q} h_i h_{i+d}``: products of two responses d frames apart, over q frames."""
    length = kernel.size
    for d in range(length):
        products[0, d] = 0
    for q in range(1, length + 1):
        for d in range(length):
            products[q, d] = products[q - 1, d]
        for d in range(length - q + 1):
            products[q, d] += kernel[q - 1] * kernel[q - 1 + d]


@njit(cache=True, nogil=True, fastmath=True)
def lower_gain(change: Any, t: int, gain: Any, products: Any, mirrored: Any) -> None:
    """`gain`, ``hᵀ`` residual for each spike, when the spike in frame t has grown by `change`."""
    n = gain.size
    length = products.shape[1]
    reach = min(length, n - t)
    first = max(0, t - length + 1)
    if reach == length:
        row = mirrored[first - t + length - 1 :]
        around = gain[first : min(n, t + length)]
        for i in range(around.size):
            around[i] -= change * row[i]
    else:
        for i in range(first, t + 1):
            gain[i] -= change * products[reach, t - i]
        for d in range(1, reach):
            gain[t + d] -= change * products[reach - d, d]


@njit(cache=True, nogil=True, fastmath=True)
def _step(gain: Any, products: Any, mirrored: Any, penalty: float, spikes: Any, t: int) -> float:
    """Best value of one spike, others held; how much it changed. `gain` is ``hᵀ`` residual for each spike."""
    n = spikes.size
    length = products.shape[1]
    reach = min(length, n - t)
    new = max(spikes[t] + (gain[t] - penalty) / products[reach, 0], np.float32(0))
    change = new - spikes[t]
    if change != 0:
        spikes[t] = new
        lower_gain(change, t, gain, products, mirrored)
    return float(abs(change))


@njit(cache=True, nogil=True, fastmath=True)
def unexplained(trace: Any, kernel: Any, spikes: Any, residual: Any) -> None:
    """``residual = y − h ∗ s``."""
    n = trace.size
    for t in range(n):
        residual[t] = trace[t]
    for t in range(n):
        amount = spikes[t]
        if amount != 0:
            for i in range(min(kernel.size, n - t)):
                residual[t + i] -= amount * kernel[i]


@njit(cache=True, nogil=True, fastmath=True)
def nonnegative_spikes(
    trace: Any, kernel: Any, penalty: float, tolerance: float, rounds: int, spikes: Any, residual: Any
) -> None:
    """Minimiser of ``½‖y − h ∗ s‖² + penalty · Σ s``, ``s ≥ 0``, by coordinate descent that dwells on active spikes.

    A spike that stays zero costs nothing: what each would gain is kept up to date by the few that change.

    Parameters
    ----------
    trace : (frames,) float32
        Baseline taken out.
    kernel : (length,) float32
        Response to one spike.
    penalty : float
    tolerance : float
        Stop when no spike changes by more than this in a sweep over all frames.
    rounds : int
        Most sweeps over all frames.
    spikes : (frames,) float32, changed
        Where to start; the solution.
    residual : (frames,) float32, written
        ``y − h ∗ s``.
    """
    n = trace.size
    products = np.empty((kernel.size + 1, kernel.size), np.float32)
    products_between(kernel, products)
    mirrored = np.concatenate((products[kernel.size][:0:-1], products[kernel.size]))
    unexplained(trace, kernel, spikes, residual)
    gain = np.empty(n, np.float32)
    for t in range(n):
        total = np.float32(0)
        for i in range(min(kernel.size, n - t)):
            total += residual[t + i] * kernel[i]
        gain[t] = total
    active = np.empty(n, np.int64)
    for _ in range(rounds):
        change = 0.0
        count = 0
        for t in range(n):
            change = max(change, _step(gain, products, mirrored, penalty, spikes, t))
            if spikes[t] > 0:
                active[count] = t
                count += 1
        if change < tolerance:
            break
        for _ in range(20):
            change = 0.0
            for i in range(count - 1, -1, -1):
                change = max(change, _step(gain, products, mirrored, penalty, spikes, active[i]))
            for i in range(count):
                change = max(change, _step(gain, products, mirrored, penalty, spikes, active[i]))
            if change < tolerance:
                break
    unexplained(trace, kernel, spikes, residual)
