"""The console: napari's own IPython, with the names of scripts, and errors that say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from cnmf3d.errors import Cnmf3dError
from cnmf3d.viewer.controllers.actions import actions_of

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.qt.window import Window


class Console:
    """Prepares napari's console of a window when it is first seen.

    Parameters
    ----------
    app : App
    host : napari's widget that has the console
    """

    def __init__(self, app: App, host: Any) -> None:
        self._app, self._host = app, host
        self._ready = False
        host.dockConsole.visibilityChanged.connect(self._seen)
        actions_of(app).script_ended.connect(self.push)

    @property
    def names(self) -> dict[str, Any]:
        """What is there, beside napari's own names."""
        return actions_of(self._app).space.names()

    def show(self) -> None:
        """Show the console, and type there."""
        if not self._host.dockConsole.isVisible():
            self._host.toggle_console_visibility(None)
        self.prepare()
        if self._host.console is not None:
            self._host.console.setFocus()

    def push(self, names: dict[str, Any]) -> None:
        """Put names of a script that ended there, where there is a console."""
        if self._ready and names:
            self._host.console.push(names)

    def prepare(self) -> None:
        """Put the names there; once."""
        console = self._host._console
        if self._ready or console is None or console.shell is None:
            return
        self._ready = True
        console.push(self.names)
        console.shell.set_custom_exc((Cnmf3dError,), _tell)

    def _seen(self, visible: bool) -> None:
        if visible:
            QTimer.singleShot(0, self.prepare)


class Scripting:
    """Console, recorder and form of a window, in its menu and where scripts ask for them.

    Parameters
    ----------
    window : Window
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._actions = actions = actions_of(window.app)
        self.console = Console(window.app, window.canvas_host)
        menu = window.menu.menu
        menu.addSeparator()
        menu.addAction("Console", self.console.show)
        self.record = menu.addAction("Record my actions as a script", self._record)
        self.record.setCheckable(True)
        actions.recorder.changed.connect(self._recording)
        actions.form_wanted.connect(self._show_form)
        window.app.batch_changed.connect(self._show_batch)

    def _show_form(self) -> None:
        self._window.show_dock("CNMF 3D")

    def _show_batch(self, batch: object) -> None:
        """Show the Batch Manager with a batch that was opened, from wherever."""
        if batch is not None:
            self._window.show_dock("Batch Manager")

    def _record(self) -> None:
        """Begin to record, or show in the Script Editor what was."""
        editor = self._window.show_dock("Script Editor")
        editor.record_()

    def _recording(self) -> None:
        self.record.setChecked(self._actions.recorder.on)


def _tell(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> None:
    """Show an error that says what to do without its traceback."""
    import sys

    sys.stderr.write(f"{kind.__name__}: {error.problem}\n{error.fix}\n")
