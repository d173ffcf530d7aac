"""The scripting names in a window: scripts and console work on what is open in it, from any thread."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnmf3d.batch import Batch, Outcome, Status
from cnmf3d.batch.lease import holder
from cnmf3d.batch.modules import CNMF
from cnmf3d.errors import UsageError
from cnmf3d.viewer.tasks import Tasks
from cnmf3d.workspace.batch_manager import BatchManager, Key
from cnmf3d.workspace.modules import Module
from cnmf3d.workspace.viewer import ViewerUtils
from cnmf3d.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cnmf3d.viewer.controllers.actions import Actions

LOOK = 0.2
"""Seconds between two looks whether the batch is done."""


class WindowBatchManager(BatchManager):
    """The window's batch as scripts see it; a batch runs in a process of its own.

    Parameters
    ----------
    actions : Actions
    """

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions, self._tasks = actions, actions.app.tasks
        self._following = False
        actions.app.batch_changed.connect(self._follow)
        self._follow(actions.app.batch)
        self.changed.append(lambda: self._tasks.ask(self._show))

    def process_batch(self, start_ix: Key = 0, workers: int | None = None) -> Outcome:
        """Run what waits, in a process of its own. A script waits for its end; the console doesn't.

        Parameters
        ----------
        start_ix : str, UUID or int
            First item; those before it wait.
        workers : int, optional
            Threads of an item; all cores by default.

        Returns
        -------
        Outcome
            How many items ended how; in the console none yet.
        """
        first = "" if start_ix == 0 else self.item(start_ix).uuid
        before = {item.uuid for item in self.items if not item.status.over}
        self._tasks.ask(lambda: self._start(first, workers))
        if self._tasks.at_home:
            return Outcome()
        supervision = self._actions.supervision
        while supervision is not None and (supervision.works or holder(self.batch) is not None):
            time.sleep(LOOK)
        ended = [item.status for item in self.items if item.uuid in before]
        self._tell()
        return Outcome(ended.count(Status.DONE), ended.count(Status.FAILED), ended.count(Status.ABORTED))

    def _start(self, first: str, workers: int | None) -> None:
        actions = self._actions
        actions.workers = workers or actions.workers
        actions.begin(start_at=first)

    def _follow(self, batch: Batch | None) -> None:
        """Open what the window has open, with a connection of our own: scripts run in other threads."""
        if self._following:
            return
        folder = None if batch is None else batch.folder
        if folder != self.folder:
            self._following = True
            try:
                self._take(None if folder is None else Batch.open(folder))
            finally:
                self._following = False

    def _show(self) -> None:
        """Open in the window what a script opened, and look at what it changed."""
        folder, app = self.folder, self._actions.app
        if self._following:
            return
        if folder is not None and (app.batch is None or app.batch.folder != folder):
            self._following = True
            try:
                app.batch = Batch.open(folder)
            finally:
                self._following = False
        self._actions.batch.poll()


def space_of(actions: Actions) -> Workspace:
    """The names for scripts and console of one window.

    Parameters
    ----------
    actions : Actions
    """
    space = Workspace(vi=ViewerUtils(actions.app.space))
    space.manager = WindowBatchManager(actions)

    def wanted(module: Module) -> None:
        if module.name == CNMF:  # the form is that of 3D CNMF
            actions.app.tasks.ask(actions.form_wanted.emit)

    space.asked.append(wanted)
    return space


def run_here(tasks: Tasks, path: Path, code: Any, names: dict[str, Any]) -> dict[str, Any]:
    """Run a compiled script in this thread; the names that it has at its end.

    Raises
    ------
    BaseException
        Whatever it raises.
    """
    if tasks.at_home:
        raise UsageError("a script can't run in the window's own thread", "Run it in the Script Editor.")
    own = {**names, "__name__": "__main__", "__file__": str(path), "__builtins__": __builtins__}
    exec(code, own)
    return {name: value for name, value in own.items() if name not in names and not name.startswith("__")}
