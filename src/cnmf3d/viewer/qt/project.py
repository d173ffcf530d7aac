"""The project browser: tabs of filtered tables, cells that are edited, samples that open, curves with stimuli."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDockWidget,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMenu,
    QMessageBox,
    QSplitter,
    QStackedLayout,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from cnmf3d.errors import Cnmf3dError
from cnmf3d.viewer.controllers.project import project_actions
from cnmf3d.viewer.models.project import FIRST
from cnmf3d.viewer.qt.parts import button
from cnmf3d.viewer.qt.project_dialogs import AddDialog, ColumnDialog
from cnmf3d.viewer.qt.project_filters import FilterBar, Values
from cnmf3d.viewer.qt.project_plot import ProjectPlot
from cnmf3d.viewer.qt.project_table import ProjectTable

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

LOOK = 1000
"""Milliseconds between two looks at the project."""

NONE = "No project is open.\nMake a new one, or open one: a folder that keeps samples with their ROIs."


class ProjectDock(QWidget):
    """The project of an app.

    Parameters
    ----------
    app : App

    Attributes
    ----------
    ask : callable
        ``ask(question) -> bool``, before something is overwritten or deleted.
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self._seen: object = None
        self.dialog: QDialog | None = None
        self.actions_ = project_actions(app)
        self.project = self.actions_.model
        self.ask: Callable[[str], bool] = self._ask
        self.table, self.plot = ProjectTable(self.project), ProjectPlot(self.project)
        self.filters, self.values = FilterBar(self.project), Values(self.project)
        self.hint = QLabel(NONE)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setWordWrap(True)
        self.tabs = QTabBar()
        self.tabs.setTabsClosable(True)
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.count = QLabel()
        split = QSplitter()
        for part, share in ((self.values, 1), (self.table, 5), (self.plot, 2)):
            split.addWidget(part)
            split.setStretchFactor(split.count() - 1, share)
        browser = QWidget()
        inside = QVBoxLayout(browser)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(self._tab_row())
        inside.addWidget(self.filters)
        inside.addWidget(split, 1)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.hint)
        self._stack.addWidget(browser)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 4)
        box.setSpacing(3)
        box.addLayout(self._button_row())
        box.addLayout(self._stack, 1)
        self._connect()
        self._reset()

    def _tab_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(self.tabs, 1)
        row.addWidget(self.count)
        row.addWidget(button("Keep as tab…", self._keep, "Keep these rows, with their filters, as a tab of their own"))
        return row

    def _button_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(3)
        self.add = button("Add to project…", self.ask_sample, "Add movie and ROIs that are open as a sample")
        self.save = button("Save sample", self.save_sample, "Save the sample that is open, over what it was")
        self.undo = button("Undo", lambda: self._tell(self.project.undo(), "Undone"), "Undo cells and columns")
        self.redo = button("Redo", lambda: self._tell(self.project.redo(), "Done again"), "Do it again")
        self.columns = button("Columns…", self._columns, "Add, rename or remove columns")
        self.export = button("Export…", self._export, "Write the rows that are shown as a table")
        self.folder = QLabel()
        self.folder.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(button("New…", self._new, "Make a new project in an empty folder"))
        row.addWidget(button("Open…", self._open, "Open a project"))
        for part in (self.add, self.save, self.undo, self.redo, self.columns, self.export):
            row.addWidget(part)
        row.addWidget(self.folder, 1)
        return row

    def _connect(self) -> None:
        """Listen to everything."""
        for key, do in (("Ctrl+Z", self.undo.click), ("Ctrl+Shift+Z", self.redo.click)):
            shortcut = QShortcut(QKeySequence(key), self.table)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(do)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self._look)
        self._timer.start()
        self._app.closed.connect(self._stop)
        self.tabs.currentChanged.connect(self._tab)
        self.tabs.tabCloseRequested.connect(self.project.close_view)
        self.table.chosen.connect(lambda: self.plot.show_rows(self.table.rows()))
        self.table.opened.connect(self.open_row)
        self.table.customContextMenuRequested.connect(self._context)
        self.project.reset.connect(self._reset)
        self.project.changed.connect(self._changed)
        self._app.rois_changed.connect(self._changed)
        self._app.environment_changed.connect(self._changed)

    def open_row(self, row: int) -> None:
        """Open the sample of a row in the viewer."""
        self.actions_.open_sample(self.project.uuid(row))

    def ask_sample(self) -> None:
        """Ask what is said of a sample, and add it."""
        self.dialog = AddDialog(self.actions_, self)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.open()

    def save_sample(self) -> None:
        """Save the sample that is open, where the user agrees."""
        name = self._app.environment.sample_id
        if self.ask(f"Save {name}, over what it was? Its ROIs are replaced by those that are open."):
            self.actions_.save()

    def delete(self) -> None:
        """Delete the samples of the selected rows, where the user agrees."""
        project = self._app.project
        uuids = list(dict.fromkeys(self.project.uuid(row) for row in self.table.rows()))
        if project is None or not uuids:
            return
        names = ", ".join(project.sample(uuid).id for uuid in uuids[:5]) + ("..." if len(uuids) > 5 else "")
        if self.ask(f"Delete {names} with all data? This can't be undone."):
            try:
                project.delete(uuids)
            except Cnmf3dError as error:
                self._app.fail(error)
            self.project.refresh()

    def _reset(self) -> None:
        """Show another project, or other tabs."""
        project = self.project.project
        self._stack.setCurrentIndex(0 if project is None else 1)
        if project is not None and project is not self._seen:
            self._to_front()
        self._seen = project
        self.folder.setText("" if project is None else str(project.folder))
        self.tabs.blockSignals(True)
        while self.tabs.count():
            self.tabs.removeTab(0)
        for number, view in enumerate(self.project.views):
            self.tabs.addTab(view.name)
            if number < len(FIRST):
                self.tabs.setTabButton(number, QTabBar.ButtonPosition.RightSide, None)
        self.tabs.setCurrentIndex(self.project.current)
        self.tabs.blockSignals(False)
        self._changed()

    def _to_front(self) -> None:
        """Bring the dock that this is in before its neighbours."""
        parent = self.parentWidget()
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parentWidget()
        if parent is not None:
            parent.show()
            parent.raise_()

    def _changed(self, *_: object) -> None:
        """Say how many rows there are, and what can be done."""
        frame = self.project.frame
        self.count.setText(
            "" if frame is None else f"{len(frame)} {'ROIs' if self.project.view.rows == 'rois' else 'samples'}"
        )
        there = self.project.project is not None
        for each in (self.undo, self.redo, self.columns, self.export):
            each.setEnabled(there)
        self.add.setEnabled(there and self._app.rois is not None)
        self.save.setEnabled(self.actions_.sample_is_open)
        self.plot.show_rows(self.table.rows())

    def _look(self) -> None:
        """Look whether a script or another program has changed the project; not while a cell is edited."""
        if self.isVisible() and self.table.state() != QAbstractItemView.State.EditingState:
            self.project.poll()

    def _stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def _tab(self, tab: int) -> None:
        self.project.show(tab)

    def _keep(self) -> None:
        name, given = QInputDialog.getText(self, "Keep as tab", "Name", text=f"{self.project.view.name} ")
        if given:
            self.project.add_view(name)

    def _context(self, place: QPoint) -> None:
        rows, column = self.table.rows(), self.table.column()
        if not rows:
            return
        menu = QMenu(self)
        menu.addAction("Open sample", lambda: self.open_row(rows[0]))
        if column and self.project.editable(column):
            menu.addAction(f"Set {column} of {len(rows)} rows…", lambda: self._set(rows, column))
        menu.addAction("Delete samples…", self.delete)
        menu.exec(self.table.viewport().mapToGlobal(place))

    def _set(self, rows: list[int], column: str) -> None:
        """Write one value into many cells."""
        value, given = QInputDialog.getText(self, column, f"{column} of {len(rows)} rows (empty: none)")
        if given:
            self.project.edit(rows, column, value)

    def _columns(self) -> None:
        self.dialog = ColumnDialog(self.actions_, self)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.open()

    def _export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Write the rows", "", "Tables (*.csv *.parquet *.xlsx)")
        if path:
            self.write(path)

    def write(self, path: str) -> None:
        """Write the rows that are shown."""
        from cnmf3d.project.tables import write_table

        try:
            if self.project.frame is not None:
                write_table(self.project.frame, path, force=True)
                self._app.tell(f"Wrote {len(self.project.frame)} rows to {path}")
        except Cnmf3dError as error:
            self._app.fail(error)

    def _new(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "A new or empty folder for the project")
        if path:
            self.actions_.new(path)

    def _open(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of a project")
        if path:
            self._app.open_project(path)

    def _tell(self, what: str, how: str) -> None:
        if what:
            self._app.tell(f"{how}: {what}")

    def _ask(self, question: str) -> bool:
        answer = QMessageBox.question(self, "cnmf3d", question)
        return bool(answer == QMessageBox.StandardButton.Yes)
