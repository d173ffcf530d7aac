"""Kinetics: those that all cells of a movie share, and each cell's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from cnmf3d.components import Float
from cnmf3d.engine.deconvolution.inhibition import without_falls
from cnmf3d.engine.deconvolution.noise import noise_level
from cnmf3d.engine.deconvolution.response import Response
from cnmf3d.engine.deconvolution.solving import resting_level, solve
from cnmf3d.engine.parallel import in_order
from cnmf3d.traces import quiet_level

FASTEST, SLOWEST = 0.05, 8.0
"""Plausible decay times in seconds."""

TYPICAL, TYPICAL_SPREAD = 0.6, 0.7
"""Decay time in seconds that indicators have before anything is known, and the standard deviation of its logarithm:
GCaMP6f 0.2 to 0.45, GCaMP6s 0.8 to 1.8, OGB-1 0.7, in fish twice as long (Chen et al. 2013, Nature 499:295; Rupprecht
et al. 2021, Nat Neurosci 24:1324)."""

RISE = 0.11
"""Rise time as a share of the decay: 0.08 to 0.1 follow from times to peak and half decay of GCaMP6f and 6s (Chen et
al. 2013), somewhat more from bursts, whose first spikes raise the light by less."""

RISE_SPREAD = 0.5
"""Standard deviation of the logarithm of that share."""

RISE_WEIGHT = 20.0
"""Units of description length that one such deviation costs in each cell: as much as the sampler's cost of one trace is
uncertain. Responses aren't the model's, in all cells alike: so it doesn't matter less if there are many."""

SHARES = (0.02, 0.035, 0.06, 0.085, 0.12, 0.17, 0.24, 0.34)
"""Rise times that are tried, as shares of the decay."""

MISFIT = 0.35
"""Standard deviation of the logarithm of a cell's decay time that its noise doesn't tell: the response isn't the
model's. Large: cells share one decay; small: each has what its trace says. On recorded spikes of mice and fish traces
are followed best with 0.25, and spikes with more."""

CELLS = 16
"""Cells that the shared kinetics are measured on."""

LONGEST = 2000
"""Frames of each of them."""

OWN_LONGEST = 600
"""Frames on which a cell's own decay is measured: more cost time, which is that of a third of deconvolution."""

TRIED, OWN_TRIED = 10, 5
"""Decay times that are tried first, for the movie's over all that is plausible, for a cell's own around that; those
near the best one follow. Fewer may miss the best one, more cost time."""

NEAR, AROUND = 5, 0.75
"""Decay times that are tried around the likely one, and steps to either side over which they are spread. Fewer leave it
to the sampler's scatter, more cost time; over half a step the best one is often outside, as descriptions grow faster
on one side than on the other."""

PLACES = 201
"""Places between those that are tried, at which lengths of description are interpolated."""

SIZE = 3.0
"""What a spike's size costs in a description, in nats: it is known to a twentieth of its range. More finds longer
decays and fewer spikes: of 1.3, 2 and 3 the last follows recorded spikes of mice best, those of fish as well as 2."""

SCATTER = 10.0
"""Nats by which sampling scatters the length of a description. Less takes scatter for what a trace says, more draws all
cells to the shared decay."""

RESTLESS = (4.0, 6.0)
"""Noises by which the lowest frames are below the quiet level where a trace is perhaps, and surely, never at rest. Less
would take the drift of recordings for that: in one of ten it is as large."""

TRIAL = (14, 6)
"""Sweeps of the sampler for each response that is tried, see `solve`: as many as tell responses apart."""

ROUNDS = 2
"""Times that decays and the way calcium rises are sought in turn."""

SHORTEST = 20
"""Frames below which nothing can be measured."""


def measured_response(
    raw: Float, p: int, rate: float, decay: float | None, workers: int = 1, averaged: bool | None = None
) -> Response | None:
    """Kinetics that the strongest cells share; None where no trace tells.

    For each of the strongest cells the decay time is sought at which its trace is explained best, a spike counted
    with its penalty; the median is the movie's, drawn to the typical one as far as a cell's is uncertain. The rise
    time, and whether frames are averages (`Response.averaged`), are those of the shortest description of all of
    them (Rissanen 1978, Automatica 14:465): what is left beside the response, and ``log(frames)`` for each spike.

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
    averaged : bool or None
        Whether frames are averages, where it is known.
    """
    if raw.shape[0] == 0 or raw.shape[1] < SHORTEST:
        if decay is None:
            return None
        return Response(decay * rate, 0.0 if p == 1 else RISE * decay * rate, bool(averaged))
    traces, noise = strongest(without_falls(raw))
    kinds = (True, False) if averaged is None else (averaged,)
    if p < 2:
        if decay is not None:
            return Response(decay * rate, 0.0, bool(averaged))
        best, _ = _decays(traces, noise, _plausible(rate), 0.0, bool(averaged), workers)
        return Response(_shared(best, rate), 0.0, bool(averaged))
    best, share, kind = np.full(len(traces), np.log((decay or TYPICAL) * rate)), RISE, kinds[0]
    for _ in range(ROUNDS):  # decays depend on how calcium rises, and the other way round
        if decay is None:
            best, _ = _decays(traces, noise, _plausible(rate), share, kind, workers)
        share, kind = _rises(traces, noise, np.exp(best), kinds, workers)
    slow = decay * rate if decay is not None else _shared(best, rate)
    return Response(slow, share * slow, kind)


def _plausible(rate: float) -> npt.NDArray[np.float64]:
    """Decay times in frames that are tried, evenly spaced on a log scale."""
    return np.geomspace(max(FASTEST * rate, 0.7), max(SLOWEST * rate, 2.0), TRIED)


def _shared(best: npt.NDArray[np.float64], rate: float) -> float:
    """The decay time in frames that stands for all, of those (logarithms) that the cells' traces say."""
    weight = 1 / (1 + MISFIT**2 / TYPICAL_SPREAD**2) if len(best) == 1 else 1.0  # one trace says less than many
    return float(np.exp(weight * np.median(best) + (1 - weight) * np.log(TYPICAL * rate)))


def _rises(
    traces: Float, noise: Float, decays: npt.NDArray[np.float64], kinds: Sequence[bool], workers: int
) -> tuple[float, bool]:
    """The rise, as a share of each cell's decay, and whether frames are averages, that describe all traces in least."""
    tried = [(share, kind) for kind in kinds for share in SHARES]
    responses = [[Response(float(d), share * float(d), kind) for share, kind in tried] for d in decays]
    unlikely = [len(traces) * RISE_WEIGHT * 0.5 * (np.log(share / RISE) / RISE_SPREAD) ** 2 for share, _ in tried]
    lengths = _descriptions(traces, noise, responses, workers).sum(axis=0) + unlikely
    of_kind = lengths.reshape(len(kinds), len(SHARES))
    kind = int(np.argmin(of_kind.min(axis=1)))
    return float(np.exp(_likely(np.log(SHARES), of_kind[kind])[0])), kinds[kind]


def own_responses(raw: Float, shared: Response, workers: int = 1) -> list[Response]:
    """Each cell's own response: the shared one, changed as far as the cell's trace tells (empirical Bayes).

    The logarithm of a decay time is drawn to the cells' median by the share of its variance that is not uncertainty of
    the cell's (James & Stein 1961, Efron & Morris 1973); the rise follows by half as much. The less a trace says, the
    nearer it stays to the shared response.

    Parameters
    ----------
    raw : (components, frames) float32
    shared : Response
    workers : int
    """
    if len(raw) == 0 or raw.shape[1] < SHORTEST:
        return [shared] * len(raw)
    noise, raw = noise_level(raw), without_falls(raw)
    level = _rest(raw, noise)
    traces = [_liveliest(above[None], OWN_LONGEST)[0] for above in raw - level[:, None]]
    grid = shared.decay * np.geomspace(0.25, 4.0, OWN_TRIED)
    grid = grid[grid > 0.5]
    found, variance = _decays(traces, noise, grid, shared.rise / shared.decay, shared.averaged, workers)
    shift = found - np.log(shared.decay)
    certain = variance < 1.0
    if not certain.any():
        return [shared] * len(raw)
    uncertain = variance + MISFIT**2
    middle = float(np.median(shift[certain])) if certain.sum() > 3 else 0.0
    if certain.sum() > 3:
        spread = max(1.4826 * float(np.median(np.abs(shift[certain] - middle))), float(shift[certain].std()))
        population = max(spread**2 - float(np.median(uncertain[certain])), 0.1 * MISFIT**2)
    else:
        population = MISFIT**2
    weight = population / (population + uncertain)
    moved = np.where(certain, middle + weight * (shift - middle), middle)
    return [
        Response(shared.decay * float(np.exp(by)), shared.rise * float(np.exp(0.5 * by)), shared.averaged)
        for by in moved
    ]


def strongest(raw: Float) -> tuple[Float, Float]:
    """Traces above their baseline, and noise, of the cells that stand out most: their liveliest stretch."""
    noise = noise_level(raw)
    order = np.argsort(-raw.std(axis=1) / noise, kind="stable")[:CELLS]
    above = raw[order] - _rest(raw[order], noise[order])[:, None]
    return _liveliest(above, LONGEST, noise[order]), noise[order]


def _rest(raw: Float, noise: Float) -> Float:
    """First guess of each trace's baseline, (cells,) float32: the quiet level, or where nothing is quiet the lowest.

    With one that is too high decays come out short, as calcium is never seen to be as high as it is.
    """
    quiet, lowest = quiet_level(raw)[0], resting_level(raw, noise)
    restless = np.interp((quiet - lowest) / noise, RESTLESS, (0, 1))
    return np.asarray(quiet + restless * (lowest - quiet), np.float32)


def _liveliest(above: Float, frames: int, noise: Float | None = None) -> Float:
    """The stretch of so many frames in which all traces together are highest."""
    if above.shape[1] > frames:
        level = (noise if noise is not None else noise_level(above))[:, None]
        power = np.cumsum(np.pad((above / level).clip(0, 20).sum(axis=0), (1, 0)))
        start = int(np.argmax(power[frames:] - power[:-frames]))
        above = above[:, start : start + frames]
    return np.ascontiguousarray(above)


def _decays(
    traces: Sequence[Float] | Float,
    noise: Float,
    grid: npt.NDArray[np.float64],
    share: float,
    averaged: bool,
    workers: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Logarithm of each cell's likely decay time (frames), and its variance.

    `share` is the rise time's of the decay. The grid first, evenly spaced on a log scale, then `NEAR` around what is
    likely by it.
    """
    count, step = len(traces), float(np.log(grid[1] / grid[0])) if len(grid) > 1 else 1.0
    lengths = _descriptions(traces, noise, [[_at(d, share, averaged) for d in grid]] * count, workers)
    found, variance = np.empty(count), np.empty(count)
    middle = np.array([_likely(np.log(grid), row)[0] for row in lengths])
    fine = np.linspace(-AROUND, AROUND, NEAR) * step
    near = [[_at(float(np.exp(m + by)), share, averaged) for by in fine] for m in middle]
    for k, row in enumerate(_descriptions(traces, noise, near, workers)):
        places = np.append(np.log(grid), middle[k] + fine)
        found[k], variance[k] = _likely(places, np.append(lengths[k], row))
    return found, variance


def _at(decay: float, share: float, averaged: bool) -> Response:
    return Response(float(decay), share * float(decay), averaged)


def _likely(x: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Mean and variance of `x`, weighted by how likely the lengths of description make it.

    Lengths are interpolated between the `x` that were tried, and as uncertain as sampling makes them (`SCATTER`). The
    mean changes little if one of them does, as by rounding; the place of the least length would jump.
    """
    order = np.argsort(x, kind="stable")
    places = np.linspace(x.min(), x.max(), PLACES)
    weights = np.exp((lengths.min() - np.interp(places, x[order], lengths[order])) / SCATTER)
    weights /= weights.sum()
    mean = weights @ places
    return float(mean), float(weights @ (places - mean) ** 2)


def _descriptions(
    traces: Sequence[Float] | Float, noise: Float, responses: Sequence[Sequence[Response]], workers: int
) -> npt.NDArray[np.float64]:
    """(cells, responses) length of describing each trace by each of its responses.

    ``n log σ`` of what is left, the entropy of which frames have a spike, and `SIZE` for each spike (Rissanen 1978,
    Automatica 14:465). ``log n`` for each spike would be too much where they are many: then decays come out too long,
    for fewer spikes, and rises with them.
    """

    def lengths(k: int) -> npt.NDArray[np.float64]:
        n = len(traces[k])
        found = [solve(traces[k], response, 0.0, float(noise[k]), *TRIAL) for response in responses[k]]
        noises, share = np.array([[one.noise, one.share] for one in found]).T
        return np.asarray(n * (np.log(noises) + entr(share) + entr(1 - share) + SIZE * share))

    return np.array(list(in_order(lengths, range(len(traces)), workers)))
