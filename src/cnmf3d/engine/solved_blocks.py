"""Blocks of the binned movie solved, each for itself, in parallel; what was solved before is taken from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from cnmf3d.components import Float
from cnmf3d.engine.block import subset
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.cache import Cache
from cnmf3d.engine.context import Context
from cnmf3d.engine.demix import living
from cnmf3d.engine.evaluation.projections import local_correlation
from cnmf3d.engine.motion_courses import MotionCourses
from cnmf3d.engine.parallel import in_order
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.solutions import Arrays, block_arrays, block_of
from cnmf3d.engine.solve import Settings, solve, solve_seeded
from cnmf3d.engine.stages import Given, Start, anchors_of
from cnmf3d.engine.volume import Solved
from cnmf3d.events import Progress


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
