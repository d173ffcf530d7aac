"""The engine of this package."""

from __future__ import annotations

import shutil
from contextlib import suppress

from cnmf3d.batch.modules import MCORR, MODULES
from cnmf3d.batch.motions import ready
from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.caches import Caches, default_folder
from cnmf3d.engine import run
from cnmf3d.engine.run import cache_key
from cnmf3d.errors import UsageError
from cnmf3d.events import Caution, Note, Progress, Reporter
from cnmf3d.movies import open_movie
from cnmf3d.results import write_results
from cnmf3d.results.registration import with_registration


class Native:
    """Movie to results with `cnmf3d.run`; what it makes of a movie is kept for other items with the same one."""

    name = "native"
    modules = MODULES

    def unsuitable(self, job: Job) -> str | None:
        """It has all modules of the package."""
        return None if job.module in self.modules else f"the native engine has no module {job.module}"

    def run(self, folder: RunFolder, job: Job, reporter: Reporter) -> None:
        """Compute, going on where an earlier attempt ended; then write the output by rename.

        Raises
        ------
        UsageError
            Where the cache that is to be reused isn't there.
        InputError
            Where the movie can't be read, or its motion can't be kept.
        """
        if job.module == MCORR:
            from cnmf3d.batch.engines.registering import register

            register(folder, job, reporter)
            return
        paths = job.input.paths
        recording = open_movie(paths[0] if len(paths) == 1 else list(paths), **job.input.opening)
        registered = ready(folder, job, recording, reporter)
        movie = registered.movie
        parameters = job.of_cnmf()
        caches = Caches(default_folder())
        kept = None
        if job.options.get("use_memmap"):
            _check(caches, cache_key(movie, parameters), str(job.options.get("memmap_uuid") or ""), reporter)
        elif job.options.get("keep_memmap"):
            kept = cache_key(movie, parameters)
            with suppress(OSError):  # told below
                caches.pin(kept, folder.uuid)
        results = run(
            movie,
            parameters,
            reporter=reporter,
            workers=job.workers,
            scratch=folder.scratch,
            caches=caches,
            checkpoint=folder.checkpoint,
        )
        if kept is not None and kept not in caches.kept_by(folder.uuid):
            reporter(Caution("ingest", f"keep_memmap: the cache of the movie could not be kept in {caches.folder}"))
        results = with_registration(results, movie, registered.asked, registered.why)
        reporter(Progress("write", 0, 1, "files"))
        write_results(results, folder.results)
        reporter(Progress("write", 1, 1, "files"))
        shutil.rmtree(folder.checkpoint, ignore_errors=True)


def _check(caches: Caches, key: str, owner: str, reporter: Reporter) -> None:
    """See that the cache that an item names is there."""
    if not caches.has(key):
        raise UsageError(
            f"use_memmap: the cache of the item {owner} can't be reused: there is none of this movie, with the time "
            f"bins of these parameters, in {caches.folder}",
            "Run that item first, with keep_memmap and the same decay_time, tsub and rate. Or leave use_memmap out: "
            "what is there is found without being told.",
        )
    reporter(Note("ingest", f"use_memmap: the cache of the item {owner}"))


ENGINE = Native()
