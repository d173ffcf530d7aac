"""ΔF/F: what a trace is above its resting light F0, over that.

With ``a`` the footprint (unit norm), ``b0`` the resting image and ``o`` the detector's offset (the value of a pixel
without light), the light that the footprint sees at rest is ``aᵀ (b0 − o)``. A part of it is the component's own: near
it ``b0`` is a smooth surround and each footprint times its own light at rest ``r`` (`cnmf3d.own_light`). The trace adds
to it::

    F(t)    = rest + raw(t)
    F0(t)   = rest + baseline(t)
    ΔF/F(t) = (F(t) − F0(t)) / F0(t)

    rest = r                                       own
    rest = aᵀ (b0 − o)                             all
    rest = aᵀ (b0 − o) − factor (aᵀ surround − o)  surround

Numerator and denominator are in the same unit, so ΔF/F has none, and it is linear in the trace: twice the light above
rest is twice the ΔF/F. A component's own light doesn't depend on the offset.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Float, RestingLight, VolumeShape
from cnmf3d.own_light import own_light
from cnmf3d.steps import steps
from cnmf3d.traces import quiet_level

CLEAR = 3.0
"""Standard errors by which F0 has to be above zero: fewer let ΔF/F through whose scale is not known, more leave cells
of dim recordings without a value."""

MOST = 0.9
"""Share of the cells whose own light has to be clear so that F0 is that of all cells: the others have no ΔF/F. With
less more would have none, with more a few dim cells decide what all others' ΔF/F is."""

ALTERNATIVE = "temporal.f0_light: own, all or surround says whose light F0 is."

STEPS = 4
"""A running percentile is computed this many times a window, and drawn on straight lines between."""


def delta_f_over_f(
    raw: Float,
    baseline: Float,
    noise: Float,
    footprints: sparse.csc_array[Any],
    level: Float,
    rule: RestingLight,
    shape: VolumeShape | None = None,
) -> tuple[Float, Float]:
    """ΔF/F of raw traces, and the resting light F0 of each.

    Parameters
    ----------
    raw : (components, frames) float32
        Demixed traces before deconvolution, in units of the movie.
    baseline, noise : (components,) float32
        Of the raw traces: where they rest, and their standard deviation there.
    footprints : csc (voxels, components)
    level : (voxels,) float32
        Resting image, with the offset; NaN where nothing is known.
    rule : RestingLight
    shape : (Z, Y, X), optional
        Of the volume; needed where F0 isn't all light.

    Returns
    -------
    dff : (components, frames) float32
        NaN where F0 isn't clearly above zero: not above `CLEAR` of its standard errors, or, of all light, not above the
        noise of one frame.
    f0 : (components,) float32
        F0 above the offset; its median over time where it drifts.
    """
    rest, least = resting_light(footprints, level, noise, rule, shape)
    rest_at = np.broadcast_to(baseline[:, None], raw.shape)
    if rule.begin is not None and raw.shape[1]:
        first = min(rule.begin, raw.shape[1] - 1)
        rest_at = np.broadcast_to(np.median(raw[:, first : first + rule.window], axis=1)[:, None], raw.shape)
    elif rule.percentile is not None:
        rest_at = drifting_baseline(raw, rule)
    elif rule.segments and (apart := steps(raw, rule.segments)) is not None:
        rest_at = rest_at + apart
    f0 = (rest[:, None] + rest_at).astype(np.float32)
    clear = f0 > np.maximum(least, np.finfo(np.float32).tiny)[:, None]
    with np.errstate(invalid="ignore"):
        dff = np.where(clear, (raw - rest_at) / np.where(clear, f0, 1), np.float32(np.nan)).astype(np.float32)
    middle = np.median(f0, axis=1) if raw.shape[1] else rest + baseline
    return dff, np.asarray(middle, np.float32)


def resting_light(
    footprints: sparse.csc_array[Any], level: Float, noise: Float, rule: RestingLight, shape: VolumeShape | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Light at rest beside the trace's baseline, and what F0 has to exceed to be known, (components,) float64 each."""
    weight = np.asarray(footprints.sum(axis=0), np.float64).ravel()
    if rule.light == "own" and shape is not None:
        own = own_light(level, footprints, shape)
        return own.value.astype(np.float64), np.nan_to_num(CLEAR * own.error.astype(np.float64))
    rest = np.asarray(footprints.T @ np.nan_to_num(level), np.float64) - rule.offset * weight
    error = rule.error * np.abs(weight)
    if rule.light == "surround" and shape is not None:
        rest = rest - rule.factor * (own_light(level, footprints, shape).behind - rule.offset * weight)
        error = error * abs(1 - rule.factor)
    return rest, np.maximum(CLEAR * error, noise)


def whose_light(
    rule: RestingLight, footprints: sparse.csc_array[Any], baseline: Float, level: Float, shape: VolumeShape
) -> tuple[RestingLight, str]:
    """The rule with ``auto`` decided for all cells alike, and why.

    Parameters
    ----------
    rule : RestingLight
    footprints : csc (voxels, cells)
    baseline : (cells,) float32
    level : (voxels,) float32
        As for `delta_f_over_f`.
    shape : (Z, Y, X)
    """
    if rule.light != "auto":
        return rule, "given"
    if not footprints.shape[1]:
        return dataclasses.replace(rule, light="all"), "there are no cells"
    own = own_light(level, footprints, shape)
    light = own.value + baseline
    seen = np.asarray(footprints.T @ np.nan_to_num(level)) - rule.offset * np.asarray(footprints.sum(axis=0)).ravel()
    clear = light > CLEAR * own.error
    part = float(np.nanmedian(light / np.maximum(seen, 1e-9)))
    why = (
        f"own light at rest is clear for {int(clear.sum())} of {len(clear)} cells, and {part:.0%} of all that their "
        "footprints see"
    )
    return dataclasses.replace(rule, light="own" if clear.mean() >= MOST else "all"), why


def drifting_baseline(raw: Float, rule: RestingLight) -> Float:
    """Baseline of traces that drifts: a running percentile, at the height of the trace's quiet level.

    A percentile of noise lies below its middle. So the percentile says how the baseline drifts, and the level of what
    is left (see `quiet_level`) how high it is. No window reaches into another segment.

    Parameters
    ----------
    raw : (components, frames) float32
    rule : RestingLight
        With a percentile.
    """
    assert rule.percentile is not None
    out = np.empty_like(raw)
    edges = [0, *sorted({s for s in rule.segments if 0 < s < raw.shape[1]}), raw.shape[1]]
    for start, stop in pairwise(edges):
        part = raw[:, start:stop]
        if part.size:
            drift = running_percentile(part, rule.percentile, rule.window)
            out[:, start:stop] = drift + quiet_level(part - drift)[0][:, None]
    return out


def running_percentile(values: Float, percentile: float, window: int) -> Float:
    """Percentile of each row within a window around each frame, (rows, frames) float32.

    Parameters
    ----------
    values : (rows, frames) float32
    percentile : float
    window : int
        Frames; at the ends the part of it that is there.
    """
    frames = values.shape[1]
    count = max(2, -(-STEPS * frames // max(1, min(window, frames))) + 1)
    places = np.linspace(0, frames - 1, count)
    knots = np.empty((len(values), count), np.float32)
    for n, place in enumerate(places):
        start, stop = max(0, round(place - window / 2)), min(frames, round(place + window / 2) + 1)
        knots[:, n] = np.percentile(values[:, start : max(stop, start + 1)], percentile, axis=1)
    position = np.interp(np.arange(frames), places, np.arange(count))
    left = np.minimum(position.astype(np.int64), count - 2)
    share = (position - left).astype(np.float32)
    return np.asarray(knots[:, left] * (1 - share) + knots[:, left + 1] * share, np.float32)


def unclear(dff: Float, raw: Float) -> npt.NDArray[np.intp]:
    """Numbers of the components whose ΔF/F is NaN somewhere where their raw trace isn't."""
    return np.flatnonzero((np.isnan(dff) & ~np.isnan(raw)).any(axis=1))


def about_unclear(numbers: Sequence[int], count: int, rule: RestingLight) -> str:
    """The sentence about components without ΔF/F.

    Parameters
    ----------
    numbers : sequence of int
    count : int
        Components there are.
    rule : RestingLight
    """
    some = ", ".join(map(str, numbers[:20])) + (", ..." if len(numbers) > 20 else "")
    if rule.light == "own":
        return (
            f"dF/F of {len(numbers)} of {count} components is NaN (numbers {some}): their own light at rest is not "
            f"above {CLEAR:g} standard errors, as the tissue around them varies. {ALTERNATIVE}"
        )
    return (
        f"dF/F of {len(numbers)} of {count} components is NaN (numbers {some}): their resting light is not clearly "
        f"above the detector's offset of {rule.offset:.5g}. Give the offset, the value of a pixel without light, if it "
        "is another one (--offset, data.offset)."
    )
