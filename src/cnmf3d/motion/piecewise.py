"""Displacements of all frames that differ from place to place, where held-out patches say that there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.motion.bad_frames import bridged
from cnmf3d.motion.frames import Source
from cnmf3d.motion.learning import Learned
from cnmf3d.motion.patches import FieldModel, Patches, PatchRegistrar, learn_field, relearn
from cnmf3d.motion.rigid import Rigid

Double = npt.NDArray[np.float64]
ROUNDS = 2
"""Times that the template is made again with the field: the third changes a hundredth of a voxel."""
LOOK = 40
"""Frames of a first look."""
HELD, LEAST_HELD = 48, 16
"""Frames that nothing was learned from, which say at the end whether there is a field; with fewer there is none."""
UNLIKELY = 0.05
"""Share of the variance that patches predict in them from which the others are asked, too."""


@dataclass(frozen=True)
class Field:
    """Deviations from the rigid shift.

    Attributes
    ----------
    patches : Patches
    deviations : (T, patches, 3) float64
        Voxels of the source.
    model : FieldModel
    learned : Learned
        With a template that is sharp where the tissue warps.
    """

    patches: Patches
    deviations: Double
    model: FieldModel
    learned: Learned


@dataclass(frozen=True)
class _Start:
    """What a pass over all frames needs."""

    registrar: PatchRegistrar
    model: FieldModel
    resting: Double
    bound: Double

    def deviations(self, frames: npt.NDArray[Any], rigid: Double, workers: int) -> Double:
        """Deviations of some frames, (n, patches, 3)."""
        base = np.repeat(rigid[:, None], self.resting.shape[0], axis=1)
        out = np.zeros_like(base)
        for last in (False, True):
            shifts, errors = self.registrar.fit(frames, base + out, workers, bounded=last)
            out = np.clip(self.model.smooth(shifts - base - self.resting, errors), -self.bound, self.bound)
        return out


def register_patches(
    source: Source,
    rigid: Rigid,
    shifts: Double,
    *,
    choices: Sequence[Patches],
    bound: Double,
    forced: bool = False,
    tell: Callable[[int], None] = lambda done: None,
) -> Field | None:
    """Find the field of every frame, or nothing where there is none.

    Parameters
    ----------
    source : Source
    rigid : Rigid
    shifts : (T, 3)
        The rigid ones that are used.
    choices : sequence of Patches
        The one is taken whose patches predict most of one another.
    bound : (3,)
        Largest deviation along z, y and x.
    forced : bool
        Whether there is a field even where it doesn't help.
    tell : callable
        Gets the number of frames done.
    """
    start: _Start | None = None
    for patches in choices:
        if len(patches.boxes) >= 3:
            other = _learn(source, rigid, shifts[rigid.numbers], patches, bound, forced)
            if other.model.helps and not forced:
                other = _held_out(other, source, rigid, shifts)
            if (other.model.helps or forced) and (start is None or other.model.explained > start.model.explained):
                start = other
            del other  # its images are as large as the template's
    if start is None:
        return None
    patches = start.registrar.patches
    out = np.empty((source.shape[0], len(patches.boxes), 3))
    for first, some in source.chunks():
        part = slice(first, first + len(some))
        out[part] = start.deviations(some, shifts[part], source.workers)
        tell(part.stop)
    smooth = bridged(out.reshape(len(out), -1), rigid.bad).reshape(out.shape)
    return Field(patches, smooth, start.model, start.registrar.learned)


def _held_out(start: _Start, source: Source, rigid: Rigid, shifts: Double) -> _Start:
    """Keep what frames say, too, that nothing was learned from; nothing where there are too few."""
    others = np.setdiff1d(np.flatnonzero(~rigid.bad), rigid.numbers)
    if len(others) < LEAST_HELD:
        return replace(start, model=start.model.without_field())
    others = others[np.unique(np.linspace(0, len(others) - 1, HELD).astype(int))]
    base = np.repeat(shifts[others][:, None], start.resting.shape[0], axis=1)
    found, errors = start.registrar.fit(source.pick(others), base, source.workers)
    return replace(start, model=start.model.confirmed(found - base - start.resting, errors))


def _learn(source: Source, rigid: Rigid, shifts: Double, patches: Patches, bound: Double, forced: bool) -> _Start:
    """Learn how deviations of patches go together, and a template without their blur."""
    frames, learned, workers, scale = rigid.frames, rigid.learned, source.workers, source.scale
    reach = np.ceil(np.abs(shifts).max(axis=0) + bound).astype(np.int64) + 1
    base = np.repeat(shifts[:, None], len(patches.boxes), axis=1)
    field = np.zeros_like(base)
    for number in range(ROUNDS + 1):
        registrar = PatchRegistrar(learned, patches, reach)
        if (
            number == 0 and not forced and len(frames) > 2 * LOOK
        ):  # most recordings have no field: that a few frames tell
            few = slice(None, None, len(frames) // LOOK)
            found, errors = registrar.fit(frames[few], base[few], workers)
            model = learn_field(found - base[few] - np.median(found - base[few], axis=0), errors, patches, scale)
            if not (model.held_out > UNLIKELY).any():
                return _Start(registrar, model, np.zeros(base.shape[1:]), bound)
        found, errors = registrar.fit(frames, base + field, workers)
        resting = np.median(found - base, axis=0)
        model = learn_field(found - base - resting, errors, patches, scale, forced=forced)
        if not model.helps or number == ROUNDS:
            break
        field = np.clip(model.smooth(found - base - resting, errors), -bound, bound)
        learned = relearn(frames, base + field, learned, patches, workers)
    return _Start(registrar, model, resting, bound)
