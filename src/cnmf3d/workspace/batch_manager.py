"""The batch as scripts see it: `get_batch_manager()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cnmf3d.batch import Batch, Item, Outcome
from cnmf3d.errors import UsageError
from cnmf3d.workspace.adding import add
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.output import input_of, output_of
from cnmf3d.workspace.viewer import Viewer, ViewerUtils

if TYPE_CHECKING:
    import pandas

    from cnmf3d.batch.supervisor import Told

Key = str | UUID | int | Item
"""How a script names an item: its UUID, the start of it, its name, its place in the list, or the item itself."""

Display = Callable[[], "AbstractContextManager[Told]"]
"""Makes the context in which a running batch is shown; it gives what is told of each event."""

NO_BATCH = (
    "Name one: cnmf3d script FILE --batch DIR, cnmf3d console --batch DIR; or in Python "
    "get_batch_manager().new_batch('DIR'), get_batch_manager().open_batch('DIR')."
)


def unseen() -> AbstractContextManager[Told]:
    """Show nothing."""
    from cnmf3d.batch.supervisor import quiet

    return nullcontext(quiet)


class BatchManager:
    """Adds items to a batch, runs them, and loads what came out.

    Parameters
    ----------
    display : callable
        Makes the context in which a running batch is shown.

    Attributes
    ----------
    changed : list of callable
        Called without arguments when another batch is open, an item was added, or the batch was run.
    """

    def __init__(self, display: Display = unseen) -> None:
        self.changed: list[Callable[[], None]] = []
        self._display = display
        self._batch: Batch | None = None

    @property
    def batch(self) -> Batch:
        """The batch that is open.

        Raises
        ------
        UsageError
            Where none is.
        """
        if self._batch is None:
            raise UsageError("no batch is open", NO_BATCH)
        return self._batch

    @property
    def folder(self) -> Path | None:
        """Folder of the batch that is open; None where none is."""
        return None if self._batch is None else self._batch.folder

    def new_batch(self, folder: str | Path) -> None:
        """Make a batch and open it.

        Raises
        ------
        UsageError
            Where there is one already, or the folder can't be made.
        """
        self._take(Batch.create(Path(folder).expanduser()))

    def open_batch(self, folder: str | Path) -> None:
        """Open a batch that is there.

        Raises
        ------
        InputError
            Where there is none.
        """
        self._take(Batch.open(Path(folder).expanduser()))

    def open_or_make(self, folder: str | Path) -> None:
        """Open a batch, or make it where there is none yet."""
        self._take(Batch.open_or_create(folder))

    def close(self) -> None:
        """Let go of the batch."""
        self._take(None)

    def _take(self, batch: Batch | None) -> None:
        before, self._batch = self._batch, batch
        if before is not None:
            before.close()
        self._tell()

    def _tell(self) -> None:
        for each in tuple(self.changed):
            each()

    @property
    def items(self) -> list[Item]:
        """All items, in the order of adding."""
        return self.batch.items()

    @property
    def df(self) -> pandas.DataFrame:
        """All items as a pandas DataFrame, one row each; a copy, whose changes the batch doesn't know."""
        from cnmf3d.workspace.table import table

        return table(self.batch)

    def add_item(self, module: str, env: ViewerWorkEnv, params: Mapping[str, Any], engine: str = "native") -> UUID:
        """Add the movie of a work environment; what `Module.add_to_batch` does.

        Parameters
        ----------
        module : str
            One of `all_modules`.
        env : ViewerWorkEnv
        params : mapping
            The form's dict; it is copied.
        engine : str
            ``native``, or ``caiman``.

        Returns
        -------
        uuid.UUID
            Of the item.
        """
        from cnmf3d.workspace.modules import named

        item = add(self.batch, named(module), env, params, engine)
        self._tell()
        return UUID(item.uuid)

    def item(self, key: Key) -> Item:
        """An item as it now is.

        Parameters
        ----------
        key : str, UUID, int or Item
            Its UUID or the start of it, its name, or its place in the list, from 0.

        Raises
        ------
        UsageError
            Where there is none, or more than one.
        """
        if isinstance(key, Item):
            return self.batch.item(key.uuid)
        if isinstance(key, (str, UUID)):
            return self.batch.item(str(key))
        there = self.items
        if isinstance(key, bool) or not isinstance(key, int) or not -len(there) <= key < len(there):
            raise UsageError(
                f"{key!r} names no item of {self.batch.folder}, which has {len(there)}",
                "Give a UUID, a name, or a place in the list, which counts from 0.",
            )
        return there[key]

    def get_item_index(self, key: Key) -> int:
        """Place of an item in the list, from 0."""
        found = self.item(key).uuid
        return next(place for place, item in enumerate(self.items) if item.uuid == found)

    def process_batch(self, start_ix: Key = 0, workers: int | None = None) -> Outcome:
        """Run what waits, here and now, each item in a process of its own.

        Parameters
        ----------
        start_ix : str, UUID or int
            First item; those before it wait.
        workers : int, optional
            Threads of an item; all cores by default.

        Returns
        -------
        Outcome
            How many items ended how; ``items`` has the error of one that failed.

        Raises
        ------
        UsageError
            Where another program runs the batch.
        """
        from cnmf3d.batch import supervise

        first = None if start_ix == 0 else self.item(start_ix).uuid
        try:
            with self._display() as told:
                return supervise(self.batch, start_at=first, workers=workers, reporter=told)
        finally:
            self._tell()

    def load_item_output(self, viewers: ViewerUtils | Viewer, key: Key) -> ViewerWorkEnv:
        """Make the movie and the components of an item that is done the current work environment.

        Parameters
        ----------
        viewers : ViewerUtils
            ``vi``.
        key : str, UUID or int

        Returns
        -------
        ViewerWorkEnv
            Its `history_trace` ends with an entry named like the item's module. The movie of an item of the module
            ``mcorr_3d`` is registered, and without components.

        Raises
        ------
        UsageError
            Where the item isn't done.
        """
        viewer = _viewer(viewers)
        return _shown(viewer, output_of(self.batch, self.item(key)))

    def load_item_input(self, viewers: ViewerUtils | Viewer, key: Key) -> ViewerWorkEnv:
        """Make the movie of an item the current work environment.

        Parameters
        ----------
        viewers : ViewerUtils
            ``vi``.
        key : str, UUID or int
        """
        viewer = _viewer(viewers)
        return _shown(viewer, input_of(self.batch, self.item(key)))

    def __repr__(self) -> str:
        """Tell the batch and how many items it has."""
        if self._batch is None:
            return "<BatchManager, no batch>"
        return f"<BatchManager of {self._batch.folder}, {len(self.items)} items>"


def _viewer(viewers: ViewerUtils | Viewer) -> Viewer:
    """The viewer itself."""
    viewer = viewers.viewer if isinstance(viewers, ViewerUtils) else viewers
    if not isinstance(viewer, Viewer):
        raise UsageError(f"an output can't be loaded into {viewers!r}", "Give the viewer: load_item_output(vi, uuid).")
    return viewer


def _shown(viewer: Viewer, env: ViewerWorkEnv) -> ViewerWorkEnv:
    """Make an environment the current one."""
    viewer.workEnv = env
    viewer.update()
    return env
