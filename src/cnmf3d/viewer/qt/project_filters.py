"""What narrows a project's table: a line for filters, those that hold, and the values of a column."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cnmf3d.viewer.models.project import ProjectModel
from cnmf3d.viewer.qt.parts import button, relist, tool

HELP = """cell type: pyr      texts with that in them
cell type: =PV      exactly that; = alone: empty
cell type: !pyr     not that
cell type: pyr|PV   either
snr > 5             numbers
accepted = yes      yes or no"""


class FilterBar(QWidget):
    """A line for filters, and those that hold; each goes away by a click.

    Parameters
    ----------
    project : ProjectModel
    """

    def __init__(self, project: ProjectModel) -> None:
        super().__init__()
        self._project = project
        self.line = QLineEdit()
        self.line.setPlaceholderText("Filter: cell type: pyr|PV   snr > 5   accepted = yes")
        self.line.setToolTip(HELP)
        self.line.returnPressed.connect(self.add)
        self.query = button("Copy query", self.copy, "Copy the filters as a query of pandas: frame.query(...)")
        self._chips = QHBoxLayout()
        self._chips.setSpacing(3)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(self._chips)
        row.addWidget(self.line, 1)
        row.addWidget(self.query)
        project.changed.connect(self.fill)
        self.fill()

    @property
    def chips(self) -> list[QToolButton]:
        """Buttons of the filters that hold."""
        items = (self._chips.itemAt(n) for n in range(self._chips.count()))
        return [item.widget() for item in items if item is not None]

    def add(self) -> None:
        """Take what was typed; it stays where it can't be meant."""
        if self.line.text().strip() and self._project.add_filter(self.line.text()):
            self.line.clear()

    def copy(self) -> None:
        """Put the query of the filters on the clipboard."""
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._project.query())

    def fill(self) -> None:
        """Show the filters that hold now."""
        for chip in self.chips:
            self._chips.removeWidget(chip)
            chip.deleteLater()
        filters = self._project.view.filters
        for number, (column, text) in enumerate(filters):
            away = partial(self._project.drop_filter, number)
            self._chips.addWidget(tool(f"{column}: {text}  ✕", away, "Take this filter away"))
        self.query.setEnabled(bool(filters))


class Values(QWidget):
    """The values of a column with how often each is there; a double-click keeps only those.

    Parameters
    ----------
    project : ProjectModel
    """

    def __init__(self, project: ProjectModel) -> None:
        super().__init__()
        self._project = project
        self.column = QComboBox()
        self.column.setToolTip("List the values of this column")
        self.list = QTreeWidget()
        self.list.setHeaderLabels(["value", "rows"])
        self.list.setRootIsDecorated(False)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head = self.list.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.list.setUniformRowHeights(True)
        self.list.setToolTip("Double-click a value to keep only its rows")
        self.list.itemDoubleClicked.connect(self._keep)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.column)
        box.addWidget(self.list, 1)
        self.column.currentTextChanged.connect(self.fill)
        project.changed.connect(self.retake)
        self.retake()

    def retake(self) -> None:
        """Take over the columns and the values that there are now."""
        before, names = self.column.currentText(), self._project.columns
        relist(self.column, names, before if before in names else (names[0] if names else ""))
        self.fill()

    def fill(self) -> None:
        """List the values."""
        self.list.clear()
        for value, count in self._project.unique(self.column.currentText()):
            item = QTreeWidgetItem(self.list, [value or "(empty)", str(count)])
            item.setData(0, Qt.ItemDataRole.UserRole, value)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight)

    def _keep(self, item: QTreeWidgetItem) -> None:
        value = item.data(0, Qt.ItemDataRole.UserRole)
        quoted = f'"{value}"' if any(sign in value for sign in "|!<>=") or not value else value
        self._project.add_filter(f"{self.column.currentText()}: ={quoted}")
