"""Deconvolution: demixed raw traces into calcium and spikes, and the kinetics that all cells of a movie share.

Calcium is the response of an autoregressive process of order p to sparse non-negative spikes (Vogelstein et al. 2010,
J Neurophysiol 104:3691; Friedrich, Zhou & Paninski 2017, PLoS Comput Biol 13:e1005423). For p = 1 the solution is exact
(pooling violators); for p = 2, where that isn't, coordinate descent on the convex problem reaches its minimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float, Kinetics
from cnmf3d.engine.kernels.numba import deconvolution as kernels
from cnmf3d.engine.parallel import in_order
from cnmf3d.traces import quiet_level

PENALTY = 1.0
"""Spikes' L1 penalty in units of the noise of the best estimate of one spike, ``noise * ‖h‖``."""

EVIDENCE = 5.0
"""The same when kinetics are compared: a spike must pay for itself, or short kinetics would always win."""

FASTEST, SLOWEST = 0.05, 8.0
"""Plausible decay times in seconds."""

CELLS = 16
"""Cells that the kinetics are measured on."""

LONGEST = 2000
"""Frames of each of them."""

SHORTEST = 20
"""Frames below which nothing can be measured."""


@dataclass(frozen=True)
class Response:
    """Calcium response to one spike.

    Attributes
    ----------
    decay, rise : float
        Time constants in frames; rise is 0 for p = 1.
    """

    decay: float
    rise: float = 0.0

    def coefficients(self) -> tuple[float, float]:
        """AR coefficients a frame: ``c_t = g1 c_{t−1} + g2 c_{t−2} + s_t``."""
        slow = float(np.exp(-1 / max(self.decay, 1e-3)))
        fast = float(np.exp(-1 / self.rise)) if self.rise > 0 else 0.0
        return slow + fast, -slow * fast

    def kernel(self, frames: int) -> Float:
        """Response to one spike, (length,) float32: until it has all but faded, at most `frames` long."""
        length = int(min(frames, np.ceil(5 * self.decay + 3 * self.rise) + 2))
        out: Float = np.empty(max(length, 1), np.float32)
        kernels.response(*self.coefficients(), out)
        return out


@dataclass(frozen=True)
class Deconvolved:
    """Calcium and spikes of all components.

    Attributes
    ----------
    traces, spikes : (components, frames) float32
    kinetics : Kinetics
    """

    traces: Float
    spikes: Float
    kinetics: Kinetics


def noise_level(traces: Float) -> Float:
    """Standard deviation of white noise, (components,) float32: median of the second differences' absolute values.

    Second differences of white noise have six times its variance; calcium hardly bends within three frames.
    """
    if traces.shape[1] < 3:
        return np.ones(len(traces), np.float32)
    bends = np.abs(np.diff(traces, n=2, axis=1))
    return np.asarray(np.maximum(np.median(bends, axis=1) / (0.6745 * np.sqrt(6)), 1e-6), np.float32)


def deconvolve(raw: Float, p: int, response: Response, workers: int = 1) -> Deconvolved:
    """Calcium and spikes of each trace.

    Parameters
    ----------
    raw : (components, frames) float32
        Demixed traces.
    p : int
        Order of the autoregressive model: 0 leaves traces as they are and has no spikes.
    response : Response
    workers : int
        Threads; the result doesn't depend on it.
    """
    baseline, _ = quiet_level(raw) if raw.size else (np.zeros(len(raw), np.float32), None)
    noise = noise_level(raw)
    above = np.ascontiguousarray(raw - baseline[:, None])
    count = len(raw)
    nothing = np.zeros(count, np.float32)
    if p == 0 or raw.shape[1] < 3:
        kinetics = Kinetics(np.zeros((count, p), np.float32), baseline, nothing, noise, nothing)
        return Deconvolved(above, np.zeros_like(above), kinetics)
    g1, g2 = response.coefficients()
    kernel = response.kernel(raw.shape[1])
    penalty = (PENALTY * np.linalg.norm(kernel) * noise).astype(np.float32)
    calcium, spikes = np.empty_like(above), np.zeros_like(above)

    def solve(k: int) -> None:
        if p == 1:
            kernels.oasis_ar1(above[k], g1, float(penalty[k]), calcium[k], spikes[k])
            return
        residual = np.empty(above.shape[1], np.float32)
        kernels.nonnegative_spikes(above[k], kernel, float(penalty[k]), 0.01 * float(noise[k]), 20, spikes[k], residual)
        calcium[k] = above[k] - residual

    for _ in in_order(solve, range(count), workers):
        pass
    initial = calcium[:, 0].copy()
    spikes[:, 0] = 0
    g = np.tile(np.array([g1, g2][:p], np.float32), (count, 1))
    return Deconvolved(calcium, spikes, Kinetics(g, baseline, initial, noise, penalty))


def measured_response(raw: Float, p: int, rate: float, decay: float | None, workers: int = 1) -> Response | None:
    """Kinetics that the strongest cells share; None where no trace tells.

    For each of the strongest cells the decay time is sought at which its trace is explained best, a spike counted
    with its penalty; the median is the movie's. The rise time is the one that explains all of them best.

    Parameters
    ----------
    raw : (components, frames) float32
        Demixed traces.
    p : int
        1 has no rise time.
    rate : float
        Frames a second.
    decay : float or None
        Decay time in seconds, where it is known.
    workers : int
    """
    if raw.shape[0] == 0 or raw.shape[1] < SHORTEST:
        return None if decay is None else Response(decay * rate, 0.0 if p == 1 else 0.1 * decay * rate)
    traces, noise = strongest(raw)
    rise = 0.0 if p == 1 else min(1.0, 0.1 * rate)
    if decay is None:
        grid = np.geomspace(max(FASTEST * rate, 0.7), max(SLOWEST * rate, 2.0), 16)
        slow = _best_decay(traces, noise, grid, rise, workers)
    else:
        slow = decay * rate
    if p < 2:
        return Response(slow)
    rises = np.array([0.0, 0.35, 0.6, 1.0, 1.7, 3.0, 5.0, 8.0]) * max(1.0, rate / 10)
    rises = rises[rises < 0.6 * slow]
    costs = _costs(traces, noise, [Response(slow, r) for r in rises], workers)
    rise = float(rises[int(np.argmin(costs.sum(axis=0)))])
    if decay is None:
        near = slow * np.geomspace(0.6, 1.6, 7)
        slow = _best_decay(traces, noise, near[near > 1.2 * rise], rise, workers)
    return Response(slow, rise)


def strongest(raw: Float) -> tuple[Float, Float]:
    """Traces above their baseline, and noise, of the cells that stand out most: their liveliest stretch."""
    noise = noise_level(raw)
    order = np.argsort(-raw.std(axis=1) / noise, kind="stable")[:CELLS]
    baseline, _ = quiet_level(raw[order])
    above = raw[order] - baseline[:, None]
    if above.shape[1] > LONGEST:
        power = np.cumsum(np.pad((above / noise[order, None]).clip(0, 20).sum(axis=0), (1, 0)))
        start = int(np.argmax(power[LONGEST:] - power[:-LONGEST]))
        above = above[:, start : start + LONGEST]
    return np.ascontiguousarray(above), noise[order]


def _best_decay(traces: Float, noise: Float, grid: npt.NDArray[np.float64], rise: float, workers: int) -> float:
    """Median over cells of the decay time (frames) with the least cost, refined by a parabola in its logarithm."""
    costs = _costs(traces, noise, [Response(float(decay), min(rise, 0.5 * float(decay))) for decay in grid], workers)
    steps = np.log(grid)
    best = [_vertex(steps, row) for row in costs]
    return float(np.exp(np.median(best)))


def _vertex(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """Where the parabola through the least of `y` and its neighbours is least; `x` evenly spaced."""
    k = int(np.argmin(y))
    if k in (0, len(y) - 1):
        return float(x[k])
    bend = y[k - 1] - 2 * y[k] + y[k + 1]
    shift = 0.5 * (y[k - 1] - y[k + 1]) / bend if bend > 0 else 0.0
    return float(x[k] + np.clip(shift, -1, 1) * (x[1] - x[0]))


def _costs(traces: Float, noise: Float, responses: Sequence[Response], workers: int) -> npt.NDArray[np.float64]:
    """(cells, responses) cost of explaining each trace: half its residual power in noise, and the spikes' penalty."""
    shapes = [response.kernel(traces.shape[1]) for response in responses]

    def cost(k: int) -> npt.NDArray[np.float64]:
        row = np.empty(len(shapes))
        sigma = float(noise[k])
        residual = np.empty(traces.shape[1], np.float32)
        spikes = np.zeros(traces.shape[1], np.float32)
        for j, kernel in enumerate(shapes):  # from what explained it with the response before: soon there
            norm = float(np.linalg.norm(kernel))
            kernels.nonnegative_spikes(traces[k], kernel, EVIDENCE * sigma * norm, 0.02 * sigma, 10, spikes, residual)
            unexplained = float(np.dot(residual, residual)) / sigma**2
            row[j] = 0.5 * unexplained + EVIDENCE * float(spikes.sum()) * norm / sigma

        return row

    return np.array(list(in_order(cost, range(len(traces)), workers)))
