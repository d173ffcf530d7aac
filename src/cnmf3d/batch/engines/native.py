"""The engine of this package."""

from __future__ import annotations

from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.engine import run
from cnmf3d.events import Progress, Reporter
from cnmf3d.movies import open_movie
from cnmf3d.parameters import CnmfParameters
from cnmf3d.results import write_results


class Native:
    """Movie to results with `cnmf3d.run`."""

    name = "native"

    def unsuitable(self, job: Job) -> str | None:
        """It computes any module of footprints and traces."""
        return None if job.module == "cnmf_3d" else f"the native engine has no module {job.module}"

    def run(self, folder: RunFolder, job: Job, reporter: Reporter) -> None:
        """Compute, then write the results by rename."""
        paths = job.input.paths
        movie = open_movie(paths[0] if len(paths) == 1 else list(paths), **job.input.opening)
        results = run(
            movie,
            CnmfParameters.model_validate(job.parameters),
            reporter=reporter,
            workers=job.workers,
            scratch=folder.path / "scratch",
        )
        reporter(Progress("write", 0, 1, "files"))
        write_results(results, folder.results)
        reporter(Progress("write", 1, 1, "files"))


ENGINE = Native()
