"""A second functional channel: its traces on footprints that were found in another one."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from cnmf3d.components import Components, Traced
from cnmf3d.engine import refine
from cnmf3d.engine.assemble import components_of
from cnmf3d.engine.block import with_data
from cnmf3d.engine.context import Context
from cnmf3d.engine.deconvolution import measured_response
from cnmf3d.engine.full_rate import deconvolved, last_traces, own_kinetics
from cnmf3d.engine.offset import measured_offset
from cnmf3d.engine.solved_blocks import solve_blocks
from cnmf3d.engine.stages import Demixed, Outcome, Start
from cnmf3d.engine.storage import Files
from cnmf3d.engine.volume import tile_neuropil
from cnmf3d.results.footprints import unit


def traces_on(context: Context, outcome: Outcome, components: Components, files: Files) -> Traced:
    """Traces of a channel: neuropil, kinetics, noise, offset and resting light are its own, the footprints are not.

    They have no standard errors: `Traced` has no room for them.

    Parameters
    ----------
    context : Context
        With the channel's movie.
    outcome : Outcome
        Of the channel in which the cells were found.
    components : Components
        Those of the outcome.
    files : Files
        Where the channel's binned movie is, or will be.
    """
    plan, clock = outcome.plan, context.clock
    with clock.stage("ingest"):
        cache, solutions = files.ingested(context.workers, context.reporter)
    context = dataclasses.replace(context, solutions=solutions)
    scale = np.where(cache.statistics.valid, cache.scale, np.float32(np.inf))
    found = components.footprints
    footprints, _ = unit(with_data(found, (found.data / scale[found.indices]).astype(np.float32)))
    footprints = sparse.csc_array(footprints)
    boxes = plan.boxes(cache.shape, cache.bins)
    with clock.stage("blocks"):
        solved, correlation = solve_blocks(context, cache, plan, boxes, Start(footprints))
    neuropil = tile_neuropil(solved, boxes, cache.shape)
    source = refine.Source.of(context.movie, cache, neuropil, context.workers, context.reporter)
    with clock.stage("traces"):
        start = np.zeros((found.shape[1], context.movie.shape[0]), np.float32)
        seen, neuropil = last_traces(plan, cache, source, footprints, neuropil, start)
    level = seen.levelled(plan.timeline.starts)
    with clock.stage("deconvolve"):
        measured = measured_response(level.raw, max(plan.p, 1), plan.rate, plan.decay, context.workers)
        responses = own_kinetics(plan, measured, level.raw, context.workers)
        raw, denoised = deconvolved(level, plan.p, responses, plan.timeline.breaks(), context.workers)
    theirs = components_of(
        dataclasses.replace(
            outcome,
            cache=cache,
            demixed=Demixed(
                footprints, raw + (seen.raw - level.raw), denoised, seen.courses, {}, measured, seen.shares
            ),
            neuropil=neuropil,
            level=source.level,
            scale=source.scale,
            correlation=correlation,
            offset=measured_offset(context.movie, cache.statistics, context.workers),
        )
    )
    return Traced(theirs.traces, theirs.residuals, theirs.spikes, theirs.dff)
