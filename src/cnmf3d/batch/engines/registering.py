"""The module mcorr_3d of the native engine: movie to motion file."""

from __future__ import annotations

from typing import Any

from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.errors import UsageError
from cnmf3d.events import Caution, Progress, Reporter
from cnmf3d.motion import estimate_motion
from cnmf3d.movies import Movie, open_movie
from cnmf3d.movies.registered import write_motion
from cnmf3d.movies.registered.origin import of_movie
from cnmf3d.movies.watching import Watch
from cnmf3d.parameters import MotionParameters


def register(folder: RunFolder, job: Job, reporter: Reporter) -> None:
    """Estimate how the tissue moves; write the page, and then the motion file by rename.

    Raises
    ------
    InputError
        For a movie that can't be read.
    UsageError
        For a channel to register on that isn't there, or has another size.
    """
    from cnmf3d.results.motion_report import write_motion_report

    movie = _opened(job)
    channel = job.options.get("register_on")
    seen = movie if channel is None else _opened(job, channel=channel)
    if seen.shape != movie.shape:
        raise UsageError(f"channel {channel} has another size than the movie", "Give a channel of the same recording.")
    parameters = MotionParameters.model_validate(job.parameters["motion"])
    watch = Watch.of(seen, caution=lambda text: reporter(Caution("register", text)))
    motion = estimate_motion(seen, parameters, reporter=reporter, workers=job.workers)
    watch.check(content=True)
    motion = of_movie(motion, movie, job.input.opening, None if channel is None else (channel, seen.fingerprint()))
    reporter(Progress("write", 0, 2, "files"))
    write_motion_report(motion, folder.motion_page, movie, title=movie.paths[0].rpartition("/")[2])
    reporter(Progress("write", 1, 2, "files"))
    write_motion(motion, folder.motion)
    reporter(Progress("write", 2, 2, "files"))


def _opened(job: Job, **changes: Any) -> Movie:
    """The recording of a job."""
    paths = job.input.paths
    return open_movie(paths[0] if len(paths) == 1 else list(paths), **{**job.input.opening, **changes})
