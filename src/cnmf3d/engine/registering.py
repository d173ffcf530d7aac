"""Before a run: whether the movie moves by what matters, and the registered movie where it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cnmf3d.engine.motion_warmup import compile_first
from cnmf3d.engine.plausibility.checks import LEAST
from cnmf3d.engine.plausibility.motion import check_motion, registered_before
from cnmf3d.engine.plausibility.sample import sample_of
from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.events import Caution, Note, Reporter, silent
from cnmf3d.motion import estimate_motion
from cnmf3d.movies import Movie
from cnmf3d.movies.registered import read_motion, registered, write_motion
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.movies.registered.origin import of_movie
from cnmf3d.movies.registered.storing import holds_motion
from cnmf3d.movies.watching import Watch
from cnmf3d.parameters import MotionParameters, read_motion_parameters
from cnmf3d.parameters.registering import KINDS, MotionSource

STAGE = "register"


@dataclass(frozen=True)
class Decision:
    """What is to be done with a movie.

    Attributes
    ----------
    does : {"leave", "reuse", "estimate"}
    why : str
        One sentence, with a figure where something was measured.
    file : Path, optional
        Motion file that is reused.
    motion : Motion, optional
        What it says.
    """

    does: Literal["leave", "reuse", "estimate"]
    why: str
    file: Path | None = None
    motion: Motion | None = field(default=None, repr=False)


def asked_for(
    kind: str, content: MotionSource | None = None, *, voxel_size: Any = None
) -> tuple[str, MotionParameters]:
    """Check the kind, and read the parameters that go with it.

    Raises
    ------
    UsageError
        For a kind that there isn't, or parameters that can't be.
    """
    if kind not in KINDS:
        raise UsageError(f"register is {kind!r}", f"{did_you_mean(kind, KINDS)}Choose one of {', '.join(KINDS)}.")
    changes = {"pw_rigid": kind == "piecewise"} if kind in ("rigid", "piecewise") else {}
    return kind, read_motion_parameters(content, voxel_size=voxel_size, **changes)


def decide(movie: Movie, kind: str, parameters: MotionParameters, files: Sequence[Path] = ()) -> Decision:
    """Decide whether a movie is registered before its cells are looked for.

    With ``auto`` a sample of its frames is looked at, as `check_movie` does; that takes about a second, whatever the
    movie's length. What is registered already is left: movies that are registered as they are read, and those with
    borders that registration filled.

    Parameters
    ----------
    movie : Movie
    kind : {"auto", "none", "rigid", "piecewise"}
    parameters : MotionParameters
    files : sequence of Path
        Motion files that may be there; the first one of this movie, made with these parameters, is used. ``auto``
        without parameters takes any.
    """
    if kind == "none":
        return Decision("leave", "registration is turned off")
    if "motion" in movie.metadata:
        return Decision("leave", "the movie is registered as it is read")
    free = kind == "auto" and parameters == MotionParameters()
    for file in files:
        motion = _kept(file, movie, None if free else parameters)
        if motion is not None:
            return Decision(
                "reuse", f"{file} says how the movie moves; without that file it is found again", file, motion
            )
    if kind != "auto":
        return Decision("estimate", "registration was asked for")
    if len(movie) < LEAST:
        return Decision("leave", f"in {len(movie)} volumes motion can't be told from activity")
    sample = sample_of(movie)
    check = check_motion(sample)
    if not check.finding:
        return Decision("leave", f"nothing moves that matters: {check.said}")
    if registered_before(sample):
        return Decision("leave", f"its borders were filled by registration, and it is left so: {check.finding}")
    return Decision("estimate", check.finding)


def _kept(file: Path, movie: Movie, parameters: MotionParameters | None) -> Motion | None:
    """The motion of a movie that a file holds, if it was found with these parameters; None: with any."""
    if not file.is_file() or not holds_motion(file):
        return None
    motion = read_motion(file)
    if motion.fingerprint != movie.fingerprint():
        return None
    asked = motion.parameters.get("asked")
    return motion if parameters is None or asked == parameters.model_dump(mode="json") else None


def watched_motion(
    movie: Movie, parameters: MotionParameters, *, reporter: Reporter = silent, workers: int | None = None
) -> Motion:
    """Estimate the motion of a movie that stays the same meanwhile: of what changes it would be that of nothing.

    Raises
    ------
    InputError
        Where its files change. Where they were only touched there is a caution.
    """
    watch = Watch.of(movie, caution=lambda text: reporter(Caution(STAGE, text)))
    compile_first(movie.dtype, reporter, workers, piecewise=parameters.pw_rigid is not False)
    motion = estimate_motion(movie, parameters, reporter=reporter, workers=workers)
    watch.check(content=True)
    return motion


def carry_out(
    decision: Decision,
    movie: Movie,
    parameters: MotionParameters,
    *,
    file: Path | None = None,
    opening: Mapping[str, Any] | None = None,
    reporter: Reporter = silent,
    workers: int | None = None,
) -> Movie:
    """Register a movie as it was decided: the registered one, or the movie itself where nothing moves.

    Parameters
    ----------
    decision : Decision
    movie : Movie
    parameters : MotionParameters
    file : Path, optional
        Where the motion is kept.
    opening : mapping, optional
        How the movie was opened, for the file.
    reporter : callable
    workers : int, optional
    """
    if decision.does == "leave":
        return movie
    reporter(Note(STAGE, decision.why))
    motion = decision.motion
    if motion is None:
        motion = watched_motion(movie, parameters, reporter=reporter, workers=workers)
        motion = of_movie(motion, movie, dict(opening or {}))
        if file is not None:
            write_motion(motion, file)
    if motion.still:
        reporter(Note(STAGE, "nothing moves that matters: the movie is used as it was recorded"))
        return movie
    return registered(movie, motion)


def register(
    movie: Movie,
    parameters: MotionSource | None = None,
    *,
    kind: str = "auto",
    file: str | Path | None = None,
    reporter: Reporter | None = None,
    workers: int | None = None,
) -> Movie:
    """Register a movie if it moves by what matters, as ``cnmf3d run`` does before it looks for cells.

    Parameters
    ----------
    movie : Movie
        As recorded.
    parameters : MotionParameters, path or mapping, optional
        Of the registration; by default everything is found from the data.
    kind : {"auto", "none", "rigid", "piecewise"}
        ``auto``: a sample decides whether the movie is registered at all, and the data what kind its motion is.
    file : str or Path, optional
        Motion file that is used if it is there, and written otherwise.
    reporter : callable, optional
        Gets progress and notes.
    workers : int, optional
        Threads.

    Returns
    -------
    Movie
        Registered as it is read; or the same movie, where it is left as it is.

    Raises
    ------
    UsageError, InputError
        For what can't be meant or read.
    """
    kind, wanted = asked_for(kind, parameters, voxel_size=movie.voxel_size)
    path = None if file is None else Path(file)
    decision = decide(movie, kind, wanted, () if path is None else (path,))
    return carry_out(decision, movie, wanted, file=path, reporter=reporter or silent, workers=workers)
