"""Status: what the app says, what runs in the background with its progress, and a way to cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QWidget

from cnmf3d.viewer.tasks import Task

if TYPE_CHECKING:
    from cnmf3d.viewer.qt.window import Window


def forgive(thread: Any) -> None:
    """Let napari's thread for the value under the mouse pass over data that are being swapped.

    It reads layers while the window changes them. What doesn't fit then is no mistake that a user should hear of: the
    next move of the mouse asks again.

    Parameters
    ----------
    thread : napari's StatusChecker
    """

    def calculate() -> None:
        viewer = thread.viewer_ref()
        if viewer is None:
            return
        try:
            told = viewer._calc_status_from_cursor()
        except (IndexError, ValueError, TypeError, AttributeError, KeyError, RuntimeError):
            return
        thread.status_and_tooltip_changed.emit(told)

    thread.calculate_status = calculate


class Status(QWidget):
    """The right end of the status bar, there while something runs.

    Parameters
    ----------
    window : Window
    """

    def __init__(self, window: Window) -> None:
        super().__init__()
        self._window = window
        self._label, self._bar, self._stop = QLabel(), QProgressBar(), QToolButton()
        self._bar.setFixedWidth(140)
        self._bar.setTextVisible(False)
        self._stop.setText("Cancel")
        self._stop.clicked.connect(self._cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self._label, self._bar, self._stop):
            row.addWidget(part)
        self._task: Task | None = None
        window.main.statusBar().addPermanentWidget(self)
        self.hide()
        window.app.told.connect(self.tell)
        window.app.failed.connect(self.fail)
        window.app.tasks.changed.connect(self.show_tasks)

    def tell(self, text: str) -> None:
        """Show a line."""
        self._window.viewer.status = text

    def fail(self, problem: str, fix: str) -> None:
        """Show what went wrong, as a notification that goes away by itself."""
        from napari.utils.notifications import show_error

        self.tell(f"{problem} {fix}".strip())
        show_error(f"{problem}\n{fix}".strip())

    def show_tasks(self, running: list[Any]) -> None:
        """Show the task that runs longest."""
        self._task = running[0] if running else None
        if self._task is None:
            self.hide()
            return
        others = f" (and {len(running) - 1} more)" if len(running) > 1 else ""
        self._label.setText(f"{self._task.name}{others}")
        self._bar.setRange(0, self._task.total or 1)  # a bar that runs to and fro draws the whole window all the time
        self._bar.setValue(self._task.done)
        self.show()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._label.setText(f"{self._task.name}: stopping")
