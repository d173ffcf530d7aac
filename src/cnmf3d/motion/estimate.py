"""Entrance: a movie to its motion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from cnmf3d.events import Note, Progress, Reporter, silent
from cnmf3d.motion.assembling import assemble, still
from cnmf3d.motion.frames import Source
from cnmf3d.motion.patches import Patches
from cnmf3d.motion.piecewise import Field, register_patches
from cnmf3d.motion.rigid import Rigid, register_rigid
from cnmf3d.motion.scanner import plane_offsets, scan_phase
from cnmf3d.movies import Movie
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.parameters.motion import MotionParameters

STAGE = "register"
REACH = 1 / 6
"""Share of a plane's side that tissue may move, unless `max_shifts` tells; more leaves too little in common."""
LEAST_REACH = 6
REACH_Z = 0.35
"""Share of the planes that it may move along z."""
ROUNDS = 5
"""In which template and rigid shifts are found anew at most."""
COARSE = 0.06
"""Voxels of error from which planes of a large volume are binned less."""
PHASE_FRAMES, PHASE_VOXELS = 16, 2**22
"""In which the offset of odd lines is measured, and voxels in all of them."""
DEVIATION = 3.0
"""Voxels that a patch may deviate from the rigid shift, unless `max_deviation_rigid` tells."""


def estimate_motion(
    movie: Movie,
    parameters: MotionParameters | None = None,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
) -> Motion:
    """Estimate how the tissue moves in a movie.

    Parameters
    ----------
    movie : Movie
    parameters : MotionParameters, optional
        By default everything is found from the data: whether there is motion at all, how far it goes, what kind it is.
    reporter : callable, optional
        Gets progress and notes.
    workers : int, optional
        Threads; the result doesn't depend on them.

    Returns
    -------
    Motion
        All displacements are zero where nothing moves enough to matter.

    Raises
    ------
    InputError
        Where the movie can't be read.

    Notes
    -----
    Memory is bounded by chunks of frames and some thirty images, whatever the movie's length. See docs/motion.md.
    """
    report = reporter or silent
    asked = parameters or MotionParameters()
    source = Source.of(movie, workers)
    if len(movie) < 2:
        return still(movie, asked)
    with threadpool_limits(1, "blas"):  # threads of our own, so that sums don't depend on their number
        return _estimated(source, asked, report)


def _estimated(source: Source, asked: MotionParameters, report: Reporter) -> Motion:
    """As `estimate_motion`, of a movie of two frames or more."""
    time, voxels = source.shape[0], int(np.prod(source.shape[1:]))
    passes = {"start": 0, "shifts": 1, "patches": 2}
    farthest = 0

    def tell(step: str, done: int) -> None:
        nonlocal farthest
        farthest = max(farthest, passes[step] * time + done)
        report(Progress(STAGE, farthest, len(passes) * time, "frames", farthest * voxels))

    phase = 0.0
    if asked.scan_phase is not False:
        phase = scan_phase(_some_planes(source))
        source = replace(source, phase=round(phase))
    reach = _reach(source, asked)
    rounds = ROUNDS if asked.niter_rig == "auto" else int(asked.niter_rig)
    rigid = register_rigid(source, reach=reach, rounds=rounds, bad=asked.bad_frames, tell=tell)
    if source.finer.by < source.by and (rigid.agreement.error * source.scale > COARSE).any():
        source = source.finer
        reach = _reach(source, asked)
        del rigid  # its frames and images are as large as those of the next one
        rigid = register_rigid(source, reach=reach, rounds=rounds, bad=asked.bad_frames, tell=tell)
    offsets = np.zeros((source.shape[1], 2))
    if asked.plane_offsets is not False:
        offsets = plane_offsets(rigid.learned.basis.template) * source.by
    if offsets.any():  # motion along z can only be seen where planes are in line
        source = replace(source, offsets=np.rint(offsets).astype(np.int64))
        del rigid
        rigid = register_rigid(source, reach=reach, rounds=rounds, bad=asked.bad_frames, tell=tell)
    shifts = np.where(rigid.agreement.moves, rigid.shifts, 0.0)
    field = None
    forced = asked.pw_rigid is True or asked.plane_shifts is True
    choices = _patches(source, asked, rigid)
    if choices:
        field = register_patches(
            source,
            rigid,
            shifts,
            choices=choices,
            bound=_deviation(source, asked),
            forced=forced,
            tell=lambda done: tell("patches", done),
        )
    tell("patches", time)
    motion = assemble(source, asked, rigid, shifts, field, offsets=offsets, phase=phase)
    if forced and field is None:
        report(Note(STAGE, "volumes are too small for three patches: all of them moves as one"))
    for text in _notes(rigid, field, source, motion, reach):
        report(Note(STAGE, text))
    return motion


def _some_planes(source: Source) -> npt.NDArray[Any]:
    """Read frames as they are, for `scan_phase`; of large volumes fewer, and not all planes, (n, Z', Y, X)."""
    size = int(np.prod(source.movie.shape[1:]))
    count = int(np.clip(PHASE_VOXELS // size, 1, PHASE_FRAMES))
    numbers = np.linspace(0, len(source.movie) - 1, count + 2).astype(int)[1:-1]
    return replace(source, by=1).pick(np.unique(numbers))[:, :: -(-size // PHASE_VOXELS)]


def _patches(source: Source, asked: MotionParameters, rigid: Rigid) -> list[Patches]:
    """Patches as asked, or as structure and noise suggest; and whole planes. What must be is the only choice."""
    strides = None
    if asked.strides != "auto":
        x, y, z = asked.strides
        strides = (z, y / source.by, x / source.by)
    planes, height, width = source.shape[1:]
    shape = (planes, height, width)
    out = []
    kinds = (asked.pw_rigid, asked.plane_shifts)
    places, planes_apart = (kind is True or (kind == "auto" and True not in kinds) for kind in kinds)
    if places:
        out.append(Patches.of(shape, rigid.learned.error, strides))
    if planes_apart:
        out.append(Patches.planes(shape))
    return out


def _deviation(source: Source, asked: MotionParameters) -> npt.NDArray[np.float64]:
    """Largest deviation of a patch from the rigid shift along z, y and x, voxels of the source."""
    x, y, z = (DEVIATION,) * 3 if asked.max_deviation_rigid == "auto" else asked.max_deviation_rigid
    return np.array([z, y / source.by, x / source.by])


def _reach(source: Source, asked: MotionParameters) -> tuple[int, int, int]:
    """Largest shift along z, y and x, voxels of the source."""
    planes, height, width = source.shape[1:]
    if asked.max_shifts != "auto":
        x, y, z = asked.max_shifts
        wanted = [z, y / source.by, x / source.by]
    else:
        wanted = [REACH_Z * planes if planes > 2 else 0, *(max(LEAST_REACH, REACH * n) for n in (height, width))]
    z, y, x = (int(min(np.ceil(most), (n - 1) // 2)) for most, n in zip(wanted, (planes, height, width), strict=True))
    return z, y, x


def _notes(rigid: Rigid, field: Field | None, source: Source, motion: Motion, reach: tuple[int, int, int]) -> list[str]:
    """What was found, in sentences."""
    agreement, scale = rigid.agreement, np.array([1, source.by, source.by])
    x, y, z = (agreement.motion * scale)[::-1]
    size = f"{x:.2f}, {y:.2f}, {z:.2f} voxels rms along x, y, z"
    out = [f"motion of {size}" if agreement.moves.any() else f"no rigid motion that matters: {size}"]
    if field is not None:
        x, y, z = (np.sqrt((field.deviations**2).mean(axis=(0, 1))) * scale)[::-1]
        what = "planes" if field.patches.by_planes else "places"
        out.append(f"{what} deviate from it by {x:.2f}, {y:.2f}, {z:.2f} voxels rms along x, y, z")
    if motion.planes.any():
        out.append(f"planes lie up to {np.abs(motion.planes).max():.1f} voxels off their neighbours")
    if motion.scan_phase:
        out.append(f"odd lines lie {motion.scan_phase:.2f} voxels off along x")
    if rigid.beyond.any():
        z, y, x = (int(most) for most in np.array(reach) * scale)
        out.append(
            f"{int(rigid.beyond.sum())} frames lie at or beyond the largest shift that is looked for "
            f"({x}, {y}, {z} voxels along x, y, z); --max-shifts X,Y,Z allows more"
        )
    if rigid.bad.any():
        out.append(f"{int(rigid.bad.sum())} frames show nothing that can be registered")
    return out
