"""A tab of the Script Editor: text with line numbers, highlighting, and indentation that helps."""

from __future__ import annotations

from typing import Any

from qtconsole.pygments_highlighter import PygmentsHighlighter
from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QTextCursor
from qtpy.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from cnmf3d.viewer.controllers.scripts import Script
from cnmf3d.viewer.qt.batch_panes import mono

INDENT = "    "


class _Numbers(QWidget):
    """Line numbers beside a text."""

    def __init__(self, text: CodeEdit) -> None:
        super().__init__(text)
        self._text = text

    def sizeHint(self) -> QSize:
        return QSize(self._text.margin(), 0)

    def paintEvent(self, event: Any) -> None:
        self._text.paint_numbers(event)


class CodeEdit(QPlainTextEdit):
    """Python text of a script.

    Parameters
    ----------
    script : Script
    style : str
        Of Pygments: which colours.
    """

    edited = Signal()

    def __init__(self, script: Script, style: str = "native") -> None:
        super().__init__()
        self.script = script
        self.setFont(mono())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabStopDistance(4 * self.fontMetrics().horizontalAdvance(" "))
        self.setPlainText(script.text)
        self._numbers = _Numbers(self)
        self._highlight = PygmentsHighlighter(self.document())
        self._highlight.set_style(style)
        self.blockCountChanged.connect(lambda _: self._lay_out())
        self.updateRequest.connect(self._scrolled)
        self.cursorPositionChanged.connect(self._mark_line)
        self.textChanged.connect(self._changed)
        self._lay_out()
        self._mark_line()

    def margin(self) -> int:
        """Width of the line numbers."""
        digits = len(str(max(1, self.blockCount())))
        return 12 + self.fontMetrics().horizontalAdvance("9") * max(2, digits)

    def keyPressEvent(self, event: Any) -> None:
        """Indent blocks with Tab, and go on with the indentation of the line."""
        key = event.key()
        if key == Qt.Key.Key_Tab:
            self._shift(INDENT)
        elif key == Qt.Key.Key_Backtab:
            self._shift("")
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            line = self.textCursor().block().text()[: self.textCursor().positionInBlock()]
            own = line[: len(line) - len(line.lstrip(" "))]
            self.insertPlainText("\n" + own + (INDENT if line.rstrip().endswith(":") else ""))
            self.ensureCursorVisible()
        elif key == Qt.Key.Key_Slash and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._comment()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: Any) -> None:
        """Keep the line numbers as high as the text."""
        super().resizeEvent(event)
        inside = self.contentsRect()
        self._numbers.setGeometry(QRect(inside.left(), inside.top(), self.margin(), inside.height()))

    def set_style(self, style: str) -> None:
        """Choose other colours, with another theme."""
        self._highlight.set_style(style)
        self._highlight.rehighlight()

    def paint_numbers(self, event: Any) -> None:
        """Draw the line numbers."""
        painter = QPainter(self._numbers)
        painter.setFont(self.font())
        painter.setPen(QColor("#7d838f"))
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        height = self.fontMetrics().height()
        while block.isValid() and top <= event.rect().bottom():
            if block.isVisible():
                place = QRect(0, round(top), self._numbers.width() - 6, height)
                painter.drawText(place, Qt.AlignmentFlag.AlignRight, str(block.blockNumber() + 1))
            top += self.blockBoundingRect(block).height()
            block = block.next()
        painter.end()

    def _changed(self) -> None:
        text = self.toPlainText()
        if text != self.script.text:  # colours are changes to Qt, too
            self.script.text = text
            self.edited.emit()

    def _lay_out(self) -> None:
        self.setViewportMargins(self.margin(), 0, 0, 0)

    def _scrolled(self, rect: QRect, by: int) -> None:
        if by:
            self._numbers.scroll(0, by)
        else:
            self._numbers.update(0, rect.y(), self._numbers.width(), rect.height())

    def _mark_line(self) -> None:
        """Show in which line the cursor is."""
        mark = QTextEdit.ExtraSelection()
        mark.format.setBackground(QColor(128, 136, 150, 40))
        mark.format.setProperty(0x06000, True)  # the full width of the line
        mark.cursor = self.textCursor()
        mark.cursor.clearSelection()
        self.setExtraSelections([mark])

    def _lines(self) -> tuple[QTextCursor, int, int]:
        """A cursor, and the first and last of the selected lines."""
        cursor, document = self.textCursor(), self.document()
        first = document.findBlock(cursor.selectionStart()).blockNumber()
        last = document.findBlock(max(cursor.selectionStart(), cursor.selectionEnd() - 1)).blockNumber()
        return cursor, first, max(first, last)

    def _shift(self, indent: str) -> None:
        """Indent the selected lines, or take their indentation back."""
        cursor, first, last = self._lines()
        if indent and first == last and not cursor.hasSelection():
            column = cursor.positionInBlock()
            self.insertPlainText(" " * (len(INDENT) - column % len(INDENT)))
            return
        cursor.beginEditBlock()
        for number in range(first, last + 1):
            block = self.document().findBlockByNumber(number)
            line = QTextCursor(block)
            if indent:
                line.insertText(indent)
            else:
                for _ in range(min(len(INDENT), len(block.text()) - len(block.text().lstrip(" ")))):
                    line.deleteChar()
        cursor.endEditBlock()

    def _comment(self) -> None:
        """Make comments of the selected lines, or code again."""
        cursor, first, last = self._lines()
        blocks = [self.document().findBlockByNumber(number) for number in range(first, last + 1)]
        on = not all(block.text().lstrip().startswith("#") for block in blocks if block.text().strip())
        cursor.beginEditBlock()
        for block in blocks:
            text = block.text()
            line = QTextCursor(block)
            if on and text.strip():
                line.insertText("# ")
            elif not on and "#" in text:
                line.setPosition(block.position() + text.index("#"))
                for _ in range(2 if text[text.index("#") :].startswith("# ") else 1):
                    line.deleteChar()
        cursor.endEditBlock()
