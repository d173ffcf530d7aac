"""The order of the stages: movie in, judged components out. Only this file knows it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float, VolumeShape, centroids_of
from cnmf3d.engine import refine
from cnmf3d.engine.block import Footprints, subset, with_data
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.cache import Cache
from cnmf3d.engine.cleaning import SIGNIFICANT, grow, significant
from cnmf3d.engine.deconvolution import Deconvolved, Response, deconvolve, measured_response
from cnmf3d.engine.estimates import cell_size, window_of
from cnmf3d.engine.evaluation.decision import decide
from cnmf3d.engine.evaluation.measures import active_frames, compactness, spatial_correlation
from cnmf3d.engine.evaluation.projections import local_correlation
from cnmf3d.engine.parallel import in_order
from cnmf3d.engine.plan import TYPICAL_DECAY, Plan, half_size
from cnmf3d.engine.reliability import reliability
from cnmf3d.engine.smoothing import smoothed
from cnmf3d.engine.solutions import Arrays, Solutions, block_arrays, block_of, size_arrays, size_of
from cnmf3d.engine.solve import Settings, solve, solve_seeded
from cnmf3d.engine.storage import Files
from cnmf3d.engine.volume import Neuropil, Solved, stitch, tile_neuropil
from cnmf3d.events import Note, Progress, Reporter
from cnmf3d.geometry import ZYX
from cnmf3d.movies import Movie
from cnmf3d.traces import skewness, trace_snr

PLAUSIBLE = 1.5
"""A cell size that is given is taken for right up to this factor: within it, the cells' own size is used."""

FEW_CELLS = 5
"""Measured cells below which a given size is taken as it is."""

NEVER = 2.0
"""A correlation that no pair of traces reaches."""


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
    solutions: Solutions = field(default_factory=Solutions)


@dataclass(frozen=True)
class Traces:
    """Demixed raw traces (components, frames) and neuropil courses (tiles * rank, frames), in units of noise."""

    raw: Float
    courses: Float


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
    quality : mapping of name to (components,) float32
        ``snr``, ``r_value``, ``reliability``, ``skewness``, ``compactness``.
    response : Response or None
        Kinetics that were measured; None where no trace told them.
    """

    footprints: Footprints
    raw: Float
    deconvolved: Deconvolved
    courses: Float
    quality: dict[str, Float]
    response: Response | None


@dataclass(frozen=True)
class Outcome:
    """Everything that a run found, in units of noise; `assemble` makes results of it.

    Attributes
    ----------
    plan : Plan
        With every "auto" replaced.
    cache : Cache
    demixed : Demixed
    accepted : (components,) bool
    neuropil : Neuropil
    level, scale : (voxels,) float32
        ``z = (y − level) / scale``.
    correlation : (Z, Y, X) float32
        Local correlation image.
    grid : two of (Z, Y, X)
        Core and halo of the blocks.
    estimates : mapping
        What was estimated, and how.
    """

    plan: Plan
    cache: Cache
    demixed: Demixed
    accepted: Bool
    neuropil: Neuropil
    level: Float
    scale: Float
    correlation: Float
    grid: tuple[VolumeShape, VolumeShape]
    estimates: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Given:
    """The part of a `Start` that concerns one block.

    Attributes
    ----------
    footprints : csc (voxels of the block, components), unit norm
    traces : (components, bins) float32 or None
    which : (components,) int64
        Their numbers in the start.
    mine : (n,) int
        Those that the block owns.
    """

    footprints: Footprints
    traces: Float | None
    which: npt.NDArray[np.int64]
    mine: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Start:
    """Components to start from, so that none is sought.

    Attributes
    ----------
    footprints : csc (voxels, components)
    traces : (components, bins) float32 or None
        In units of a bin's noise; None where they aren't known.
    """

    footprints: Footprints
    traces: Float | None = None

    def within(self, box: Box, volume: VolumeShape, centres: npt.NDArray[np.float64]) -> Given:
        """What reaches into a block; `centres` (components, 3) are where the components lie in the volume."""
        local, which = seeds_within(self.footprints, volume, box)
        mine = np.flatnonzero(box.owns(centres[which], volume, 0.0))
        return Given(local, None if self.traces is None else self.traces[which], which, mine)

    @staticmethod
    def again(outcome: Outcome) -> Start:
        """The accepted components of a fit, for a refit."""
        good = np.flatnonzero(outcome.accepted)
        calcium, cache = outcome.demixed.deconvolved.traces[good], outcome.cache
        edges = np.arange(0, calcium.shape[1], cache.width)[: cache.bins]
        frames = np.diff(np.append(edges, min(calcium.shape[1], cache.bins * cache.width)))
        binned = np.add.reduceat(calcium[:, : edges[-1] + frames[-1]], edges, axis=1) / frames * np.sqrt(cache.width)
        footprints = sparse.csc_array(outcome.demixed.footprints[:, good])
        return Start(footprints, np.maximum(binned, 0).astype(np.float32))


def run_plan(context: Context, plan: Plan, files: Files, seeds: Footprints | None = None) -> Outcome:
    """All stages on one movie.

    Parameters
    ----------
    context : Context
    plan : Plan
    files : Files
        Where the binned movie is, or will be.
    seeds : csc (voxels, components), optional
        Footprints to start from; then none is sought.
    """
    clock, reporter = context.clock, context.reporter
    with clock.stage("ingest"):
        cache, solutions = files.ingested(context.workers, reporter)
    context = dataclasses.replace(context, solutions=solutions)
    with clock.stage("estimate"):
        plan, why = with_cell_size(context, plan, cache)
    outcome = fit_volume(context, plan, cache, why, None if seeds is None else Start(seeds))
    if not (plan.refit and outcome.accepted.any()):
        return outcome
    reporter(Note("blocks", f"refit with {int(outcome.accepted.sum())} accepted components"))
    return fit_volume(context, plan, cache, outcome.estimates, Start.again(outcome), outcome.demixed.response)


def fit_volume(
    context: Context,
    plan: Plan,
    cache: Cache,
    why: dict[str, dict[str, Any]],
    start: Start | None,
    response: Response | None = None,
) -> Outcome:
    """Blocks, full rate, evaluation; kinetics are measured where no `response` is given."""
    boxes = plan.boxes(cache.shape, cache.bins)
    about_patches(plan, cache, context.reporter)
    with context.clock.stage("blocks"):
        solved, correlation = solve_blocks(context, cache, plan, boxes, start)
    assert plan.sigma is not None
    margin = 0.5 * max(plan.sigma)
    agreement = plan.merge_threshold if start is None else NEVER
    whole = strongest(stitch(solved, boxes, cache.shape, agreement, margin), plan.total)
    neuropil = tile_neuropil(solved, boxes, cache.shape)
    source = refine.Source.of(context.movie, cache, neuropil, context.workers, context.reporter)
    demixed = full_rate(context, plan, cache, source, neuropil, whole, response)
    if response is None:
        why = {**why, **kinetics_found(plan, demixed.response, context.reporter)}
    accepted = decide(demixed.quality, plan, cache.bins)
    return Outcome(
        plan=plan,
        cache=cache,
        demixed=demixed,
        accepted=accepted,
        neuropil=neuropil,
        level=source.level,
        scale=source.scale,
        correlation=correlation,
        grid=plan.cores(cache.shape, cache.bins),
        estimates=why,
    )


def about_patches(plan: Plan, cache: Cache, reporter: Reporter) -> None:
    """Tell where blocks are larger than the patches that were asked for."""
    if plan.patch is None:
        return
    core, asked = plan.cores(cache.shape, cache.bins)[0], plan.patch_core(cache.shape)
    if core != asked:
        was, now = (" × ".join(map(str, size[::-1])) for size in (asked, core))
        text = f"patches of {was} voxels (x × y × z, without overlap) hold too little beside cells: {now} are taken"
        reporter(Note("blocks", text))


def strongest(whole: Solved, limit: int | None) -> Solved:
    """At most `limit` components: those with the largest traces."""
    if limit is None or whole.fit.count <= limit:
        return whole
    keep = np.sort(np.argsort(-np.linalg.norm(whole.fit.traces, axis=1), kind="stable")[:limit])
    return Solved(subset(whole.fit, keep), whole.reliability[keep])


def kinetics_found(plan: Plan, response: Response | None, reporter: Reporter) -> dict[str, dict[str, Any]]:
    """What was measured of the kinetics, told to the reporter and as an entry of the estimates."""
    if response is None or plan.decay is not None:
        return {}
    decay, rise = response.decay / plan.rate, response.rise / plan.rate
    text = "what explains the strongest cells' traces best"
    reporter(Note("estimate", f"decay time {decay:.2f} s, rise time {rise:.3f} s: {text}"))
    return {
        "decay_time": {"value": round(decay, 3), "why": text},
        "rise_time": {"value": round(rise, 4), "why": text},
    }


def with_cell_size(context: Context, plan: Plan, cache: Cache) -> tuple[Plan, dict[str, dict[str, Any]]]:
    """The plan with the cells' size as measured; where a size was given, within `PLAUSIBLE` of that."""

    def measure() -> Arrays:
        return size_arrays(cell_size(cache.load(window_of(cache))))

    size = size_of(context.solutions.once("cell size", (), measure))
    sigma, why = size.sigma, size.why
    if plan.sigma is not None:
        if size.cells < FEW_CELLS:
            return plan, {}
        sigma = within(plan.sigma, size.sigma)
        why = f"{why}, within a factor of {PLAUSIBLE:g} of what was given"
    half = half_size(sigma)
    context.reporter(Note("estimate", f"cells' half-size gSig {half} voxels (x × y × z): {why}"))
    return plan.replace(sigma=sigma), {"gSig": {"value": [round(s, 3) for s in half.xyz], "why": why}}


def within(given: ZYX, measured: ZYX) -> ZYX:
    """The measured size, no further than a factor of `PLAUSIBLE` from the given one along any axis."""
    z, y, x = (min(max(m, g / PLAUSIBLE), g * PLAUSIBLE) for g, m in zip(given, measured, strict=True))
    return ZYX(z, y, x)


def solved_block(cache: Cache, box: Box, settings: Settings, given: Given | None) -> Arrays:
    """One block solved, and the local correlation image of its core."""
    block = cache.load(box)
    inner = tuple(slice(a - o, b - o) for (a, b), (o, _) in zip(box.core, box.outer, strict=True))
    image = local_correlation(block)[inner]
    if given is None:
        fit = solve(block, settings)
        return block_arrays(Solved(fit, reliability(block, fit, settings.sigma)), image)
    fit = solve_seeded(block, given.footprints, settings, given.traces)
    scores = reliability(block, fit, settings.sigma)
    return block_arrays(Solved(subset(fit, given.mine), scores[given.mine], given.which[given.mine]), image)


def solve_blocks(
    context: Context, cache: Cache, plan: Plan, boxes: Sequence[Box], start: Start | None
) -> tuple[list[Solved], Float]:
    """Each block solved, in parallel; and the local correlation image of the volume."""
    settings = plan.settings(cache.shape, cache.bins)
    centres = np.zeros((0, 3)) if start is None else centroids_of(start.footprints, cache.shape)
    correlation = np.zeros(cache.shape, np.float32)

    def work(box: Box) -> Solved:
        given = None if start is None else start.within(box, cache.shape, centres)
        shaping = (settings, box, *(() if given is None else (given.footprints, given.traces, given.which, given.mine)))
        arrays = context.solutions.once("block", shaping, lambda: solved_block(cache, box, settings, given))
        solved, image = block_of(arrays)
        correlation[tuple(slice(*c) for c in box.core)] = image
        return solved

    solved: list[Solved] = []
    volume_frames = int(np.prod(cache.shape)) * context.movie.shape[0]
    for block in in_order(work, boxes, context.workers):
        solved.append(block)
        done = len(solved)
        context.reporter(Progress("blocks", done, len(boxes), "blocks", done * volume_frames // len(boxes)))
    return solved, correlation


def seeds_within(seeds: Footprints, volume: VolumeShape, box: Box) -> tuple[Footprints, npt.NDArray[np.int64]]:
    """Footprints of the volume in the coordinates of a block, unit norm; and which of them reach into it."""
    grid = np.arange(int(np.prod(volume))).reshape(volume)[box.slices].ravel()
    local = sparse.csc_array(sparse.csr_array(seeds)[grid])
    keep = np.flatnonzero(np.diff(local.indptr) > 0).astype(np.int64)
    part = sparse.csc_array(local[:, keep]).astype(np.float32)
    part.sort_indices()
    norms = np.sqrt(np.asarray(part.multiply(part).sum(axis=0)).ravel())
    part.data /= np.repeat(norms, np.diff(part.indptr))
    return part, keep


def full_rate(
    context: Context,
    plan: Plan,
    cache: Cache,
    source: refine.Source,
    neuropil: Neuropil,
    whole: Solved,
    known: Response | None,
) -> Demixed:
    """Traces, footprints and quality at the movie's rate: three passes over its frames."""
    assert plan.sigma is not None  # measured before
    fit, clock = whole.fit, context.clock
    with clock.stage("traces"):
        start = start_traces(fit.traces, cache, context.movie.shape[0])
        first = traces_of(source, fit.footprints, neuropil, start)
    order = max(plan.p, 1)
    with clock.stage("deconvolve"):
        measured = known or measured_response(first.raw, order, plan.rate, plan.decay, context.workers)
        response = measured or Response(TYPICAL_DECAY * plan.rate)
        denoised = deconvolve(first.raw, order, response, context.workers)
    window = max(1, int(np.ceil(response.decay)))
    with clock.stage("shapes"):
        footprints, scaled, r_values = shapes_of(source, cache, neuropil, fit.footprints, denoised, first, window)
    with clock.stage("traces"):
        last = traces_of(source, footprints, neuropil, scaled)
    with clock.stage("deconvolve"):
        denoised = deconvolve(last.raw, plan.p, response, context.workers)
    with clock.stage("evaluate"):
        quality = {
            "snr": trace_snr(last.raw, window),
            "r_value": r_values,
            "reliability": whole.reliability,
            "skewness": skewness(last.raw, plan.width),
            "compactness": compactness(footprints, cache.shape, plan.sigma),
        }
    return Demixed(footprints, last.raw, denoised, last.courses, quality, measured)


def shapes_of(
    source: refine.Source,
    cache: Cache,
    neuropil: Neuropil,
    footprints: Footprints,
    denoised: Deconvolved,
    seen: Traces,
    window: int,
) -> tuple[Footprints, Float, Float]:
    """Footprints regressed on the denoised traces, the traces at their scale, and r values: one pass."""
    supports = grow(footprints, cache.shape)
    active = active_frames(denoised.traces, window)
    sums = refine.accumulate_shapes(source, supports, denoised.traces, active)
    footprints = refine.fit_footprints(sums.weighted, supports, denoised.traces, neuropil, seen.courses)
    footprints, errors = smoothed(footprints, denoised.traces, cache.shape, source.workers)
    inside = significant(footprints, SIGNIFICANT * errors, cache.shape)
    footprints = with_data(footprints, np.where(inside, footprints.data, np.float32(0)))
    footprints, scaled = refine.rescaled(footprints, denoised.traces)
    images = refine.residual_images(sums.active, footprints, scaled, active, neuropil, seen.courses)
    r_values = spatial_correlation(footprints, images)
    footprints.eliminate_zeros()
    return footprints, scaled, r_values


def start_traces(binned: Float, cache: Cache, frames: int) -> Float:
    """Binned traces at the frames' rate, in units of a frame's noise."""
    index = np.minimum(np.arange(frames) // cache.width, cache.bins - 1)
    return np.ascontiguousarray(binned[:, index] / np.float32(np.sqrt(cache.width)))


def traces_of(source: refine.Source, footprints: Footprints, neuropil: Neuropil, start: Float) -> Traces:
    """Raw traces and neuropil courses: one pass over the movie."""
    seen = refine.project(source, footprints, neuropil)
    mixing = refine.Mixing.of(footprints, neuropil)
    traces, courses = refine.demix_traces(seen, mixing, start)
    return Traces(refine.raw_traces(seen, mixing, traces, courses), courses)
