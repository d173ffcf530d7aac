"""Shortcuts: which key of a table an event is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence

from cnmf3d.viewer.controllers.keys import Key

QT = {"Control": "Ctrl", "PageDown": "PgDown", "PageUp": "PgUp", "Delete": "Del"}
"""What Qt calls keys that napari calls otherwise."""


def qt_name(key: Key) -> str:
    """Name of a key as Qt has it."""
    return "+".join(QT.get(part, part) for part in key.keys.split("-"))


def pressed(event: Any, keys: Sequence[Key]) -> Key | None:
    """The key of a table that was pressed, or None."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    sequence = QKeySequence(Qt.Key(event.key()) | modifiers) if _is_key(event.key()) else QKeySequence()
    text = sequence.toString(QKeySequence.SequenceFormat.PortableText)
    return next((key for key in keys if qt_name(key) == text), None)


def _is_key(code: int) -> bool:
    """Whether a code is a key of its own, not a modifier."""
    return code not in (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_unknown)
