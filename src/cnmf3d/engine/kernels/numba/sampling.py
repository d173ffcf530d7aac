"""Spikes of one trace as their posterior has them: a Gibbs sampler with jumps.

A spike is in a frame with a small probability, and its size is normal around a typical one, cut at zero. Sampling it
(Pnevmatikakis et al. 2013, Asilomar Conf. Signals 349) gives means that no penalty shrinks, and says when a spike was
as well as the trace tells. One spike and two halves in neighbouring frames explain a trace almost equally well, and
changing one frame at a time never leads from one to the other: so spikes are moved, merged and split as well, by the
rule of reversible jumps (Green 1995, Biometrika 82:711).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from cnmf3d.engine.kernels.numba.deconvolution import lower_gain, products_between, unexplained
from cnmf3d.engine.kernels.numba.random_numbers import LOG_ROOT, log_above, normal, positive_normal, seed, uniform

REACH = 3
"""Frames within which two spikes can be merged, and one split; a spike moves by one frame less."""

MOVES = 6
"""Times that each spike is moved in a sweep before means are taken: the start has pieces of spikes to be merged. Fewer
leave some in pieces where calcium rises slowly; six take hardly longer than two, as spikes are few beside frames."""

HELD = 5
"""Sweeps in which the baseline is the first guess: without spikes it would be the mean, and what busy cells do would be
too little ever after."""

KNOWN = 5.0
"""Spikes that the spread of sizes assumed beforehand counts as: fewer let chance make few spikes alike."""

LOG_NEGLIGIBLE = -6.2
"""Log odds (2 in 1000) below which a frame has no spike: most frames, which need no more than a comparison."""

FADED = 1e-9
"""What is left of calcium from before the first frame when it is passed over."""

UNLIKELY = 30.0
"""Log odds by which a frame is less likely than the best one so that a spike never moves there (1 in 10¹³)."""


@njit(cache=True, nogil=True)
def _overlap(products: Any, n: int, t: int, u: int) -> float:
    """Product of the responses to spikes in frames t and u of n."""
    return float(products[min(products.shape[1], n - max(t, u)), abs(t - u)])


@njit(cache=True, nogil=True, fastmath=True)
def _add(amount: float, t: int, spikes: Any, gain: Any, products: Any, mirrored: Any) -> None:
    """Add to the spike in frame t; `gain`, ``hᵀ`` residual of each frame, follows."""
    change = np.float32(amount)
    spikes[t] += change
    lower_gain(change, t, gain, products, mirrored)


@njit(cache=True, nogil=True, fastmath=True)
def _gains(residual: Any, kernel: Any, gain: Any) -> None:
    """``gain[t] = Σ_i residual[t + i] kernel[i]``."""
    n = residual.size
    for t in range(n):
        total = np.float32(0)
        part = residual[t : min(n, t + kernel.size)]
        for i in range(part.size):
            total += part[i] * kernel[i]
        gain[t] = total


@njit(cache=True, nogil=True)
def _lasting(fade: float, n: int) -> int:
    """Frames of n after which calcium from before the first one has faded."""
    return n if fade >= 1.0 else min(n, int(math.log(FADED) / math.log(max(fade, 1e-30))) + 1)


@njit(cache=True, nogil=True, fastmath=True)
def _lower(gain: Any, kernel: Any, fade: float, baseline: float, initial: float) -> None:
    """`gain` where the residual is lower by ``baseline + initial · fadeᵗ``."""
    n = gain.size
    length = kernel.size
    level, faded = np.zeros(length + 1), np.zeros(length + 1)
    weight = 1.0
    for i in range(length):
        level[i + 1] = level[i] + kernel[i]
        faded[i + 1] = faded[i] + kernel[i] * weight
        weight *= fade
    whole = max(n - length, 0)
    steady = np.float32(baseline * level[length])
    for t in range(whole):
        gain[t] -= steady
    for t in range(whole, n):
        gain[t] -= np.float32(baseline * level[n - t])
    if initial == 0:
        return
    weight = initial
    for t in range(_lasting(fade, n)):
        gain[t] -= np.float32(weight * faded[min(length, n - t)])
        weight *= fade


@njit(cache=True, nogil=True, fastmath=True)
def _rest(residual: Any, fade: float, noise: float, hold: bool, held: float, state: Any) -> Any:
    """Draw of the baseline, given calcium; what decays from before the first frame; the variance of what is left.

    ``residual`` (frames,) float32: the trace without calcium; leaves without both. With `hold` the
    baseline is the one given.
    """
    n = residual.size
    mixed, power, level, start = 0.0, 1e-3, 0.0, 0.0
    for t in range(n):
        level += residual[t]
    weight, t = 1.0, 0
    while t < n and weight > 1e-4:
        mixed += weight
        power += weight * weight
        start += weight * residual[t]
        weight *= fade
        t += 1
    # twice as much as one frame's worth for both: a recording shorter than its decay tells nothing of either
    apart = n * power - mixed * mixed
    initial = (n * start - mixed * level) / apart if apart > 0.5 * n * power else 0.0
    if initial < 0:
        initial = 0.0
    baseline = (level - initial * mixed) / n + noise / math.sqrt(n) * normal(state)
    if hold:
        baseline, initial = held, max((start - held * mixed) / power, 0.0)
    if initial > 0:
        weight = initial
        for t in range(_lasting(fade, n)):
            residual[t] -= np.float32(weight)
            weight *= fade
    squares, lower = 0.0, np.float32(baseline)
    for t in range(n):
        residual[t] -= lower
        squares += residual[t] * residual[t]
    return baseline, initial, squares / n


@njit(cache=True, nogil=True)
def _each_frame(  # noqa: PLR0913 - arrays of the inner loop
    spikes: Any,
    gain: Any,
    products: Any,
    mirrored: Any,
    prior: Any,
    variance: float,
    sweep: int,
    keep: bool,
    sums: Any,
    squares: Any,
    state: Any,
) -> None:
    """Whether each frame has a spike, and its size, drawn given all others (Gibbs); `keep` adds up their moments."""
    n = spikes.size
    length = products.shape[1]
    log_odds, size, width = prior[0], prior[1], prior[2]
    precision = products[length, 0] / variance + 1 / (width * width)
    pull = size / (width * width)
    deviation = 1 / math.sqrt(precision)
    # odds of a spike are exp(log_odds + log deviation + z²/2) Φ(z); the least z that isn't negligible
    need = LOG_NEGLIGIBLE - log_odds - math.log(deviation)
    least = math.sqrt(2 * need) if need > 0 else -3.0
    cut = (least / deviation - pull) * variance
    for t in range(n):
        if spikes[t] == 0 and gain[t] < cut and n - t >= length:  # most frames
            continue
        own = products[min(length, n - t), 0]
        evidence = spikes[t] * own + gain[t]
        if n - t < length:
            precision = own / variance + 1 / (width * width)
            deviation = 1 / math.sqrt(precision)
        elif evidence < cut:
            if spikes[t] > 0:
                _add(-spikes[t], t, spikes, gain, products, mirrored)
                spikes[t] = 0
            continue
        mean = (evidence / variance + pull) / precision
        z = mean / deviation
        above = log_above(z)
        log = log_odds + math.log(deviation) + 0.5 * z * z + above
        probability = 1 / (1 + math.exp(-log)) if log > -40 else 0.0
        if keep and probability > 0:
            expected = mean + deviation * math.exp(-0.5 * z * z - above - LOG_ROOT)
            sums[t] += probability * expected
            squares[t] += probability * (mean * expected + deviation * deviation)
        new = 0.0
        seed(sweep, 0, t, state)
        if uniform(state) < probability:
            new = positive_normal(mean, deviation, state)
        if new != spikes[t]:
            _add(new - spikes[t], t, spikes, gain, products, mirrored)
            spikes[t] = new


@njit(cache=True, nogil=True)
def _merge(  # noqa: PLR0913 - arrays of the inner loop
    last: int, t: int, spikes: Any, gain: Any, products: Any, mirrored: Any, prior: Any, variance: float, state: Any
) -> int:
    """Two neighbours become one, in either's frame, or don't; the frame where a spike is left."""
    n = spikes.size
    log_odds, size, width = prior[0], prior[1], prior[2]
    stay, gone = (t, last) if uniform(state) < 0.5 else (last, t)
    moved = float(spikes[gone])
    both = moved + spikes[stay]
    rise = 2 * moved * (gain[gone] - gain[stay]) + moved * moved * (
        _overlap(products, n, gone, gone) + _overlap(products, n, stay, stay) - 2 * _overlap(products, n, gone, stay)
    )
    off = (moved - size) ** 2 + (spikes[stay] - size) ** 2 - (both - size) ** 2
    log = -0.5 * rise / variance - (log_odds - LOG_ROOT + 0.5 * (size / width) ** 2) + 0.5 * off / width**2
    if math.log(uniform(state)) >= log - math.log(REACH * both):
        return t
    _add(-moved, gone, spikes, gain, products, mirrored)
    spikes[gone] = 0
    _add(moved, stay, spikes, gain, products, mirrored)
    return stay


@njit(cache=True, nogil=True)
def _split(
    t: int, spikes: Any, gain: Any, products: Any, mirrored: Any, prior: Any, variance: float, state: Any
) -> None:
    """A part of a spike moves to a neighbouring frame, or doesn't: the inverse of `_merge`."""
    n = spikes.size
    log_odds, size, width = prior[0], prior[1], prior[2]
    step = 1 + int(uniform(state) * REACH)
    u = t + step if uniform(state) < 0.5 else t - step
    if u < 0 or u >= n:
        return
    for between in range(min(t, u), max(t, u) + 1):
        if between != t and spikes[between] > 0:
            return
    both = float(spikes[t])
    moved = both * uniform(state)
    rise = 2 * moved * (gain[t] - gain[u]) + moved * moved * (
        _overlap(products, n, t, t) + _overlap(products, n, u, u) - 2 * _overlap(products, n, t, u)
    )
    off = (moved - size) ** 2 + (both - moved - size) ** 2 - (both - size) ** 2
    log = -0.5 * rise / variance + (log_odds - LOG_ROOT + 0.5 * (size / width) ** 2) - 0.5 * off / width**2
    if math.log(uniform(state)) < log + math.log(REACH * both):
        _add(-moved, t, spikes, gain, products, mirrored)
        _add(moved, u, spikes, gain, products, mirrored)


@njit(cache=True, nogil=True)
def _move(  # noqa: PLR0913 - arrays of the inner loop
    t: int, spikes: Any, gain: Any, products: Any, mirrored: Any, prior: Any, variance: float, logs: Any, state: Any
) -> int:
    """The frame of a spike drawn anew among its neighbours, whatever its size, and then its size; the new frame."""
    n = spikes.size
    size, width = prior[1], prior[2]
    old = float(spikes[t])
    first, last = max(0, t - REACH + 1), min(n - 1, t + REACH - 1)
    pull = size / (width * width)
    whole = products[products.shape[1], 0] / variance + 1 / (width * width)  # precision but at the end
    top = -1e300
    for u in range(first, last + 1):
        logs[u - first] = -1e300
        if u != t and spikes[u] > 0:
            continue
        mean = (gain[u] + old * _overlap(products, n, t, u)) / variance + pull
        if n - u >= products.shape[1]:
            z = mean / math.sqrt(whole)
            logs[u - first] = 0.5 * z * z + log_above(z)
        else:
            precision = _overlap(products, n, u, u) / variance + 1 / (width * width)
            z = mean / math.sqrt(precision)
            logs[u - first] = 0.5 * z * z + log_above(z) - 0.5 * math.log(precision / whole)
        top = max(top, logs[u - first])
    total = 0.0
    for i in range(last - first + 1):
        logs[i] = math.exp(logs[i] - top) if logs[i] > top - UNLIKELY else 0.0
        total += logs[i]
    left = uniform(state) * total
    u = first
    while u < last and left > logs[u - first]:
        left -= logs[u - first]
        u += 1
    if u == t or spikes[u] > 0:
        return t
    precision = _overlap(products, n, u, u) / variance + 1 / (width * width)
    mean = ((gain[u] + old * _overlap(products, n, t, u)) / variance + pull) / precision
    _add(-old, t, spikes, gain, products, mirrored)
    spikes[t] = 0
    _add(positive_normal(mean, 1 / math.sqrt(precision), state), u, spikes, gain, products, mirrored)
    return u


@njit(cache=True, nogil=True)
def _each_spike(  # noqa: PLR0913 - arrays of the inner loop
    spikes: Any,
    gain: Any,
    products: Any,
    mirrored: Any,
    prior: Any,
    variance: float,
    sweep: int,
    kind: int,
    state: Any,
) -> None:
    """Each spike is merged with the one before, or split, and moved."""
    n = spikes.size
    logs = np.empty(2 * REACH)
    last = -1
    t = 0
    while t < n:
        if spikes[t] > 0:
            seed(sweep, kind, t, state)
            if last >= 0 and t - last <= REACH and uniform(state) < 0.5:
                left = _merge(last, t, spikes, gain, products, mirrored, prior, variance, state)
                if left != t:
                    t += 1
                    continue
            elif uniform(state) < 0.5:
                _split(t, spikes, gain, products, mirrored, prior, variance, state)
            last = _move(t, spikes, gain, products, mirrored, prior, variance, logs, state)
            t = max(t, last)
        t += 1


@njit(cache=True, nogil=True, fastmath=True)
def _counted(spikes: Any) -> Any:
    """How many spikes there are, their sum, and that of their squares."""
    count, total, power = 0, 0.0, 0.0
    for t in range(spikes.size):
        count += spikes[t] > 0
        total += spikes[t]
        power += spikes[t] * spikes[t]
    return count, total, power


@njit(cache=True, nogil=True, fastmath=True)
def _add_calcium(trace: Any, residual: Any, sums: Any, squares: Any) -> None:
    """Add up a draw of calcium, ``trace − residual``, and its square."""
    for t in range(trace.size):
        calcium = float(trace[t] - residual[t])
        sums[t] += calcium
        squares[t] += calcium * calcium


@njit(cache=True, nogil=True)
def _spread_of_sizes(count: int, total: float, power: float, spread: float) -> float:
    """Standard deviation of spikes' sizes over their mean: at most `spread`, less where spikes are seen to be alike."""
    if count < 2:
        return spread
    scatter = max(power * count / (total * total) - 1.0, 0.0)
    return min(spread, math.sqrt((KNOWN * spread * spread + count * scatter) / (KNOWN + count)))


@njit(cache=True, nogil=True)
def sampled_spikes(  # noqa: PLR0913 - arrays of the inner loop
    trace: Any,
    kernel: Any,
    fade: float,
    noise: float,
    spread: float,
    burn: int,
    sweeps: int,
    spikes: Any,
    mean: Any,
    told: Any,
    deviations: Any,
    drawn: Any,
) -> None:
    """Posterior mean of spikes, baseline and noise given a response, and how uncertain spikes and calcium are.

    How often there are spikes, and how large they are, is learnt from the trace on the way (empirical Bayes). What the
    response doesn't explain counts as noise.

    Parameters
    ----------
    trace : (frames,) float32
    kernel : (length,) float32
        Response to one spike.
    fade : float
        By how much calcium decays in a frame: what was there before the first one.
    noise : float
        Standard deviation of white noise, the least that is assumed.
    spread : float
        Standard deviation of spikes' sizes in units of their mean, at most.
    burn, sweeps : int
        Sweeps over all frames before means are taken, and of which they are.
    spikes : (frames,) float32, changed
        Where to start; the last draw.
    mean : (frames,) float64, written
        Posterior mean of each frame's spikes.
    told : (5,) float64, changed
        First guess of the baseline, not too high. Then posterior means of baseline, initial calcium and
        noise, share of frames with a spike, and spikes' size.
    deviations : (2, frames) float64, written
        Posterior standard deviations of each frame's spikes and of its calcium.
    drawn : (sweeps, frames) float32, written
        The spikes of each sweep. Without sweeps in it neither it nor the deviations are written.
    """
    n = trace.size
    length = kernel.size
    state = np.ones(1, np.uint64)
    products = np.empty((length + 1, length), np.float32)
    products_between(kernel, products)
    mirrored = np.concatenate((products[length][:0:-1], products[length]))
    residual = np.empty(n, np.float32)
    gain = np.empty(n, np.float32)
    prior, before = np.empty(3), np.empty(2)
    calcium, squares = np.zeros(n), np.zeros((2, n))
    smallest = 2 * noise / math.sqrt(products[length, 0])  # a spike that stands out of the noise just so
    sigma = noise
    mean[:] = 0
    largest, start = 0.0, told[0]
    for sweep in range(burn + sweeps):
        if sweep == 0:
            _gains(trace - np.float32(told[0]), kernel, gain)
            largest = max(float(gain.max()) / products[length, 0], smallest)
        count, total, power = _counted(spikes)
        share = min(max((count + 1.0) / (n + 10.0), 1e-4), 0.5)
        size = max((total + smallest) / (count + 1.0), smallest, largest * 0.5 ** (sweep + 1))
        alike = _spread_of_sizes(count, total, power, spread)
        prior[1], prior[2] = size, alike * size
        prior[0] = math.log(share / (1 - share)) - math.log(prior[2]) - log_above(1 / alike) - 0.5 / (alike * alike)
        keep = sweep >= burn
        unexplained(trace, kernel, spikes, residual)
        with_calcium = keep and drawn.shape[0] > 0
        if with_calcium:
            _add_calcium(trace, residual, calcium, squares[1])
        seed(sweep, MOVES + 1, 0, state)
        baseline, initial, variance = _rest(residual, fade, sigma, sweep < HELD, start, state)
        sigma = max(noise, math.sqrt(variance))
        if sweep == 0 or sweep == burn:  # anew, without what rounding has added up
            _gains(residual, kernel, gain)
        else:
            _lower(gain, kernel, fade, baseline - before[0], initial - before[1])
        before[0], before[1] = baseline, initial
        if sweep == 0:
            told[:] = 0
        _each_frame(spikes, gain, products, mirrored, prior, sigma * sigma, sweep, keep, mean, squares[0], state)
        for again in range(1 if keep else MOVES):
            _each_spike(spikes, gain, products, mirrored, prior, sigma * sigma, sweep, 1 + again, state)
        if keep:
            told[3] += share / sweeps
            told[4] += size / sweeps
            told[0] += baseline / sweeps
            told[1] += initial / sweeps
            told[2] += sigma / sweeps
        if with_calcium:
            drawn[sweep - burn] = spikes
    for t in range(n):
        mean[t] /= sweeps
    if drawn.shape[0] > 1:
        for t in range(n):
            deviations[0, t] = math.sqrt(max(squares[0, t] / sweeps - mean[t] * mean[t], 0.0))
            spread_of = squares[1, t] - calcium[t] * calcium[t] / sweeps
            deviations[1, t] = math.sqrt(max(spread_of, 0.0) / (sweeps - 1))
