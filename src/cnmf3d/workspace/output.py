"""From an item of a batch to a work environment: its movie, and what was found in it."""

from __future__ import annotations

from typing import Any

from cnmf3d.batch import Batch, Item, Status
from cnmf3d.batch.jobs import movie_of, opening_of
from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies.registered import read_motion
from cnmf3d.results import load_results
from cnmf3d.results.history import history_entry, motion_entry
from cnmf3d.workspace.carried import carried
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.rois import RoiManager


def input_of(batch: Batch, item: Item) -> ViewerWorkEnv:
    """The work environment that an item was added from; registered, where another item does that.

    Parameters
    ----------
    batch : Batch
    item : Item

    Raises
    ------
    InputError
        Where the movie isn't there, or can't be read; where the item that registers it has no output.
    """
    return _environment(batch, item, opening_of(batch, item))


def _environment(batch: Batch, item: Item, opening: dict[str, Any]) -> ViewerWorkEnv:
    """An item's movie, with what is known of it beside."""
    paths = movie_of(batch, item)
    env = ViewerWorkEnv.from_movie(paths[0] if len(paths) == 1 else list(paths), **opening)
    kept = carried(batch.run_folder(item))
    env.imgdata.meta.update(kept.meta)
    env.history_trace[:] = _history(batch, item, kept.history)
    env.sample_id, env.comments = kept.sample_id, kept.comments
    return env


def _history(batch: Batch, item: Item, told: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """What was done to an item's movie before, registration by another item included."""
    source = item.input.item
    known = any(entry.get(MCORR, {}).get("item_uuid") == source for entry in told if isinstance(entry.get(MCORR), dict))
    if not source:
        return [*told, *_own_registration(batch, item)]
    if known:
        return list(told)
    try:
        registering = batch.item(source)
        return [*told, {MCORR: _motion_entry(batch, registering)}]
    except (UsageError, InputError):  # it was deleted, or has no output any more
        return list(told)


def _own_registration(batch: Batch, item: Item) -> list[dict[str, Any]]:
    """What a history says of the motion that an item which finds cells found for itself; nothing where it did not."""
    motion = batch.run_folder(item).motion
    if item.module != CNMF or item.status is not Status.DONE or not motion.is_file():
        return []
    try:
        return [{MCORR: motion_entry(read_motion(motion)) | {"item_uuid": item.uuid, "item_name": item.name}}]
    except InputError:  # damaged: the movie can't be shown either
        return []


def _motion_entry(batch: Batch, item: Item) -> dict[str, Any]:
    """What a history says of an item that has registered a movie."""
    motion = read_motion(batch.run_folder(item).motion)
    return motion_entry(motion) | {"item_uuid": item.uuid, "item_name": item.name, "engine": item.engine}


def output_of(batch: Batch, item: Item, *, later: bool = False) -> ViewerWorkEnv:
    """The movie of an item with the components that were found in it; of a registration the registered movie.

    Parameters
    ----------
    batch : Batch
    item : Item
    later : bool
        Leave traces in the file until they are asked for; see `load_results`.

    Returns
    -------
    ViewerWorkEnv
        Its history is that of the item's input, and an entry named like the module. Where the movie isn't there any
        more, `imgdata` has its metadata only.

    Raises
    ------
    UsageError
        Where the item isn't done.
    InputError
        Where its results can't be read.
    """
    if item.status is not Status.DONE:
        raise UsageError(f"{item.name} is {item.status.value}: it has no output", _help(item))
    if item.module == MCORR:
        return _registered(batch, item)
    results = load_results(batch.run_folder(item).results, later=later)
    env = input_of(batch, item) if _is_there(batch, item) else _without_movie(batch, item)
    env.roi_manager = RoiManager(results)
    entry = history_entry(results) | {"item_uuid": item.uuid, "item_name": item.name, "engine": item.engine}
    env.history_trace.append({item.module: entry})
    return env


def _registered(batch: Batch, item: Item) -> ViewerWorkEnv:
    """The movie that an item has registered, whether or not anything moves in it."""
    motion = batch.run_folder(item).motion
    opening = {**item.input.opening, "motion": str(motion.absolute())}
    env = _environment(batch, item, opening) if item.input.found(batch.folder) else _without_movie(batch, item)
    env.history_trace.append({MCORR: _motion_entry(batch, item)})
    return env


def _is_there(batch: Batch, item: Item) -> bool:
    """Whether there is an item's movie, and the motion that registers it."""
    if not item.input.found(batch.folder):
        return False
    try:
        opening_of(batch, item)
    except InputError:
        return False
    return True


def _without_movie(batch: Batch, item: Item) -> ViewerWorkEnv:
    """An environment with what is known of a movie that isn't there."""
    kept = carried(batch.run_folder(item))
    return ViewerWorkEnv(
        ImgData(meta=kept.meta),
        sample_id=kept.sample_id,
        comments=kept.comments,
        history_trace=_history(batch, item, kept.history),
    )


def _help(item: Item) -> str:
    """What can be done about an item that isn't done."""
    if item.status is Status.FAILED:
        return f"Mend what it says, then retry it: {item.last_line}"
    if item.status is Status.ABORTED:
        return "Retry it, then run it: get_batch_manager().batch.retry([uuid]), process_batch()."
    if item.status.active:
        return "Wait for it."
    return "Run it first: get_batch_manager().process_batch(), or cnmf3d batch run DIR."
