"""Heat map: traces of all accepted ROIs at once, linked to the time slider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnmf3d.components import bridged
from cnmf3d.errors import Cnmf3dError
from cnmf3d.viewer.controllers.browsing import jump, order_of, seek
from cnmf3d.viewer.models.roi_store import KINDS
from cnmf3d.viewer.qt.channel_box import ChannelBox
from cnmf3d.viewer.qt.traces import NAMES

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.models.roi_store import RoiStore

EMPTY = "No accepted ROIs."


class HeatMapDock(QWidget):
    """Traces of an app's accepted ROIs as an image, a row each, in the order of the table.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.ids: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.kind = QComboBox()
        for kind in KINDS:
            self.kind.addItem(NAMES[kind], kind)
        self.kind.setCurrentIndex(list(KINDS).index("denoised"))
        self.kind.currentIndexChanged.connect(self.draw)
        self.channel = ChannelBox()
        self.channel.currentIndexChanged.connect(lambda _: self.draw())
        self.told = QLabel(EMPTY)
        bar = QHBoxLayout()
        bar.setContentsMargins(0, 0, 0, 0)
        bar.addWidget(self.kind)
        bar.addWidget(self.channel)
        bar.addWidget(self.told, 1)
        self.plot = pg.PlotWidget()
        self.plot.setBackground(None)
        self.plot.invertY(True)
        self.plot.setLabel("left", "ROI")
        self.image = pg.ImageItem(axisOrder="row-major", autoDownsample=True)
        self.image.setColorMap(pg.colormap.get("viridis"))
        self.now = pg.InfiniteLine(0, angle=90, pen=pg.mkPen("#ff4040", width=1))
        self.plot.addItem(self.image)
        self.plot.addItem(self.now, ignoreBounds=True)
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.addLayout(bar)
        layout.addWidget(self.plot, 1)
        self._stale = True
        app.rois_changed.connect(self._other_rois)
        app.closed.connect(self.close_links)
        app.viewer.dims.events.current_step.connect(self._time_moved)
        self._other_rois()

    def close_links(self) -> None:
        """Listen no more to the viewer."""
        self._app.viewer.dims.events.current_step.disconnect(self._time_moved)

    def paintEvent(self, event: Any) -> None:
        """Draw what changed while nobody looked; a tab behind another one isn't painted."""
        super().paintEvent(event)
        if self._stale:
            QTimer.singleShot(0, self.draw)

    def draw(self) -> None:
        """Draw the traces, each scaled by its own spread."""
        if self.visibleRegion().isEmpty():
            self._stale = True
            return
        self._stale = False
        store = self._app.rois
        self.image.clear()
        self.ids = np.zeros(0, np.int64)
        if store is not None:
            order = order_of(self._app)
            self.ids = order[np.isin(order, store.ids[np.asarray(store.accepted, bool)])]
        self.told.setText(f"{len(self.ids)} accepted ROIs, in the table's order" if self.ids.size else EMPTY)
        if store is None or not self.ids.size or not store.frames:  # masks of other programs have no traces
            return
        try:
            rows = store.traces(self.kind.currentData(), self.ids, self.channel.chosen)
        except Cnmf3dError as error:  # their file isn't there any more
            self._app.fail(error)
            return
        rows = bridged(rows)  # NaN where a cell wasn't seen; ΔF/F also where F0 isn't clearly above zero
        spread = rows.std(axis=1, keepdims=True)
        rows = (rows - np.median(rows, axis=1, keepdims=True)) / np.maximum(spread, 1e-12)
        self.image.setImage(rows, levels=(-0.5, 4.0))
        rate, timed = self._rate(store), store.rate > 0 and store.timeline.even
        self.image.setRect(0, 0, store.frames / rate, len(self.ids))
        self.plot.setLabel(
            "bottom", "time (s)" if timed else "frame" if store.timeline.even else "frame (time has gaps)"
        )
        self.plot.setRange(xRange=(0, store.frames / rate), yRange=(0, len(self.ids)), padding=0)

    @staticmethod
    def _rate(store: RoiStore) -> float:
        """Columns a unit of the axis: frames where the rate isn't known, or time has gaps."""
        return store.rate if store.rate > 0 and store.timeline.even else 1.0

    def _other_rois(self) -> None:
        store = self._app.rois
        if store is not None:
            store.changed.connect(self._changed)
        self.channel.offer(store)
        self.draw()

    def _changed(self, what: str, ids: Any) -> None:
        if what in ("rois", "accepted"):
            self.draw()

    def _time_moved(self, event: Any = None) -> None:
        dims, store = self._app.viewer.dims, self._app.rois
        if dims.ndim == 4 and store is not None:
            self.now.setValue(dims.current_step[0] / self._rate(store))

    def _clicked(self, event: Any) -> None:
        """Select the ROI of the row that was clicked, and go to that time."""
        store = self._app.rois
        inside = self.plot.sceneBoundingRect().contains(event.scenePos())
        if store is None or event.button() != Qt.MouseButton.LeftButton or not inside:
            return
        at = self.plot.getPlotItem().vb.mapSceneToView(event.scenePos())
        if 0 <= at.y() < len(self.ids):
            roi = int(self.ids[int(at.y())])
            store.select([roi])
            jump(self._app, roi)
            seek(self._app, int(at.x() * self._rate(store)))
