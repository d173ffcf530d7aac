"""What the Batch Manager shows of the selected items: output, parameters, information, differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QBrush, QColor, QFont, QFontDatabase, QTextCharFormat, QTextCursor
from qtpy.QtWidgets import QHeaderView, QPlainTextEdit, QTableWidget, QTableWidgetItem, QTabWidget

from cnmf3d.viewer.models.batch_facts import information_rows, parameter_rows, shown
from cnmf3d.viewer.models.batch_progress import Follower
from cnmf3d.viewer.qt.parts import BAD, MUTED

if TYPE_CHECKING:
    from cnmf3d.batch import Item
    from cnmf3d.viewer.models.batch import BatchModel

MOST_LINES, MOST_COMPARED = 5000, 24
CHANGED, WARNED, GOOD = "#4a8cf7", "#d9822b", "#2fa84f"
LINE_COLOURS = {"!": WARNED, "✗": BAD, "✓": GOOD, "·": MUTED}
"""By the first sign of a line of output."""


class Panes(QTabWidget):
    """The panes.

    Parameters
    ----------
    batch : BatchModel
    """

    def __init__(self, batch: BatchModel) -> None:
        super().__init__()
        self._batch = batch
        self._shown = ""
        self.output = Output()
        self.parameters = _table(["Parameter", "Value"])
        self.information = _table(["", ""])
        self.information.horizontalHeader().hide()
        self.differences = _table([])
        for title, pane in (
            ("Output", self.output),
            ("Parameters", self.parameters),
            ("Output information", self.information),
            ("Differences", self.differences),
        ):
            self.addTab(pane, title)
        self.setDocumentMode(True)
        batch.output.connect(self._hear)

    def show_items(self, uuids: list[str]) -> None:
        """Show what is selected."""
        items = [item for uuid in uuids if (item := self._batch.find(uuid)) is not None]
        self._show_differences([item.uuid for item in items])
        if not items:
            self._shown = ""
            self.output.clear()
            self.parameters.setRowCount(0)
            self.information.setRowCount(0)
            return
        self._show(items[0])
        self.setTabEnabled(3, len(items) > 1)
        if len(items) > 1 and self.currentIndex() != 0:
            self.setCurrentIndex(3)
        elif len(items) == 1 and self.currentIndex() == 3:
            self.setCurrentIndex(1)

    def _show(self, item: Item) -> None:
        """Show one item."""
        batch = self._batch.batch
        if batch is None:
            return
        if item.uuid != self._shown:
            self._shown = item.uuid
            self.output.set_lines(Follower(batch.run_folder(item)).lines())
        rows = parameter_rows(item)
        self.parameters.setRowCount(len(rows))
        for place, (name, value, changed) in enumerate(rows):
            self.parameters.setItem(place, 0, QTableWidgetItem(name))
            self.parameters.setItem(place, 1, _cell(value, CHANGED if changed else ""))
        facts = information_rows(batch, item)
        self.information.setRowCount(len(facts))
        for place, (name, value) in enumerate(facts):
            colour = {"Error": BAD, "Warning": WARNED}.get(name, "")
            self.information.setItem(place, 0, QTableWidgetItem(name))
            self.information.setItem(place, 1, _cell(value, colour))
        self.information.resizeRowsToContents()

    def _show_differences(self, uuids: list[str]) -> None:
        names, rows = self._batch.differences(uuids[:MOST_COMPARED])
        table = self.differences
        table.setColumnCount(1 + len(names))
        table.setHorizontalHeaderLabels(["Setting", *names])
        table.setRowCount(len(rows))
        for place, (name, values) in enumerate(rows.items()):
            table.setItem(place, 0, QTableWidgetItem(name))
            for column, value in enumerate(values, 1):
                table.setItem(place, column, _cell(shown(value), ""))
        first = f" of the first {MOST_COMPARED}" if len(uuids) > MOST_COMPARED else ""
        self.setTabText(3, f"Differences{first} ({len(rows)})" if len(uuids) > 1 else "Differences")
        self.setTabEnabled(3, len(uuids) > 1)

    def _hear(self, uuid: str, lines: list[str]) -> None:
        """Show new output of the item that is shown."""
        if uuid == self._shown:
            self.output.add_lines(lines)


class Output(QPlainTextEdit):
    """Lines of output; it scrolls along where its end is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setMaximumBlockCount(MOST_LINES)
        self.setFont(mono())
        self.setPlaceholderText("Output of the selected item, live while it runs.")

    def set_lines(self, lines: list[str]) -> None:
        """Show other lines."""
        self.clear()
        self.add_lines(lines[-MOST_LINES:])

    def add_text(self, text: str) -> None:
        """Show more text, as it comes: a line may go on in the next piece."""
        self._insert([(text, None)] if text else [])

    def add_lines(self, lines: list[str]) -> None:
        """Show more lines."""
        self._insert([(line + "\n", LINE_COLOURS.get(line[:1])) for line in lines])

    def _insert(self, pieces: list[tuple[str, str | None]]) -> None:
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        for text, colour in pieces:
            form = QTextCharFormat()
            if colour:
                form.setForeground(QBrush(QColor(colour)))
            cursor.insertText(text, form)
        if at_end:
            bar.setValue(bar.maximum())


def mono() -> QFont:
    """The system's font of fixed width."""
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)


def _table(titles: list[str]) -> QTableWidget:
    table = QTableWidget(0, len(titles))
    table.setHorizontalHeaderLabels(titles)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(22)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setStretchLastSection(True)
    if titles:
        table.setColumnWidth(0, 170)
    return table


def _cell(text: str, colour: str) -> QTableWidgetItem:
    cell = QTableWidgetItem(text)
    cell.setToolTip(text)
    cell.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    if colour:
        cell.setForeground(QBrush(QColor(colour)))
    return cell
