"""Fold: a group with a title that hides and shows it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget

STYLE = "QToolButton { background: transparent; border: none; font-weight: bold; padding: 3px 0px; }"


class Fold(QWidget):
    """A group.

    Parameters
    ----------
    title : str
    content : QWidget
    open_ : bool
        Whether it is shown at first.
    """

    def __init__(self, title: str, content: QWidget, *, open_: bool = True) -> None:
        super().__init__()
        self._title, self.content = title, content
        self.head = QToolButton()
        self.head.setCheckable(True)
        self.head.setStyleSheet(STYLE)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.head.toggled.connect(self._toggled)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.head)
        box.addWidget(content)
        self.head.setChecked(open_)
        self._toggled(open_)

    @property
    def opened(self) -> bool:
        """Whether the group is shown."""
        return bool(self.head.isChecked())

    def open(self, opened: bool = True) -> None:
        """Show the group, or hide it."""
        self.head.setChecked(opened)

    def set_title(self, title: str) -> None:
        """Write another title."""
        self._title = title
        self._write()

    def _toggled(self, opened: bool) -> None:
        self.content.setVisible(opened)
        self._write()

    def _write(self) -> None:
        self.head.setText(f"{'▾' if self.head.isChecked() else '▸'} {self._title}")
