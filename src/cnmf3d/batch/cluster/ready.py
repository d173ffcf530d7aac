"""Run folders made ready for whoever computes them, and what that will need."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnmf3d.batch.cluster.resources import CORES, Resources, Wanted, resources
from cnmf3d.batch.jobs import job_of, movie_of
from cnmf3d.batch.modules import CNMF
from cnmf3d.batch.processes import lives
from cnmf3d.batch.runfolder import Job
from cnmf3d.batch.status import Status
from cnmf3d.batch.workdir import bring_back
from cnmf3d.errors import UsageError
from cnmf3d.movies import open_movie
from cnmf3d.parameters import CnmfParameters

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item
    from cnmf3d.engine.estimate import Estimate


MEMMAP = ("use_memmap", "memmap_uuid", "memmap_folder")
"""Options that a job is told only if what it is to reuse is there: jobs of a cluster don't wait for one another."""


@dataclass(frozen=True)
class Ready:
    """An item whose run folder waits for a worker.

    Attributes
    ----------
    item : Item
    folder : Path
        Absolute.
    resources : Resources
    """

    item: Item
    folder: Path
    resources: Resources


def ready(batch: Batch, items: Sequence[Item], wanted: Wanted) -> list[Ready]:
    """Make run folders ready, and say what each will need; nothing is written unless all can be.

    Parameters
    ----------
    batch : Batch
    items : sequence of Item
    wanted : Wanted
        What to ask for instead of what is foretold.

    Raises
    ------
    UsageError, InputError
        Where there are none, one is done or running, or can't be computed.
    """
    needs = [resources({} if wanted.complete else foretold(batch, item, wanted.cores), wanted) for item in items]
    folders = prepare(batch, items, [each.cores for each in needs])
    return [Ready(*each) for each in zip(items, folders, needs, strict=True)]


def prepare(batch: Batch, items: Sequence[Item], cores: Sequence[int | None]) -> list[Path]:
    """Write the jobs into the run folders; the absolute paths of these.

    Parameters
    ----------
    batch : Batch
    items : sequence of Item
    cores : sequence of int or None
        Threads of each.

    Raises
    ------
    UsageError, InputError
        Where there are none, one is done or running, or can't be computed.
    """
    if not items:
        raise UsageError("there are no items to export", "Add some, or name those to compute again after a `retry`.")
    jobs = [_job(batch, item, threads) for item, threads in zip(items, cores, strict=True)]
    for item in items:
        bring_back(batch.home(item), _no_beat)
    folders = [batch.run_folder(item) for item in items]
    for folder, job in zip(folders, jobs, strict=True):
        folder.write(job)
    return [folder.path.absolute() for folder in folders]


def _no_beat() -> None:
    """Nobody waits for a sign of life."""


def _job(batch: Batch, item: Item, cores: int | None) -> Job:
    """What a worker is told."""
    if item.status.active or lives(batch.run_folder(item).worker()):
        raise UsageError(f"{item.name} is running", "Export it when it has ended, or abort it first.")
    if item.status is Status.DONE:
        raise UsageError(f"{item.name} is done already", "`cnmf3d batch retry` computes it again.")
    job = job_of(batch, item, cores)
    if not job.options.get("use_memmap") or _is_done(batch, str(job.options.get("memmap_uuid"))):
        return job
    alone = {name: value for name, value in job.options.items() if name not in MEMMAP}
    return dataclasses.replace(job, options=alone)


def _is_done(batch: Batch, key: str) -> bool:
    """Whether there is what another item keeps."""
    try:
        return batch.item(key).status is Status.DONE
    except UsageError:
        return False


def foretold(batch: Batch, item: Item, cores: int | None = None) -> dict[int, Estimate]:
    """What a run needs, for each number of cores that comes into question.

    Raises
    ------
    UsageError
        For an engine whose needs can't be foretold.
    InputError
        For a movie that isn't there or can't be opened.
    """
    from cnmf3d.engine.estimate import estimate

    if item.engine != "native" or item.module != CNMF:
        what = f"the engine {item.engine}" if item.module == CNMF else f"the module {item.module}"
        raise UsageError(
            f"{item.name}: what {what} needs can't be foretold",
            "Say it: --cores 8 --memory 32G --time 6h.",
        )
    paths = movie_of(batch, item)
    movie = open_movie(paths[0] if len(paths) == 1 else list(paths), **item.input.opening)
    parameters = CnmfParameters.model_validate(item.parameters)
    return {number: estimate(movie, parameters, number) for number in ([cores] if cores else CORES)}
