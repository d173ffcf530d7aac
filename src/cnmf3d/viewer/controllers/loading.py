"""What a finished item has, read in a thread and handed to the app whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnmf3d.viewer.models.movie_array import contrast_of
from cnmf3d.viewer.opening import Opened, ready
from cnmf3d.workspace.output import input_of, output_of

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
    environment = output_of(batch, item, later=True)
    task.report(1, 2)
    contrast = None if environment.isEmpty else contrast_of(environment.imgdata.movie)
    missing = () if not environment.isEmpty else (f"The movie {item.input.paths[0]} is not there: relink it.",)
    notes, manager = (*environment.warnings, *missing), environment.roi_manager
    if manager is None:  # a registration
        return Opened(environment, contrast, notes=notes)
    return Opened(environment, contrast, batch.run_folder(item).results, notes, ready(manager.results))


def read_input(batch: Batch, item: Item, task: Task) -> Opened:
    """An item's movie.

    Raises
    ------
    InputError
        Where it isn't there.
    """
    environment = input_of(batch, item)
    task.report(1, 2)
    return Opened(environment, contrast_of(environment.imgdata.movie), notes=environment.warnings)
