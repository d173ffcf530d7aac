"""The order of the stages: movie in, judged components out. Only this file knows it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Bool, Float
from cnmf3d.engine import refine
from cnmf3d.engine.block import subset
from cnmf3d.engine.cache import Cache
from cnmf3d.engine.context import Context
from cnmf3d.engine.deconvolution import (
    Response,
    measured_response,
)
from cnmf3d.engine.estimates import ENOUGH_BINS, cell_size, window_of
from cnmf3d.engine.evaluation.decision import judge
from cnmf3d.engine.evaluation.false_discoveries import expected_false
from cnmf3d.engine.evaluation.motion import courses_of
from cnmf3d.engine.full_rate import deconvolved, last_traces, looks_of, own_kinetics, shapes_of, start_traces, traces_of
from cnmf3d.engine.merging import NEVER
from cnmf3d.engine.motion_courses import MotionCourses
from cnmf3d.engine.offset import Offset, measured_offset
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.plausibility import check_decay
from cnmf3d.engine.solutions import Arrays, size_arrays, size_of
from cnmf3d.engine.solved_blocks import solve_blocks
from cnmf3d.engine.stages import Demixed, Draft, Outcome, Start, or_typical, transient
from cnmf3d.engine.storage import Files
from cnmf3d.engine.volume import Solved, stitch, tile_neuropil
from cnmf3d.events import Caution, Note, Reporter
from cnmf3d.geometry import ZYX, half_size_of

FEW_CELLS = 3
"""Measured cells below which nothing is said about a size or a decay time that is given."""

SIZES_DIFFER = 1.4
"""Factor between a cell size that is given and the measured one from which on a caution names both: for somata sizes
come out within 10 %, for cells that are Gaussians gSig is 1.4 times what users may call it."""

DECAYS_DIFFER = 1.5
"""The same for decay times, which scatter more."""


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
        responses = own_kinetics(plan, draft.response, level.raw, context.workers)
        raw, denoised = deconvolved(level, plan.p, responses, plan.timeline.breaks(), context.workers, errors=True)
    with clock.stage("evaluate"):
        quality, accepted = judged(draft, draft.quality(raw), raw)
        rate = false_discovery_rate(plan, cache, raw, int(accepted.sum()), context.reporter)
    with clock.stage("estimate"):
        if plan.offset is None:
            offset = measured_offset(context.movie, cache.statistics, context.workers)
        else:
            offset = Offset(plan.offset, 0.0, "given")
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
