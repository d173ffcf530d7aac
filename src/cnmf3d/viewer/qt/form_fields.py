"""Widgets of the forms: one row for each field of the model, with its unit, explanation and message."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cnmf3d.viewer.models.form_fields import Field, Form
from cnmf3d.viewer.qt.parts import MUTED, Message, tool

LABEL_WIDTH = 120


class Number(QDoubleSpinBox):
    """A decimal number, written as short as it can be; the wheel scrolls the form, not the number."""

    def __init__(self) -> None:
        super().__init__()
        self.setRange(-1e6, 1e6)
        self.setDecimals(4)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def minimumSizeHint(self) -> QSize:
        """Not as wide as the widest number."""
        return QSize(40, int(super().minimumSizeHint().height()))

    sizeHint = minimumSizeHint

    def textFromValue(self, value: float) -> str:
        """Write without zeros at the end."""
        return f"{value:.6g}"

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the form."""
        event.ignore()


class Whole(QSpinBox):
    """A whole number; the wheel scrolls the form."""

    def __init__(self) -> None:
        super().__init__()
        self.setRange(-1, 10**6)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(40)

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the form."""
        event.ignore()


class Choice(QComboBox):
    """One of a few; the wheel scrolls the form."""

    def __init__(self, choices: tuple[Any, ...]) -> None:
        super().__init__()
        for each in choices:
            self.addItem("µm" if each == "um" else str(each), each)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the form."""
        event.ignore()


class Lengths(QWidget):
    """x, y, z."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self.parts = tuple(Number() for _ in "xyz")
        for axis, part in zip("xyz", self.parts, strict=True):
            part.setPrefix(f"{axis} ")
            part.setToolTip(f"Along {axis}")
            part.setStyleSheet("QDoubleSpinBox { min-width: 30px; padding: 4px 2px; }")
            part.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
            part.valueChanged.connect(lambda _: self.changed.emit())
            row.addWidget(part)


class FilePath(QWidget):
    """A file, typed, or chosen."""

    changed = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.line = QLineEdit()
        self.line.setPlaceholderText("none")
        self.line.setClearButtonEnabled(True)
        self.line.textChanged.connect(lambda _: self.changed.emit())
        row.addWidget(self.line)
        row.addWidget(tool("…", lambda: self._choose(title)))

    def _choose(self, title: str) -> None:
        path, _ = QFileDialog.getOpenFileName(self, title, self.line.text())
        if path:
            self.line.setText(path)


class Frames(QLineEdit):
    """Numbers of frames with commas between."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText("none")
        self.textChanged.connect(lambda _: self.changed.emit())


class Row(QWidget):
    """One field: its label, what is entered, its unit, "auto" where that can be, and a message below.

    Parameters
    ----------
    field : Field
    form : Form
    """

    def __init__(self, field: Field, form: Form) -> None:
        super().__init__()
        self.field, self._form = field, form
        self._filling = False
        self.editor = self._editor()
        self.other = self._other()
        self.label, self.message = QLabel(), Message()
        self.label.setFixedWidth(LABEL_WIDTH)
        self.label.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.label)
        row.addWidget(self.editor, 1)
        if self.other is not None:
            row.addWidget(self.other)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 1, 0, 1)
        box.setSpacing(0)
        box.addLayout(row)
        box.addWidget(self.message)
        self.setToolTip(f"<p><b>{field.name}</b></p><p>{field.meaning.replace(chr(10), '<br>')}</p>")
        self.show_value()

    def show_value(self) -> None:
        """Show what the model has."""
        value = self._form.value(self.field.name)
        special = value == "auto" or (value is None and self.field.kind != "file")
        self._filling = True
        if self.other is not None:
            self.other.setChecked(special)
        if not special:
            self._fill(value)
        elif isinstance(self.editor, (Lengths, Number, Whole)):
            self._fill_usual()
        self._filling = False
        self.setEnabled(self._form.applies(self.field.name))
        self.show_message()

    def show_message(self) -> None:
        """Show what is wrong, or that keyword arguments win."""
        name = self.field.name
        overridden = self._form.overridden
        free = name not in overridden and not (self.other is not None and self.other.isChecked())
        self.editor.setEnabled(free)
        unit = self._form.unit(name)
        self.label.setText(f'{self.field.label} <span style="color:{MUTED}">{unit}</span>')
        wrong = self._form.errors.get(name) or self._form.remarks.get(name)
        if wrong:
            self.message.bad(wrong)
        elif name in overridden:
            self.message.said(f"keyword arguments say {_shown(overridden[name])}")
        else:
            self.message.clear()

    def _editor(self) -> Any:
        """The widget that values are entered with."""
        kind = self.field.kind
        if kind == "switch":
            switch = QCheckBox()
            switch.toggled.connect(self._entered)
            return switch
        if kind == "choice":
            choice = Choice(self.field.choices)
            choice.currentIndexChanged.connect(self._entered)
            choice.setEnabled(len(self.field.choices) > 1)
            return choice
        if kind in ("whole", "number"):
            number = Whole() if kind == "whole" else Number()
            number.valueChanged.connect(self._entered)
            return number
        many: Any = Lengths() if kind == "lengths" else Frames() if kind == "frames" else FilePath(self.field.label)
        many.changed.connect(self._entered)
        return many

    def _other(self) -> QCheckBox | None:
        """The box for "auto", or for what the movie says."""
        if not self.field.automatic and (not self.field.empty or self.field.kind == "file"):
            return None
        box = QCheckBox("auto" if self.field.automatic else "movie's")
        box.toggled.connect(self._entered)
        return box

    def _entered(self, *_: object) -> None:
        """Hand what was entered to the model."""
        if self._filling:
            return
        if self.other is not None and self.other.isChecked():
            self._form.set(self.field.name, "auto" if self.field.automatic else None)
        else:
            self._form.set(self.field.name, self._value())

    def _value(self) -> Any:
        editor = self.editor
        if isinstance(editor, QCheckBox):
            return editor.isChecked()
        if isinstance(editor, Choice):
            return editor.currentData()
        if isinstance(editor, Lengths):
            return [part.value() for part in editor.parts]
        if isinstance(editor, FilePath):
            return editor.line.text().strip() or None
        if isinstance(editor, Frames):
            return numbers_or_text(editor.text())
        return editor.value()

    def _fill(self, value: Any) -> None:
        editor = self.editor
        if isinstance(editor, QCheckBox):
            editor.setChecked(bool(value))
        elif isinstance(editor, Choice):
            editor.setCurrentIndex(editor.findData(value))
        elif isinstance(editor, Lengths):
            for part, length in zip(editor.parts, value, strict=True):
                part.setValue(float(length))
        elif isinstance(editor, Frames):
            if numbers_or_text(editor.text()) != value:
                editor.setText(value if isinstance(value, str) else ", ".join(map(str, value)))
        elif isinstance(editor, FilePath):
            if (value or "") != editor.line.text().strip():
                editor.line.setText(value or "")
        else:
            editor.setValue(value)

    def _fill_usual(self) -> None:
        """A value to begin with where "auto" is switched off."""
        page = self.field.mesmerize
        usual = page if page not in ("auto", None) else USUAL.get(self.field.name)
        if usual is not None and self._blank():
            self._fill(usual)

    def _blank(self) -> bool:
        parts = self.editor.parts if isinstance(self.editor, Lengths) else (self.editor,)
        return all(part.value() == 0 for part in parts)


def numbers_or_text(text: str) -> list[int] | str:
    """Whole numbers with commas between; the text as it is where it is none, for the parameters to judge."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else text


USUAL: dict[str, Any] = {
    "data.fr": 5.0,
    "data.voxel_size": [1.0, 1.0, 5.0],
    "init.gSiz": [12.0, 12.0, 6.0],
    "init.ssub": 1,
    "init.tsub": 1,
    "background.nb": 1,
    "data.offset": 0.0,
    "motion.max_shifts": [6.0, 6.0, 1.0],
    "motion.niter_rig": 3,
    "motion.strides": [48.0, 48.0, 8.0],
    "motion.max_deviation_rigid": [3.0, 3.0, 1.0],
}
"""What a field shows first where "auto" is switched off and the page of Mesmerize has no figure for it."""


def _shown(value: Any) -> str:
    return " × ".join(f"{part:g}" for part in value) if isinstance(value, list) else str(value)
