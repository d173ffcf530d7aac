"""Rigid shifts of all frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.motion.agreement import Agreement, compare_halves
from cnmf3d.motion.bad_frames import bridged, contrast, faint_frames, odd_levels
from cnmf3d.motion.confidence import confidence
from cnmf3d.motion.frames import Source
from cnmf3d.motion.learning import Learned, Registrar, learn, pairs_of
from cnmf3d.motion.regression import FARTHEST
from cnmf3d.motion.starting import Search, Start, first_search

Double = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
LEARNING_FRAMES, LEAST_LEARNING, LEARNING_VOXELS = 96, 48, 2**24
"""Frames that the template is learned from, at least so many of large volumes, and voxels in them: more lower its
noise, which is small beside a frame's already. Shifts of small volumes are less sure (64: up to 5 % more error)."""
DARK = 0.08
"""Voxels of expected error from which the template needs more frames."""
DARK_FRAMES = 640
"""Frames that it is learned from then."""
LEARNT = 2 / 3
"""Share of the frames that the template is learned from at most: others say whether what was learned holds."""
LEARNING_BYTES = 2**27
"""Memory that these frames may take."""


@dataclass(frozen=True)
class Rigid:
    """Rigid motion of a recording.

    Attributes
    ----------
    shifts : (T, 3) float64
        Voxels of the source, z, y, x.
    error : (T, 3) float64
        Expected standard error.
    confidence : (T,) float64
        0 to 1.
    bad : (T,) bool
    beyond : (T,) bool
        Of these, frames that lie at the largest shift that is looked for.
    learned : Learned
    agreement : Agreement
    numbers : (n,) int64
        Frames that the template was learned from.
    frames : (n, Z, Y, X)
        What these show.
    """

    shifts: Double
    error: Double
    confidence: Double
    bad: Bool
    beyond: Bool
    learned: Learned
    agreement: Agreement
    numbers: npt.NDArray[np.int64]
    frames: npt.NDArray[Any]


def register_rigid(
    source: Source,
    *,
    reach: tuple[int, int, int],
    rounds: int = 5,
    bad: tuple[int, ...] = (),
    tell: Callable[[str, int], None] = lambda step, done: None,
) -> Rigid:
    """Estimate the rigid shift of every frame.

    Parameters
    ----------
    source : Source
    reach : (3,)
        Largest shift along z, y and x, voxels of the source.
    rounds : int
        In which template and shifts are found anew.
    bad : tuple of int
        Frames that are known to be bad.
    tell : callable
        Gets the step and the number of frames that are done.
    """
    search = first_search(source, reach)
    start = search.start(source, lambda done: tell("start", done))
    given = np.isin(np.arange(source.shape[0]), bad)
    axes = tuple(axis for axis in range(3) if reach[axis] > 0)
    frames, numbers, odd = _frames_to_learn_from(source, start, given, LEARNING_FRAMES)
    learned = learn(frames, start.shifts[numbers], axes, rounds, source.workers)
    if learned.error > DARK:  # what is learned finds frames that the first template lost
        start = _started_again(search, learned, source)
        del learned, frames  # as large as the next ones
        frames, numbers, odd = _frames_to_learn_from(source, start, given, DARK_FRAMES)
        learned = learn(frames, start.shifts[numbers], axes, rounds, source.workers)
        start = _started_again(search, learned, source)
    agreement = compare_halves(frames, learned, source.scale, source.workers)
    kept = tuple(axis for axis in axes if agreement.moves[axis])
    if kept and kept != axes:
        shifts = learned.shifts
        del learned
        learned = learn(frames, shifts, kept, rounds, source.workers)
    fitted = _all_frames(source, start, odd, learned, numbers, reach, lambda done: tell("shifts", done))
    return Rigid(*fitted, learned, agreement, numbers, frames)


def _started_again(search: Search, learned: Learned, source: Source) -> Start:
    """Compare all frames with what was learned."""
    template = np.asarray(learned.basis.template + learned.level, np.float32)
    return search.sharper(template, len(learned.shifts), source.workers).start(source)


def _frames_to_learn_from(
    source: Source, start: Start, given: Bool, most: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], Bool]:
    """Read frames spread over the recording that look like others; tell which don't."""
    time = source.shape[0]
    item = source.movie.dtype.itemsize if source.by == 1 else 4
    voxels = int(np.prod(source.shape[1:]))
    if most == LEARNING_FRAMES:
        most = int(np.clip(LEARNING_VOXELS // voxels, LEAST_LEARNING, most))
    most = min(most, max(8, int(LEARNT * time)))
    count = int(np.clip(LEARNING_BYTES // (item * voxels), 8, most))
    some = source.pick(np.unique(np.linspace(0, time - 1, 16).astype(int)))
    odd = given | odd_levels(start.level, contrast(some))
    good = np.flatnonzero(~odd & (start.peaks > 0.25 * np.median(start.peaks[~odd]))) if not odd.all() else np.arange(0)
    if len(good) < min(8, time):
        good = np.arange(time)
    few = good[pairs_of(len(good), count)]
    return source.pick(few), few, odd


def _all_frames(
    source: Source,
    start: Start,
    odd: Bool,
    learned: Learned,
    numbers: npt.NDArray[np.int64],
    reach: tuple[int, int, int],
    tell: Callable[[int], None],
) -> tuple[Double, Double, Double, Bool, Bool]:
    """Fit every frame to what was learned: shifts, errors, confidence, bad frames, and those beyond the reach."""
    time = source.shape[0]
    shifts, error = np.zeros((time, 3)), np.zeros((time, 4))
    brightness = np.ones(time)
    guess = start.shifts - np.median(start.shifts[~odd] if not odd.all() else start.shifts, axis=0)
    farthest = np.minimum(np.ceil(np.abs(guess).max(axis=0)).astype(np.int64) + 1, reach)
    registrar = Registrar(learned.basis, learned.level, farthest, learned.limit)
    for first, frames in source.chunks():
        part = slice(first, first + len(frames))
        fit, whole = registrar.fit(frames, guess[part], source.workers)
        shifts[part], error[part], brightness[part] = whole + fit.offset, fit.error, fit.brightness
        tell(part.stop)
    # the template holds the frames that it was learned from, and draws them to where they were put
    apart = learned.shifts - shifts[numbers]
    apart -= np.median(apart, axis=0)
    near = (np.abs(apart) < FARTHEST).all(axis=1)  # in the dark rounds lead some astray
    shifts[numbers[near]] += apart[near]
    error[numbers[near]] = learned.errors[near]
    moving = list(learned.basis.axes)
    out = (np.abs(shifts) >= np.array(reach) + 0.5)[:, moving].any(axis=1)
    bad = odd | faint_frames(brightness, error[:, 3]) | out | ~np.isfinite(error[:, moving]).all(axis=1)
    good = ~bad if not bad.all() else np.ones(time, np.bool_)
    shifts = bridged(shifts, bad)
    shifts = shifts - np.median(shifts[good], axis=0)
    unsure = np.sqrt((error[:, moving] ** 2).mean(axis=1)) if moving else np.zeros(time)
    sure = np.where(bad, 0.0, confidence(brightness / np.median(brightness[good]), unsure))
    return shifts, error[:, :3], sure, bad, out & ~odd
