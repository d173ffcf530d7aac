"""Curation bar: what can be done to the selected ROIs, with undo and redo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from cnmf3d.errors import UsageError
from cnmf3d.viewer.controllers import keys
from cnmf3d.viewer.qt.parts import button, relist

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App


class CurationBar(QWidget):
    """Buttons for the selected ROIs of an app.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        first, middle, second = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for layout in (first, middle, second):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(3)
            box.addLayout(layout)
        self.buttons: dict[str, QPushButton] = {}
        for name, act, tip in (
            ("Accept", keys.accept, "A"),
            ("Reject", keys.reject, "R"),
            ("Delete", keys.delete, "Delete"),
            ("Undo", keys.undo, "Ctrl+Z"),
            ("Redo", keys.redo, "Ctrl+Shift+Z"),
        ):
            first.addWidget(self._button(name, act, f"{act.__doc__} Key: {tip}"))
        for name, act, tip in (("Merge", keys.merge, "M"), ("Split", keys.split, "P"), ("Add", keys.add, "N")):
            middle.addWidget(self._button(name, act, f"{act.__doc__} Key: {tip}"))
        self.column = QComboBox()
        self.column.setEditable(True)
        self.column.setToolTip("Column of tags; write a new name to make one")
        self.column.lineEdit().setPlaceholderText("tag column")
        self.value = QLineEdit()
        self.value.setPlaceholderText("tag")
        self.value.returnPressed.connect(self.tag)
        second.addWidget(self.column, 1)
        second.addWidget(self.value, 1)
        second.addWidget(
            self._button("Tag", lambda app: self.tag(), "Tag all selected ROIs; an empty tag takes it away")
        )
        app.rois_changed.connect(self._other_rois)
        self._other_rois()

    def tag(self) -> None:
        """Tag the selected ROIs."""
        store = self._app.rois
        if store is None or not store.selection.size:
            self._app.tell("Select ROIs to tag first")
            return
        try:
            store.tag(store.selection, self.column.currentText().strip(), self.value.text().strip() or None)
        except UsageError as error:
            self._app.fail(error)

    def _button(self, name: str, act: Callable[[App], object], tip: str) -> QPushButton:
        made = self.buttons[name] = button(name, lambda: keys.press(self._app, keys.Key("", name, act)), tip)
        return made

    def _other_rois(self) -> None:
        store = self._app.rois
        if store is not None:
            store.changed.connect(self._enable)
            store.selected.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        """Offer what can be done, and the tag columns there are."""
        store = self._app.rois
        some = store is not None and store.selection.size > 0
        for name in ("Accept", "Reject", "Delete", "Tag"):
            self.buttons[name].setEnabled(some)
        chosen = 0 if store is None else len(store.selection)
        self.buttons["Merge"].setEnabled(chosen > 1)
        self.buttons["Split"].setEnabled(chosen == 1)
        self.buttons["Add"].setEnabled(self._app.movie is not None and store is not None)
        self.buttons["Undo"].setEnabled(store is not None and store.can_undo)
        self.buttons["Redo"].setEnabled(store is not None and store.can_redo)
        names = [] if store is None else list(store.tags)
        relist(self.column, names, self.column.currentText() or (names[0] if names else ""))
