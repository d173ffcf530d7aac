"""The list of a batch's items: colours of their status, search, sorting."""

from __future__ import annotations

from functools import cache
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from cnmf3d.viewer.models.batch import COLOURS, COLUMNS, BatchModel

UUID = Qt.ItemDataRole.UserRole
ORDER = Qt.ItemDataRole.UserRole + 1
STATUS, DURATION = 2, 3
"""Columns that are treated specially."""


class BatchTableModel(QAbstractTableModel):
    """Items as Qt's views read them.

    Parameters
    ----------
    batch : BatchModel
    """

    def __init__(self, batch: BatchModel) -> None:
        super().__init__()
        self._batch = batch
        self._shown = list(batch.items)
        batch.reset.connect(self._reset)
        batch.updated.connect(self._update)
        batch.progressed.connect(self._tick)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of items."""
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].tip
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What is written in a cell, its colour, its order."""
        item = self._shown[index.row()]
        column = COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(item)
        if role == ORDER:
            return column.order(item)
        if role == UUID:
            return item.uuid
        if index.column() == STATUS and role == Qt.ItemDataRole.DecorationRole:
            return dot(COLOURS[item.status])
        if role == Qt.ItemDataRole.ToolTipRole:
            return item.last_line or f"{item.name}\n{item.uuid}\n{', '.join(item.input.paths)}"
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in (DURATION, 4, 5):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _reset(self) -> None:
        self.beginResetModel()
        self._shown = list(self._batch.items)
        self.endResetModel()

    def _update(self, rows: list[int]) -> None:
        self._shown = list(self._batch.items)
        self.dataChanged.emit(self.index(min(rows), 0), self.index(max(rows), len(COLUMNS) - 1))

    def _tick(self, item: Any, progress: Any) -> None:
        """Show how long the running item has taken."""
        row = -1 if item is None else self._batch.row(item.uuid)
        if 0 <= row < len(self._shown):
            self.dataChanged.emit(self.index(row, DURATION), self.index(row, DURATION))


@cache
def dot(colour: str) -> QIcon:
    """A round spot of a colour."""
    picture = QPixmap(12, 12)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor("#7a7f88"))
    painter.setBrush(QColor(colour))
    painter.drawEllipse(2, 2, 8, 8)
    painter.end()
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(picture, mode)
    return icon


class BatchProxy(QSortFilterProxyModel):
    """Sorts, and keeps what is searched for: every word in any column, or the status."""

    def __init__(self, model: BatchTableModel) -> None:
        super().__init__()
        self.setSourceModel(model)
        self.setDynamicSortFilter(True)
        self._words: list[str] = []

    def search(self, text: str) -> None:
        """Keep the items in which every word is."""
        self._words = text.lower().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        """Whether an item is kept."""
        model = self.sourceModel()
        if not self._words or model is None:
            return True
        cells = [model.index(row, column) for column in range(len(COLUMNS))]
        text = " ".join([*(str(cell.data() or "") for cell in cells), str(cells[0].data(UUID))]).lower()
        return all(word in text for word in self._words)

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Sort by what columns are sorted by."""
        return bool(left.data(ORDER) < right.data(ORDER))


class BatchTable(QTableView):
    """The list.

    Parameters
    ----------
    batch : BatchModel
    """

    chosen = Signal()
    opened = Signal(str)

    def __init__(self, batch: BatchModel) -> None:
        super().__init__()
        self.model_ = BatchTableModel(batch)
        self.proxy = BatchProxy(self.model_)
        self.setModel(self.proxy)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for column, width in enumerate((150, 75, 100, 80, 95, 75)):
            self.setColumnWidth(column, width)
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit())
        self.doubleClicked.connect(lambda index: self.opened.emit(index.data(UUID)))
        self._kept: list[str] = []
        self.model_.modelAboutToBeReset.connect(self._keep)
        self.model_.modelReset.connect(self._select_again)

    def selected(self) -> list[str]:
        """UUIDs of the selected items, as they are listed."""
        rows = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        return [str(index.data(UUID)) for index in rows]

    def select(self, uuids: list[str]) -> None:
        """Select items."""
        self.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in range(self.proxy.rowCount()):
            index = self.proxy.index(row, 0)
            if index.data(UUID) in uuids:
                self.selectionModel().select(index, flags)

    def _keep(self) -> None:
        self._kept = self.selected()

    def _select_again(self) -> None:
        self.select(self._kept)
