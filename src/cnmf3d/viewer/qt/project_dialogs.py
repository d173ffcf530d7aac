"""Dialogs of a project: add the work environment as a sample; change the columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from cnmf3d.errors import Cnmf3dError
from cnmf3d.project import Add, Column, Config, Kind, Remove, Rename, Type, read_stimuli
from cnmf3d.project.columns import Change
from cnmf3d.viewer.controllers.project import ProjectActions
from cnmf3d.viewer.models.project import text_of
from cnmf3d.viewer.qt.parts import Message, button

UNKNOWN = ""


class Stimuli(QWidget):
    """A stimulus map from a CSV file, in seconds or frames."""

    def __init__(self) -> None:
        super().__init__()
        self.path, self.units = QLineEdit(), QComboBox()
        self.path.setPlaceholderText("CSV: name, start, end")
        self.units.addItems(["seconds", "frames"])
        choose = button("…", self._choose)
        choose.setFixedWidth(28)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self.path, choose, self.units):
            row.addWidget(part)

    def value(self) -> Any:
        """The map; None where there is no file."""
        text = self.path.text().strip()
        units = "frames" if self.units.currentText() == "frames" else "seconds"
        return read_stimuli(Path(text).expanduser(), units) if text else None  # type: ignore[arg-type]

    def _choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "A stimulus map", "", "Tables (*.csv *.txt *.tsv)")
        if path:
            self.path.setText(path)


class AddDialog(QDialog):
    """Asks what is to be said of a new sample, checks it, and adds it.

    Parameters
    ----------
    actions : ProjectActions
    parent : QWidget, optional
    """

    def __init__(self, actions: ProjectActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.setWindowTitle("Add to project")
        self.setMinimumWidth(430)
        project, env = actions.app.project, actions.app.environment
        config = Config() if project is None else project.config
        form = QFormLayout(self)
        self.animal, self.trial = self._completed("animal"), self._completed("trial")
        form.addRow("Animal ID *", self.animal)
        form.addRow("Trial ID *", self.trial)
        self.date = QLineEdit(str(env.imgdata.meta.get("date", "")))
        form.addRow("Date", self.date)
        self.custom: dict[str, Any] = {}
        for column in config.of(Kind.CUSTOM):
            self.custom[column.name] = self._custom(column)
            form.addRow(column.name, self.custom[column.name])
        self.stimuli = {column.name: Stimuli() for column in config.of(Kind.STIMULUS)}
        for name, widget in self.stimuli.items():
            form.addRow(name, widget)
        self.comments = QPlainTextEdit(env.comments)
        self.comments.setMaximumHeight(70)
        form.addRow("Comments", self.comments)
        self.copy = QCheckBox("copy the movie into the project (compressed)")
        form.addRow("Movie", self.copy)
        self.told = Message()
        form.addRow(self.told)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok.setText("Add")
        self.buttons.accepted.connect(self.add)
        self.buttons.rejected.connect(self.reject)
        form.addRow(self.buttons)
        for box in (self.animal, self.trial):
            box.editTextChanged.connect(self.look)
        self.look()

    def look(self) -> None:
        """Say what is wrong with the IDs as they are typed; nothing is said of empty ones."""
        animal, trial = self.animal.currentText(), self.trial.currentText()
        problem = self._actions.problem(animal, trial)
        self.ok.setEnabled(not problem)
        if problem and animal.strip() and trial.strip():
            self.told.bad(problem)
        else:
            self.told.clear()

    def add(self) -> None:
        """Check everything and add the sample; the dialog stays where that doesn't work."""
        try:
            self._actions.add(**self.values())
        except Cnmf3dError as error:
            self.told.bad(f"{error.problem}\n{error.fix}")
            return
        self.accept()

    def values(self) -> dict[str, Any]:
        """What was entered.

        Raises
        ------
        InputError
            For a stimulus map that can't be read.
        """
        maps = {name: widget.value() for name, widget in self.stimuli.items()}
        return {
            "animal": self.animal.currentText(),
            "trial": self.trial.currentText(),
            "date": self.date.text().strip(),
            "comments": self.comments.toPlainText(),
            "custom": {name: widget.currentText() for name, widget in self.custom.items()},
            "stimuli": {name: each for name, each in maps.items() if each is not None},
            "copy_movie": self.copy.isChecked(),
        }

    def _completed(self, field: str) -> QComboBox:
        """A field that earlier values complete; it begins empty."""
        box = QComboBox()
        box.setEditable(True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.addItems(self._actions.suggestions(field))
        box.setCurrentText("")
        completer = box.completer()
        if completer is not None:
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseSensitive)
        return box

    def _custom(self, column: Column) -> QComboBox:
        """A field for a custom column, with its default."""
        box = self._completed(column.name)
        if column.type is Type.BOOL:
            box.clear()
            box.addItems([UNKNOWN, "yes", "no"])
            box.setEditable(False)
        box.setCurrentText(text_of(column.default))
        return box


class ColumnDialog(QDialog):
    """Asks for a change of the columns, and tells what it means before it is made.

    Parameters
    ----------
    actions : ProjectActions
    parent : QWidget, optional
    """

    def __init__(self, actions: ProjectActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.setWindowTitle("Columns of the project")
        self.setMinimumWidth(430)
        self.what, self.column, self.kind, self.type = QComboBox(), QComboBox(), QComboBox(), QComboBox()
        self.name, self.default = QLineEdit(), QLineEdit()
        self.what.addItems(["add a column", "rename a column", "remove a column"])
        self.kind.addItem("tags of ROIs", Kind.ROI)
        self.kind.addItem("stimuli", Kind.STIMULUS)
        self.kind.addItem("samples", Kind.CUSTOM)
        for each in Type:
            self.type.addItem(each.value, each)
        project = actions.app.project
        self.column.addItems([each.name for each in (Config() if project is None else project.config).columns])
        self._form = form = QFormLayout(self)
        form.addRow(self.what)
        fields = {
            "Column": self.column,
            "Name": self.name,
            "Of": self.kind,
            "Holds": self.type,
            "Default": self.default,
        }
        for label, widget in fields.items():
            form.addRow(label, widget)
        self.told = Message()
        form.addRow(self.told)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Apply | QDialogButtonBox.StandardButton.Close)
        self.apply = self.buttons.button(QDialogButtonBox.StandardButton.Apply)
        self.apply.clicked.connect(self.change)
        self.buttons.rejected.connect(self.reject)
        form.addRow(self.buttons)
        for box in (self.what, self.column, self.kind, self.type):
            box.currentIndexChanged.connect(self.look)
        for line in (self.name, self.default):
            line.textChanged.connect(self.look)
        self.look()

    def asked(self) -> Change:
        """The change that is entered.

        Raises
        ------
        UsageError
            Where it can't be.
        """
        if self.what.currentIndex() == 1:
            return Rename(self.column.currentText(), self.name.text().strip())
        if self.what.currentIndex() == 2:
            return Remove(self.column.currentText())
        kind = self.kind.currentData()
        if kind is not Kind.CUSTOM:
            return Add(Column(self.name.text().strip(), kind))
        return Add(Column(self.name.text().strip(), kind, self.type.currentData(), self.default.text() or None))

    def look(self) -> None:
        """Show the fields that matter, and what the change would do."""
        adding, removing = self.what.currentIndex() == 0, self.what.currentIndex() == 2
        custom = adding and self.kind.currentData() is Kind.CUSTOM
        for widget, seen in (
            (self.column, not adding), (self.name, not removing), (self.kind, adding), (self.type, custom),
            (self.default, custom),
        ):  # fmt: skip
            self._form.setRowVisible(widget, seen)
        self.apply.setEnabled(False)
        if self._actions.app.project is None or (not removing and not self.name.text().strip()):
            self.told.clear()
            return
        try:
            self.told.said(str(self._actions.app.project.preview(self.asked())))
            self.apply.setEnabled(True)
        except Cnmf3dError as error:
            self.told.bad(f"{error.problem}. {error.fix}")

    def change(self) -> None:
        """Make the change; it can be undone in the browser."""
        if self._actions.app.project is None:
            return
        try:
            self._actions.app.project.configure(self.asked())
        except Cnmf3dError as error:
            self.told.bad(f"{error.problem}. {error.fix}")
            return
        self._actions.model.refresh()
        self.accept()
