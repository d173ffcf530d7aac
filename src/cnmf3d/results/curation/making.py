"""New ROIs out of old ones without the movie: merged, split, with another footprint.

The ROIs' own model stands for the movie: each is footprint times trace, and what is asked for is the product of one
footprint and one trace that is nearest to it. With the movie at hand, `cnmf3d.engine.demix_rois` does better.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import (
    ERRORS,
    Background,
    Components,
    Float,
    Kinetics,
    Traced,
    VolumeShape,
    bridged,
    hidden_traces,
)
from cnmf3d.dff import delta_f_over_f
from cnmf3d.errors import UsageError
from cnmf3d.results.errors import in_halves
from cnmf3d.results.footprints import Footprints, columns_of, footprints_of, unit
from cnmf3d.results.seen import in_bytes
from cnmf3d.traces import decay_frames, events_of, skewness, trace_snr

Ints = npt.NDArray[np.int64]

TYPICAL_WINDOW = 10
"""Frames of a transient where nothing tells."""

BIN = 0.45
"""Frames averaged before skewness is measured, in decay times."""


def merged(rois: Components) -> Components:
    """One ROI for several that are parts of one cell.

    Footprint and trace are the rank-one product nearest to the sum of all the ROIs' products (power iterations, as
    alternating least squares would give); raw trace, spikes and baseline take the same weights.

    Parameters
    ----------
    rois : Components
        Two at the least.

    Returns
    -------
    Components
        One; taken for a cell where one of the ROIs was. Measures that need the movie are NaN. ROIs without traces
        (imported masks) give the sum of their footprints.
    """
    if rois.count < 2:
        raise UsageError("one ROI can't be merged", "Choose two or more.")
    gram = np.asarray((rois.footprints.T @ rois.footprints).todense(), np.float64)
    courses = np.nan_to_num(rois.traces.astype(np.float64))  # what wasn't seen has no say
    power = courses @ courses.T
    shares = np.sqrt(np.diag(power)) if power.any() else np.ones(rois.count)
    for _ in range(50 if power.any() else 0):
        shares = np.maximum(power @ (gram @ shares), 0)
        shares /= max(float(np.linalg.norm(shares)), 1e-30)
    footprint = sparse.csc_array(rois.footprints @ sparse.csc_array(shares[:, None]))
    footprint, _ = unit(footprint)
    weights = np.asarray((footprint.T @ rois.footprints).todense(), np.float64)
    verdict = np.array([bool(rois.accepted.any())])
    return combined(rois, footprint, weights, verdict)


def parted(roi: Components, parts: Sequence[Ints]) -> Components:
    """Several ROIs for one whose footprint falls into parts.

    Without the movie all have the ROI's time course, each at the scale of its part.

    Parameters
    ----------
    roi : Components
        One.
    parts : sequence of (n,) int64
        Voxels of each; they must lie in the footprint.
    """
    [footprint] = columns_of(roi.footprints)
    parts = [np.intersect1d(part, footprint.voxels) for part in parts]
    if len(parts) < 2 or any(part.size == 0 for part in parts):
        raise UsageError("this ROI can't be split so", "Each part must have voxels of its footprint.")
    values = [footprint.weights[np.isin(footprint.voxels, part)] for part in parts]
    footprints, norms = unit(footprints_of(zip(parts, values, strict=True), roi.footprints.shape[0]))
    return combined(roi, footprints, norms[:, None].astype(np.float64), np.repeat(roi.accepted, len(parts)))


def reshaped(roi: Components, voxels: Ints) -> Components:
    """The ROI on other voxels.

    Voxels that it had keep their weight, new ones get the mean weight of the neighbours that have one (of all, where
    none has). Its trace is rescaled to the new footprint.

    Parameters
    ----------
    roi : Components
        One.
    voxels : (n,) int64
        Flat voxel numbers, C order over (Z, Y, X).
    """
    footprint = with_voxels(roi, voxels)
    weights = np.asarray((footprint.T @ roi.footprints).todense(), np.float64)
    if weights[0, 0] <= 0:
        weights[0, 0] = 1.0  # a footprint elsewhere: nothing better is known without the movie
    return combined(roi, footprint, weights, roi.accepted)


def with_voxels(roi: Components, voxels: Ints) -> Footprints:
    """A unit footprint on `voxels`, with the weights of `roi` where it has some; see `reshaped`."""
    [old] = columns_of(roi.footprints)
    voxels = np.unique(voxels)
    if not voxels.size:
        raise UsageError("a footprint needs voxels", "Leave at least one, or delete the ROI.")
    if voxels[0] < 0 or voxels[-1] >= roi.footprints.shape[0]:
        raise UsageError("a footprint can't reach beyond the volume", "Take voxels inside it.")
    dense = dict(zip(old.voxels.tolist(), old.weights.tolist(), strict=True))
    mean = float(old.weights[old.weights > 0].mean()) if (old.weights > 0).any() else 1.0
    values = np.empty(voxels.size, np.float32)
    for k, voxel in enumerate(voxels.tolist()):
        if voxel in dense and dense[voxel] > 0:
            values[k] = dense[voxel]
            continue
        near = [dense[n] for n in neighbours(voxel, roi.shape) if dense.get(n, 0) > 0]
        values[k] = sum(near) / len(near) if near else mean
    return unit(footprints_of([(voxels, values)], roi.footprints.shape[0]))[0]


def neighbours(voxel: int, shape: VolumeShape) -> list[int]:
    """Up to six voxels that share a face with one."""
    z, rest = divmod(voxel, shape[1] * shape[2])
    y, x = divmod(rest, shape[2])
    out = []
    for place, size, step in ((z, shape[0], shape[1] * shape[2]), (y, shape[1], shape[2]), (x, shape[2], 1)):
        out += [voxel - step] * (place > 0) + [voxel + step] * (place < size - 1)
    return out


def rest_level(background: Background) -> Float:
    """The resting image: what a volume shows on average beside cells, (voxels,)."""
    spatial, temporal = background.spatial, background.temporal
    if not spatial.shape[1]:
        return np.zeros(spatial.shape[0], np.float32)
    if np.all(temporal[0] == 1):  # also where there are no frames
        return spatial[:, 0]
    return np.asarray(spatial @ temporal.mean(axis=1), np.float32)


def combined(rois: Components, footprints: Footprints, weights: npt.NDArray[np.float64], accepted: Any) -> Components:
    """ROIs whose traces are weighted sums of the traces of others, (new, old) `weights`."""
    linear = weights.astype(np.float32)
    kinetics = rois.kinetics
    whole, rest = bridged(rois.traces), np.nan_to_num(rois.residuals)
    main = np.argmax(weights * np.linalg.norm(whole, axis=1)[None, :], axis=1)
    baseline = linear @ kinetics.baseline
    traces, residuals = linear @ whole, linear @ rest
    raw = traces + residuals
    noise = np.sqrt(linear**2 @ kinetics.noise**2)
    dff, f0 = delta_f_over_f(raw, baseline, noise, footprints, rest_level(rois.background), rois.resting, rois.shape)
    quality = quality_of(raw, kinetics.g, list(rois.quality))
    if "f0" in quality:
        quality["f0"] = f0
    seen = seen_together(rois, weights)
    if "seen" in quality:
        quality["seen"] = np.ones(len(raw), np.float32) if seen is None else seen.mean(axis=1)
    for name in ("decay", "rise"):  # kinetics are those of the ROI that has most of it
        if name in quality:
            quality[name] = rois.quality[name][main]
    if "noise" in quality:
        quality["noise"] = noise.astype(np.float32)
    gaps = seen if np.isnan(rois.traces).any() else None
    errors: dict[str, Any] = {name: _hidden(_errors(rois, name, linear), gaps) for name in ERRORS}
    new = dataclasses.replace(
        rois,
        footprints=footprints,
        traces=hidden_traces(traces, gaps),
        residuals=hidden_traces(residuals, gaps),
        spikes=hidden_traces(linear @ np.nan_to_num(rois.spikes), gaps),
        kinetics=Kinetics(
            g=kinetics.g[main],
            baseline=baseline,
            initial=linear @ kinetics.initial,
            noise=noise,
            sparsity=linear @ kinetics.sparsity,
        ),
        dff=hidden_traces(dff, gaps),
        quality=quality,
        accepted=np.asarray(accepted, bool),
        seen=seen,
        channels={name: _channel(traced, linear, main, gaps) for name, traced in rois.channels.items()},
        **errors,
    )
    return new.timed()


def _hidden(errors: Float | None, gaps: Float | None) -> Float | None:
    return None if errors is None else hidden_traces(errors, gaps)


def _channel(old: Traced, weights: Float, main: Ints, gaps: Float | None) -> Traced:
    """Traces of another channel: weighted sums as those of the first, NaN where one that has a part isn't known.

    The channel's resting light isn't kept: dF/F is that of the ROI which is most of the new one, `main`.
    """
    known = {"traces": bridged(old.traces), **{n: np.nan_to_num(getattr(old, n)) for n in ("residuals", "spikes")}}
    sums = {name: weights @ values for name, values in known.items()} | {"dff": old.dff[main]}
    unknown = _unknown(old.traces, weights)[:, None]
    return Traced(**{name: hidden_traces(np.where(unknown, np.float32(np.nan), v), gaps) for name, v in sums.items()})


def _unknown(values: Float, weights: Float) -> npt.NDArray[np.bool_]:
    """(new,) which weighted sums have a part of a row that is NaN altogether: one that was never measured."""
    return np.asarray((np.isnan(values).all(axis=1) & (weights != 0)).any(axis=1))


def _errors(rois: Components, name: str, weights: Float) -> Float | None:
    """Standard errors of weighted sums, (new, frames), of what is independent; NaN where one isn't known."""
    errors: Float | None = getattr(rois, name)
    if errors is None:
        return None
    if name == "events_sd":
        found = _events_together(rois.spikes, errors, weights)
    else:
        found = np.sqrt(weights**2 @ np.nan_to_num(errors) ** 2)
    return in_halves(np.where(_unknown(errors, weights)[:, None], np.float32(np.nan), found).astype(np.float32))


def _events_together(spikes: Float, errors: Float, weights: Float) -> Float:
    """Standard errors of sizes of events, (new, frames): those that overlap are one, with the errors of all of them."""
    old, frames = events_of(spikes, errors), spikes.shape[1]
    out = np.zeros((len(weights), frames), np.float32)
    for row, weight in enumerate(weights[:, old["component"]]):
        mine = weight != 0
        first, last = old["first"][mine], old["last"][mine]
        begun, ended = np.bincount(first, minlength=frames + 1), np.bincount(last + 1, minlength=frames + 1)
        inside = np.cumsum(begun - ended)[:frames] > 0
        goes_on = np.cumsum(np.roll(begun, 1) - ended)[:frames] > 0  # an event has this frame and the one before
        number = np.cumsum(inside & ~goes_on)
        power = np.bincount(number[first], (weight[mine] * old["size_sd"][mine]) ** 2, minlength=frames + 1)
        out[row] = np.where(inside, np.sqrt(power[number]), 0)
    return out


def seen_together(rois: Components, weights: npt.NDArray[np.float64]) -> Float | None:
    """(new, frames) share that was seen of ROIs that are weighted sums of others; None where all was seen."""
    if rois.seen is None:
        return None
    light = np.maximum(weights, 0) * np.asarray(rois.footprints.sum(axis=0)).ravel()[None, :]
    light = light / np.maximum(light.sum(axis=1, keepdims=True), 1e-30)
    return in_bytes((light @ rois.seen).astype(np.float32))


def quality_of(raw: Float, g: Float, names: Sequence[str]) -> dict[str, Float]:
    """Those of the named measures that traces alone tell; NaN for the others."""
    decay = decay_frames(g)
    out = {name: np.full(len(raw), np.nan, np.float32) for name in names}
    if "snr" in out and raw.shape[1]:
        out["snr"] = trace_snr(raw, max(1, int(np.ceil(decay or TYPICAL_WINDOW))))
    if "skewness" in out and raw.shape[1]:
        out["skewness"] = skewness(raw, max(1, round(BIN * (decay or TYPICAL_WINDOW))))
    return out
