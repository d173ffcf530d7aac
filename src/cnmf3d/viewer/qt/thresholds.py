"""Thresholds: a slider for each measure, how many ROIs pass, and their colours before anything is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QDoubleRangeSlider

from cnmf3d.results.curation.thresholds import Limits, counts, passing, spread
from cnmf3d.viewer.qt.parts import button

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App


class ThresholdPanel(QWidget):
    """Sliders for the measures of an app's ROIs.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.sliders: dict[str, Any] = {}
        self.told = QLabel()
        self.told.setWordWrap(True)
        tip = "Accept ROIs within all limits and reject the others; undo takes it back"
        self.apply, self.reset = button("Accept these", self.decide, tip), button("Reset", self.fill)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        row = QHBoxLayout()
        row.addWidget(self.told, 1)
        row.addWidget(self.reset)
        row.addWidget(self.apply)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(self._grid)
        box.addLayout(row)
        app.rois_changed.connect(self.fill)
        self.fill()

    @property
    def limits(self) -> dict[str, Limits]:
        """What passes, of each measure whose slider was moved."""
        out = {}
        for name, slider in self.sliders.items():
            (low, high), least, most = slider.value(), slider.minimum(), slider.maximum()
            if (low, high) != (least, most):
                out[name] = Limits(low if low > least else None, high if high < most else None)
        return out

    def fill(self) -> None:
        """Make the sliders of the measures there are, wide open."""
        while self._grid.count():
            widget = self._grid.takeAt(0).widget()
            widget.setParent(None)
            widget.deleteLater()
        self.sliders = {}
        store = self._app.rois
        for name in () if store is None else store.metrics:
            assert store is not None
            span = spread(store.metrics[name])
            if span is not None:
                self._add(name, span)
        self.setVisible(bool(self.sliders))
        self._app.overlay.verdict = None
        self._tell()

    def decide(self) -> None:
        """Accept what passes, reject the rest."""
        store = self._app.rois
        if store is None or not self.limits:
            self._app.tell("Move a slider first")
            return
        accepted = passing(store.metrics, self.limits)
        self._app.overlay.verdict = None
        store.judge(accepted)
        self._app.tell(f"{int(accepted.sum())} accepted, {int((~accepted).sum())} rejected; Ctrl+Z takes it back")

    def _add(self, name: str, span: tuple[float, float]) -> None:
        slider = QDoubleRangeSlider(Qt.Orientation.Horizontal)
        slider.setRange(*span)
        slider.setValue(span)
        row, ends = len(self.sliders), (QLabel(), QLabel())
        for column, part in enumerate((QLabel(name), ends[0], slider, ends[1])):
            self._grid.addWidget(part, row, column)

        def moved() -> None:
            for label, value in zip(ends, slider.value(), strict=True):
                label.setText(f"{value:.4g}")

        moved()
        slider.valueChanged.connect(moved)
        slider.valueChanged.connect(self._moved)
        self.sliders[name] = slider

    def _moved(self) -> None:
        """Colour by what passes, and count."""
        store = self._app.rois
        limits = self.limits
        self._app.overlay.verdict = passing(store.metrics, limits) if store is not None and limits else None
        self._tell()

    def _tell(self) -> None:
        store, limits = self._app.rois, self.limits
        self.apply.setEnabled(bool(limits))
        if store is None or not limits:
            self.told.setText("Move a slider to see what passes")
            return
        told = counts(store.metrics, limits, store.accepted)
        self.told.setText(f"{told.passed} of {len(store)} pass (+{told.gained}, −{told.lost})")
