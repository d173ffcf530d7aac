"""From an item to what its run folder is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnmf3d.batch.engines import engine_of
from cnmf3d.batch.item import Item
from cnmf3d.batch.modules import CNMF
from cnmf3d.batch.motions import FOLDER, PLACE, own_motion
from cnmf3d.batch.runfolder import Job
from cnmf3d.batch.status import Status
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
        Where the movie isn't there, or the item that registers it has no output.
    UsageError
        Where the item's engine can't compute it.
    """
    opening = opening_of(batch, item)
    source = dataclasses.replace(item.input, paths=movie_of(batch, item), relative=(), opening=opening)
    job = Job(item.module, item.engine, source, item.parameters, _options(batch, item), workers)
    if reason := engine_of(item.engine).unsuitable(job):
        raise UsageError(f"{item.name}: {reason}", "Choose another engine, or other parameters.")
    return job


def _options(batch: Batch, item: Item) -> Mapping[str, Any]:
    """An item's options, and where its engine finds what the batch keeps, which may lie anywhere.

    That are the motions of movies, and the run folder of the item whose memory map it uses.
    """
    options = dict(item.options)
    if item.module == CNMF and not item.input.item:
        options[PLACE] = str((batch.folder / FOLDER).absolute())
    if not options.get("use_memmap"):
        return options
    try:
        kept = batch.run_folder(batch.item(str(item.options.get("memmap_uuid"))))
    except UsageError:  # it was deleted: the engine says whether that matters
        return options
    return {**options, "memmap_folder": str(kept.path.absolute())}


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


def opening_of(batch: Batch, item: Item) -> dict[str, Any]:
    """Keywords of `cnmf3d.open_movie` for an item's movie; with the motion that another item has found in it.

    Where an item that is done has registered its movie by itself, with that motion.

    Raises
    ------
    InputError
        Where that item failed, isn't done yet, or was deleted.
    """
    opening = dict(item.input.opening)
    if not item.input.item:
        alone = item.module == CNMF and item.status is Status.DONE
        return opening | own_motion(batch.run_folder(item)) if alone else opening
    from cnmf3d.movies.registered import read_motion

    motion = batch.run_folder(_registering(batch, item)).motion
    return opening if read_motion(motion).still else {**opening, "motion": str(motion.absolute())}


def _registering(batch: Batch, item: Item) -> Item:
    """The item whose motion registers an item's movie, if it is done."""
    try:
        source = batch.item(item.input.item)
    except UsageError as error:
        raise InputError(
            f"{item.name}: the item that registers its movie ({item.input.item[:8]}) was deleted",
            "Delete this one, too, and add both again.",
        ) from error
    if source.status is Status.DONE:
        return source
    if source.status is Status.FAILED:
        raise InputError(
            f"{item.name}: {source.name}, which registers its movie, failed: {source.last_line}",
            f"Mend that, then retry both: cnmf3d batch retry {batch.folder} {source.uuid[:8]} {item.uuid[:8]}.",
        )
    raise InputError(
        f"{item.name}: {source.name}, which registers its movie, is {source.status.value}",
        f"That one has to be done first: cnmf3d batch show {batch.folder} {source.uuid[:8]}.",
    )
