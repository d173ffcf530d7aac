"""Measures of traces that need nothing else: baseline, noise, trace SNR, skewness.

As published by Giovannucci et al. 2019, eLife 8:e38173, under CaImAn's names where it has one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from cnmf3d.components import Float

GONE = 0.05
"""Autocorrelation that counts as none: half a standard error of one at a hundred values."""

NO_RISE = 1e-6
"""Root of the coefficients' polynomial below which there is no rise: coefficients in single precision say no more."""


def quiet_level(traces: Float) -> tuple[Float, Float]:
    """Baseline and noise of each trace from its quiet part, both (components,) float32.

    The baseline is the median of what lies within two noises of it, the noise the root mean square of what lies
    below: transients only go up.
    """
    ordered = np.sort(traces, axis=1)
    level = np.median(traces, axis=1, keepdims=True)
    noise = np.ones_like(level)
    for _ in range(6):
        below = np.minimum(traces - level, 0)
        count = np.maximum((traces < level).sum(axis=1, keepdims=True), 1)
        noise = np.maximum(np.sqrt((below**2).sum(axis=1, keepdims=True) / count), 1e-9)
        level = _median_below(ordered, level + 2 * noise)
    return level.ravel().astype(np.float32), noise.ravel().astype(np.float32)


def _median_below(ordered: Float, cut: Float) -> Float:
    """Median of the values below `cut` (n, 1) in each row of `ordered`, (n, 1)."""
    count = np.maximum((ordered < cut).sum(axis=1, keepdims=True), 1)
    low = np.take_along_axis(ordered, (count - 1) // 2, axis=1)
    return np.asarray(0.5 * (low + np.take_along_axis(ordered, count // 2, axis=1)), np.float32)


def trace_snr(raw: Float, window: int) -> Float:
    """Trace SNR (``SNR_comp``): how exceptional the least likely stretch of each trace is.

    Parameters
    ----------
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    window : int
        Length of a typical transient in frames.

    Returns
    -------
    (components,) float32
        ``Φ⁻¹(1 − p)`` with p the geometric mean of the tail probabilities within the stretch.
    """
    if raw.shape[0] == 0:
        return np.zeros(0, np.float32)
    level, noise = quiet_level(raw)
    z = (raw - level[:, None]) / noise[:, None]
    log_tail = special.log_ndtr(-z.astype(np.float64))
    window = int(np.clip(window, 1, raw.shape[1]))
    sums = np.cumsum(np.pad(log_tail, ((0, 0), (1, 0))), axis=1)
    least = ((sums[:, window:] - sums[:, :-window]) / window).min(axis=1)
    return np.asarray(_inverse_log_tail(least), np.float32)


def _inverse_log_tail(log_p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Z with ``log(1 − Φ(z)) = log_p``, also where the probability underflows (asymptotic expansion)."""
    plain = -special.ndtri(np.exp(np.maximum(log_p, -700)))
    square = np.maximum(-2 * log_p, 1.0)
    far = np.sqrt(np.maximum(square - np.log(2 * np.pi * square), 1.0))
    return np.where(log_p > -600, plain, far)


def skewness(raw: Float, width: int) -> Float:
    """Skewness of each trace, averaged over `width` frames first: transients only go up, neuropil swings both ways.

    Parameters
    ----------
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    width : int
        Frames a bin, short beside a transient.

    Returns
    -------
    (components,) float32
        ``E[(x − μ)³] / σ³``; 0 for a constant trace.
    """
    centred = binned(raw, width).astype(np.float64)
    power = (centred**2).mean(axis=1) ** 1.5
    return np.where(power > 0, (centred**3).mean(axis=1) / np.maximum(power, 1e-30), 0).astype(np.float32)


def skewness_error(raw: Float, width: int) -> Float:
    """Standard error that the skewness of each trace would have by chance, if it went up as far as down.

    ``√(6 Σ_k ρ_k³ / n)`` for a normal process with autocorrelation ρ (Lomnicki 1961, Metrika 4:37): neuropil is slow,
    so that a recording holds few independent values of it, and is often skewed by chance. The sum runs over lags up to
    the first where ρ is gone.

    Parameters
    ----------
    raw, width : as for `skewness`

    Returns
    -------
    (components,) float32
    """
    centred = binned(raw, width).astype(np.float64)
    bins = centred.shape[1]
    power = np.maximum((centred**2).mean(axis=1), 1e-30)
    total, lasting = np.ones(len(raw)), np.arange(len(raw))
    for lag in range(1, max(2, bins // 3)):
        part = centred[lasting]
        correlation = (part[:, lag:] * part[:, :-lag]).mean(axis=1) / power[lasting]
        lasting, correlation = lasting[correlation > GONE], correlation[correlation > GONE]
        if not lasting.size:
            break
        total[lasting] += 2 * correlation**3
    return np.asarray(np.sqrt(6 * total / bins), np.float32)


def binned(raw: Float, width: int) -> Float:
    """Means over bins of `width` frames, without each trace's mean; (components, bins) float32."""
    width = min(width, raw.shape[1])
    bins = raw.shape[1] // width
    means = raw[:, : bins * width].reshape(len(raw), bins, width).mean(axis=2, dtype=np.float64)
    return np.asarray(means - means.mean(axis=1, keepdims=True), np.float32)


def decay_frames(g: Float) -> float:
    """Typical decay time in frames that AR coefficients (components, p) mean; 0 where they don't tell.

    ``c_t = g1 c_{t-1} + g2 c_{t-2} + s_t`` decays with the larger root of ``x² - g1 x - g2``.
    """
    if g.shape[1] == 0 or not len(g):
        return 0.0
    first = g[:, 0].astype(np.float64)
    second = g[:, 1].astype(np.float64) if g.shape[1] > 1 else np.zeros(len(g))
    root = 0.5 * (first + np.sqrt(np.maximum(first**2 + 4 * second, 0)))
    good = root[(root > 0) & (root < 1)]
    return float(np.median(-1 / np.log(good))) if good.size else 0.0


def time_constants(g: Float) -> tuple[Float, Float]:
    """Decay and rise times in frames that AR coefficients mean, (components,) float32 each.

    ``x² − g1 x − g2`` has the roots ``exp(−1 / decay)`` and ``exp(−1 / rise)``.

    Parameters
    ----------
    g : (components, p) float32
        Coefficients a frame.

    Returns
    -------
    decay, rise : (components,) float32
        NaN where coefficients mean no decay. A rise is 0 where there is none (p = 1, or a second coefficient of 0).
    """
    padded = np.zeros((len(g), 2))
    padded[:, : g.shape[1]] = g[:, :2]
    first, second = padded.T
    apart = first**2 + 4 * second
    root = np.sqrt(np.maximum(apart, 0))
    slow, fast = 0.5 * (first + root), 0.5 * (first - root)
    usable = (apart >= 0) & (slow > 0) & (slow < 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = np.where(usable, -1 / np.log(slow), np.nan)
        rise = np.where(usable, np.where(fast > NO_RISE, -1 / np.log(np.maximum(fast, NO_RISE)), 0), np.nan)
    return decay.astype(np.float32), rise.astype(np.float32)


def events_of(spikes: Float, errors: Float) -> dict[str, npt.NDArray[Any]]:
    """Events of traces, one after another: stretches of frames with a standard error, ``events_sd``.

    Within an event it is the same in all frames, but in ROIs that were merged by hand: there the largest counts.

    Parameters
    ----------
    spikes : (components, frames) float32
    errors : (components, frames) float32
        Standard error of the size of the event that a frame belongs to; zero outside events, NaN where unknown.

    Returns
    -------
    mapping of name to (events,) array
        ``component``, ``first``, ``peak`` and ``last`` frame, int64; ``size``, the sum of the event's spikes, and
        its standard error ``size_sd``, float32.
    """
    inside = np.nan_to_num(errors) > 0
    edges = np.diff(inside.astype(np.int8), axis=1, prepend=0, append=0)
    component, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1] - 1
    flat = np.where(inside, np.nan_to_num(spikes), 0).ravel()
    width = spikes.shape[1]
    starts = component * width + first
    size = np.add.reduceat(flat, starts) if starts.size else np.zeros(0)  # between events there is nothing
    largest = np.maximum.reduceat(np.nan_to_num(errors).ravel(), starts) if starts.size else np.zeros(0)
    peak = [int(a + spikes[c, a : b + 1].argmax()) for c, a, b in zip(component, first, last, strict=True)]
    return {
        "component": component.astype(np.int64),
        "first": first.astype(np.int64),
        "peak": np.array(peak, np.int64),
        "last": last.astype(np.int64),
        "size": size.astype(np.float32),
        "size_sd": largest.astype(np.float32),
    }
