"""Response of an indicator to one spike, as frames show it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float


@dataclass(frozen=True)
class Response:
    """Calcium response to one spike: ``exp(−t / decay) − exp(−t / rise)``, of autoregressive order 2 (1 without rise).

    Attributes
    ----------
    decay, rise : float
        Time constants in frames; rise is 0 for p = 1.
    averaged : bool
        A frame shows the mean over its duration, and a spike is anywhere in it: what a microscope records. Otherwise
        the spike is at the frame's beginning and the frame shows its end, ``c_t = g1 c_{t−1} + g2 c_{t−2} + s_t``: what
        most simulations are made of, and one frame sooner where calcium rises slowly.
    """

    decay: float
    rise: float = 0.0
    averaged: bool = False

    @cached_property
    def roots(self) -> tuple[float, float]:
        """By how much the slow and the fast part fade in a frame."""
        return float(np.exp(-1 / max(self.decay, 1e-3))), float(np.exp(-1 / self.rise)) if self.rise > 0 else 0.0

    def coefficients(self) -> tuple[float, float]:
        """AR coefficients a frame, g1 and g2."""
        slow, fast = self.roots
        return slow + fast, -slow * fast

    def kernel(self, frames: int) -> Float:
        """Response to one spike, (length,) float32: until it has all but faded, at most `frames` long.

        Its sum is that of the autoregressive process, ``1 / (1 − g1 − g2)``, whether `averaged` or not: spikes are in
        the same unit.
        """
        length = max(int(min(frames, np.ceil(5 * self.decay + 3 * self.rise) + 2)), 1)
        slow, fast = self.roots
        t = np.arange(length)
        if self.averaged:
            out = _triangle(self.decay, t) - (_triangle(self.rise, t) if self.rise > 0 else 0.0)
            out *= 1 / ((1 - slow) * (1 - fast)) / (self.decay - self.rise)
        else:
            out = slow ** (t + 1.0) - (fast ** (t + 1.0) if fast > 0 else 0.0)
            out /= slow - fast
        return out.astype(np.float32)

    @cached_property
    def peak(self) -> float:
        """Height of the response to a spike of size 1."""
        return float(self.kernel(1 << 20).max())

    @cached_property
    def onset(self) -> tuple[float, float, float]:
        """Weights ``w`` of ``c_t = g1 c_{t−1} + g2 c_{t−2} + w0 s_t + w1 s_{t−1} + w2 s_{t−2}``; their sum is 1."""
        if not self.averaged:
            return 1.0, 0.0, 0.0
        g1, g2 = self.coefficients()
        h = np.zeros(3)
        start = self.kernel(1 << 20)[:3]
        h[: len(start)] = start
        return float(h[0]), float(h[1] - g1 * h[0]), float(h[2] - g1 * h[1] - g2 * h[0])


def _triangle(constant: float, t: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """``exp(−t / constant)`` from 0 on, averaged over the frame's duration and over where in its frame a spike is."""
    rate = 1 / max(constant, 1e-3)
    first = 1 / rate - -np.expm1(-rate) / rate**2
    later = np.exp(-rate * t) * (2 * np.cosh(min(rate, 700.0)) - 2) / rate**2 if rate < 30 else np.zeros(len(t))
    if rate >= 30:  # faded within a thirtieth of a frame: half is seen in the next one only by late spikes
        later = np.where(t == 1, 1 / rate**2, 0.0)
    return np.asarray(np.where(t == 0, first, later))
