"""Items that find cells register their movie first, if it moves by what matters: once for all items with that movie.

What an item asks is the option ``register`` (``auto`` where it says nothing) and, beside it, ``motion``, parameters of
registration. The motion is kept in the batch, ``motion/<movie>-<asked>.motion.hdf5``, and made under a lock: a second
item waits for it and uses it. An item whose movie was registered so has that motion in its run folder, too, so that
its output can be shown and taken elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.errors import InputError, UsageError
from cnmf3d.events import Note, Reporter
from cnmf3d.stored_names import lock, refuse_links

if TYPE_CHECKING:
    from cnmf3d.engine.registering import Decision
    from cnmf3d.geometry import ZYX
    from cnmf3d.movies import Movie
    from cnmf3d.parameters import MotionParameters

KIND, PARAMETERS = "register", "motion"
"""Options of an item: whether its movie is registered first, and with which parameters of registration."""

PLACE = "motion_folder"
"""Option of a job: where the batch keeps motions, for run folders that lie elsewhere while they are computed."""

FOLDER = "motion"
"""Folder of a batch with the motions that its items found."""

DIGITS = 12
"""Hexadecimal digits of a movie's fingerprint, and of what was asked, in a name: two of a batch never share them."""


@dataclass(frozen=True)
class Registered:
    """A movie that is ready for an engine.

    Attributes
    ----------
    movie : Movie
        Registered as it is read; or as it was recorded, where it is left so.
    asked : str or None
        Who asked for registration; None where the movie was left alone.
    why : str
    """

    movie: Movie
    asked: str | None
    why: str


def settled(
    options: Mapping[str, Any], engine: str, *, registered: bool, voxel_size: ZYX | None = None
) -> dict[str, Any]:
    """Options with what an item asks of registration as plain values, lengths in voxels; what is "auto" is left out.

    Parameters
    ----------
    options : mapping
        Of the item.
    engine : str
    registered : bool
        Whether the movie comes registered already.
    voxel_size : ZYX, optional

    Raises
    ------
    UsageError
        Where it can't.
    """
    from cnmf3d.engine.registering import asked_for
    from cnmf3d.parameters import read_motion_parameters
    from cnmf3d.parameters.registering import GROUP

    asked = options.get(PARAMETERS)
    if isinstance(asked, Mapping) and GROUP not in asked:
        asked = {GROUP: asked}  # all of it is of registration, the unit of lengths as well
    given = read_motion_parameters(asked, voxel_size=voxel_size)
    kind, _ = asked_for(str(options.get(KIND, "auto")), given)
    if kind in ("rigid", "piecewise") and registered:
        raise UsageError(f"register is {kind}, but the movie is registered already", "Leave register out.")
    if kind in ("rigid", "piecewise") and engine != "native":
        raise UsageError(
            f"the engine {engine} doesn't register movies by itself, and register is {kind}",
            "Add an item of the module mcorr_3d, and this one on it (--on, input_item).",
        )
    plain = given.model_dump(mode="json", exclude_defaults=True)
    others = {name: value for name, value in options.items() if name != PARAMETERS}
    return others | ({PARAMETERS: plain} if plain else {})


def ready(folder: RunFolder, job: Job, movie: Movie, reporter: Reporter) -> Registered:
    """Register an item's movie if it moves by what matters, or if that was asked for.

    Parameters
    ----------
    folder : RunFolder
        Its ``motion.hdf5`` is that of the movie that is returned, or isn't there.
    job : Job
    movie : Movie
        As the job's input is opened.
    reporter : Reporter

    Raises
    ------
    UsageError, InputError
        For what can't be meant, or where the motion can't be kept.
    """
    from cnmf3d.engine.registering import asked_for, carry_out, decide
    from cnmf3d.movies.registered.origin import motion_path

    folder.motion.unlink(missing_ok=True)  # an earlier attempt, with other options, may have left one
    if job.input.item:
        return Registered(movie, f"as the item {job.input.item[:8]} found", "")
    kind, parameters = asked_for(
        str(job.options.get(KIND, "auto")), job.options.get(PARAMETERS), voxel_size=movie.voxel_size
    )
    kept = _place(folder, job) / _name(movie.fingerprint(), kind, parameters)
    files = (kept, motion_path(movie))
    decision = decide(movie, kind, parameters, files)
    if decision.does == "estimate":
        with _alone(kept, reporter):
            there = decide(movie, kind, parameters, (kept,)) if kept.exists() else decision
            moved = carry_out(
                there,
                movie,
                parameters,
                file=kept,
                opening=job.input.opening,
                reporter=reporter,
                workers=job.workers,
            )
        decision = there
    else:
        moved = carry_out(decision, movie, parameters, reporter=reporter, workers=job.workers)
    if decision.does == "leave":
        return Registered(movie, None, decision.why)
    if moved is not movie:
        _share(decision, kept, folder.motion)
    return Registered(moved, f"register: {kind}", decision.why)


def own_motion(folder: RunFolder) -> dict[str, str]:
    """Keyword of `open_movie` for the motion that an item found for itself; empty where it has none.

    Parameters
    ----------
    folder : RunFolder
        Of an item that finds cells, and is done.
    """
    return {"motion": str(folder.motion.absolute())} if folder.motion.is_file() else {}


def sweep(batch: Path, fingerprints: Iterable[str]) -> None:
    """Remove motions of movies that no item of a batch has any more.

    Parameters
    ----------
    batch : Path
        Folder of the batch.
    fingerprints : iterable of str
        Of the movies that items have.
    """
    needed = {each[:DIGITS] for each in fingerprints}
    for file in (batch / FOLDER).glob("*-*.motion.hdf5*"):
        if file.name.partition("-")[0] not in needed:
            file.unlink(missing_ok=True)


def _place(folder: RunFolder, job: Job) -> Path:
    """Where the batch keeps motions: beside the items, where the run folder is among them."""
    if folder.path.parent.name == "items":
        return folder.path.parents[1] / FOLDER
    place = job.options.get(PLACE)
    return folder.path / FOLDER if place is None else Path(str(place))


def _name(fingerprint: str, kind: str, parameters: MotionParameters) -> str:
    """Name of a motion file: of a movie, and of what was asked."""
    asked = json.dumps([kind, parameters.model_dump(mode="json")], sort_keys=True)
    digest = hashlib.blake2b(asked.encode(), digest_size=DIGITS // 2).hexdigest()
    return f"{fingerprint[:DIGITS]}-{digest}.motion.hdf5"


@contextmanager
def _alone(file: Path, reporter: Reporter) -> Iterator[None]:
    """Hold the lock of a motion file; one whose holder dies is free at once."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        refuse_links(file.parent)
        held = lock(file.with_name(f"{file.name}.lock"))
        try:
            held.acquire(timeout=0)
        except Timeout:
            reporter(Note("register", "another item registers this movie: waiting for it"))
            held.acquire(timeout=-1)
    except OSError as error:
        raise InputError(
            f"the motion can't be kept in {file.parent}: {error.strerror}",
            "Make the batch writable, or leave movies as they are (register none).",
        ) from error
    try:
        yield
    finally:
        held.release()


def _share(decision: Decision, kept: Path, own: Path) -> None:
    """Give an item the motion that was used: the same file, where the disk can do that."""
    from cnmf3d.movies.registered import write_motion

    source = kept if decision.motion is None else decision.file
    try:
        os.link(source or kept, own)
    except OSError:  # another disk, or one without hard links
        from cnmf3d.movies.registered import read_motion

        write_motion(decision.motion or read_motion(kept), own)
