"""RoiTable: the ROIs of a store as a Qt model, sorted and filtered by arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor

from cnmf3d.errors import UsageError
from cnmf3d.viewer.models.overlay import palette
from cnmf3d.viewer.models.roi_rows import Column, columns_of, matching

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

ROLE = Qt.ItemDataRole
NOWHERE = QModelIndex()

# each cell is asked for all of these whenever it is drawn: Qt's enumerations are slow to look up
TEXT = frozenset((int(ROLE.DisplayRole), int(ROLE.EditRole)))
ALIGNMENT, DECORATION, CHECK = int(ROLE.TextAlignmentRole), int(ROLE.DecorationRole), int(ROLE.CheckStateRole)
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
ANSWERED = TEXT | {ALIGNMENT, DECORATION, CHECK}


class RoiTable(QAbstractTableModel):
    """One row an ROI that the filter lets through.

    Parameters
    ----------
    app : App

    Attributes
    ----------
    columns : list of Column
    ids : (n,) int64
        ROIs when the values were taken; the store may be a step ahead.
    rows : (k,) int64
        Place in the store of each row.
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.columns: list[Column] = []
        self.rows: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.ids: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._sorted: tuple[int, bool] = (0, False)
        self._filter = ""
        self._colours = [QColor.fromRgbF(*(float(v) for v in colour)) for colour in palette()]

    def reload(self) -> None:
        """Take all values of the store anew."""
        store = self._app.rois
        self.beginResetModel()
        known = self._app.environment.imgdata.voxel_size is not None
        self.columns = [] if store is None else columns_of(store, known)
        self.ids = np.zeros(0, np.int64) if store is None else store.ids
        self._arrange()
        self.endResetModel()

    def refresh(self) -> None:
        """Take values anew where the same ROIs have other ones; order and selection stay."""
        store = self._app.rois
        if store is None or not self.columns:
            return
        known = self._app.environment.imgdata.voxel_size is not None
        columns = columns_of(store, known)
        if len(columns) != len(self.columns):
            self.reload()
            return
        self.columns = columns
        if self.rows.size:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(self.columns) - 1))

    def recolour(self) -> None:
        """Take the colours of the overlay anew."""
        if self.rows.size:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, 0), [ROLE.DecorationRole])

    def filter(self, text: str) -> None:
        """Show what a filter lets through; see `cnmf3d.viewer.models.roi_rows.matching`."""
        self._filter = text
        self.beginResetModel()
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self._sorted = (max(column, 0), order == Qt.SortOrder.DescendingOrder)
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        rois = [self.roi(index.row()) for index in kept]
        self._arrange()
        places = {int(roi): row for row, roi in enumerate(self.ids[self.rows])} if kept else {}
        moved = [self.index(places[roi], index.column()) for roi, index in zip(rois, kept, strict=True)]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def roi(self, row: int) -> int:
        """Id of the ROI in a row."""
        return int(self.ids[self.rows[row]])

    def rows_of(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows of ROIs, ascending; those that the filter hides are left out."""
        return np.flatnonzero(np.isin(self.ids[self.rows], ids))

    def rowCount(self, parent: Any = NOWHERE) -> int:
        """Rows."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Any = NOWHERE) -> int:
        """Columns."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Any, role: int = ROLE.DisplayRole) -> Any:
        """Titles, and what they mean."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        if role == ROLE.DisplayRole:
            return self.columns[section].title
        return self.columns[section].tip if role == ROLE.ToolTipRole else None

    def flags(self, index: Any) -> Any:
        """Verdicts can be ticked, tags can be edited."""
        flags = super().flags(index)
        column = self.columns[index.column()]
        if column.title == "ok":
            return flags | Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if column.tag is not None else flags

    def data(self, index: Any, role: int = ROLE.DisplayRole) -> Any:
        """One cell."""
        if role not in ANSWERED or not index.isValid():
            return None
        column, at = self.columns[index.column()], int(self.rows[index.row()])
        if column.title == "ok":
            if role == CHECK:
                return Qt.CheckState.Checked if column.values[at] else Qt.CheckState.Unchecked
            return None
        if role in TEXT:
            return column.text(at)
        if role == ALIGNMENT and column.tag is None:
            return RIGHT
        if role == DECORATION and index.column() == 0:
            classes = self._app.painter.classes
            return self._colours[classes[at]] if at < len(classes) and classes[at] else None
        return None

    def setData(self, index: Any, value: Any, role: int = ROLE.EditRole) -> bool:
        """Accept, reject, tag."""
        store, column = self._app.rois, self.columns[index.column()]
        if store is None:
            return False
        roi = [self.roi(index.row())]
        try:
            if column.title == "ok" and role == ROLE.CheckStateRole:
                checked = Qt.CheckState(value) == Qt.CheckState.Checked
                (store.accept if checked else store.reject)(roi)
                return True
            if column.tag is not None and role == ROLE.EditRole:
                store.tag(roi, column.tag, str(value).strip() or None)
                return True
        except UsageError as error:
            self._app.fail(error)
        return False

    def _arrange(self) -> None:
        """Filter and sort, and let others follow the order."""
        store = self._app.rois
        if store is None or not self.columns:
            self.rows = self.ids = np.zeros(0, np.int64)
            self._app.order = None
            return
        column, descending = self._sorted
        order = self.columns[min(column, len(self.columns) - 1)].order(descending)
        self.rows = order[matching(store, self.columns, self._filter)[order]]
        self._app.order = self.ids[self.rows]
