"""Random numbers that are the same on each machine and in any number of threads; the normal distribution's tail."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

LOG_ROOT = 0.5 * math.log(2 * math.pi)

CERTAIN = 5.0
"""Standard deviations above zero from which on a normal number counts as positive: it isn't with 3 in ten million."""

KINDS = 16
"""Kinds of numbers in a sweep, at most: with fewer than there are, those of the next sweep would be the same."""


@njit(cache=True, nogil=True)
def uniform(state: Any) -> float:
    """Next number between 0 and 1 (xorshift, Marsaglia 2003): the same on each machine, whatever threads do."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return (float(x >> np.uint64(11)) + 0.5) / 9007199254740992.0


@njit(cache=True, nogil=True)
def seed(sweep: int, kind: int, t: int, state: Any) -> None:
    """Begin the numbers of one frame (splitmix64, Steele et al. 2014).

    Each frame has numbers of its own, so that a draw that rounding changes doesn't change those of all later frames.
    `kind` says what they are for, below `KINDS`.
    """
    x = np.uint64((sweep * KINDS + kind) * 1_000_003 + 1) * np.uint64(0x9E3779B97F4A7C15)
    x ^= np.uint64(t + 1) * np.uint64(0xD1342543DE82EF95)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    state[0] = x | np.uint64(1)  # xorshift never leaves 0


@njit(cache=True, nogil=True)
def normal(state: Any) -> float:
    """Standard normal number (Box & Muller 1958)."""
    return math.sqrt(-2.0 * math.log(uniform(state))) * math.cos(2.0 * math.pi * uniform(state))


@njit(cache=True, nogil=True)
def positive_normal(mean: float, deviation: float, state: Any) -> float:
    """Normal number above zero (Robert 1995, Stat Comput 5:121)."""
    low = -mean / deviation
    if low < 0.3:
        while True:
            z = normal(state)
            if z > low:
                return float(mean + deviation * z)
    rate = 0.5 * (low + math.sqrt(low * low + 4.0))
    while True:
        z = low - math.log(uniform(state)) / rate
        if uniform(state) < math.exp(-0.5 * (z - rate) ** 2):
            return float(mean + deviation * z)


@njit(cache=True, nogil=True)
def log_above(z: float) -> float:
    """``log Φ(z)``: log of the probability that a normal number lies above ``−z``."""
    if z > CERTAIN:
        return 0.0
    if z > -5.0:
        return math.log(0.5 * math.erfc(-z * 0.7071067811865476))
    return -0.5 * z * z - math.log(-z) - LOG_ROOT
