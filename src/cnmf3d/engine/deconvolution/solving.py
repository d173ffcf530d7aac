"""Calcium and spikes of traces, given the response to a spike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cnmf3d.components import Float, Kinetics
from cnmf3d.engine.deconvolution.inhibition import resting_levels
from cnmf3d.engine.deconvolution.noise import noise_level
from cnmf3d.engine.deconvolution.response import Response
from cnmf3d.engine.deconvolution.uncertainty import Errors, Misfit, errors_of
from cnmf3d.engine.kernels.numba import deconvolution as kernels
from cnmf3d.engine.kernels.numba.sampling import sampled_spikes
from cnmf3d.engine.parallel import in_order
from cnmf3d.traces import quiet_level

SPREAD = 0.45
"""Standard deviation of spikes' sizes in units of their mean. Small: spikes alike, which are found with more certainty;
large: bursts within a frame are one spike. 0.3 to 0.5 are as good on recorded spikes of mice and fish, 0.8 isn't."""

BURN, SWEEPS = 18, 20
"""Sweeps before the mean is taken, and of the mean. Ten times as many lift the correlation with spikes by 0.01."""


FEWEST = 3
"""Frames below which a trace, or a stretch of it, has no spikes: its values are all that is known."""

ROUNDING = 8 * float(np.finfo(np.float32).eps)
"""Range of a trace, as a part of its values, that is rounding and nothing else."""


@dataclass(frozen=True)
class Deconvolved:
    """Calcium and spikes of all components.

    Attributes
    ----------
    traces, spikes : (components, frames) float32
    kinetics : Kinetics
    errors : Errors or None
        Standard errors, (components, frames) each, where they were asked for.
    """

    traces: Float
    spikes: Float
    kinetics: Kinetics
    errors: Errors | None = None


@dataclass(frozen=True)
class Solved:
    """One trace.

    Attributes
    ----------
    calcium, spikes : (frames,) float32
    baseline, initial, noise : float
        Initial calcium is what decays from before the first frame.
    share, size : float
        Share of frames with a spike, and spikes' typical size.
    errors : Errors or None
        Standard errors, where they were asked for.
    """

    calcium: Float
    spikes: Float
    baseline: float
    initial: float
    noise: float
    share: float
    size: float
    errors: Errors | None = None


def deconvolve(
    raw: Float,
    p: int,
    response: Response | Sequence[Response],
    workers: int = 1,
    *,
    noise: Float | None = None,
    errors: bool = False,
    misfit: Misfit | None = None,
) -> Deconvolved:
    """Calcium and spikes of each trace: their posterior means, see `sampled_spikes`.

    Of traces that fall below their rest (`inhibition`) calcium is negative there.

    Parameters
    ----------
    raw : (components, frames) float32
        Demixed traces.
    p : int
        Order of the autoregressive model: 0 leaves traces as they are and has no spikes; 1 has no rise.
    response : Response, or one for each trace
    workers : int
        Threads; the result doesn't depend on it.
    noise : (components,) float32, optional
        Standard deviation of white noise, where more is known of it than these frames tell.
    errors : bool
        Whether standard errors are wanted.
    misfit : Misfit, optional
        How far the response may be wrong, which is part of them; None where it is known.
    """
    count, frames = raw.shape
    noise = noise_level(raw) if noise is None else noise
    nothing = np.zeros(count, np.float32)
    baseline = quiet_level(raw)[0] if raw.size else nothing
    lowest = resting_level(raw, noise) if raw.size else nothing
    responses = [response] * count if isinstance(response, Response) else list(response)
    if p == 1:
        responses = [replace(each, rise=0.0) for each in responses]
    g = np.array([each.coefficients()[:p] for each in responses], np.float32).reshape(count, p)
    if p == 0 or frames < FEWEST:
        above = np.ascontiguousarray(raw - baseline[:, None])
        unknown = Errors(*np.full((3, count, frames), np.nan, np.float32)) if errors and p else None
        return Deconvolved(above, np.zeros_like(above), Kinetics(g, baseline, nothing, noise, nothing), unknown)
    rests = resting_levels(raw, noise)

    def solved(k: int) -> Solved:
        rest, own = float(min(lowest[k], baseline[k])), float(noise[k])
        if np.isfinite(rests[k]):
            return solve_both_ways(raw[k], responses[k], float(rests[k]), own, errors=errors, misfit=misfit)
        return solve(raw[k], responses[k], rest, own, errors=errors, misfit=misfit)

    calcium, spikes = np.empty((count, frames), np.float32), np.empty((count, frames), np.float32)
    told = np.zeros((3, count), np.float32)
    uncertain = Errors(*np.zeros((3, count, frames), np.float32)) if errors else None
    for k, one in enumerate(in_order(solved, range(count), workers)):
        calcium[k], spikes[k] = one.calcium, one.spikes
        told[:, k] = one.baseline, one.initial, one.noise
        if uncertain is not None and one.errors is not None:
            uncertain.traces[k], uncertain.spikes[k] = one.errors.traces, one.errors.spikes
            uncertain.events[k] = one.errors.events
    return Deconvolved(calcium, spikes, Kinetics(g, told[0], told[1], told[2], nothing), uncertain)


def solve(
    raw: Float,
    response: Response,
    baseline: float,
    noise: float,
    burn: int = BURN,
    sweeps: int = SWEEPS,
    *,
    errors: bool = False,
    misfit: Misfit | None = None,
) -> Solved:
    """One trace (frames,) float32; `baseline` is a first guess, `noise` the standard deviation of its white noise.

    `errors` and `misfit` as for `deconvolve`.
    """
    trace = np.ascontiguousarray(raw, np.float32)
    if np.ptp(trace) <= ROUNDING * np.abs(trace).max(initial=0):
        nothing = np.zeros_like(trace)
        return Solved(nothing, nothing, float(trace.mean()), 0.0, noise, 0.0, 0.0)
    kernel = response.kernel(len(raw))
    spikes = np.zeros(len(raw), np.float32)
    mean, told, residual = np.empty(len(raw)), np.full(5, baseline), np.empty(len(raw), np.float32)
    deviations, drawn = np.zeros((2, len(raw))), np.empty((sweeps if errors else 0, len(raw)), np.float32)
    fade = response.roots[0]
    sampled_spikes(trace, kernel, fade, noise, SPREAD, burn, sweeps, spikes, mean, told, deviations, drawn)
    expected = mean.astype(np.float32)
    kernels.unexplained(trace, kernel, expected, residual)
    calcium = trace - residual
    if told[1] > 0:
        calcium += np.float32(told[1]) * (fade ** np.arange(len(raw))).astype(np.float32)
    baseline, initial, found, share, size = (float(value) for value in told)
    one = Solved(calcium, expected, baseline, initial, found, share, size)
    if not errors:
        return one
    return replace(one, errors=errors_of(calcium, expected, drawn, deviations, size, found, response.peak, misfit))


def solve_both_ways(
    raw: Float, response: Response, rest: float, noise: float, *, errors: bool = False, misfit: Misfit | None = None
) -> Solved:
    """One trace that also falls below its `rest`: what falls is inhibition with the response's shape, and no baseline.

    Calcium is below zero where inhibition outweighs spikes, which are what the trace has beside it.
    """
    below = np.asarray(rest - np.minimum(raw, np.float32(rest)), np.float32)
    fall = solve(below, response, 0.0, noise).calcium
    found = solve(raw + fall, response, rest, noise)
    below = np.asarray(rest - (raw - found.calcium), np.float32)
    fall = solve(below, response, 0.0, noise).calcium
    found = solve(raw + fall, response, rest, noise, errors=errors, misfit=misfit)
    return replace(found, calcium=found.calcium - fall)


def resting_level(raw: Float, noise: Float) -> Float:
    """Baseline by the lowest frames, (components,) float32: also where a cell is hardly ever at rest.

    Of normal noise the lowest 2 % are 2.42 standard deviations below its mean.
    """
    few = max(int(0.02 * raw.shape[1]), 1)
    lowest = np.partition(raw, few - 1, axis=1)[:, :few].mean(axis=1)
    return np.asarray(lowest + 2.42 * noise, np.float32)
