"""Hosting: what an app needs of the Qt that runs it, in our window and in a plain napari alike."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from cnmf3d.viewer.app import App


class Waker(QObject):
    """Brings what threads hand back into Qt's own thread.

    Parameters
    ----------
    app : App
    """

    ready = Signal()

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.ready.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        app.tasks.wake = self.ready.emit

    def _deliver(self) -> None:
        self._app.tasks.deliver()


_HOSTED: dict[int, Any] = {}


def host(app: App) -> None:
    """Let Qt call back what the tasks of an app make; once for each app."""
    if id(app) in _HOSTED:
        return
    _HOSTED[id(app)] = Waker(app)
    app.closed.connect(lambda: _HOSTED.pop(id(app), None))
    window = getattr(getattr(app.viewer, "window", None), "_qt_window", None)
    if window is not None:
        window.destroyed.connect(lambda: app.close() if id(app) in _HOSTED else None)
