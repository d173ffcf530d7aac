"""From units of noise to units of the movie: the outcome of a run as components."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy import sparse

from cnmf3d.components import Background, Components, Float, Kinetics, hidden_traces
from cnmf3d.dff import delta_f_over_f, whose_light
from cnmf3d.engine.block import Footprints, entry_columns, with_data
from cnmf3d.engine.deconvolution import Errors
from cnmf3d.engine.stages import Outcome
from cnmf3d.results.errors import in_halves
from cnmf3d.results.seen import in_bytes
from cnmf3d.traces import time_constants


def with_light(outcome: Outcome) -> Outcome:
    """The outcome with whose light F0 is decided by the accepted components, where that is left open."""
    if outcome.resting.light != "auto":
        return outcome
    demixed, good = outcome.demixed, np.flatnonzero(outcome.accepted)
    footprints, factor = in_movie_units(demixed.footprints, outcome.scale)
    baseline = (demixed.deconvolved.kinetics.baseline * factor)[good]
    chosen = sparse.csc_array(footprints[:, good])
    rule, why = whose_light(outcome.resting, chosen, baseline, _level(outcome), outcome.cache.shape)
    found = {**outcome.estimates, "f0_light": {"value": rule.light, "why": why}}
    return dataclasses.replace(outcome, plan=outcome.plan.replace(resting=rule), estimates=found)


def _level(outcome: Outcome) -> Float:
    """The resting image, NaN where no voxel is used."""
    return np.where(outcome.cache.statistics.valid, outcome.level, np.float32(np.nan))


def components_of(outcome: Outcome) -> Components:
    """Components in units of the movie, footprints of unit norm.

    In units of noise the movie is ``z = (y − level) / scale`` voxel by voxel: a footprint is multiplied by `scale`,
    brought back to unit norm, and its trace takes the factor.
    """
    demixed = outcome.demixed
    footprints, factor = in_movie_units(demixed.footprints, outcome.scale)
    column = factor[:, None]
    traces = demixed.deconvolved.traces * column
    kinetics = demixed.deconvolved.kinetics
    kinetics = Kinetics(
        g=kinetics.g,
        baseline=kinetics.baseline * factor,
        initial=kinetics.initial * factor,
        noise=kinetics.noise * factor,
        sparsity=kinetics.sparsity * factor,
    )
    raw = demixed.raw * column
    rule = outcome.resting
    dff, f0 = delta_f_over_f(
        raw, kinetics.baseline, kinetics.noise, footprints, _level(outcome), rule, outcome.cache.shape
    )
    decay, rise = (constant / np.float32(outcome.plan.rate) for constant in time_constants(kinetics.g))
    measures = {"decay": decay, "rise": rise, "noise": kinetics.noise, "f0": f0}
    seen = None if demixed.shares is None else in_bytes(demixed.shares)
    gaps = None if outcome.plan.bridges else seen
    mean = np.ones(len(raw), np.float32) if seen is None else seen.mean(axis=1)
    found = Components(
        shape=outcome.cache.shape,
        footprints=footprints,
        traces=hidden_traces(traces, gaps),
        residuals=hidden_traces(raw - traces, gaps),
        spikes=hidden_traces(demixed.deconvolved.spikes * column, gaps),
        background=background_of(outcome),
        kinetics=kinetics,
        dff=hidden_traces(dff, gaps),
        quality={**demixed.quality, "seen": mean, **measures},
        accepted=outcome.accepted,
        resting=rule,
        seen=seen,
        plane_times=outcome.plan.timeline.late,
        **errors_in_units(demixed.deconvolved.errors, column, gaps),
    )
    return found.timed()


def errors_in_units(errors: Errors | None, factor: Float, gaps: Float | None) -> dict[str, Any]:
    """Standard errors as fields of `Components`.

    Parameters
    ----------
    errors : Errors or None
    factor : (components, 1) float32
        By which traces are multiplied.
    gaps : (components, frames) float32 or None
        As for `hidden_traces`.
    """
    if errors is None:
        return {}
    found = {"traces_sd": errors.traces, "spikes_sd": errors.spikes, "events_sd": errors.events}
    return {name: hidden_traces(in_halves(values * factor), gaps) for name, values in found.items()}


def in_movie_units(footprints: Footprints, scale: Float) -> tuple[Footprints, Float]:
    """Footprints times `scale`, of unit norm, and the norms, (components,) float32."""
    scaled = with_data(footprints, footprints.data * scale[footprints.indices])
    columns = entry_columns(scaled)
    norms = np.sqrt(np.bincount(columns, scaled.data.astype(np.float64) ** 2, minlength=scaled.shape[1]))
    norms = np.maximum(norms, 1e-12).astype(np.float32)
    return with_data(scaled, (scaled.data / norms[columns]).astype(np.float32)), norms


def background_of(outcome: Outcome) -> Background:
    """The resting image, and neuropil as a product of few images and courses.

    Tiles have courses of their own; what is stored is the best product of as many images and courses as one tile has
    (the leading singular vectors of all tiles together).
    """
    frames = outcome.demixed.courses.shape[1]
    rest = outcome.level[:, None]
    constant = np.ones((1, frames), np.float32)
    neuropil = outcome.neuropil
    if neuropil.rank == 0:
        return Background(rest, constant)
    images = neuropil.matrix(sampled=False)
    images.data *= np.repeat(outcome.scale, np.diff(images.indptr))
    courses = outcome.demixed.courses
    if neuropil.tiles == 1:
        spatial, temporal = images.toarray(), courses
    else:
        spatial, temporal = _leading(images, courses, neuropil.rank)
    return Background(
        np.concatenate([rest, spatial.astype(np.float32)], axis=1),
        np.concatenate([constant, temporal.astype(np.float32)]),
    )


def _leading(images: sparse.csr_array, courses: Float, rank: int) -> tuple[Float, Float]:
    """Leading `rank` singular vectors of ``images @ courses``, by way of the small Gram matrix of the images."""
    gram = (images.T @ images).toarray().astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    root = vectors * np.sqrt(np.maximum(values, 0))
    left, strength, right = np.linalg.svd(root.T @ courses.astype(np.float64), full_matrices=False)
    safe = np.sqrt(np.maximum(values, values.max(initial=0) * 1e-10 + 1e-30))
    weights = (vectors / safe) @ left[:, :rank]
    temporal = strength[:rank, None] * right[:rank]
    return np.asarray(images @ weights, np.float32), np.asarray(temporal, np.float32)
