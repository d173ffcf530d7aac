"""Window: a napari window with our docks, menu, drag and drop, and what is asked before changes are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox, QWidget

from cnmf3d.errors import UsageError
from cnmf3d.viewer.app import Answer, App, app_of
from cnmf3d.viewer.layers import AXES
from cnmf3d.viewer.memory import share_one_arena
from cnmf3d.viewer.opening import opens
from cnmf3d.viewer.qt.console import Scripting
from cnmf3d.viewer.qt.docks import DOCKS, Dock
from cnmf3d.viewer.qt.hosting import host
from cnmf3d.viewer.qt.menu import Menu
from cnmf3d.viewer.qt.status import Status, forgive
from cnmf3d.viewer.qt.warming import STEPS

SIZE = (1440, 900)
"""Pixels of a laptop's screen, which the docks are laid out for."""


SHARES = (
    ("right", Qt.Orientation.Horizontal, 430),
    ("bottom", Qt.Orientation.Vertical, 210),
)
"""Pixels of the docks at each side."""


class Window(QObject):
    """One viewer window.

    Parameters
    ----------
    show : bool
        Whether it appears on the screen.

    Attributes
    ----------
    viewer : napari.Viewer
    app : App
    docks : dict of name to widget
        Those that were made.
    """

    def __init__(self, *, show: bool = True) -> None:
        super().__init__()
        share_one_arena()
        import napari

        self.viewer = napari.Viewer(title="cnmf3d", axis_labels=AXES, show=False)
        self.app: App = app_of(self.viewer)
        self.app.confirm = self._ask
        host(self.app)
        self.docks: dict[str, QWidget] = {}
        self._holders: dict[str, Any] = {}
        self._open = True
        self.main.setAcceptDrops(True)
        self.main.installEventFilter(self)
        self.canvas_host.installEventFilter(self)
        forgive(self.main.status_thread)
        self.status = Status(self)
        self.menu = Menu(self)
        self.scripting = Scripting(self)
        self.app.environment_changed.connect(self._entitle)
        self.app.unsaved_changed.connect(self._entitle)
        self._size()
        if show:  # before the docks come: Qt leaves tab bars behind where a layout changes its size
            self.viewer.window.show()
            self._size()
            QApplication.processEvents()
        self._lay_out()
        self._share()
        QTimer.singleShot(300, self._warm)

    @property
    def main(self) -> Any:
        """Qt's main window."""
        return self.viewer.window._qt_window

    @property
    def canvas_host(self) -> Any:
        """The widget that holds the canvas, which napari takes drops with."""
        return self.main._qt_viewer

    def show_dock(self, name: str) -> QWidget:
        """Show a dock, made where it isn't there yet, and bring it to the front."""
        dock = next((each for each in DOCKS if each.name == name), None)
        if dock is None:
            raise UsageError(f"there is no dock {name!r}", f"There are {', '.join(each.name for each in DOCKS)}.")
        if name not in self.docks:
            self._add(dock)
        holder = self._holders[name]
        holder.show()
        holder.raise_()
        return self.docks[name]

    def hide_dock(self, name: str) -> None:
        """Hide a dock; what it shows is kept."""
        if name in self._holders:
            self._holders[name].hide()

    def screenshot(self, path: str | Path) -> None:
        """Draw the whole window to a PNG file.

        Raises
        ------
        UsageError
            Where the file can't be written.
        """
        QApplication.processEvents()
        canvas = self.viewer.screenshot(canvas_only=False, flash=False)
        from matplotlib.image import imsave

        try:
            imsave(path, canvas)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} can't be written: {error}", "Choose another file, ending in .png.") from error

    def close(self) -> bool:
        """Close the window, asking where changes were not saved; False where it stays."""
        if not self._open:
            return True
        if not self.app.may_discard():
            return False
        self._let_go()
        self.viewer.close()
        return True

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Take drops of what we can open, and ask before the window closes."""
        kind = event.type()
        if kind == QEvent.Type.Close and watched is self.main and self._open:
            if not self.app.may_discard():
                event.ignore()
                return True
            self._let_go()
            return False
        if kind == QEvent.Type.Drop and self._drop(event):
            event.acceptProposedAction()
            return True
        return False

    def _drop(self, event: Any) -> bool:
        """Open what was dropped; False leaves it to napari."""
        urls = event.mimeData().urls()
        paths = [url.toLocalFile() if url.isLocalFile() else url.toString() for url in urls]
        if not paths or not all(opens(path) for path in paths):
            return False
        source = paths[0] if len(paths) == 1 else sorted(paths)
        QTimer.singleShot(0, lambda: self.app.open(source))  # the drag ends first: a question may come
        return True

    def _warm(self, steps: tuple[Callable[[Any], None], ...] = STEPS) -> None:
        """Get ready for the first layers, one step after the other, unless they are coming already."""
        if self._open and not self.viewer.layers and not self.app.tasks.running:
            steps[0](self.viewer)
            if steps[1:]:
                QTimer.singleShot(50, lambda: self._warm(steps[1:]))

    def _size(self) -> None:
        """Give the window a laptop's size, or that of a smaller screen."""
        screen = self.main.screen().availableGeometry()
        self.main.resize(min(SIZE[0], screen.width()), min(SIZE[1], screen.height()))

    def _share(self) -> None:
        """Give each side its share of the window."""
        for area, orientation, size in SHARES:
            holders = [self._holders[dock.name] for dock in DOCKS if dock.area == area and dock.name in self._holders]
            if holders:
                self.main.resizeDocks(holders[:1], [size], orientation)
        QApplication.processEvents()  # the canvas has its size before anything is fitted into it

    def _lay_out(self) -> None:
        """Add the docks that are there from the start."""
        left, bottom = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea
        self.main.setCorner(Qt.Corner.BottomLeftCorner, left)
        self.main.setCorner(Qt.Corner.BottomRightCorner, bottom)
        for dock in DOCKS:
            if dock.shown:
                self._add(dock)
        for dock in DOCKS:
            if dock.shown and dock.front:
                self._holders[dock.name].raise_()

    def _add(self, dock: Dock) -> None:
        """Make a dock and put it behind the others of its area."""
        widget = dock.make(self.app)
        holder = self.viewer.window.add_dock_widget(
            widget, name=dock.name, area=dock.area, add_vertical_stretch=False, menu=None
        )
        neighbours = [each.name for each in DOCKS if each.area == dock.area and each.name in self._holders]
        if neighbours:
            self.main.tabifyDockWidget(self._holders[neighbours[-1]], holder)
        self.docks[dock.name], self._holders[dock.name] = widget, holder

    def _entitle(self, *_: object) -> None:
        """Say in the title what is open, and whether it was changed."""
        movie = self.app.movie
        path = self.app.results_path or (movie.paths[0] if movie is not None and movie.paths else None)
        changed = "*" if self.app.unsaved else ""
        self.viewer.title = f"{changed}{Path(path).name} - cnmf3d" if path else "cnmf3d"

    def _ask(self, question: str) -> Answer:
        """Ask before changes are lost."""
        button = QMessageBox.question(
            self.main,
            "cnmf3d",
            f"{question}\nDiscard them?",
            QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return "discard" if button == QMessageBox.StandardButton.Discard else "cancel"

    def _let_go(self) -> None:
        """End everything that works for this window."""
        self._open = False
        self.main.removeEventFilter(self)
        self.canvas_host.removeEventFilter(self)
        self.app.close()
