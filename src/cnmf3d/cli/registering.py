"""What `register` and `run --register` share: estimating the motion of a movie, and saying what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    from cnmf3d.events import Reporter
    from cnmf3d.movies import Movie
    from cnmf3d.movies.registered import Motion
    from cnmf3d.parameters import MotionParameters

Kind = Literal["auto", "rigid", "piecewise"]

PIECEWISE: dict[str, bool] = {"rigid": False, "piecewise": True}
"""What pw_rigid is for each kind but auto, which leaves it to the data."""


def estimated(movie: Movie, parameters: MotionParameters, reporter: Reporter, workers: int | None) -> Motion:
    """Estimate the motion of a movie."""
    from cnmf3d.motion import estimate_motion

    return estimate_motion(movie, parameters, reporter=reporter, workers=workers)


def of_movie(motion: Motion, movie: Movie, opening: dict[str, Any], other: tuple[int, str] | None = None) -> Motion:
    """A motion with what leads from its file to the movie.

    Parameters
    ----------
    motion : Motion
    movie : Movie
        The recording that it is to be applied to.
    opening : dict
        How it was opened.
    other : (channel, fingerprint), optional
        The channel that it was estimated on, where that is another one.
    """
    told: dict[str, Any] = {
        "movie": {"paths": [str(Path(path).resolve()) for path in local(movie)], "opening": opening}
    }
    if other is not None:
        told["registered_on"] = {"channel": other[0], "fingerprint": other[1]}
    return replace(motion, fingerprint=movie.fingerprint(), parameters={**motion.parameters, **told})


def local(movie: Movie) -> tuple[str, ...]:
    """The movie's files; none where they are addresses."""
    return () if any("://" in path for path in movie.paths) else movie.paths


def motion_path(movie: Movie) -> Path:
    """Motion file beside a local movie, else in the working folder."""
    from cnmf3d.movies.registered import SUFFIX

    if not local(movie):
        return Path(f"movie{SUFFIX}")
    path = Path(movie.paths[0])
    return path.with_name(path.name.split(".")[0] + SUFFIX)


def check_motion_output(out: Path, movie: Movie, *, force: bool) -> None:
    """See that a motion file can be written, before anything is computed.

    Raises
    ------
    UsageError
        Where it can't, or what is there is something else than a motion file.
    """
    from cnmf3d.movies.registered.storing import holds_motion

    if out.is_dir():
        raise UsageError(f"{out} is a folder", "Give the name of a file: -o movie.motion.hdf5.")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent} to write {out.name} to", "Make it, or choose another (-o).")
    if out.exists() and any(out.samefile(path) for path in local(movie) if Path(path).exists()):
        raise UsageError(f"{out} is the movie itself", "Give the motion file another name: -o movie.motion.hdf5.")
    if out.exists() and not force and not holds_motion(out):
        raise UsageError(
            f"{out} exists, and is no motion file", "Choose another name (-o), or replace it with --force."
        )
