"""Curves of the selected rows of a project, with the times of stimuli shaded."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnmf3d.viewer.models.project import ProjectModel
from cnmf3d.viewer.qt.parts import relist
from cnmf3d.viewer.qt.traces import COLOURS, MOST, NAMES

SHADES = ("#4cc3ff", "#ffb84c", "#7be07b", "#d79bff", "#ff9ecb", "#5fe0c8")
NONE = "none"
EMPTY = "Select rows of ROIs to see their curves."


class ProjectPlot(QWidget):
    """Curves of rows.

    Parameters
    ----------
    project : ProjectModel
    """

    def __init__(self, project: ProjectModel) -> None:
        super().__init__()
        self._project = project
        self._rows: list[int] = []
        self.kind, self.stimulus = QComboBox(), QComboBox()
        for name, label in NAMES.items():
            self.kind.addItem(label, name)
        self.kind.setCurrentIndex(list(NAMES).index("dff"))
        self.stimulus.setToolTip("Shade the times of these stimuli")
        self.told = QLabel(EMPTY)
        self.told.setWordWrap(True)
        self.plot = pg.PlotWidget()
        self.plot.setBackground(None)
        self.plot.setMinimumSize(180, 80)
        self.plot.setMouseEnabled(x=True, y=False)
        bar = QHBoxLayout()
        bar.addWidget(self.kind)
        bar.addWidget(QLabel("stimuli"))
        bar.addWidget(self.stimulus)
        bar.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(bar)
        box.addWidget(self.plot, 1)
        box.addWidget(self.told)
        self.kind.currentIndexChanged.connect(self.draw)
        self.stimulus.currentIndexChanged.connect(self.draw)

    def show_rows(self, rows: list[int]) -> None:
        """Show the curves of other rows."""
        self._rows = rows[:MOST]
        periods = self._project.periods(rows[0]) if rows else {}
        names = [NONE, *periods]
        before = self.stimulus.currentText()
        relist(self.stimulus, names, before if before in names[1:] else names[-1])
        self.draw()
        if len(rows) > MOST:
            self.told.setText(f"The first {MOST} of {len(rows)} are drawn. {self.told.text()}")

    def draw(self) -> None:
        """Draw everything."""
        self.plot.clear()
        curves = self._project.curves(self._rows, self.kind.currentData())
        curves = [each for each in curves if not len(each.values) or np.isfinite(each.values).any()]  # ΔF/F may be NaN
        self.told.setText("" if curves else EMPTY)
        if not curves:
            return
        height = max(float(np.ptp(np.nan_to_num(each.values))) if len(each.values) else 0.0 for each in curves) or 1.0
        for number, each in enumerate(curves):
            colour = pg.mkColor(COLOURS[number % len(COLOURS)])
            base = -number * height * 1.05
            line = pg.PlotDataItem(each.seconds, each.values + base, pen=pg.mkPen(colour, width=1), name=each.name)
            self.plot.addItem(line)
            line.setDownsampling(auto=True, method="peak")
            line.setClipToView(True)
            label = pg.TextItem(each.name, color=colour, anchor=(0, 1))
            label.setPos(0, base)
            self.plot.addItem(label, ignoreBounds=True)
        self.plot.setLabel("bottom", "time (s)")
        self._shade()

    def _shade(self) -> None:
        """Shade when stimuli were: one colour for each name."""
        periods: Any = self._project.periods(self._rows[0]).get(self.stimulus.currentText(), ())
        colours = {name: SHADES[n % len(SHADES)] for n, name in enumerate(dict.fromkeys(p.name for p in periods))}
        spots = (f'<span style="color:{colour}">■</span> {escape(name)}' for name, colour in colours.items())
        self.told.setText("   ".join(spots))
        for each in periods:
            colour = pg.mkColor(colours[each.name])
            colour.setAlpha(45)
            region = pg.LinearRegionItem((each.start, each.end), movable=False, brush=colour, pen=pg.mkPen(None))
            region.setZValue(-10)
            region.setToolTip(f"{each.name}: {each.start:g} to {each.end:g} s")
            self.plot.addItem(region, ignoreBounds=True)
