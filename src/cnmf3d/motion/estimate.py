"""Entrance: a movie to its motion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

import cnmf3d
from cnmf3d.events import Note, Progress, Reporter, silent
from cnmf3d.motion.frames import Source
from cnmf3d.motion.rigid import Rigid, register_rigid
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
        return _still(movie, asked)
    with threadpool_limits(1, "blas"):  # threads of our own, so that sums don't depend on their number
        return _estimated(source, asked, report)


def _estimated(source: Source, asked: MotionParameters, report: Reporter) -> Motion:
    """As `estimate_motion`, of a movie of two frames or more."""
    time, voxels = source.shape[0], int(np.prod(source.shape[1:]))
    passes = {"start": 0, "shifts": 1}

    def tell(step: str, done: int) -> None:
        whole = passes[step] * time + done
        report(Progress(STAGE, whole, len(passes) * time, "frames", whole * voxels))

    reach = _reach(source, asked)
    rounds = ROUNDS if asked.niter_rig == "auto" else int(asked.niter_rig)
    rigid = register_rigid(source, reach=reach, rounds=rounds, bad=asked.bad_frames, tell=tell)
    for text in _notes(rigid, source):
        report(Note(STAGE, text))
    return _motion(source, asked, rigid, reach)


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


def _notes(rigid: Rigid, source: Source) -> list[str]:
    """What was found, in sentences."""
    agreement, scale = rigid.agreement, np.array([1, source.by, source.by])
    x, y, z = (agreement.motion * scale)[::-1]
    out = [
        f"motion of {x:.2f}, {y:.2f}, {z:.2f} voxels rms along x, y, z"
        if agreement.moves.any()
        else f"no motion that matters: {x:.2f}, {y:.2f}, {z:.2f} voxels rms along x, y, z"
    ]
    if rigid.bad.any():
        out.append(f"{int(rigid.bad.sum())} frames show nothing that can be registered")
    return out


def _motion(source: Source, asked: MotionParameters, rigid: Rigid, reach: tuple[int, int, int]) -> Motion:
    """Put the result together, in voxels of the movie."""
    scale = np.array([1, source.by, source.by])
    moves = rigid.agreement.moves
    shifts = np.where(moves, rigid.shifts * scale, 0.0)
    chosen = {
        "moves": [bool(moving) for moving in moves[::-1]],
        "motion": _plain(rigid.agreement.motion * scale),
        "error": _plain(rigid.agreement.error * scale),
        "max_shifts": _plain(np.array(reach) * scale),
        "binning": source.by,
    }
    return Motion(
        rigid=shifts.astype(np.float32),
        confidence=rigid.confidence.astype(np.float32),
        planes=np.zeros((source.shape[1], 2), np.float32),
        bad_frames=rigid.bad,
        template=_full_size(rigid.learned.basis.template + rigid.learned.level, source),
        fingerprint=source.movie.fingerprint(),
        parameters={"asked": asked.model_dump(mode="json"), "chosen": chosen},
        versions={"cnmf3d": cnmf3d.__version__},
    )


def _plain(values: npt.NDArray[np.float64]) -> list[float]:
    """Three numbers in the order x, y, z, rounded for people."""
    return [round(float(value), 4) for value in values[::-1]]


def _full_size(image: npt.NDArray[np.float32], source: Source) -> npt.NDArray[np.float32]:
    """Repeat binned voxels so that the image has the movie's size."""
    if source.by == 1:
        return image
    repeated = image.repeat(source.by, axis=1).repeat(source.by, axis=2)
    missing = [(0, whole - has) for whole, has in zip(source.movie.shape[1:], repeated.shape, strict=True)]
    return np.pad(repeated, missing, mode="edge")


def _still(movie: Movie, asked: MotionParameters) -> Motion:
    """Nothing can move in one frame."""
    time, planes = movie.shape[:2]
    return Motion(
        rigid=np.zeros((time, 3), np.float32),
        confidence=np.ones(time, np.float32),
        planes=np.zeros((planes, 2), np.float32),
        bad_frames=np.zeros(time, np.bool_),
        template=movie.read(0, 1)[0].astype(np.float32),
        fingerprint=movie.fingerprint(),
        parameters={"asked": asked.model_dump(mode="json"), "chosen": {}},
        versions={"cnmf3d": cnmf3d.__version__},
    )
