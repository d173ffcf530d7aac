"""The module mcorr_3d: movie to motion file. What all engines share of it, and the native one."""

from __future__ import annotations

from typing import Any

from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.engine.registering import watched_motion
from cnmf3d.errors import UsageError
from cnmf3d.events import Progress, Reporter
from cnmf3d.movies import Movie, open_movie
from cnmf3d.movies.registered import Motion, write_motion
from cnmf3d.movies.registered.origin import of_movie


def register(folder: RunFolder, job: Job, reporter: Reporter) -> None:
    """Estimate how the tissue moves; write the page, and then the motion file by rename.

    Raises
    ------
    InputError
        For a movie that can't be read.
    UsageError
        For a channel to register on that isn't there, or has another size.
    """
    movie, seen, other = movies_of(job)
    motion = watched_motion(seen, job.of_motion(), reporter=reporter, workers=job.workers)
    keep(folder, job, motion, movie, other, reporter)


def movies_of(job: Job) -> tuple[Movie, Movie, tuple[int, str] | None]:
    """The movie, the one that its motion is estimated on, and channel and fingerprint of that where it is another.

    Raises
    ------
    InputError
        For a movie that can't be read.
    UsageError
        For a channel to register on that isn't there, or has another size.
    """
    movie = _opened(job)
    channel = job.options.get("register_on")
    if channel is None:
        return movie, movie, None
    seen = _opened(job, channel=channel)
    if seen.shape != movie.shape:
        raise UsageError(f"channel {channel} has another size than the movie", "Give a channel of the same recording.")
    return movie, seen, (channel, seen.fingerprint())


def keep(
    folder: RunFolder, job: Job, motion: Motion, movie: Movie, other: tuple[int, str] | None, reporter: Reporter
) -> None:
    """Write the page, and then the motion file by rename.

    Parameters
    ----------
    folder : RunFolder
    job : Job
    motion : Motion
    movie : Movie
        That it is to be applied to.
    other : (channel, fingerprint), optional
        What it was estimated on, where that is another one.
    reporter : Reporter
    """
    from cnmf3d.results.motion_report import write_motion_report

    motion = of_movie(motion, movie, job.input.opening, other)
    reporter(Progress("write", 0, 2, "files"))
    write_motion_report(motion, folder.motion_page, movie, title=movie.paths[0].rpartition("/")[2])
    reporter(Progress("write", 1, 2, "files"))
    write_motion(motion, folder.motion)
    reporter(Progress("write", 2, 2, "files"))


def _opened(job: Job, **changes: Any) -> Movie:
    """The recording of a job."""
    paths = job.input.paths
    return open_movie(paths[0] if len(paths) == 1 else list(paths), **{**job.input.opening, **changes})
