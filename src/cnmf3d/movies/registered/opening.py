"""From whatever says how the tissue moved to a `Motion` of a movie."""

from __future__ import annotations

from pathlib import Path

from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies.movie import Movie
from cnmf3d.movies.registered.frames import check_belongs
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.movies.registered.storing import holds_motion, read_motion
from cnmf3d.movies.registered.theirs import read_theirs
from cnmf3d.regular import refuse_special

MotionSource = str | Path | Motion


def motion_of(source: MotionSource, movie: Movie) -> Motion:
    """The motion of a movie, from a motion file, from shifts of CaImAn or Suite2p, or as it is.

    Parameters
    ----------
    source : path or Motion
    movie : Movie
        As recorded.

    Raises
    ------
    UsageError
        For something else.
    InputError
        For a file that can't be read, or is of another movie.
    """
    if isinstance(source, Motion):
        check_belongs(source, movie)
        return source
    if not isinstance(source, (str, Path)):
        raise UsageError(
            f"motion is a {type(source).__name__}", "Give a motion file, or what cnmf3d.motion.estimate_motion returns."
        )
    path = Path(source)
    if not path.exists():
        raise InputError(f"{path} is not there", "Check the name; cnmf3d register MOVIE makes a motion file.")
    refuse_special(path)
    motion = None if path.is_file() and holds_motion(path) else read_theirs(path, movie)
    if motion is None:
        motion = read_motion(path)
    check_belongs(motion, movie, str(path))
    return motion
