"""From an item to what its run folder is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnmf3d.batch.engines import engine_of
from cnmf3d.batch.item import Item
from cnmf3d.batch.runfolder import Job
from cnmf3d.batch.store import Batch
from cnmf3d.errors import InputError, UsageError


def job_of(batch: Batch, item: Item, workers: int | None = None) -> Job:
    """What a worker is told, wherever it runs.

    Parameters
    ----------
    batch : Batch
    item : Item
    workers : int, optional
        Threads; all cores by default.

    Raises
    ------
    InputError
        Where the movie isn't there.
    UsageError
        Where the item's engine can't compute it.
    """
    source = dataclasses.replace(item.input, paths=movie_of(batch, item), relative=())
    job = Job(item.module, item.engine, source, item.parameters, _options(batch, item), workers)
    if reason := engine_of(item.engine).unsuitable(job):
        raise UsageError(f"{item.name}: {reason}", "Choose another engine, or other parameters.")
    return job


def _options(batch: Batch, item: Item) -> Mapping[str, Any]:
    """An item's options; with the run folder of the item whose memory map it uses, which may lie anywhere."""
    if not item.options.get("use_memmap"):
        return item.options
    try:
        kept = batch.run_folder(batch.item(str(item.options.get("memmap_uuid"))))
    except UsageError:  # it was deleted: the engine says whether that matters
        return item.options
    return {**item.options, "memmap_folder": str(kept.path.absolute())}


def movie_of(batch: Batch, item: Item) -> tuple[str, ...]:
    """Absolute paths, or addresses, of an item's movie.

    Raises
    ------
    InputError
        Where it isn't there.
    """
    paths = item.input.found(batch.folder)
    if not paths:
        raise InputError(
            f"{item.name}: the movie {item.input.paths[0]} is not there",
            f"Tell where it is: cnmf3d batch relink {batch.folder} FOLDER.",
        )
    return tuple(path if "://" in path else str(Path(path).absolute()) for path in paths)
