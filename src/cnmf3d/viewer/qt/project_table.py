"""The table of a project's rows: sorting by a click, cells that are edited."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView

from cnmf3d.viewer.models.project import ProjectModel, text_of

WIDEST = 220
SAMPLED = 200
"""Rows that the widths of columns are made from."""


class ProjectTableModel(QAbstractTableModel):
    """Rows as Qt's views read them.

    Parameters
    ----------
    project : ProjectModel
    """

    def __init__(self, project: ProjectModel) -> None:
        super().__init__()
        self._project = project
        self.columns: list[str] = []
        self._cells: list[list[Any]] = []
        project.changed.connect(self.fill)
        self.fill()

    def fill(self) -> None:
        """Take over the rows that there are now."""
        self.beginResetModel()
        frame = self._project.frame
        self.columns = self._project.columns
        self._cells = [] if frame is None else [frame[name].tolist() for name in self.columns]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of rows."""
        if parent is not None and parent.isValid():
            return 0
        return len(self._cells[0]) if self._cells else 0

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and section < len(self.columns):
            name = self.columns[section]
            if role == Qt.ItemDataRole.DisplayRole:
                return name
            if role == Qt.ItemDataRole.ToolTipRole:
                return f"{name}: double-click a cell to edit it" if self._project.editable(name) else name
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What is written in a cell."""
        value = self._cells[index.column()][index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return text_of(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and isinstance(value, (int, float)):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def flags(self, index: QModelIndex) -> Any:
        """Which cells can be edited."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if self._project.editable(self.columns[index.column()]) else flags

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Write what was typed."""
        if role != Qt.ItemDataRole.EditRole or text_of(self._cells[index.column()][index.row()]) == value:
            return False
        return self._project.edit([index.row()], self.columns[index.column()], value)

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        if 0 <= column < len(self.columns):
            self._project.sort(self.columns[column], order == Qt.SortOrder.AscendingOrder)


class ProjectTable(QTableView):
    """The table. Double-click edits where a cell can be edited; elsewhere it opens the sample.

    Parameters
    ----------
    project : ProjectModel
    """

    chosen = Signal()
    opened = Signal(int)

    def __init__(self, project: ProjectModel) -> None:
        super().__init__()
        self.model_ = ProjectTableModel(project)
        self.setModel(self.model_)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(21)
        self.horizontalHeader().setResizeContentsPrecision(SAMPLED)
        self.horizontalHeader().sectionClicked.connect(self._sort)
        self.horizontalHeader().setSectionsClickable(True)
        self._sorted: tuple[int, bool] | None = None
        self._named: list[str] = []
        self.doubleClicked.connect(self._double)
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit())
        self.model_.modelReset.connect(self._fit)
        self._fit()

    def rows(self) -> list[int]:
        """Rows that are selected, from the top."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    def column(self) -> str:
        """Column of the current cell; empty where there is none."""
        index = self.currentIndex()
        return self.model_.columns[index.column()] if index.isValid() else ""

    def _double(self, index: QModelIndex) -> None:
        if not self.model_.flags(index) & Qt.ItemFlag.ItemIsEditable:
            self.opened.emit(index.row())

    def _sort(self, column: int) -> None:
        ascending = not (self._sorted is not None and self._sorted == (column, True))
        self._sorted = (column, ascending)
        order = Qt.SortOrder.AscendingOrder if ascending else Qt.SortOrder.DescendingOrder
        self.horizontalHeader().setSortIndicatorShown(True)
        self.horizontalHeader().setSortIndicator(column, order)
        self.model_.sort(column, order)

    def _fit(self) -> None:
        """Widths for other columns than before; what the user has set stays."""
        if self.model_.columns == self._named:
            return
        self._named, self._sorted = list(self.model_.columns), None
        self.horizontalHeader().setSortIndicatorShown(False)
        self.resizeColumnsToContents()
        for column in range(self.model_.columnCount()):
            self.setColumnWidth(column, min(WIDEST, self.columnWidth(column) + 6))
