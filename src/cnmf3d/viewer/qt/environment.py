"""Work environment: metadata that can be edited, history, comments, and what was not saved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cnmf3d.errors import Cnmf3dError
from cnmf3d.viewer.controllers.metadata import rows_of, save_metadata, set_value
from cnmf3d.viewer.qt.parts import button
from cnmf3d.workspace.environment import ViewerWorkEnv

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

EMPTY = "Nothing is open.\nDrop a movie, results, a batch or a project on the window, or use the menu CNMF 3D."


class EnvironmentDock(QWidget):
    """Shows the work environment of an app.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.title = QLabel(EMPTY)
        self.title.setWordWrap(True)
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["Metadata", "Value"])
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().hide()
        self.table.cellChanged.connect(self._edited)
        self.history = QTreeWidget()
        self.history.setHeaderLabels(["History", ""])
        self.comments = QPlainTextEdit()
        self.comments.setPlaceholderText("Comments")
        self.comments.textChanged.connect(self._commented)
        split = QSplitter(Qt.Orientation.Vertical)
        for part, share in ((self.table, 4), (self.history, 4), (self.comments, 1)):
            split.addWidget(part)
            split.setStretchFactor(split.count() - 1, share)
        box = QVBoxLayout(self)
        box.addWidget(self.title)
        box.addWidget(split)
        tip = "Write rate, voxel size, origin, date and comments into the movie's .json file"
        self.save = button("Save beside the movie", self._save, tip)
        box.addWidget(self.save)
        self._filling = False
        self._followed: object = None
        app.environment_changed.connect(self.show_environment)
        app.rois_changed.connect(self._retell)
        self.show_environment(app.environment)

    def show_environment(self, environment: ViewerWorkEnv) -> None:
        """Fill everything."""
        self._filling = True
        self._retell()
        rows = rows_of(environment)
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            name, value = QTableWidgetItem(row.label), QTableWidgetItem(row.text)
            name.setFlags(Qt.ItemFlag.ItemIsEnabled)
            name.setData(Qt.ItemDataRole.UserRole, row.name)
            if not row.editable:
                value.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            value.setToolTip(row.tip)
            self.table.setItem(number, 0, name)
            self.table.setItem(number, 1, value)
        self.history.clear()
        for number, entry in enumerate(environment.history_trace, 1):
            for what, facts in entry.items():
                branch(self.history, f"{number}. {what}", facts)
        if self.comments.toPlainText() != environment.comments:
            self.comments.setPlainText(environment.comments)
        self._filling = False

    def _retell(self) -> None:
        """Say in the title what there is, and go on as its verdicts change."""
        store = self._app.rois
        if store is not None and store is not self._followed:
            store.changed.connect(self._retell)
        self._followed = store
        self.title.setText(self._describe() or EMPTY)

    def _describe(self) -> str:
        """The movie and its ROIs in a few words."""
        movie, store = self._app.movie, self._app.rois
        parts = [] if movie is None else [repr(movie).strip("<>")]
        if store is not None:
            parts.append(f"{len(store)} ROIs, {int(store.accepted.sum())} accepted")
        return "\n".join(parts)

    def _edited(self, row: int, column: int) -> None:
        """Take over a value that was edited; one that can't be is said and put back."""
        if self._filling or column != 1:
            return
        name = self.table.item(row, 0).data(Qt.ItemDataRole.UserRole)
        problem = set_value(self._app, name, self.table.item(row, 1).text())
        if problem:
            self._app.tell(problem)
        self.show_environment(self._app.environment)

    def _save(self) -> None:
        try:
            save_metadata(self._app)
        except Cnmf3dError as error:
            self._app.fail(error)

    def _commented(self) -> None:
        if not self._filling:
            self._app.environment.comments = self.comments.toPlainText()
            self._app.mark_unsaved("comments")


def branch(parent: Any, name: str, value: Any) -> None:
    """Add a value to a tree, mappings as branches."""
    if isinstance(value, dict):
        item = QTreeWidgetItem(parent, [name, ""])
        for key, inner in value.items():
            branch(item, str(key), inner)
        return
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    item = QTreeWidgetItem(parent, [name, text])
    item.setToolTip(1, text)
