"""Spikes of an autoregressive calcium response: what they explain of a trace, and what each would gain."""

from __future__ import annotations

from typing import Any

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
