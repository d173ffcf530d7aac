"""Menu: open, recent, docks, and help with the keys; beside napari's own menus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMenu, QMessageBox

from cnmf3d.viewer.controllers.keys import KEYS
from cnmf3d.viewer.qt.docks import DOCKS
from cnmf3d.viewer.qt.link import open_linked
from cnmf3d.viewer.qt.shortcuts import qt_name

if TYPE_CHECKING:
    from cnmf3d.viewer.qt.window import Window

FILTER = (
    "Movies and results (*.tif *.tiff *.hdf5 *.h5 *.mat *.nwb *.npy *.mmap *.zarr);;"
    "Batches and projects (*.sqlite);;All files (*)"
)


class Menu:
    """The menu "CNMF 3D", left of napari's view menu.

    Parameters
    ----------
    window : Window
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        bar = window.main.menuBar()
        self.menu = QMenu("&CNMF 3D", bar)
        before = next((action for action in bar.actions() if action.menu() is window.viewer.window.view_menu), None)
        if before is None:
            bar.addMenu(self.menu)
        else:
            bar.insertMenu(before, self.menu)
        self.menu.addAction("Open movie or results…", self.ask_file)
        self.menu.addAction("Open folder (zarr, batch, project)…", self.ask_folder)
        self.recent = self.menu.addMenu("Open recent")
        self.recent.aboutToShow.connect(self.fill_recent)
        self.menu.addAction("Save curation", window.app.save).setShortcut("Ctrl+Alt+S")
        self.menu.addAction("Import ROIs…", self.ask_import)
        self.menu.addAction("Export ROIs…", self.ask_export)
        self.menu.addAction("Close what is open", window.app.clear)
        self.menu.addSeparator()
        self.docks = self.menu.addMenu("Docks")
        self.docks.aboutToShow.connect(self.fill_docks)
        self.fill_docks()
        self.menu.addAction("Open linked window", lambda: open_linked(window.app))
        self.menu.addAction("Keys…", self.show_keys)

    def show_keys(self) -> None:
        """List the keys."""
        rows = "".join(f"<tr><td><b>{qt_name(key)}</b>&nbsp;&nbsp;</td><td>{key.what}</td></tr>" for key in KEYS)
        box = QMessageBox(self._window.main)
        box.setWindowTitle("Keys")
        box.setText(
            f"<table>{rows}</table><p>Left and right go through time; click an ROI again for the next one there."
        )
        box.setModal(False)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.show()

    def ask_file(self) -> None:
        """Ask for a file and open it."""
        path, _ = QFileDialog.getOpenFileName(self._window.main, "Open", self._folder(), FILTER)
        if path:
            self._window.app.open(path)

    def ask_folder(self) -> None:
        """Ask for a folder and open it."""
        path = QFileDialog.getExistingDirectory(self._window.main, "Open", self._folder())
        if path:
            self._window.app.open(path)

    def ask_import(self) -> None:
        """Ask what ROIs of another program to open."""
        from cnmf3d.viewer.qt.exporting import ImportDialog

        ImportDialog(self._window.app, self._window.main).exec()

    def ask_export(self) -> None:
        """Ask where the ROIs go that are open."""
        from cnmf3d.viewer.qt.exporting import ExportDialog

        ExportDialog(self._window.app, self._window.main).exec()

    def fill_recent(self) -> None:
        """List what was opened before."""
        self.recent.clear()
        paths = self._window.app.recent.paths()
        for path in paths:
            self.recent.addAction(path, lambda path=path: self._window.app.open(path))
        if not paths:
            self.recent.addAction("Nothing was opened yet").setEnabled(False)

    def fill_docks(self) -> None:
        """List the docks, with those marked that are seen."""
        self.docks.clear()
        for dock in DOCKS:
            action: Any = self.docks.addAction(dock.name)
            action.setCheckable(True)
            holder = self._window._holders.get(dock.name)
            action.setChecked(holder is not None and holder.isVisible())
            action.triggered.connect(lambda shown, name=dock.name: self._switch(name, shown))

    def _switch(self, name: str, shown: bool) -> None:
        if shown:
            self._window.show_dock(name)
        else:
            self._window.hide_dock(name)

    def _folder(self) -> str:
        """Where a dialog begins: beside what is open, or what was opened last."""
        movie = self._window.app.movie
        paths = list(movie.paths[:1]) if movie is not None else []
        known = [path for path in (*paths, *self._window.app.recent.paths()) if "://" not in path]
        return str(Path(known[0]).parent) if known else ""
