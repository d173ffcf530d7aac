"""Dialogs that ask what to export, or to import, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from cnmf3d.errors import Cnmf3dError
from cnmf3d.results.exports import exporters
from cnmf3d.results.exports.nwb.metadata import template
from cnmf3d.results.imports import importers
from cnmf3d.viewer.controllers.exporting import Wish, known_of, start_export, start_import, suggested
from cnmf3d.viewer.qt.parts import Message, beside, button

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

FIELDS = {
    "rate": "Volumes a second",
    "voxel_size": "Voxel (x, y, z in µm)",
    "shape": "Volume (x, y, z in voxels)",
    "axes": "Order of the axes",
    "member": "Which one of several",
}


class _Dialog(QDialog):
    """A form with a line for what is wrong, and buttons."""

    def __init__(self, app: App, parent: QWidget | None, title: str, verb: str) -> None:
        super().__init__(parent)
        self.app = app
        self.setWindowTitle(title)
        self.setMinimumWidth(520)
        self.form = QFormLayout(self)
        self.format = QComboBox()
        self.form.addRow("Format", self.format)
        self.wrong = Message()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.begin = self.buttons.addButton(verb, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def finish(self) -> None:
        """Put what is wrong and the buttons at the end."""
        self.form.addRow(self.wrong)
        self.form.addRow(self.buttons)

    def accept(self) -> None:
        """Begin, or say what is wrong and stay."""
        try:
            self.start()
        except Cnmf3dError as error:
            self.wrong.bad(f"{error.problem}\n{error.fix}")
            return
        super().accept()

    def start(self) -> None:
        """Begin what the dialog says."""
        raise NotImplementedError


class ExportDialog(_Dialog):
    """Asks for a format and a place; NWB's metadata too.

    Parameters
    ----------
    app : App
    parent : QWidget, optional
    """

    def __init__(self, app: App, parent: QWidget | None = None) -> None:
        super().__init__(app, parent, "Export ROIs", "Export")
        self.out, self.metadata = QLineEdit(), QLineEdit()
        self.accepted_only = QCheckBox("Only accepted ROIs")
        self.replace = QCheckBox("Replace an earlier export")
        self.pairs = QPlainTextEdit()
        self.pairs.setPlaceholderText("session_start_time=2026-01-31T14:00:00+01:00\nsubject_id=M12")
        self.pairs.setMaximumHeight(90)
        for each in exporters().values():
            self.format.addItem(f"{each.name}: {each.about}", each.name)
        self.form.addRow("To", beside(self.out, button("Browse…", self.ask_out)))
        self.form.addRow(self.accepted_only)
        self.form.addRow(self.replace)
        choose, fill = button("Browse…", self.ask_metadata), button("New…", self.new_metadata)
        self.form.addRow("Metadata (YAML)", beside(self.metadata, choose, fill))
        self.form.addRow("More metadata", self.pairs)
        self.finish()
        self.format.currentIndexChanged.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        """Suggest a place for the format, and show what it takes."""
        chosen = exporters()[self.format.currentData()]
        self.out.setText(suggested(self.app, chosen))
        for widget in (self.metadata.parentWidget(), self.pairs):
            self.form.setRowVisible(widget, "metadata" in chosen.takes)
        self.wrong.clear()

    def ask_out(self) -> None:
        """Ask for the file or folder to write; replacing is asked for by its own tick."""
        chosen = exporters()[self.format.currentData()]
        pattern = f"{chosen.name} (*{' *'.join(chosen.suffixes)})" if chosen.suffixes else ""
        options = QFileDialog.Option.DontConfirmOverwrite
        path, _ = QFileDialog.getSaveFileName(self, "Export to", self.out.text(), pattern, options=options)
        if path:
            self.out.setText(path)

    def ask_metadata(self) -> None:
        """Ask for a metadata file."""
        beside = str(Path(self.out.text()).parent)
        path, _ = QFileDialog.getOpenFileName(self, "Metadata", beside, "YAML (*.yaml *.yml)")
        if path:
            self.metadata.setText(path)

    def new_metadata(self) -> None:
        """Write a metadata file with every name, to be filled in."""
        beside = str(Path(self.out.text()).with_suffix(".yaml"))
        path, _ = QFileDialog.getSaveFileName(self, "New metadata file", beside)
        if not path:
            return
        try:
            Path(path).write_text(template(), encoding="utf-8")
        except OSError as error:
            self.wrong.bad(f"{path} can't be written: {error.strerror}. Choose another folder.")
            return
        self.metadata.setText(path)
        self.wrong.said(f"Fill in {path}, then export.")

    def start(self) -> None:
        """Begin the export."""
        pairs = tuple(line.strip() for line in self.pairs.toPlainText().splitlines() if line.strip())
        wish = Wish(
            self.format.currentData(),
            self.out.text(),
            self.accepted_only.isChecked(),
            self.replace.isChecked(),
            self.metadata.text(),
            pairs,
        )
        start_export(self.app, wish)


class ImportDialog(_Dialog):
    """Asks what to import, what the file doesn't say, and where the results file goes.

    Parameters
    ----------
    app : App
    parent : QWidget, optional
    """

    def __init__(self, app: App, parent: QWidget | None = None) -> None:
        super().__init__(app, parent, "Import ROIs", "Import")
        self.source, self.out = QLineEdit(), QLineEdit()
        self.replace = QCheckBox("Replace a results file")
        for each in importers().values():
            self.format.addItem(f"{each.name}: {each.about}", each.name)
        file, folder = button("File…", self.ask_file), button("Folder…", self.ask_folder)
        self.form.addRow("From", beside(self.source, file, folder))
        self.fields = {name: QLineEdit(known_of(app).get(name, "")) for name in FIELDS}
        for name, line in self.fields.items():
            self.form.addRow(FIELDS[name], line)
        self.form.addRow("Results file", beside(self.out, button("Browse…", self.ask_out)))
        self.form.addRow(self.replace)
        self.finish()
        self.format.currentIndexChanged.connect(self.follow)
        self.source.textChanged.connect(self.suggest)
        self.follow()

    def follow(self) -> None:
        """Show what the format takes."""
        takes = importers()[self.format.currentData()].takes
        for name, line in self.fields.items():
            self.form.setRowVisible(line, name in takes)
        self.wrong.clear()

    def suggest(self, text: str) -> None:
        """Suggest a results file beside what is read."""
        path = Path(text.strip()).expanduser()
        if path.name:
            self.out.setText(str(path.with_name(f"{path.name.split('.')[0]}.imported.hdf5")))

    def ask_file(self) -> None:
        """Ask for a file to read."""
        path, _ = QFileDialog.getOpenFileName(self, "Import", self.source.text())
        if path:
            self.source.setText(path)

    def ask_folder(self) -> None:
        """Ask for a folder to read."""
        path = QFileDialog.getExistingDirectory(self, "Import", self.source.text())
        if path:
            self.source.setText(path)

    def ask_out(self) -> None:
        """Ask for the results file to write."""
        path, _ = QFileDialog.getSaveFileName(
            self, "Results file", self.out.text(), "Results (*.hdf5)", options=QFileDialog.Option.DontConfirmOverwrite
        )
        if path:
            self.out.setText(path)

    def start(self) -> None:
        """Begin the import."""
        texts = {name: line.text() for name, line in self.fields.items()}
        name, force = self.format.currentData(), self.replace.isChecked()
        start_import(self.app, name, self.source.text(), self.out.text(), texts, force=force)
