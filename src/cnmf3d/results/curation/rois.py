"""ROIs that curation made, as components beside the original ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import ERRORS, TRACES, Components, Float, Kinetics, Traced

Ints = npt.NDArray[np.int64]


def no_rois(like: Components) -> Components:
    """No components, of the volume, frames and background of `like`."""
    return like.select(np.zeros(0, np.int64))


def joined(one: Components, other: Components) -> Components:
    """The components of both, with the background of the first.

    What only one of both has measured (a quality measure, a second AR coefficient) is NaN, or 0, for the other.
    """
    count = (one.count, other.count)

    def quality(name: str) -> Float:
        parts = (one.quality.get(name), other.quality.get(name))
        full = [np.full(n, np.nan, np.float32) if p is None else p for p, n in zip(parts, count, strict=True)]
        return np.concatenate(full).astype(np.float32)

    order = max(one.kinetics.g.shape[1], other.kinetics.g.shape[1])
    g = [np.pad(c.kinetics.g, ((0, 0), (0, order - c.kinetics.g.shape[1]))) for c in (one, other)]
    names = ("baseline", "initial", "noise", "sparsity")
    rest = {n: np.concatenate([getattr(one.kinetics, n), getattr(other.kinetics, n)]) for n in names}
    footprints = sparse.csc_array(sparse.hstack([one.footprints, other.footprints], format="csc"), dtype=np.float32)
    errors: dict[str, Any] = {name: _errors(one, other, name) for name in ERRORS}
    return dataclasses.replace(
        one,
        footprints=footprints,
        traces=np.concatenate([one.traces, other.traces]),
        residuals=np.concatenate([one.residuals, other.residuals]),
        spikes=np.concatenate([one.spikes, other.spikes]),
        kinetics=Kinetics(np.concatenate(g), **rest),
        dff=np.concatenate([one.dff, other.dff]),
        quality={name: quality(name) for name in dict.fromkeys([*one.quality, *other.quality])},
        accepted=np.concatenate([one.accepted, other.accepted]),
        seen=_either(one, other),
        channels=_both(one, other),
        **errors,
    )


def _both(one: Components, other: Components) -> dict[str, Traced]:
    """Traces of other channels of the components of both; NaN for those of which nobody has them."""

    def rows(of: Components, name: str, field: str) -> Float:
        known = of.channels.get(name)
        return np.full((of.count, of.frames), np.nan, np.float32) if known is None else getattr(known, field)

    return {
        name: Traced(*(np.concatenate([rows(one, name, field), rows(other, name, field)]) for field in TRACES))
        for name in dict.fromkeys([*one.channels, *other.channels])
    }


def _errors(one: Components, other: Components, name: str) -> Float | None:
    """Standard errors of the components of both, NaN for those of which they aren't known; None where none is."""
    parts = [getattr(each, name) for each in (one, other)]
    if all(part is None for part in parts):
        return None
    unknown = [np.full(each.traces.shape, np.nan, np.float32) for each in (one, other)]
    return np.concatenate([u if part is None else part for part, u in zip(parts, unknown, strict=True)])


def _either(one: Components, other: Components) -> Float | None:
    """Shares that were seen of the components of both; None where all was."""
    if one.seen is None and other.seen is None:
        return None
    return np.concatenate([one.share_seen(), other.share_seen()])


def rows_of(base: Components, made: Components, rows: Ints) -> Components:
    """Components by their row: below ``base.count`` of `base`, from there on of `made`; in the order of `rows`."""
    if len(rows) == base.count and np.array_equal(rows, np.arange(base.count)):
        return base
    original = rows < base.count
    if original.all():
        return base.select(rows)
    both = joined(base.select(rows[original]), made.select(rows[~original] - base.count))
    order = np.empty(len(rows), np.int64)
    order[np.flatnonzero(original)] = np.arange(original.sum())
    order[np.flatnonzero(~original)] = original.sum() + np.arange((~original).sum())
    return both if np.array_equal(order, np.arange(len(rows))) else both.select(order)
