"""The order of the stages: movie in, judged components out. Only this file knows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine import refine
from cnmf3d.engine.block import Block, Fit, Footprints
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.cache import Cache, ingest
from cnmf3d.engine.cleaning import grow
from cnmf3d.engine.deconvolution import Deconvolved, deconvolve
from cnmf3d.engine.estimates import cell_size, decay_time, window_of
from cnmf3d.engine.evaluation.measures import active_frames, spatial_correlation, trace_snr
from cnmf3d.engine.evaluation.projections import local_correlation
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.reliability import reliability
from cnmf3d.engine.solve import solve, solve_seeded
from cnmf3d.engine.volume import Neuropil, stitch, tile_neuropil
from cnmf3d.events import Note, Progress, Reporter
from cnmf3d.geometry import ZYX
from cnmf3d.movies import Movie


@dataclass
class Clock:
    """Seconds spent in each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class Context:
    """What all stages of one run share."""

    movie: Movie
    workers: int
    reporter: Reporter
    clock: Clock


@dataclass(frozen=True)
class Demixed:
    """The whole volume's fit at the movie's full rate, in units of noise.

    Attributes
    ----------
    footprints : csc (voxels, components), unit norm
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    deconvolved : Deconvolved
    courses : (tiles * rank, frames) float32
        Neuropil.
    r_values, reliability : (components,) float32
    """

    footprints: Footprints
    raw: Float
    deconvolved: Deconvolved
    courses: Float
    r_values: Float
    reliability: Float


@dataclass(frozen=True)
class Outcome:
    """Everything that a run found."""

    plan: Plan
    cache: Cache
    demixed: Demixed
    neuropil: Neuropil
    source: refine.Source
    correlation: Float
    estimates: dict[str, dict[str, Any]]


def run_plan(context: Context, plan: Plan, cache_path: Path, seeds: Footprints | None = None) -> Outcome:
    """All stages on one movie.

    Parameters
    ----------
    context : Context
    plan : Plan
    cache_path : Path
        File for the binned movie.
    seeds : csc (voxels, components), optional
        Footprints to start from; then none is sought.
    """
    movie, clock, reporter = context.movie, context.clock, context.reporter
    with clock.stage("ingest"):
        cache = ingest(movie, cache_path, plan.width, workers=context.workers, reporter=reporter)
    with clock.stage("estimate"):
        plan, why = with_cell_size(plan, cache, reporter)
    boxes = plan.boxes(cache.shape, cache.bins)
    with clock.stage("blocks"):
        fits, correlation = solve_blocks(context, cache, plan, boxes, seeds)
    neuropil = tile_neuropil(fits, boxes, cache.shape)
    assert plan.sigma is not None
    margin = 0.0 if seeds is not None else 0.5 * max(plan.sigma)
    whole = stitch(fits, boxes, cache.shape, plan.merge_threshold, margin)
    source = refine.Source.of(movie, cache, neuropil, context.workers, reporter)
    demixed, decay = full_rate(context, plan, cache, source, neuropil, whole)
    if plan.decay is None:
        plan = plan.replace(decay=decay)
        why["decay_time"] = {"value": decay, "why": "autocorrelation of the strongest cells' traces"}
    return Outcome(plan, cache, demixed, neuropil, source, correlation, why)


def with_cell_size(plan: Plan, cache: Cache, reporter: Reporter) -> tuple[Plan, dict[str, dict[str, Any]]]:
    """The plan with the cells' half-width, measured where it was left open."""
    if plan.sigma is not None:
        return plan, {}
    block = cache.load(window_of(cache))
    size = cell_size(block)
    reporter(Note("estimate", f"cell half-width {size.sigma} voxels (x × y × z): {size.why}"))
    value = [round(s, 3) for s in size.sigma.xyz]
    return plan.replace(sigma=size.sigma), {"gSig": {"value": value, "why": size.why}}


def solve_blocks(
    context: Context, cache: Cache, plan: Plan, boxes: Sequence[Box], seeds: Footprints | None
) -> tuple[list[Fit], Float]:
    """Each block solved, in parallel; and the local correlation image of the volume."""
    settings = plan.settings()
    voxels = int(np.prod(cache.shape))
    correlation = np.zeros(cache.shape, np.float32)

    def work(box: Box) -> Fit:
        block = cache.load(box)
        core = tuple(slice(*c) for c in box.core)
        inner = tuple(slice(a - o, b - o) for (a, b), (o, _) in zip(box.core, box.outer, strict=True))
        correlation[core] = local_correlation(block)[inner]
        if seeds is None:
            return solve(block, settings)
        return solve_seeded(block, seeds_within(seeds, cache.shape, box), settings)

    fits: list[Fit] = []
    with ThreadPoolExecutor(context.workers) as pool:
        for fit in pool.map(work, boxes):
            fits.append(fit)
            done = len(fits)
            context.reporter(
                Progress("blocks", done, len(boxes), "blocks", done * voxels // len(boxes) * context.movie.shape[0])
            )
    return fits, correlation


def seeds_within(seeds: Footprints, volume: VolumeShape, box: Box) -> Footprints:
    """Footprints of the volume in the coordinates of a block; those that don't reach into it are left out."""
    grid = np.arange(int(np.prod(volume))).reshape(volume)[box.slices].ravel()
    local = sparse.csc_array(sparse.csr_array(seeds)[grid])
    keep = np.flatnonzero(np.diff(local.indptr) > 0)
    part = sparse.csc_array(local[:, keep]).astype(np.float32)
    part.sort_indices()
    norms = np.sqrt(np.asarray(part.multiply(part).sum(axis=0)).ravel())
    part.data /= np.repeat(norms, np.diff(part.indptr))
    return part


def full_rate(
    context: Context, plan: Plan, cache: Cache, source: refine.Source, neuropil: Neuropil, whole: Fit
) -> tuple[Demixed, float]:
    """Traces, footprints and quality at the movie's rate: three passes over its frames."""
    clock = context.clock
    start = start_traces(whole.traces, cache, context.movie.shape[0])
    with clock.stage("traces"):
        traces, raw, courses = traces_of(source, whole.footprints, neuropil, start)
    decay = plan.decay or decay_time(raw[strong(raw)], plan.rate) or 0.0
    plan = plan.replace(decay=decay or None)
    with clock.stage("deconvolve"):
        denoised = deconvolved(context, plan, raw)
    supports = grow(whole.footprints, cache.shape)
    with clock.stage("shapes"):
        active = active_frames(denoised.traces, plan.window())
        sums = refine.accumulate_shapes(source, supports, denoised.traces, active)
        footprints = refine.fit_footprints(sums.weighted, supports, denoised.traces, neuropil, courses)
        footprints = refine.significant(footprints, denoised.traces, cache.shape, errors=2.0)
        footprints, scaled = refine.rescaled(footprints, denoised.traces)
        images = refine.residual_images(sums.active, footprints, scaled, active, neuropil, courses)
        r_values = spatial_correlation(footprints, images)
    footprints.eliminate_zeros()
    with clock.stage("traces"):
        traces, raw, courses = traces_of(source, footprints, neuropil, scaled)
    with clock.stage("deconvolve"):
        denoised = deconvolved(context, plan, raw)
    return Demixed(footprints, raw, denoised, courses, r_values, np.zeros(len(raw), np.float32)), decay


def start_traces(binned: Float, cache: Cache, frames: int) -> Float:
    """Binned traces at the frames' rate, in units of a frame's noise."""
    index = np.minimum(np.arange(frames) // cache.width, cache.bins - 1)
    return np.ascontiguousarray(binned[:, index] / np.float32(np.sqrt(cache.width)))


def traces_of(
    source: refine.Source, footprints: Footprints, neuropil: Neuropil, start: Float
) -> tuple[Float, Float, Float]:
    """Demixed traces, raw traces and neuropil courses: one pass over the movie."""
    seen = refine.project(source, footprints, neuropil)
    mixing = refine.Mixing.of(footprints, neuropil)
    traces, courses = refine.demix_traces(seen, mixing, start)
    return traces, refine.raw_traces(seen, mixing, traces, courses), courses


def strong(raw: Float, count: int = 30) -> npt.NDArray[np.intp]:
    """The components with the largest traces."""
    return np.argsort(-np.linalg.norm(raw, axis=1), kind="stable")[:count]


def deconvolved(context: Context, plan: Plan, raw: Float) -> Deconvolved:
    """Deconvolution with the plan's parameters."""
    return deconvolve(raw, plan.p, rate=plan.rate, decay_time=plan.decay, workers=context.workers)


_ = (Callable, Block, reliability, trace_snr, ZYX)
