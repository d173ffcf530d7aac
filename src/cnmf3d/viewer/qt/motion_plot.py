"""The dock Motion: shifts and confidence over time, linked to the time slider, with bad frames to be marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cnmf3d.viewer.controllers.browsing import seek
from cnmf3d.viewer.controllers.registration import registration_of
from cnmf3d.viewer.qt.parts import button

if TYPE_CHECKING:
    from cnmf3d.movies.registered import Motion
    from cnmf3d.viewer.app import App

AXES = ("z", "y", "x")
COLOURS = {"z": "#ffb84c", "y": "#4cc3ff", "x": "#7be07b", "confidence": "#b0b8ff"}
"""On dark ground."""

DARK = {"z": "#b85a00", "y": "#1667a8", "x": "#1f8a2c", "confidence": "#3b4cc0"}
"""On light ground."""

BAD_FRAMES = (229, 72, 77, 110)
CHOSEN = (229, 72, 77, 60)
EVER = 1e5
"""Half the height of a mark: higher than any plot."""

LONG = 5000
"""Frames from which only what can be seen of a curve is drawn."""

EMPTY = "No motion is known: estimate it in the dock Registration, or open a motion file there."
HINT = "Shift+click or Shift+drag marks frames as bad, or unmarks them."
TIP = f"{HINT} A click goes to the frame. Marks are saved in the motion file at once."


class MotionDock(QWidget):
    """Motion of an app's movie over time.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.registration = registration_of(app)
        self.bad = self.registration.bad
        self.told = QLabel(EMPTY)
        self.told.setToolTip(TIP)
        self.told.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.mark = button("Mark frame", self.mark_now, "Leave the current frame out, or take it in again")
        self.undo = button("Undo", self.bad.undo)
        self.redo = button("Redo", self.bad.redo)
        bar = QHBoxLayout()
        bar.setContentsMargins(0, 0, 0, 0)
        bar.addWidget(self.told, 1)
        for part in (self.mark, self.undo, self.redo):
            bar.addWidget(part)
        self.plots = {"shift": FramePlot("shift (voxels)"), "confidence": FramePlot("confidence")}
        self.plots["confidence"].setXLink(self.plots["shift"])
        self.plots["shift"].getAxis("bottom").setStyle(showValues=False)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 2, 4, 2)
        box.setSpacing(0)
        box.addLayout(bar)
        box.addWidget(self.plots["shift"], 5)
        box.addWidget(self.plots["confidence"], 4)
        for plot in self.plots.values():
            plot.chosen.connect(self._go)
            plot.dragged.connect(self._mark)
        self.registration.changed.connect(self.draw)
        self.bad.changed.connect(self.show_bad)
        app.viewer.events.theme.connect(self._recolour)
        app.viewer.dims.events.current_step.connect(self._time_moved)
        app.closed.connect(self.close_links)
        self.draw()

    @property
    def rate(self) -> float:
        """Frames a second, or 1 where that isn't known: the axis then counts frames."""
        movie = self.registration.recorded
        return movie.rate if movie is not None and movie.rate else 1.0

    def close_links(self) -> None:
        """Listen no more to the viewer."""
        self._app.viewer.events.theme.disconnect(self._recolour)
        self._app.viewer.dims.events.current_step.disconnect(self._time_moved)

    def draw(self) -> None:
        """Draw the motion that is known."""
        for plot in self.plots.values():
            plot.empty()
        found, movie = self.registration.found, self.registration.recorded
        for part in (*self.plots.values(), self.mark, self.undo, self.redo):
            part.setVisible(found is not None)
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop if found is None else Qt.AlignmentFlag.AlignVCenter)
        if found is not None:
            self._draw(found.motion)
            unit = "time (s)" if movie is not None and movie.rate else "frame"
            self.plots["confidence"].setLabel("bottom", unit)
        self.show_bad()
        self._time_moved()

    def show_bad(self) -> None:
        """Show which frames are marked."""
        stretches = self.bad.stretches() if self.registration.found is not None else []
        for plot in self.plots.values():
            plot.show_marks(stretches, self.rate)
        self.undo.setEnabled(self.bad.can_undo)
        self.redo.setEnabled(self.bad.can_redo)
        if self.registration.found is None:
            self.told.setText(EMPTY)
        else:
            colours = self._colours()
            names = " ".join(f'<b><span style="color:{colours[axis]}">{axis}</span></b>' for axis in AXES)
            count, total = int(self.bad.marked.sum()), len(self.bad.marked)
            self.told.setText(f"{names} &nbsp; {count} of {total} frames are left out. {HINT}")

    def mark_now(self) -> None:
        """Mark the current frame, or unmark it."""
        if self._app.viewer.dims.ndim == 4:
            self.bad.toggle(int(self._app.viewer.dims.current_step[0]))

    def _draw(self, motion: Motion) -> None:
        seconds = np.arange(motion.frames) / self.rate
        colours = self._colours()
        rigid = motion.rigid - np.median(motion.rigid, axis=0) if motion.frames else motion.rigid
        for axis, values in zip(AXES, rigid.T, strict=True):
            self.plots["shift"].curve(seconds, values, colours[axis], axis)
        self.plots["confidence"].curve(seconds, motion.confidence, colours["confidence"], "confidence")
        good = rigid[~motion.bad_frames]
        far = max(float(np.abs(good).max(initial=0)), 0.5)  # where nothing moves, noise mustn't fill the plot
        self.plots["shift"].setYRange(-far, far, padding=0.08)
        self.plots["confidence"].setYRange(0, 1, padding=0.08)
        half = 0.5 / self.rate
        self.plots["shift"].setXRange(-half, max(motion.frames - 0.5, 0.5) / self.rate, padding=0.005)

    def _colours(self) -> dict[str, str]:
        return DARK if str(self._app.viewer.theme) == "light" else COLOURS

    def _recolour(self, event: Any = None) -> None:
        self.draw()

    def _time_moved(self, event: Any = None) -> None:
        """Follow the time slider."""
        dims = self._app.viewer.dims
        if dims.ndim == 4:
            for plot in self.plots.values():
                plot.now.setValue(dims.current_step[0] / self.rate)

    def _go(self, seconds: float, shifted: bool) -> None:
        """Go to the frame that was clicked, or mark it."""
        frame = round(seconds * self.rate)
        if shifted:
            self.bad.toggle(frame)
        else:
            seek(self._app, frame)

    def _mark(self, start: float, stop: float) -> None:
        """Mark the frames of a stretch; unmark them where all of them are marked."""
        first, last = (round(seconds * self.rate) for seconds in sorted((start, stop)))
        first = max(first, 0)
        part = self.bad.marked[first : max(last, 0) + 1]
        if part.size:
            self.bad.mark(first, first + part.size, not part.all())


class FramePlot(pg.PlotWidget):
    """Curves over time, with marks, and a line at the current frame.

    Parameters
    ----------
    label : str
        Of the values.

    Attributes
    ----------
    chosen : Signal
        ``(seconds, with Shift)``: a time that was clicked, or the line dragged to.
    dragged : Signal
        ``(from, to)``: seconds between which the mouse was dragged with Shift.
    """

    chosen = Signal(float, bool)
    dragged = Signal(float, float)

    def __init__(self, label: str) -> None:
        self._box = MarkingBox()
        super().__init__(viewBox=self._box)
        self.setBackground(None)
        self.setCacheMode(self.CacheModeFlag(0))  # or the ground of another theme would stay
        self.setMouseEnabled(x=True, y=False)
        self.setMinimumHeight(56)
        self.setLabel("left", label)
        self.getAxis("left").setWidth(56)
        self.hideButtons()
        self.now = pg.InfiniteLine(0, angle=90, movable=True, pen=pg.mkPen("#ff4040", width=1))
        self.now.sigDragged.connect(lambda line: self.chosen.emit(float(line.value()), False))
        self.marks = pg.BarGraphItem(x0=[], x1=[], y0=[], y1=[], brush=BAD_FRAMES, pen=None)
        self.choice = pg.LinearRegionItem(movable=False, brush=CHOSEN, pen=pg.mkPen(None))
        self._box.dragged.connect(self._drag)
        self.scene().sigMouseClicked.connect(self._click)
        self.empty()

    def empty(self) -> None:
        """Show no curve."""
        self.clear()
        for item in (self.marks, self.now, self.choice):
            self.addItem(item, ignoreBounds=True)
        self.choice.hide()

    def curve(self, seconds: Any, values: Any, colour: str, name: str) -> None:
        """Draw one curve."""
        curve = pg.PlotDataItem(seconds, values, pen=pg.mkPen(colour, width=1), name=name)
        self.addItem(curve)
        if len(values) > LONG:
            curve.setDownsampling(auto=True, method="peak")
            curve.setClipToView(True)

    def show_marks(self, stretches: list[tuple[int, int]], rate: float) -> None:
        """Mark stretches of frames, half a frame to both sides."""
        edges = (np.array(stretches, float).reshape(-1, 2) - 0.5) / rate
        height = np.full(len(edges), EVER)
        self.marks.setOpts(x0=edges[:, 0], x1=edges[:, 1], y0=-height, y1=height)

    def _drag(self, start: float, stop: float, finished: bool) -> None:
        self.choice.setRegion(sorted((start, stop)))
        self.choice.setVisible(not finished)
        if finished:
            self.dragged.emit(start, stop)

    def _click(self, event: Any) -> None:
        inside = self._box.sceneBoundingRect().contains(event.scenePos())
        if event.button() == Qt.MouseButton.LeftButton and inside:
            shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.chosen.emit(float(self._box.mapSceneToView(event.scenePos()).x()), shifted)


class MarkingBox(pg.ViewBox):
    """The inside of a plot, in which a drag with Shift tells from where to where it went.

    Attributes
    ----------
    dragged : Signal
        ``(from, to, finished)`` along x.
    """

    dragged = Signal(float, float, bool)

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:
        """Tell of a drag with Shift; others move the plot."""
        marking = event.button() == Qt.MouseButton.LeftButton and (
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        )
        if not marking:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        start, stop = (self.mapSceneToView(place).x() for place in (event.buttonDownScenePos(), event.scenePos()))
        self.dragged.emit(float(start), float(stop), bool(event.isFinish()))
