"""Traces: those of the selected ROIs, linked to the time slider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnmf3d.errors import Cnmf3dError
from cnmf3d.timeline import frame_at, with_gaps
from cnmf3d.traces import INTERVAL
from cnmf3d.viewer.controllers.browsing import seek
from cnmf3d.viewer.models.roi_store import KINDS
from cnmf3d.viewer.qt.channel_box import ChannelBox

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

MOST = 20
"""How many ROIs are drawn at once."""

COLOURS = ("#4cc3ff", "#ffb84c", "#7be07b", "#d79bff", "#ffe066", "#5fe0c8", "#ff9ecb", "#b0b8ff")
"""Colours of traces on dark ground."""

DARK = ("#1667a8", "#b85a00", "#1f8a2c", "#7b3fb5", "#8a6d00", "#00807a", "#b3155a", "#3b4cc0")
"""The same on light ground."""

SEGMENT = pg.mkPen("#808080", width=1, style=Qt.PenStyle.DotLine)
"""Line at the beginning of a segment."""

MOST_SEGMENTS = 200
"""How many of them are drawn: more would be a grey field."""

LONG = 5000
"""Frames from which only what can be seen of a trace is drawn; that takes a second drawing."""

BAND_POINTS = 4000
"""Points of a band at the most: of more, each point has the greatest reach of several frames."""

NAMES = {"raw": "raw", "dff": "ΔF/F", "denoised": "denoised", "spikes": "spikes"}
EMPTY = "Select ROIs in the picture or in the table to see their traces."


class TraceDock(QWidget):
    """Traces of an app's selected ROIs.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.told = QLabel(EMPTY)
        self.kinds = {kind: QCheckBox(NAMES[kind]) for kind in KINDS}
        self.kinds["raw"].setChecked(True)
        self.kinds["denoised"].setChecked(True)
        self.apart = QCheckBox("one above the other")
        self.apart.setChecked(True)
        bar = QHBoxLayout()
        bar.setContentsMargins(0, 0, 0, 0)
        self.band = QCheckBox("90 % band")
        self.band.setToolTip("Where the denoised trace lies with 90 % probability; see docs/traces.md")
        self.band.setChecked(True)
        for box in (*self.kinds.values(), self.band, self.apart):
            box.toggled.connect(self.draw)
            bar.addWidget(box)
        self.channel = ChannelBox()
        self.channel.currentIndexChanged.connect(lambda _: self.draw())
        bar.addWidget(self.channel)
        bar.addWidget(self.told, 1)
        self.plot = pg.PlotWidget()
        self.plot.setBackground(None)
        self.plot.setCacheMode(self.plot.CacheModeFlag(0))  # or the ground of another theme would stay
        self.plot.getPlotItem().setMenuEnabled(True)
        self.plot.setMouseEnabled(x=True, y=False)
        self.plot.setMinimumHeight(90)
        self.plot.getAxis("left").setWidth(56)  # an axis that fits itself is drawn twice
        self.plot.getAxis("bottom").setHeight(36)
        self.plot.hideButtons()
        self.now = pg.InfiniteLine(0, angle=90, movable=True, pen=pg.mkPen("#ff4040", width=1))
        self.now.sigDragged.connect(lambda line: self._go(line.value()))
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.addLayout(bar)
        layout.addWidget(self.plot, 1)
        self._seconds = 0.0
        app.viewer.events.theme.connect(self._recolour)
        app.rois_changed.connect(self._other_rois)
        app.closed.connect(self.close_links)
        app.viewer.dims.events.current_step.connect(self._time_moved)
        self._other_rois()

    def _second(self, frame: int) -> float:
        """Where a frame is on the axis, which counts frames where the rate isn't known."""
        store = self._app.rois
        if store is None or frame >= store.frames:
            return frame / (store.rate if store is not None and store.rate > 0 else 1.0)
        return float(store.seconds[frame])

    def close_links(self) -> None:
        """Listen no more to the viewer."""
        self._app.viewer.events.theme.disconnect(self._recolour)
        self._app.viewer.dims.events.current_step.disconnect(self._time_moved)

    def draw(self) -> None:
        """Draw the traces of the selected ROIs."""
        self.plot.clear()
        self.plot.addItem(self.now, ignoreBounds=True)
        store = self._app.rois
        ids = np.zeros(0, np.int64) if store is None else store.selection[:MOST]
        self._tell(len(ids))
        if store is None or not ids.size or not store.frames:  # masks of other programs have no traces
            return
        seconds, late = store.seconds, store.metrics.get("time_offset")
        gaps = store.timeline.gaps()
        for start in store.timeline.starts[:MOST_SEGMENTS]:
            if start < store.frames:
                self.plot.addItem(pg.InfiniteLine(seconds[start], angle=90, pen=SEGMENT), ignoreBounds=True)
        self.plot.setLabel("bottom", "time (s)" if store.rate > 0 else "frame")
        colours = DARK if str(self._app.viewer.theme) == "light" else COLOURS
        chosen = [kind for kind, box in self.kinds.items() if box.isChecked()]
        try:
            channel = self.channel.chosen
            values = {kind: store.traces(kind, ids, channel) for kind in chosen}  # type: ignore[arg-type]
            unseen = store.unseen(ids)
            banded = self.band.isChecked() and "denoised" in chosen and not channel  # errors are those of the first one
            errors = store.errors(ids) if banded else None
        except Cnmf3dError as error:  # their file isn't there any more
            self._app.fail(error)
            return
        height = max((float(np.ptp(v, axis=1).max()) for v in _drawn(values)), default=1.0) or 1.0
        for row, roi in enumerate(ids):
            base = -row * height * 1.05 if self.apart.isChecked() else 0.0
            colour = pg.mkColor(colours[row % len(colours)])
            if unseen[row].any():
                self.told.setText(f"{self.told.text()}; {roi} isn't seen in {unseen[row].sum()} frames")
            own = 0.0 if late is None else float(np.nan_to_num(late[store.positions([int(roi)])[0]]))
            if errors is not None and np.isfinite(errors[row]).any():
                self._band(seconds + own, values["denoised"][row] + base, errors[row], colour)
            for kind in chosen:
                if np.isnan(values[kind][row][~unseen[row]]).any():
                    self.told.setText(f"{self.told.text()}; no {NAMES[kind]} of {roi}: F0 isn't clearly above zero")
                if not np.isfinite(values[kind][row]).any():
                    continue
                self._curve(*with_gaps(seconds + own, values[kind][row] + base, gaps), kind, colour, str(roi))
            if self.apart.isChecked() and len(ids) > 1:
                label = pg.TextItem(str(roi), color=colour, anchor=(0, 1))
                label.setPos(0, base)
                self.plot.addItem(label, ignoreBounds=True)
        self._fit(float(seconds[-1]), *_span(values, height * 1.05 if self.apart.isChecked() else 0.0))

    def _fit(self, seconds: float, low: float, high: float) -> None:
        """Show all values; the time that the user has chosen stays."""
        if self._seconds != seconds:
            self._seconds = seconds
            self.plot.setXRange(0, seconds, padding=0.01)
        self.plot.setYRange(low, high, padding=0.03)
        self.plot.scene().prepareForPaint()  # what moves while it is painted is painted twice

    def _curve(self, seconds: Any, values: Any, kind: str, colour: Any, name: str) -> None:
        """One line: raw thin and faint, the others clear."""
        faint = pg.mkColor(colour)
        faint.setAlpha({"raw": 110, "spikes": 200}.get(kind, 255))
        style = Qt.PenStyle.DotLine if kind == "spikes" else Qt.PenStyle.SolidLine
        curve = pg.PlotDataItem(seconds, values, pen=pg.mkPen(faint, width=1, style=style), name=name)
        self.plot.addItem(curve)
        if len(values) > LONG:
            curve.setDownsampling(auto=True, method="peak")
            curve.setClipToView(True)

    def _band(self, seconds: Any, values: Any, errors: Any, colour: Any) -> None:
        """Where the denoised trace may lie."""
        low, high = values - INTERVAL * errors, values + INTERVAL * errors
        step = -(-len(values) // BAND_POINTS)
        starts = np.arange(0, len(values), step)
        edges = (np.fmin.reduceat(low, starts), np.fmax.reduceat(high, starts))
        middle = (seconds[starts] + seconds[np.minimum(starts + step, len(values)) - 1]) / 2
        faint = pg.mkColor(colour)
        faint.setAlpha(70)
        curves = [pg.PlotCurveItem(middle, np.nan_to_num(edge), pen=None) for edge in edges]
        self.plot.addItem(pg.FillBetweenItem(*curves, brush=pg.mkBrush(faint)), ignoreBounds=True)

    def _tell(self, drawn: int) -> None:
        store = self._app.rois
        if store is None or not drawn:
            self.told.setText(EMPTY)
            return
        more = len(store.selection) - drawn
        names = ", ".join(str(roi) for roi in store.selection[:8])
        self.told.setText(f"ROI {names}" + (f"; the first {drawn} of {drawn + more} are drawn" if more else ""))

    def _other_rois(self) -> None:
        store = self._app.rois
        if store is not None:
            store.selected.connect(self.draw)
            store.changed.connect(self._changed)
        self.channel.offer(store)
        self.draw()

    def _recolour(self, event: Any = None) -> None:
        self.draw()

    def _changed(self, what: str, ids: Any) -> None:
        if what == "rois":
            self.draw()

    def _time_moved(self, event: Any = None) -> None:
        """Follow the time slider."""
        dims = self._app.viewer.dims
        if dims.ndim == 4 and not self.now.moving:
            self.now.setValue(self._second(dims.current_step[0]))

    def _clicked(self, event: Any) -> None:
        """Go to the time that was clicked."""
        if event.button() == Qt.MouseButton.LeftButton and self.plot.sceneBoundingRect().contains(event.scenePos()):
            self._go(self.plot.getPlotItem().vb.mapSceneToView(event.scenePos()).x())

    def _go(self, seconds: float) -> None:
        """Move the time slider."""
        store = self._app.rois
        known = store is not None and store.frames > 0
        seek(self._app, frame_at(store.seconds, seconds) if store is not None and known else round(seconds))


def _drawn(values: Mapping[str, Any]) -> list[Any]:
    """Traces with zeros where they have no value: ΔF/F has none where F0 isn't clearly above zero."""
    return [np.nan_to_num(each) for each in values.values()]


def _span(values: Mapping[str, Any], apart: float) -> tuple[float, float]:
    """Least and greatest value that is drawn, rows being `apart` from one another."""
    rows = [np.stack([each.min(axis=1), each.max(axis=1)]) - apart * np.arange(len(each)) for each in _drawn(values)]
    if not rows:
        return (0.0, 1.0)
    return float(min(row.min() for row in rows)), float(max(row.max() for row in rows))
