"""How uncertain spikes, events and calcium are: what they are in the draws of the sampler.

Spikes of neighbouring frames are uncertain together: what one has, the other lacks. So the error of a sum of spikes
isn't that of its frames added up, but the spread of the sum over draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float

FAINT = 0.05
"""Share of a typical spike below which a frame belongs to no event: less would join events that lie apart, more would
leave out what of an event is spread over frames."""

BESIDE = 1
"""Frames on both sides that belong to an event, too: a spike that twenty draws never put there may be there. More make
one event of several, fewer count a spike that is a frame off as a wrong size."""

LIKELY = 0.5
"""Typical spikes that an event has at the least: what is there with less is more likely nothing."""

FEW = 1.1
"""Factor of spreads over draws: draws that follow one another are alike, so that twenty spread a tenth too little. A
hundred draws need none, and five times the time."""


@dataclass(frozen=True)
class Misfit:
    """Errors that a response has which isn't the true one; what is added, in squares, to the spread over draws.

    Attributes
    ----------
    share : float
        Of an event's size, as a share of the calcium that there is: what the response leaves of earlier events.
    event : float
        Of an event's size, in units of noise over the height of the response: noisier traces say less of their
        kinetics.
    trace : float
        Of calcium, in units of the noise of one frame: a response that is off by more would be seen.
    """

    share: float
    event: float
    trace: float


ESTIMATED = Misfit(0.01, 0.15, 0.1)
"""Of traces whose kinetics were estimated. More would be too wide where a cell fires seldom or its decay is right, less
too narrow where it is busy and its decay isn't."""

DEMIXED = Misfit(0.12, 0.5, 0.25)
"""Of cells of a volume, whose traces also hold what demixing leaves of others: with less, echoes of large events in
simulated volumes look certain."""


@dataclass(frozen=True)
class Errors:
    """Standard errors of one trace, or of several.

    Attributes
    ----------
    traces, spikes : (frames,) or (components, frames) float32
        Posterior standard deviation of calcium and of the spikes in each frame.
    events : of the same shape
        Of the size of the event that a frame belongs to; zero outside events. See `event_errors`.
    """

    traces: Float
    spikes: Float
    events: Float


def runs(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """(n, 2) first frame of each stretch that is true in `inside`, (frames,), and the one after its last."""
    edges = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0, append=0))
    return np.asarray(edges.reshape(-1, 2))


def event_errors(spikes: Float, drawn: Float, size: float, misfit: Float | None = None) -> Float:
    """Standard error of the size of the event that each frame belongs to, (frames,) float32; zero outside events.

    An event is a stretch of frames with at least `FAINT` times a typical spike each, and `LIKELY` together, and
    `BESIDE` frames around it; its size is the sum of its spikes.

    Parameters
    ----------
    spikes : (frames,) float32
        Posterior means.
    drawn : (draws, frames) float32
        Draws of the spikes.
    size : float
        Typical size of a spike.
    misfit : (frames,) float32, optional
        Error that the response adds in each frame, in units of the spikes; an event has the largest of its frames.
    """
    out = np.zeros(spikes.size, np.float32)
    inside = spikes > FAINT * size
    for _ in range(BESIDE):
        inside[:-1] |= inside[1:].copy()
        inside[1:] |= inside[:-1].copy()
    found = runs(inside)
    if not len(found) or len(drawn) < 2:
        return out
    sums = np.add.reduceat(np.append(spikes, np.float32(0)), found.ravel())[::2]
    for (first, end), total in zip(found, sums, strict=True):
        if total > LIKELY * size:
            spread = FEW * float(drawn[:, first:end].sum(axis=1).std(ddof=1))
            other = 0.0 if misfit is None else float(misfit[first:end].max())
            out[first:end] = np.hypot(spread, other)
    return out


def errors_of(
    calcium: Float,
    spikes: Float,
    drawn: Float,
    deviations: npt.NDArray[np.float64],
    size: float,
    noise: float,
    peak: float,
    misfit: Misfit | None,
) -> Errors:
    """Standard errors of one trace.

    Parameters
    ----------
    calcium, spikes : (frames,) float32
        Posterior means.
    drawn : (draws, frames) float32
    deviations : (2, frames) float64
        Posterior standard deviations of spikes and calcium, as the sampler has them.
    size, noise, peak : float
        Typical size of a spike; of white noise; height of the response to a spike of size 1.
    misfit : Misfit or None
        How far the response may be wrong; None where kinetics are known.
    """
    wrong, other = None, 0.0
    if misfit is not None:
        other = misfit.trace * noise
        wrong = np.hypot(misfit.share * calcium, misfit.event * noise) / np.float32(max(peak, 1e-9))
    events = event_errors(spikes, drawn, size, wrong)
    uncertain = np.sqrt((FEW * deviations[1]) ** 2 + other**2).astype(np.float32)
    return Errors(uncertain, (FEW * deviations[0]).astype(np.float32), events)
