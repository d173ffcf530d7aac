"""What `register` and `run --register` share: estimating the motion of a movie, and saying what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    from cnmf3d.cli.flags import MovieFlags
    from cnmf3d.events import Reporter
    from cnmf3d.movies import Movie
    from cnmf3d.movies.registered import Motion
    from cnmf3d.parameters import MotionParameters
    from cnmf3d.results import Results

Kind = Literal["auto", "rigid", "piecewise"]
Registering = Literal["auto", "none", "rigid", "piecewise"]

PIECEWISE: dict[str, bool] = {"rigid": False, "piecewise": True}
"""What pw_rigid is for each kind but auto, which leaves it to the data."""


def estimated(movie: Movie, parameters: MotionParameters, reporter: Reporter, workers: int | None) -> Motion:
    """Estimate the motion of a movie."""
    from cnmf3d.motion import estimate_motion
    from cnmf3d.movies.watching import Watch

    watch = Watch.of(movie)
    motion = estimate_motion(movie, parameters, reporter=reporter, workers=workers)
    watch.check(content=True)
    return motion


def check_motion_output(out: Path, movie: Movie, *, force: bool) -> None:
    """See that a motion file can be written, before anything is computed.

    Raises
    ------
    UsageError
        Where it can't, or what is there is something else than a motion file.
    """
    from cnmf3d.movies.registered.origin import local
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


@dataclass(frozen=True)
class Registration:
    """What a run does before it looks for cells.

    Attributes
    ----------
    movie : Movie
        As recorded.
    opening : dict
        How it was opened.
    kind : str
    parameters : MotionParameters
    out : Path
        Motion file.
    """

    movie: Movie
    opening: dict[str, Any]
    kind: Kind
    parameters: MotionParameters
    out: Path

    @classmethod
    def of(
        cls, movie: Movie, opening: MovieFlags, kind: Kind, content: Mapping[str, Any], *, force: bool
    ) -> Registration:
        """See that it can be done, before anything is computed."""
        from cnmf3d.movies.registered.origin import motion_path
        from cnmf3d.parameters import read_motion_parameters

        if opening.motion is not None:
            raise UsageError(
                "the movie's motion is given (--motion) and is to be estimated (--register)", "Choose one of them."
            )
        out = motion_path(movie)
        check_motion_output(out, movie, force=force)
        changes = {"pw_rigid": PIECEWISE[kind]} if kind in PIECEWISE else {}
        parameters = read_motion_parameters(content, voxel_size=movie.voxel_size, **changes)
        return cls(movie, opening.keywords(), kind, parameters, out)

    def done(self, reporter: Reporter, workers: int | None) -> Movie:
        """Estimate and keep the motion: the registered movie, or the recording where nothing moves."""
        from cnmf3d.events import Note
        from cnmf3d.movies.registered import registered, write_motion
        from cnmf3d.movies.registered.origin import of_movie

        motion = of_movie(estimated(self.movie, self.parameters, reporter, workers), self.movie, self.opening)
        write_motion(motion, self.out)
        if motion.still:
            reporter(Note("register", "nothing moves that matters: the movie is used as it was recorded"))
            return self.movie
        return registered(self.movie, motion)


def with_registration(results: Results, movie: Movie, registration: Registration | None) -> Results:
    """Results that say how the movie was registered."""
    from cnmf3d.results.registration import with_registration as told

    return told(results, movie, None if registration is None else f"--register {registration.kind}")
