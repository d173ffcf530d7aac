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

from cnmf3d.components import UNSEEN, Bool, Float, VolumeShape
from cnmf3d.engine import refine
from cnmf3d.engine.aligning import in_time
from cnmf3d.engine.block import Footprints, subset, with_data
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.cache import Cache
from cnmf3d.engine.cleaning import SIGNIFICANT, grow, on_voxels, one_piece, significant
from cnmf3d.engine.deconvolution import (
    DEMIXED,
    Deconvolved,
    Response,
    deconvolve_stretches,
    measured_response,
    own_responses,
)
from cnmf3d.engine.demix import living
from cnmf3d.engine.estimates import ENOUGH_BINS, cell_size, window_of
from cnmf3d.engine.evaluation.decision import judge
from cnmf3d.engine.evaluation.false_discoveries import expected_false
from cnmf3d.engine.evaluation.kinds import outline_smoothness, width_and_aspect
from cnmf3d.engine.evaluation.measures import active_frames, compactness, spatial_correlation
from cnmf3d.engine.evaluation.motion import courses_of
from cnmf3d.engine.evaluation.projections import local_correlation
from cnmf3d.engine.merging import NEVER
from cnmf3d.engine.motion_courses import MotionCourses
from cnmf3d.engine.noise import noise_of_light, photon_gain
from cnmf3d.engine.offset import Offset, measured_offset
from cnmf3d.engine.parallel import in_order
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.plausibility import check_decay
from cnmf3d.engine.smooth_neuropil import without_cells
from cnmf3d.engine.smoothing import smoothed
from cnmf3d.engine.solutions import Arrays, Solutions, block_arrays, block_of, size_arrays, size_of
from cnmf3d.engine.solve import Settings, solve, solve_seeded
from cnmf3d.engine.stages import Demixed, Draft, Given, Outcome, Start, anchors_of, or_typical, transient
from cnmf3d.engine.storage import Files
from cnmf3d.engine.volume import Neuropil, Solved, stitch, tile_neuropil
from cnmf3d.events import Caution, Note, Progress, Reporter
from cnmf3d.geometry import ZYX, half_size_of
from cnmf3d.movies import Movie
from cnmf3d.steps import steps

FEW_CELLS = 3
"""Measured cells below which nothing is said about a size or a decay time that is given."""

SIZES_DIFFER = 1.4
"""Factor between a cell size that is given and the measured one from which on a caution names both: for somata sizes
come out within 10 %, for cells that are Gaussians gSig is 1.4 times what users may call it."""

DECAYS_DIFFER = 1.5
"""The same for decay times, which scatter more."""

ROUNDS = 2
"""Times that frames which show nothing are expected anew; more change nothing that matters."""


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
    """Demixed raw traces (components, frames) and neuropil courses (tiles * rank, frames), in units of noise.

    And the share of each footprint that was seen, as `refine.Projections` has it.
    """

    raw: Float
    courses: Float
    shares: Float | None = None

    def levelled(self, segments: tuple[int, ...]) -> Traces:
        """These without the steps of their resting level between segments."""
        apart = steps(self.raw, segments) if segments else None
        return self if apart is None else dataclasses.replace(self, raw=self.raw - apart)


def run_plan(context: Context, plan: Plan, files: Files, seeds: Start | None = None) -> Outcome:
    """All stages on one movie.

    Parameters
    ----------
    context : Context
    plan : Plan
    files : Files
        Where the binned movie is, or will be.
    seeds : Start, optional
        Components to start from; then none is sought.
    """
    clock, reporter = context.clock, context.reporter
    with clock.stage("ingest"):
        cache, solutions = files.ingested(context.workers, reporter)
    context = dataclasses.replace(context, solutions=solutions)
    with clock.stage("estimate"):
        plan, why = with_cell_size(context, plan, cache)
    for text in plan.doubts(cache.shape, cache.bins):
        reporter(Caution("blocks", text))
    draft = fit_volume(context, plan, cache, why, seeds)
    if plan.refit:
        with clock.stage("evaluate"):
            good = np.flatnonzero(judged(draft, draft.quality(draft.raw), draft.raw)[1])
        if good.size:
            reporter(Note("blocks", f"refit with {good.size} accepted components"))
            about_rejected(draft, good, reporter)
            draft = fit_volume(context, plan, cache, draft.estimates, Start.again(draft, good), draft.response)
        else:
            reporter(Caution("blocks", "no component was accepted, so that there was none to refit with"))
    disagreements(context, draft)
    return finished(context, draft)


def disagreements(context: Context, draft: Draft) -> None:
    """Cautions where the data contradict values that were given; these are used all the same."""
    plan, tell = draft.plan, context.reporter
    if plan.rank is not None and draft.neuropil.rank != plan.rank:
        text = f"nb = {plan.rank} neuropil courses were given; the patches hold {draft.neuropil.rank} at most"
        tell(Caution("blocks", text))
    if plan.decay is None or len(draft.raw) < FEW_CELLS:
        return
    with context.clock.stage("deconvolve"):
        measured = measured_response(draft.raw, max(plan.p, 1), plan.rate, None, context.workers)
    seconds = plan.decay if measured is None else measured.decay / plan.rate
    if max(seconds / plan.decay, plan.decay / seconds) > DECAYS_DIFFER:
        text = f"decay_time {plan.decay:g} s is used as given, but {seconds:.2g} s explain the strongest cells best"
        tell(Caution("deconvolve", f"{text}. Give decay_time: auto to use that."))


def fit_volume(
    context: Context,
    plan: Plan,
    cache: Cache,
    why: dict[str, dict[str, Any]],
    start: Start | None,
    response: Response | None = None,
) -> Draft:
    """Blocks, and their footprints at the full rate; kinetics are measured where no `response` is given."""
    boxes = plan.boxes(cache.shape, cache.bins)
    with context.clock.stage("blocks"):
        solved, correlation = solve_blocks(context, cache, plan, boxes, start)
        motion = MotionCourses.of(context.movie, cache.width, cache.bins)
        moved = [
            courses_of(None if motion is None else motion.within(box), block.fit.motion)
            for box, block in zip(boxes, solved, strict=True)
        ]
    assert plan.sigma is not None  # measured before
    margin = 0.5 * max(plan.sigma)
    agreement = plan.merge_threshold if start is None else NEVER
    whole = stitch(solved, boxes, cache.shape, agreement, margin)
    if start is None:
        whole = strongest(whole, plan.total)
    neuropil = tile_neuropil(solved, boxes, cache.shape)
    source = refine.Source.of(context.movie, cache, neuropil, context.workers, context.reporter)
    clock, footprints = context.clock, whole.fit.footprints
    with clock.stage("traces"):
        first = traces_of(source, footprints, neuropil, start_traces(whole.fit.traces, cache, context.movie.shape[0]))
    order = max(plan.p, 1)
    level = first.levelled(plan.timeline.starts)
    with clock.stage("deconvolve"):
        measured = response or measured_response(level.raw, order, plan.rate, plan.decay, context.workers)
        kinetics = or_typical(measured, plan)
        raw, denoised = deconvolved(level, order, kinetics, plan.timeline.breaks(), context.workers)
    with clock.stage("shapes"):
        window = transient(kinetics)
        footprints, scaled, r_values = shapes_of(source, cache, neuropil, footprints, denoised, first, window)
    if response is None:
        why = {**why, **kinetics_found(plan, measured, context.reporter)}
    start, which = start or Start(whole.fit.footprints), whole.numbers
    draft = Draft(
        plan=plan,
        cache=cache,
        source=source,
        neuropil=neuropil,
        footprints=footprints,
        raw=raw,
        traces=scaled,
        measures={"r_value": r_values, **looks_of(footprints, source.scale, cache.shape, plan.sigma)},
        boxes=boxes,
        courses=tuple(moved),
        response=measured,
        correlation=correlation,
        estimates=why,
        seeds=None if start.seeds is None else start.seeds[which],
        kind=start.kind,
    )
    left = np.flatnonzero(np.diff(footprints.indptr) > 0)
    about_vanished(start, which[left], cache, context.reporter)
    return draft.select(left)


def looks_of(footprints: Footprints, scale: Float, shape: VolumeShape, sigma: ZYX) -> dict[str, Float]:
    """What quality measures say of footprints alone, each (components,) float32.

    In the movie's units, as results show them: in units of noise (`scale`) outlines are ragged where the noise
    differs from voxel to voxel.
    """
    footprints = with_data(footprints, footprints.data * scale[footprints.indices])
    width, aspect = width_and_aspect(footprints, shape)
    return {
        "compactness": compactness(footprints, shape, sigma),
        "smoothness": outline_smoothness(footprints, shape),
        "width": width,
        "aspect": aspect,
    }


def judged(draft: Draft, quality: dict[str, Float], raw: Float) -> tuple[dict[str, Float], Bool]:
    """Quality with the kind of each component, and which are accepted; see `judge`."""
    return judge(quality, draft.plan, draft.cache.bins, draft.footprints, raw, draft.source.scale, draft.cache.shape)


def finished(context: Context, draft: Draft) -> Outcome:
    """Traces demixed with the last footprints, deconvolved and judged: the last pass over the movie."""
    plan, cache, clock = draft.plan, draft.cache, context.clock
    with clock.stage("traces"):
        last, neuropil = last_traces(plan, cache, draft.source, draft.footprints, draft.neuropil, draft.traces)
    level = last.levelled(plan.timeline.starts)
    with clock.stage("deconvolve"):
        responses = own_kinetics(plan, draft, level.raw, context.workers)
        raw, denoised = deconvolved(level, plan.p, responses, plan.timeline.breaks(), context.workers, errors=True)
    with clock.stage("evaluate"):
        quality, accepted = judged(draft, draft.quality(raw), raw)
        rate = false_discovery_rate(plan, cache, raw, int(accepted.sum()), context.reporter)
    with clock.stage("estimate"):
        offset = detector_offset(context, plan, cache)
    return Outcome(
        plan=plan,
        cache=cache,
        demixed=Demixed(
            draft.footprints, raw + (last.raw - level.raw), denoised, last.courses, quality, draft.response, last.shares
        ),
        accepted=accepted,
        neuropil=neuropil,
        level=draft.source.level,
        scale=draft.source.scale,
        correlation=draft.correlation,
        grid=plan.cores(cache.shape, cache.bins),
        estimates={**draft.estimates, **rate},
        offset=offset,
        seeds=draft.seeds,
    )


def own_kinetics(plan: Plan, draft: Draft, raw: Float, workers: int) -> Response | list[Response]:
    """Each cell's kinetics; a decay time that is given is that of all cells, and so is one that no trace tells."""
    if plan.p == 0 or plan.decay is not None or draft.response is None:
        return draft.kinetics
    return own_responses(raw, draft.response, workers)


def false_discovery_rate(
    plan: Plan, cache: Cache, raw: Float, accepted: int, reporter: Reporter
) -> dict[str, dict[str, Any]]:
    """Share of the accepted components that noise alone explains, told to the reporter and as an entry."""
    if accepted == 0 or plan.sigma is None:
        return {}
    false = expected_false(raw, plan.width, plan.significance, int(cache.statistics.valid.sum()), plan.sigma)
    text = f"noise alone makes {false:.2g} of the {accepted} accepted: this movie's traces in random order"
    reporter(Note("evaluate", f"false discoveries {false / accepted:.2%}: {text}"))
    return {"false_discovery_rate": {"value": round(false / accepted, 5), "why": text}}


def detector_offset(context: Context, plan: Plan, cache: Cache) -> Offset:
    """The value of a pixel without light: as given, or estimated from the movie's noise."""
    if plan.offset is not None:
        return Offset(plan.offset, 0.0, "given")
    return measured_offset(context.movie, cache.statistics, context.workers)


def about_vanished(start: Start, kept: npt.NDArray[np.int64], cache: Cache, reporter: Reporter) -> None:
    """Name the components of a start that are not among those `kept`, and say why."""
    lost = np.setdiff1d(np.arange(start.count), kept)
    if lost.size == 0:
        return
    light = start.footprints.T @ cache.statistics.valid.astype(np.float32) > 0
    dark = "none of its voxels changes and is seen in enough frames"
    gone = "no light was left for it beside its neighbours and the background"
    names = start.names(lost, cache.shape)
    told = "; ".join(f"{name}: {gone if light[n] else dark}" for n, name in zip(lost, names, strict=True))
    what = "components" if start.seeds is None else "seeds"
    reporter(Caution("blocks", f"{lost.size} of {start.count} {what} vanished and are left out: {told}"))


def about_rejected(draft: Draft, good: npt.NDArray[np.intp], reporter: Reporter) -> None:
    """Name the seeds that a refit leaves out, for only accepted components are fitted again."""
    count = draft.footprints.shape[1]
    if draft.seeds is None or good.size == count:
        return
    rejected = np.setdiff1d(np.arange(count), good)
    names = Start(draft.footprints, None, draft.seeds, draft.kind).names(rejected, draft.cache.shape)
    text = f"refit leaves out {rejected.size} of {count} seeds, which were not accepted: {'; '.join(names)}"
    reporter(Caution("blocks", text))


def strongest(whole: Solved, limit: int | None) -> Solved:
    """At most `limit` components: those with the largest traces."""
    if limit is None or whole.fit.count <= limit:
        return whole
    keep = np.sort(np.argsort(-np.linalg.norm(whole.fit.traces, axis=1), kind="stable")[:limit])
    return Solved(subset(whole.fit, keep))


def kinetics_found(plan: Plan, response: Response | None, reporter: Reporter) -> dict[str, dict[str, Any]]:
    """What was measured of the kinetics, told to the reporter and as an entry of the estimates."""
    if response is None or plan.decay is not None:
        return {}
    decay, rise = response.decay / plan.rate, response.rise / plan.rate
    text = "what explains the strongest cells' traces best"
    reporter(Note("estimate", f"decay time {decay:.2f} s, rise time {rise:.3f} s: {text}"))
    if caution := check_decay(decay, plan.rate).caution:
        reporter(Caution("estimate", caution))
    return {
        "decay_time": {"value": round(decay, 3), "why": text},
        "rise_time": {"value": round(rise, 4), "why": text},
    }


def with_cell_size(context: Context, plan: Plan, cache: Cache) -> tuple[Plan, dict[str, dict[str, Any]]]:
    """The plan with the cells' size: as given, or else as measured, which then is an entry of the estimates.

    A size that is given is used as it is; it is measured all the same, so that a caution can name one that differs.
    """

    def measure() -> Arrays:
        step = -(-cache.bins // ENOUGH_BINS)
        return size_arrays(cell_size(cache.load(window_of(cache), step)))

    size = size_of(context.solutions.once("cell size", (), measure))
    half, told = half_size_of(size.sigma), context.reporter
    if plan.sigma is None:
        told(Note("estimate", f"cells' half-size gSig {half} voxels (x × y × z): {size.why}"))
        return plan.replace(sigma=size.sigma), {"gSig": {"value": [round(s, 3) for s in half.xyz], "why": size.why}}
    given = half_size_of(plan.sigma)
    if size.cells >= FEW_CELLS and apart(given, half) > SIZES_DIFFER:
        text = f"gSig {given} voxels (x × y × z) is used as given, but cells were measured as {half}: {size.why}"
        told(Caution("estimate", f"{text}. Give gSig: auto to use that."))
    return plan, {}


def apart(given: ZYX, measured: ZYX) -> float:
    """The largest factor between two sizes along any axis."""
    return max(max(g / m, m / g) for g, m in zip(given, measured, strict=True))


def solved_block(cache: Cache, box: Box, settings: Settings, given: Given | None, known: Float | None) -> Arrays:
    """One block solved, and the local correlation image of its core; `known` as in `Block`."""
    block = dataclasses.replace(cache.load(box), known=known)
    inner = tuple(slice(a - o, b - o) for (a, b), (o, _) in zip(box.core, box.outer, strict=True))
    image = local_correlation(block)[inner]
    if given is None:
        fit = solve(block, settings)
        return block_arrays(Solved(fit), image)
    fit = solve_seeded(block, given.footprints, settings, given.traces)
    alive = living(fit)
    fit = subset(fit, alive)
    mine = np.flatnonzero(np.isin(alive, given.mine))
    return block_arrays(Solved(subset(fit, mine), given.which[alive[mine]]), image)


def solve_blocks(
    context: Context, cache: Cache, plan: Plan, boxes: Sequence[Box], start: Start | None
) -> tuple[list[Solved], Float]:
    """Each block solved, in parallel; and the local correlation image of the volume."""
    settings = plan.settings()
    anchors = np.zeros((0, 3)) if start is None else anchors_of(start.footprints, cache.shape)
    correlation = np.zeros(cache.shape, np.float32)
    motion = MotionCourses.of(context.movie, cache.width, cache.bins)

    def work(box: Box) -> Solved:
        given = None if start is None else start.within(box, cache.shape, anchors)
        shaping = (settings, box, *(() if given is None else (given.footprints, given.traces, given.which, given.mine)))
        known = None if motion is None else motion.within(box)
        shaping = shaping if known is None else (*shaping, known)
        arrays = context.solutions.once("block", shaping, lambda: solved_block(cache, box, settings, given, known))
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
    supports = on_voxels(grow(grow(footprints, cache.shape), cache.shape), cache.statistics.valid)
    active = active_frames(denoised.traces, window)
    expected = source.expecting(footprints, denoised.traces)
    sums = refine.accumulate_shapes(expected, supports, denoised.traces, active)
    footprints = refine.fit_footprints(sums.weighted, supports, denoised.traces, neuropil, seen.courses)
    statistics = cache.statistics
    gain = photon_gain(statistics.mean, statistics.noise, statistics.valid)
    brighter = noise_of_light(footprints, denoised.traces, gain, source.scale)
    footprints, errors = smoothed(
        footprints, denoised.traces, cache.shape, cache.statistics.grain, brighter, source.workers, every=True
    )
    inside = significant(footprints, SIGNIFICANT * errors, cache.shape)
    shown = with_data(footprints, footprints.data * source.scale[footprints.indices])  # in the movie's units
    inside = one_piece(shown, inside, cache.shape)
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


def deconvolved(
    seen: Traces,
    order: int,
    kinetics: Response | Sequence[Response],
    breaks: tuple[int, ...],
    workers: int,
    *,
    errors: bool = False,
) -> tuple[Float, Deconvolved]:
    """Deconvolved traces, and the raw ones with what the model expects in frames that show nothing of a component.

    Both in turn, so that these frames have no say (expectation and maximisation). `errors` as for `deconvolve`.
    """
    raw, gaps = seen.raw, np.False_ if seen.shares is None else seen.shares < UNSEEN
    for _ in range(ROUNDS if gaps.any() else 0):
        found = deconvolve_stretches(raw, order, kinetics, breaks, workers)
        raw = np.where(gaps, found.traces + found.kinetics.baseline[:, None], raw)
    found = deconvolve_stretches(raw, order, kinetics, breaks, workers, errors=errors, misfit=DEMIXED)
    return np.where(gaps, found.traces + found.kinetics.baseline[:, None], raw), found


def last_traces(
    plan: Plan, cache: Cache, source: refine.Source, footprints: Footprints, neuropil: Neuropil, start: Float
) -> tuple[Traces, Neuropil]:
    """Traces as results have them, at common times where that is asked, and the neuropil they were demixed with."""
    neuropil = without_cells(neuropil, footprints, source.level, source.scale, cache.statistics.valid, cache.shape)
    last = traces_of(source, footprints, neuropil, start)
    if plan.align:
        last = dataclasses.replace(last, raw=in_time(last.raw, plan, footprints, cache.shape, source.scale))
    return last, neuropil


def traces_of(source: refine.Source, footprints: Footprints, neuropil: Neuropil, start: Float) -> Traces:
    """Raw traces and neuropil courses: one pass over the movie."""
    seen = refine.project(source.expecting(footprints, start), footprints, neuropil)
    mixing = refine.Mixing.of(footprints, neuropil)
    traces, courses = refine.demix_traces(seen, mixing, start)
    return Traces(refine.raw_traces(seen, mixing, traces, courses), courses, seen.shares)
