"""What `register` and `run --register` share: where a motion is written; and what a run does before it finds cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cnmf3d.errors import UsageError
from cnmf3d.written import check_place

if TYPE_CHECKING:
    from cnmf3d.cli.flags import MovieFlags
    from cnmf3d.engine.registering import Decision
    from cnmf3d.events import Reporter
    from cnmf3d.movies import Movie
    from cnmf3d.parameters import MotionParameters
    from cnmf3d.results import Results

Kind = Literal["auto", "rigid", "piecewise"]
PIECEWISE: dict[str, bool] = {"rigid": False, "piecewise": True}
"""What pw_rigid is for each kind but auto, which leaves it to the data."""
Registering = Literal["auto", "none", "rigid", "piecewise"]


def check_motion_output(out: Path, movie: Movie, *, force: bool) -> None:
    """See that a motion file can be written, before anything is computed.

    Raises
    ------
    UsageError
        Where it can't, or what is there is something else than a motion file.
    """
    from cnmf3d.movies.registered.origin import local
    from cnmf3d.movies.registered.storing import holds_motion

    check_place(out)
    if out.is_dir():
        raise UsageError(f"{out} is a folder", "Give the name of a file: -o movie.motion.hdf5.")
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
    decision : Decision
    out : Path
        Motion file: beside the results.
    """

    movie: Movie
    opening: dict[str, Any]
    kind: Registering
    parameters: MotionParameters
    decision: Decision
    out: Path

    @classmethod
    def of(
        cls,
        movie: Movie,
        opening: MovieFlags,
        kind: Registering,
        content: Mapping[str, Any],
        results: Path,
        *,
        force: bool,
    ) -> Registration:
        """Decide what is to be done, and see that it can be, before anything is computed.

        Parameters
        ----------
        movie, opening, kind, content
            The movie, how it was opened, and what is asked.
        results : Path
            That are to be written.
        force : bool
            Replace what is in the place of the motion file, whatever it is.
        """
        from cnmf3d.engine.registering import asked_for, decide
        from cnmf3d.movies.registered.origin import motion_path

        if opening.motion is not None and kind not in ("auto", "none"):
            raise UsageError(
                "the movie's motion is given (--motion) and is to be estimated (--register)", "Choose one of them."
            )
        _, parameters = asked_for(kind, content, voxel_size=movie.voxel_size)
        beside = motion_path(movie)
        out = results.parent / beside.name
        decision = decide(movie, kind, parameters, (out, beside))
        if decision.does == "estimate":
            check_motion_output(out, movie, force=force)
        return cls(movie, opening.keywords(), kind, parameters, decision, out)

    def done(self, reporter: Reporter, workers: int | None) -> Movie:
        """Find and keep the motion: the registered movie, or the recording where it is left as it is."""
        from cnmf3d.engine.registering import carry_out

        return carry_out(
            self.decision,
            self.movie,
            self.parameters,
            file=self.out,
            opening=self.opening,
            reporter=reporter,
            workers=workers,
        )


def with_registration(results: Results, movie: Movie, registration: Registration) -> Results:
    """Results that say how the movie was registered; of a movie that is left as it is they say nothing."""
    from cnmf3d.results.registration import with_registration as told

    decision = registration.decision
    if decision.does == "leave":
        return told(results, movie)
    return told(results, movie, f"--register {registration.kind}", decision.why)
