"""Curation dock: ROIs by rule, drawing, what was taken away, and the log of every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cnmf3d.errors import Cnmf3dError
from cnmf3d.results.curation.choosing import values_of, where
from cnmf3d.results.curation.wording import said
from cnmf3d.viewer.controllers.drawing import Drawing
from cnmf3d.viewer.qt.parts import button
from cnmf3d.viewer.qt.rois import EMPTY

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.models.roi_store import RoiStore

LAST = 500
"""Steps that the list shows, the last ones."""

RULE_TIP = """Comparisons joined by and, or, not; names with spaces in backticks, text in quotes:
snr < 3 and (size > 200 or not accepted)
`cell type` == 'PV'
Known are: """


class CurationDock(QWidget):
    """What is done to many ROIs at once, by hand and brush, and what was done.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.drawing = Drawing(app)
        self.told = QLabel(EMPTY)
        self.told.setWordWrap(True)
        self.parts = [RuleBox(app), DrawBox(app, self.drawing), GoneBox(app), LogBox(app)]
        self.rule, self.draw, self.gone, self.log = self.parts
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.addWidget(self.told)
        for part in self.parts:
            box.addWidget(part, 2 if part is self.log else 1 if part is self.gone else 0)
        app.rois_changed.connect(self._other_rois)
        self._other_rois()

    def _other_rois(self, *_: Any) -> None:
        store = self._app.rois
        if store is not None:
            store.changed.connect(self._changed)
            store.selected.connect(self.draw.fill)
        self.told.setVisible(store is None)
        for part in self.parts:
            part.setEnabled(store is not None)
            part.fill()

    def _changed(self, what: str, ids: Any) -> None:
        for part in (self.rule, self.gone, self.log):
            part.fill()


class Box(QGroupBox):
    """A part of the dock.

    Parameters
    ----------
    title : str
    app : App
    """

    def __init__(self, title: str, app: App) -> None:
        super().__init__(title)
        self._app = app

    def fill(self, *_: Any) -> None:
        """Show what is now."""

    def try_(self, act: Callable[[RoiStore], object]) -> None:
        """Do something to the ROIs; a mistake is told."""
        store = self._app.rois
        if store is None:
            return
        try:
            act(store)
        except Cnmf3dError as error:
            self._app.fail(error)


class RuleBox(Box):
    """Select ROIs by a rule."""

    def __init__(self, app: App) -> None:
        super().__init__("Select by a rule", app)
        self.rule = QLineEdit()
        self.rule.setPlaceholderText("snr < 3 and size > 200")
        self.rule.setClearButtonEnabled(True)
        self.rule.returnPressed.connect(self.select)
        row = QHBoxLayout(self)
        row.addWidget(self.rule, 1)
        row.addWidget(button("Select", self.select, "Then accept, reject, tag or delete them in the ROIs dock"))

    def fill(self, *_: Any) -> None:
        """Name what a rule can be about."""
        store = self._app.rois
        self.rule.setToolTip(RULE_TIP + ("" if store is None else ", ".join(values_of(store))))

    def select(self) -> None:
        """Select what the rule says."""

        def act(store: RoiStore) -> None:
            ids = where(store, self.rule.text())
            store.select(ids)
            self._app.tell(f"{len(ids)} of {len(store)} ROIs: {self.rule.text()}")

        self.try_(act)


class DrawBox(Box):
    """Begin a drawing, and say what it is to be."""

    def __init__(self, app: App, drawing: Drawing) -> None:
        super().__init__("Draw", app)
        self._drawing = drawing
        self.begin = button("New ROI", drawing.begin, "Paint a cell in one or more planes")
        self.edit = button("Edit footprint", drawing.edit, "Add and erase voxels of the selected ROI")
        self.cut = button("Part of ROI", drawing.cut, "Paint the part of the selected ROI that is a cell of its own")
        self.parts = button("Split at gaps", self.split, "Split the selected ROI into its connected parts")
        self.done = button("Done", self.finish)
        self.discard = button("Discard", drawing.discard)
        self._what: Callable[[], object] = drawing.add
        grid = QGridLayout(self)
        grid.setSpacing(3)
        for place, each in enumerate((self.begin, self.edit, self.cut, self.parts, self.done, self.discard)):
            grid.addWidget(each, place // 3, place % 3)
        self.begin.clicked.connect(lambda: self._ends_as(drawing.add))
        self.edit.clicked.connect(lambda: self._ends_as(drawing.apply))
        self.cut.clicked.connect(lambda: self._ends_as(drawing.split))
        drawing.changed.connect(self.fill)

    def fill(self, *_: Any) -> None:
        """Offer what can be done."""
        store = self._app.rois
        one = store is not None and store.selection.size == 1
        active = self._drawing.active
        self.begin.setEnabled(store is not None and not active)
        for each in (self.edit, self.cut, self.parts):
            each.setEnabled(one and not active)
        self.done.setEnabled(active)
        self.discard.setEnabled(active)

    def finish(self) -> None:
        """Use what is painted for what it was begun."""
        self._what()

    def split(self) -> None:
        """Split the selected ROI where it is not connected."""

        def act(store: RoiStore) -> None:
            if self._app.curator is not None:
                self._app.curator.split(int(store.selection[0]), "parts")

        self.try_(act)

    def _ends_as(self, act: Callable[[], object]) -> None:
        self._what = act


class GoneBox(Box):
    """ROIs that were deleted, merged or split."""

    def __init__(self, app: App) -> None:
        super().__init__("Taken away", app)
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setFlow(QListWidget.Flow.LeftToRight)
        self.list.setWrapping(True)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setMinimumHeight(40)
        self.restore_button = button("Restore", self.restore, "Bring the chosen ROIs back")
        box = QVBoxLayout(self)
        box.addWidget(self.list, 1)
        box.addWidget(self.restore_button)
        self.list.itemSelectionChanged.connect(self._offer)

    def fill(self, *_: Any) -> None:
        """List them."""
        store = self._app.rois
        gone = [] if store is None else [int(i) for i in store.deleted]
        if [self._id(row) for row in range(self.list.count())] != gone:
            self.list.clear()
            for i in gone:
                item = QListWidgetItem(str(i))
                item.setData(Qt.ItemDataRole.UserRole, i)
                self.list.addItem(item)
        self._offer()

    def restore(self) -> None:
        """Bring the chosen ones back."""
        ids = [int(item.data(Qt.ItemDataRole.UserRole)) for item in self.list.selectedItems()]
        self.try_(lambda store: store.restore(ids))

    def _id(self, row: int) -> int:
        return int(self.list.item(row).data(Qt.ItemDataRole.UserRole))

    def _offer(self) -> None:
        self.restore_button.setEnabled(bool(self.list.selectedItems()))


class LogBox(Box):
    """Every step, the last one first."""

    def __init__(self, app: App) -> None:
        super().__init__("Log", app)
        self.list = QListWidget()
        self.list.setMinimumHeight(60)
        self.list.setWordWrap(True)
        self.state = QLabel()
        self.save = button("Save", app.save, "Put all steps into the results file; they are kept beside it anyway")
        row = QHBoxLayout()
        row.addWidget(self.state, 1)
        row.addWidget(self.save)
        box = QVBoxLayout(self)
        box.addWidget(self.list, 1)
        box.addLayout(row)
        app.saved.connect(self.fill)

    def fill(self, *_: Any) -> None:
        """List them, and tell which the file has."""
        store = self._app.rois
        log = () if store is None else store.log
        self.list.clear()
        for entry in log[: -LAST - 1 : -1]:
            item = QListWidgetItem(said(entry))
            item.setToolTip(f"{entry.time}  {entry.who}")
            self.list.addItem(item)
        journal = None if store is None else store.journal
        waiting = 0 if journal is None else journal.unsaved
        steps = "1 step" if waiting == 1 else f"{waiting} steps"
        if journal is None:
            self.state.setText("These steps are not kept in a file." if log else "")
        else:
            self.state.setText(f"{steps} beside the file" if waiting else "All in the file" if log else "No steps yet")
        self.save.setEnabled(waiting > 0)
