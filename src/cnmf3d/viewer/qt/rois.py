"""ROIs: the table, how the ROIs are shown, thresholds, and what can be done to those selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QItemSelection, QItemSelectionModel, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QSlider,
    QTableView,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from cnmf3d.viewer.controllers.browsing import jump
from cnmf3d.viewer.controllers.keys import KEYS, press
from cnmf3d.viewer.models.overlay import COLOURS, SHOWS
from cnmf3d.viewer.qt.curation import CurationBar
from cnmf3d.viewer.qt.parts import relist
from cnmf3d.viewer.qt.roi_table import RoiTable
from cnmf3d.viewer.qt.shortcuts import pressed
from cnmf3d.viewer.qt.thresholds import ThresholdPanel

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

EMPTY = "No ROIs yet. Open a results file, or double-click a finished item of a batch."


class RoiDock(QWidget):
    """The ROIs of an app.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.model = RoiTable(app)
        self.count = QLabel(EMPTY)
        self.count.setWordWrap(True)
        self.looks = OverlayBar(app)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter: id, accepted, part of a tag, snr < 3 and size > 200")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filtered)
        self.table = RoiView(app, self.model)
        self.thresholds = ThresholdPanel(app)
        self.folded = QCollapsible("Thresholds")
        self.folded.setDuration(0)
        self.folded.addWidget(self.thresholds)
        self.curation = CurationBar(app)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        for part in (self.count, self.looks, self.search):
            box.addWidget(part)
        box.addWidget(self.table, 1)
        box.addWidget(self.curation)
        box.addWidget(self.folded)
        app.rois_changed.connect(self._other_rois)
        app.overlay.changed.connect(self.model.recolour)
        self._other_rois()

    def _other_rois(self) -> None:
        """Show the ROIs of another store."""
        store = self._app.rois
        if store is not None:
            store.changed.connect(self._changed)
            store.selected.connect(self._selected)
        self.model.reload()
        self.table.fit()
        self._tell()

    def _changed(self, what: str, ids: Any) -> None:
        if what in ("rois", "columns"):
            self.model.reload()
            self._selected()
        else:
            self.model.refresh()
        self._tell()

    def _selected(self) -> None:
        """Select in the table what is selected elsewhere."""
        store = self._app.rois
        if store is not None:
            self.table.take(store.selection)
            self.model.recolour()
            self._tell()

    def _filtered(self, text: str) -> None:
        self.model.filter(text)
        self._selected()

    def _tell(self) -> None:
        store = self._app.rois
        if store is None:
            self.count.setText(EMPTY)
            return
        accepted, shown = int(np.sum(store.accepted)), self.model.rowCount()
        text = f"{len(store)} ROIs: {accepted} accepted, {len(store) - accepted} rejected"
        text += f"; {len(store.selection)} selected" if len(store.selection) else ""
        self.count.setText(text + (f"; {shown} pass the filter" if shown < len(store) else ""))


class RoiView(QTableView):
    """The table itself.

    Parameters
    ----------
    app : App
    model : RoiTable
    """

    def __init__(self, app: App, model: RoiTable) -> None:
        super().__init__()
        self._app, self._table, self._taking = app, model, False
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setMinimumSectionSize(28)
        self.horizontalHeader().setResizeContentsPrecision(20)
        self.selectionModel().selectionChanged.connect(self._chosen)

    def fit(self) -> None:
        """Make columns as wide as their titles and first rows need."""
        if self._table.columns:
            self.resizeColumnsToContents()
            widest = self.fontMetrics().horizontalAdvance(str(self._table.ids.max(initial=0)))
            self.setColumnWidth(0, max(self.columnWidth(0), widest + 48))  # beside the colour

    def take(self, ids: Any) -> None:
        """Select rows of ROIs, without telling anybody."""
        rows = self._table.rows_of(np.asarray(ids))
        selection = QItemSelection()
        last = self._table.columnCount() - 1
        for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if rows.size else ():
            selection.select(self._table.index(int(run[0]), 0), self._table.index(int(run[-1]), last))
        self._taking = True
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._taking = False
        if rows.size:
            self.scrollTo(self._table.index(int(rows[0]), 0))

    def keyPressEvent(self, event: Any) -> None:
        """Keys mean the same here as over the picture."""
        key = pressed(event, KEYS)
        if key is None:
            super().keyPressEvent(event)
        else:
            press(self._app, key)

    def _chosen(self) -> None:
        """Select ROIs whose rows were selected, and go to a single one."""
        store = self._app.rois
        if self._taking or store is None:
            return
        ids = [self._table.roi(index.row()) for index in self.selectionModel().selectedRows()]
        self._taking = True  # the store tells back what it was told
        store.select(ids)
        self._taking = False
        if len(ids) == 1:
            jump(self._app, ids[0])


class OverlayBar(QWidget):
    """How the ROIs are shown.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app, self._filling = app, False
        self.show_box, self.colour_box = QComboBox(), QComboBox()
        self.show_box.addItems(list(SHOWS))
        self.outline = QCheckBox("outlines")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setMinimumWidth(40)
        self.opacity.setToolTip("Opacity")
        self.legend = QLabel()
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        for part in (QLabel("Show"), self.show_box, QLabel("by"), self.colour_box, self.outline, self.opacity):
            row.addWidget(part)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(row)
        box.addWidget(self.legend)
        self.show_box.currentTextChanged.connect(lambda text: self._set("show", text))
        self.colour_box.currentTextChanged.connect(lambda text: self._set("colour", text))
        self.outline.toggled.connect(lambda on: self._set("outline", on))
        self.opacity.valueChanged.connect(lambda value: self._set("opacity", value / 100))
        app.overlay.changed.connect(self.fill)
        app.rois_changed.connect(self._other_rois)
        self._other_rois()

    def fill(self) -> None:
        """Show the settings as they are."""
        overlay, store = self._app.overlay, self._app.rois
        names = list(COLOURS)
        if store is not None:
            names += [f"metric {name}" for name in store.metrics] + [f"tag {name}" for name in store.tags]
        self._filling = True
        relist(self.colour_box, names, overlay.colour)
        self.show_box.setCurrentText(overlay.show)
        self.colour_box.setCurrentText(overlay.colour)
        self.outline.setChecked(overlay.outline)
        self.opacity.setValue(round(100 * overlay.opacity))
        self._filling = False
        self.legend.setText(legend_of(self._app))
        self.legend.setVisible(bool(self.legend.text()))

    def _other_rois(self) -> None:
        if self._app.rois is not None:
            self._app.rois.changed.connect(self._refill)
        self.fill()

    def _refill(self, what: str, ids: Any) -> None:
        if what in ("columns", "tags", "rois"):
            self.fill()

    def _set(self, name: str, value: Any) -> None:
        if not self._filling and value != "":
            setattr(self._app.overlay, name, value)


def legend_of(app: App) -> str:
    """What the colours mean, as rich text; empty where that is plain."""
    from cnmf3d.viewer.models import overlay as o

    store, overlay = app.rois, app.overlay
    if store is None:
        return ""
    colours = o.palette()

    def block(number: int) -> str:
        red, green, blue = (round(255 * float(v)) for v in colours[number][:3])
        return f'<span style="background-color:rgb({red},{green},{blue})">&nbsp;&nbsp;&nbsp;</span>'

    scale = overlay.scale(store)
    if scale is not None:
        bar = "".join(block(o.SCALE + step) for step in range(0, o.STEPS, 7))
        return f"{scale.low:.3g} {bar} {scale.high:.3g}"
    if overlay.colour.startswith("tag "):
        values = o.tag_values(store, overlay.colour.removeprefix("tag "))
        parts = [f"{block(o.tag_colour(number))} {value}" for number, value in enumerate(values[:12])]
        return " &nbsp; ".join([*parts, f"{block(o.PLAIN)} no tag"])
    if overlay.colour == "verdict":
        named = ((o.ACCEPTED, "accepted"), (o.REJECTED, "rejected"), (o.SELECTED, "selected"))
        return " &nbsp; ".join(f"{block(number)} {name}" for number, name in named)
    return ""
