"""Memory maps that an item keeps, and that other items reuse."""

from __future__ import annotations

from pathlib import Path

from cnmf3d.batch.engines.caiman.memmap import file_name, write_memmap
from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.errors import UsageError
from cnmf3d.events import Note, Reporter
from cnmf3d.movies import Movie

KEPT = "memmap"
"""Folder in a run folder for the memory map that is kept."""


def memmap_for(movie: Movie, folder: RunFolder, job: Job, scratch: Path, reporter: Reporter) -> Path:
    """The movie's memory map: another item's, one that this item kept, or a new one.

    Parameters
    ----------
    movie : Movie
    folder : RunFolder
    job : Job
        Its options ``keep_memmap``, ``use_memmap`` and ``memmap_uuid`` decide.
    scratch : Path
        Where it is written if it isn't kept.
    reporter : Reporter

    Raises
    ------
    UsageError
        Where the item that is named has none of this movie.
    EngineError
        Where there is no room for a new one.
    """
    name = file_name(movie, movie.fingerprint())
    options = job.options
    if options.get("use_memmap"):
        told = options.get("memmap_folder")
        found = _of_item(str(options.get("memmap_uuid") or ""), folder, name, None if told is None else Path(told))
        reporter(Note("ingest", f"the memory map {found} is reused"))
        return found
    if not options.get("keep_memmap"):
        return write_memmap(movie, scratch / name, reporter)
    kept = folder.path / KEPT / name
    if kept.exists():
        reporter(Note("ingest", f"the memory map {kept} of an earlier attempt is reused"))
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    return write_memmap(movie, kept, reporter)


def _of_item(key: str, folder: RunFolder, name: str, told: Path | None) -> Path:
    """The memory map that another item of the batch kept; `key` is its UUID or the start of one."""
    siblings = [path for path in folder.path.parent.iterdir() if key and path.name.startswith(key)]
    if told is not None:
        siblings.insert(0, told)
    for sibling in siblings:
        if (sibling / KEPT / name).exists():
            return sibling / KEPT / name
    raise UsageError(
        f"use_memmap: beside {folder.path} there is no memory map of this movie that the item {key!r} kept",
        "Run that item first, with keep_memmap and the engine caiman; or leave use_memmap out.",
    )
