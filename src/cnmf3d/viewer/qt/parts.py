"""Parts: small widgets that docks and dialogs make in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QPushButton, QToolButton, QWidget

BAD, MUTED = "#e5484d", "#868c97"
"""Colours of messages, legible on dark and on light: what can't be, and what is only said."""


def button(text: str, act: Callable[[], object], tip: str = "") -> QPushButton:
    """A button that does something; Enter in a dialog isn't for it."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setAutoDefault(False)
    made.clicked.connect(lambda: act())
    return made


def tool(text: str, act: Callable[[], object], tip: str = "", menu: QMenu | None = None) -> QToolButton:
    """A small button that does something, with more of it in a menu beside it."""
    made = QToolButton()
    made.setText(text)
    made.setToolTip(tip)
    made.clicked.connect(lambda: act())
    if menu is not None:
        made.setMenu(menu)
        made.setStyleSheet("QToolButton { padding-right: 18px; }")
        made.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
    return made


def drop(text: str, menu: QMenu, tip: str = "") -> QToolButton:
    """A small button that only opens a menu."""
    made = QToolButton()
    made.setText(f"{text} ▾")
    made.setToolTip(tip)
    made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    made.setStyleSheet("QToolButton::menu-indicator { image: none; }")
    made.setMenu(menu)
    return made


def beside(*parts: QWidget) -> QWidget:
    """Widgets beside one another, as one."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        row.addWidget(part)
    return made


def relist(box: QComboBox, names: Sequence[str], chosen: str) -> None:
    """List names in a box and choose one, without telling anybody; a box that has those names stays as it is."""
    if [box.itemText(place) for place in range(box.count())] == list(names):
        return
    with QSignalBlocker(box):
        box.clear()
        box.addItems(list(names))
        box.setCurrentText(chosen)


class Message(QLabel):
    """A line below an entry; it takes no room while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.hide()

    def bad(self, text: str) -> None:
        """Say what can't be."""
        self._say(text, BAD)

    def said(self, text: str) -> None:
        """Say something."""
        self._say(text, MUTED)

    def clear(self) -> None:
        """Say nothing."""
        super().clear()
        self.hide()

    def _say(self, text: str, colour: str) -> None:
        self.setText(text)
        self.setStyleSheet(f"color: {colour}; background: transparent;")
        self.show()
