"""From an item of a batch to a work environment: its movie, and what was found in it."""

from __future__ import annotations

from cnmf3d.batch import Batch, Item, Status
from cnmf3d.batch.jobs import movie_of
from cnmf3d.errors import UsageError
from cnmf3d.results import load_results
from cnmf3d.results.history import history_entry
from cnmf3d.workspace.carried import carried
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.rois import RoiManager


def input_of(batch: Batch, item: Item) -> ViewerWorkEnv:
    """The work environment that an item was added from.

    Parameters
    ----------
    batch : Batch
    item : Item

    Raises
    ------
    InputError
        Where the movie isn't there, or can't be read.
    """
    paths = movie_of(batch, item)
    env = ViewerWorkEnv.from_movie(paths[0] if len(paths) == 1 else list(paths), **item.input.opening)
    kept = carried(batch.run_folder(item))
    env.imgdata.meta.update(kept.meta)
    env.history_trace[:] = kept.history
    env.sample_id, env.comments = kept.sample_id, kept.comments
    return env


def output_of(batch: Batch, item: Item, *, later: bool = False) -> ViewerWorkEnv:
    """The movie of an item with the components that were found in it.

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
    results = load_results(batch.run_folder(item).results, later=later)
    env = input_of(batch, item) if item.input.found(batch.folder) else _without_movie(batch, item)
    env.roi_manager = RoiManager(results)
    entry = history_entry(results) | {"item_uuid": item.uuid, "item_name": item.name, "engine": item.engine}
    env.history_trace.append({item.module: entry})
    return env


def _without_movie(batch: Batch, item: Item) -> ViewerWorkEnv:
    """An environment with what is known of a movie that isn't there."""
    kept = carried(batch.run_folder(item))
    return ViewerWorkEnv(
        ImgData(meta=kept.meta),
        sample_id=kept.sample_id,
        comments=kept.comments,
        history_trace=kept.history,
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
