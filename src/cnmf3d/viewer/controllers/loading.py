"""What a finished item has, read in a thread and handed to the app whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnmf3d.batch.jobs import movie_of
from cnmf3d.viewer.opening import Opened, read_movie, read_results

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item
    from cnmf3d.viewer.tasks import Task


def read_output(batch: Batch, item: Item, task: Task) -> Opened:
    """An item's movie with the components that were found in it.

    Parameters
    ----------
    batch : Batch
    item : Item
    task : Task
        Told of progress; asked whether it is still wanted.

    Raises
    ------
    InputError
        Where its results can't be read.
    """
    results = batch.run_folder(item).results
    paths = item.input.found(batch.folder)
    movie = (paths[0] if len(paths) == 1 else list(paths)) if paths else None
    opened = read_results(results, task, movie=movie, **(item.input.opening if paths else {}))
    opened.environment.history_trace[-1][item.module] |= {"item_uuid": item.uuid, "item_name": item.name}
    return opened


def read_input(batch: Batch, item: Item, task: Task) -> Opened:
    """An item's movie.

    Raises
    ------
    InputError
        Where it isn't there.
    """
    paths = movie_of(batch, item)
    return read_movie(paths[0] if len(paths) == 1 else list(paths), task, **item.input.opening)
