"""Traces from elsewhere: kinetics, baseline, noise, calcium and spikes of any (cells, frames) array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.engine.deconvolution.kinetics import RISE, TYPICAL, measured_response, own_responses
from cnmf3d.engine.deconvolution.response import Response
from cnmf3d.engine.deconvolution.solving import deconvolve as solved
from cnmf3d.engine.deconvolution.uncertainty import ESTIMATED
from cnmf3d.engine.parallel import cores
from cnmf3d.errors import InputError, UsageError
from cnmf3d.events import Caution, Note, Progress, Reporter, silent
from cnmf3d.traces import events_of

LARGEST = 1e15
"""Values beyond which sums of squares leave the range of float32."""

LEAST_FRAMES = 20
"""Frames of a trace below which nothing can be told of it."""

TOGETHER = 64
"""Traces that are worked on between two reports of progress."""


@dataclass(frozen=True)
class Deconvolution:
    """What `deconvolve` found, in the units of the traces.

    Attributes
    ----------
    traces, calcium, spikes : (cells, frames) float32
        ``traces = baseline + calcium + noise``. Spikes are posterior means; see docs/traces.md for their scale. NaN
        where a trace has no values at all.
    calcium_sd, spikes_sd, events_sd : (cells, frames) float32
        Standard errors: of calcium, of each frame's spikes, and of the size of the event that a frame belongs to, zero
        outside events. `events` lists these.
    baseline, noise, decay, rise, peak : (cells,) float32
        Decay and rise in seconds; `peak` is the height of the response to a spike of size 1, so that
        ``spikes * peak`` is what each spike adds to the trace at its highest.
    rate : float
        Frames a second.
    averaged : bool
        Frames are averages over their duration; see `Response.averaged`.
    """

    traces: Float
    calcium: Float
    spikes: Float
    calcium_sd: Float
    spikes_sd: Float
    events_sd: Float
    baseline: Float
    noise: Float
    decay: Float
    rise: Float
    peak: Float
    rate: float
    averaged: bool

    def events(self) -> dict[str, npt.NDArray[Any]]:
        """Events one after another, with their sizes and standard errors; see `cnmf3d.traces.events_of`."""
        return events_of(self.spikes, self.events_sd)

    def __repr__(self) -> str:
        """How much there is: never the values."""
        cells, frames = self.traces.shape
        decay = float(np.nanmedian(self.decay)) if cells else 0.0
        return f"<Deconvolution of {cells} cells, {frames} frames at {self.rate:g} Hz, decay {decay:.2g} s>"


def deconvolve(
    traces: npt.ArrayLike,
    rate: float,
    *,
    p: Literal[1, 2] | None = None,
    decay: float | None = None,
    rise: float | None = None,
    own: bool = True,
    workers: int | None = None,
    reporter: Reporter | None = None,
) -> Deconvolution:
    """Calcium and spikes of traces from elsewhere, with kinetics, noise and baseline found.

    Parameters
    ----------
    traces : (cells, frames) or (frames,) array of numbers
        Fluorescence or ΔF/F, neuropil taken out. Frames that are NaN are filled in and have no spikes.
    rate : float
        Frames a second.
    p : 1, 2 or None
        Order of the autoregressive model ``c_t = g1 c_{t−1} + g2 c_{t−2} + s_t``, without and with a rise.
        None: rise and
        decay as frames of a microscope show them, which are averages (`Response.averaged`); spikes are not a frame
        late.
    decay, rise : float, optional
        Time constants in seconds, where they are known; then all cells have them.
    own : bool
        Each cell has its own kinetics as far as its trace tells; otherwise all share them.
    workers : int, optional
        Threads; all cores if not given. The result doesn't depend on it.
    reporter : callable, optional
        Told of what is found, of cautions and of progress.

    Returns
    -------
    Deconvolution

    Raises
    ------
    UsageError
        Where a rate or a time constant can't be meant.
    InputError
        Where the traces aren't numbers, or are too short.
    """
    tell = reporter or silent
    _check(rate, p, decay, rise)
    array, missing = _usable(traces)
    threads = cores() if workers is None else max(int(workers), 1)
    order = 2 if p is None else p
    seen: npt.NDArray[np.bool_] = np.logical_not(missing.all(axis=1))
    if gaps := int((missing.any(axis=1) & seen).sum()):
        share = 100 * float(missing[seen].mean())
        tell(
            Caution("deconvolve", f"{gaps} traces have NaN in {share:.2g} % of all frames; they are filled in linearly")
        )
    if (~seen).any():
        empty = ", ".join(map(str, np.flatnonzero(~seen)[:10]))
        tell(Caution("deconvolve", f"{int((~seen).sum())} traces have no values and are left NaN: {empty}"))
    raw = _filled(array[seen], missing[seen])
    responses = _responses(raw, rate, order, p is None, decay, rise, own, threads, tell)
    calcium, spikes, calcium_sd, spikes_sd, events_sd = (np.full(array.shape, np.nan, np.float32) for _ in range(5))
    told = np.full((5, len(array)), np.nan, np.float32)
    rows = np.flatnonzero(seen)
    for part in _parts(len(raw)):
        tell(Progress("deconvolve", part.start, len(raw), "traces"))
        misfit = ESTIMATED if decay is None else None
        found = solved(raw[part], order, responses[part], threads, errors=True, misfit=misfit)
        calcium[rows[part]], spikes[rows[part]] = found.traces, found.spikes
        if found.errors is not None:
            calcium_sd[rows[part]], spikes_sd[rows[part]] = found.errors.traces, found.errors.spikes
            events_sd[rows[part]] = found.errors.events
        constants = np.array([[r.decay / rate, r.rise / rate, r.peak] for r in responses[part]], np.float32).T
        told[:, rows[part]] = np.concatenate([[found.kinetics.baseline, found.kinetics.noise], constants])
    tell(Progress("deconvolve", len(raw), len(raw), "traces"))
    spikes[missing & np.expand_dims(seen, 1)] = 0
    baseline, noise, decays, rises, peaks = told
    return Deconvolution(
        traces=array,
        calcium=calcium,
        spikes=spikes,
        calcium_sd=calcium_sd,
        spikes_sd=spikes_sd,
        events_sd=events_sd,
        baseline=baseline,
        noise=noise,
        decay=decays,
        rise=rises,
        peak=peaks,
        rate=float(rate),
        averaged=p is None,
    )


def _responses(  # noqa: PLR0913 - what was given, passed on
    raw: Float,
    rate: float,
    order: int,
    averaged: bool,
    decay: float | None,
    rise: float | None,
    own: bool,
    workers: int,
    tell: Reporter,
) -> list[Response]:
    """The response of each trace."""
    shared = measured_response(raw, order, rate, decay, workers, averaged)
    if shared is None:
        shared = Response(TYPICAL * rate, RISE * TYPICAL * rate if order > 1 else 0.0, averaged)
    if rise is not None and order > 1:
        shared = Response(shared.decay, rise * rate, averaged)
    if shared.rise >= shared.decay:
        raise UsageError(
            f"rise {shared.rise / rate:.3g} s is not shorter than the decay, {shared.decay / rate:.3g} s",
            "Give both: decay, and a rise that is shorter.",
        )
    what = f"decay time {shared.decay / rate:.2f} s, rise time {shared.rise / rate:.3f} s"
    tell(Note("deconvolve", f"{what}: {'as given' if decay is not None else 'what the strongest traces share'}"))
    if decay is None and shared.decay < 1:
        tell(Caution("deconvolve", f"calcium decays within a frame ({what}); is the rate, {rate:g} Hz, right?"))
    return own_responses(raw, shared, workers) if own and decay is None else [shared] * len(raw)


def _check(rate: float, p: int | None, decay: float | None, rise: float | None) -> None:
    for name, value in (("rate", rate), ("decay", decay), ("rise", rise)):
        if value is not None and not (np.isfinite(value) and (value > 0 or (name == "rise" and value == 0))):
            unit = "frames a second" if name == "rate" else "seconds"
            raise UsageError(f"{name} is {value}, which can't be", f"Give {name} in {unit}, above 0.")
    if p not in (None, 1, 2):
        raise UsageError(
            f"p is {p}; the order of the model is 1 or 2",
            "Leave it out for the rise and decay of a microscope's frames.",
        )


def _usable(traces: npt.ArrayLike) -> tuple[Float, npt.NDArray[np.bool_]]:
    """Traces as (cells, frames) float32, and where they are NaN."""
    try:
        array = np.atleast_2d(np.array(traces, np.float32))
    except (TypeError, ValueError) as error:
        raise InputError(f"traces are not numbers: {error}", "Give an array (cells, frames).") from error
    if array.ndim != 2:
        raise InputError(f"traces have the shape {array.shape}", "Give an array (cells, frames).")
    if array.shape[1] < LEAST_FRAMES:
        fix = "Traces are rows, (cells, frames): transpose the array." if array.shape[0] >= LEAST_FRAMES else ""
        raise InputError(f"traces have {array.shape[1]} frames; at least {LEAST_FRAMES} are needed", fix)
    if np.isinf(array).any():
        raise InputError(
            f"trace {int(np.isinf(array).any(axis=1).argmax())} has infinite values", "Put NaN where nothing was seen."
        )
    if (beyond := np.abs(array) > LARGEST).any():
        raise InputError(
            f"trace {int(beyond.any(axis=1).argmax())} has values up to {np.nanmax(np.abs(array)):.2g}",
            f"Is the file damaged? Else divide its values: up to {LARGEST:g} they can be squared and summed.",
        )
    return array, np.isnan(array)


def _filled(array: Float, missing: npt.NDArray[np.bool_]) -> Float:
    """NaN filled in linearly."""
    out = np.ascontiguousarray(array)
    frames = np.arange(array.shape[1])
    for k in np.flatnonzero(missing.any(axis=1)):
        gap = missing[k]
        out[k, gap] = np.interp(frames[gap], frames[~gap], out[k, ~gap])
    return out


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + TOGETHER) for start in range(0, count, TOGETHER))
