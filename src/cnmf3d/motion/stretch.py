"""Motion of a stretch of a movie: what registration would do, before all of it is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.events import Reporter
from cnmf3d.motion.estimate import estimate_motion
from cnmf3d.movies import Movie
from cnmf3d.movies.cropped import cropped
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.parameters.motion import MotionParameters

Value = TypeVar("Value", bound=np.generic)
STRETCH = "stretch"
"""Among the parameters of a motion: first frame of the stretch that it is of, and the one after its last."""


def estimate_stretch(
    movie: Movie,
    start: int,
    stop: int,
    parameters: MotionParameters | None = None,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
) -> Motion:
    """Estimate the motion of some frames in a row as `estimate_motion` does that of all.

    Parameters
    ----------
    movie : Movie
    start, stop : int
        First frame, and the one after the last.
    parameters, reporter, workers : as in `estimate_motion`
        Bad frames are numbers of the movie's frames.

    Returns
    -------
    Motion
        Of ``stop - start`` frames; `over_all` makes one of the movie of it.

    Raises
    ------
    UsageError
        For a stretch that the movie doesn't have.
    """
    asked = parameters or MotionParameters()
    inside = tuple(frame - start for frame in asked.bad_frames if start <= frame < stop)
    _, z, y, x = movie.shape
    part = cropped(movie, (start, stop), (0, z), (0, y), (0, x))
    found = estimate_motion(part, asked.model_copy(update={"bad_frames": inside}), reporter=reporter, workers=workers)
    told = {**found.parameters, "asked": asked.model_dump(mode="json"), STRETCH: [start, stop]}
    return replace(found, parameters=told)


def stretch_of(motion: Motion) -> tuple[int, int] | None:
    """Which frames a motion is of, where they are a stretch only."""
    told = motion.parameters.get(STRETCH)
    return (int(told[0]), int(told[1])) if isinstance(told, (list, tuple)) and len(told) == 2 else None


def over_all(motion: Motion, frames: int) -> Motion:
    """The motion of a stretch as one of a movie of so many frames: the others stay as they are.

    Raises
    ------
    InputError
        Where it is none of a stretch, or not of such a movie.
    """
    stretch = stretch_of(motion)
    if stretch is None or stretch[1] - stretch[0] != motion.frames or stretch[1] > frames:
        raise InputError("the motion is not that of a stretch of this movie", "Estimate it again.")
    part = slice(*stretch)

    def whole(values: npt.NDArray[Value]) -> npt.NDArray[Value]:
        out = np.zeros((frames, *values.shape[1:]), values.dtype)
        out[part] = values
        return out

    return replace(
        motion,
        rigid=whole(motion.rigid),
        confidence=whole(motion.confidence),
        bad_frames=whole(motion.bad_frames),
        plane_shifts=None if motion.plane_shifts is None else whole(motion.plane_shifts),
        field=None if motion.field is None else whole(motion.field),
    )
