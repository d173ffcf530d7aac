"""The preview's panel: on the visible part of the movie, again at every change of the form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.controllers.preview import Answer, Wish, doubts, estimated
from cnmf3d.viewer.models.form import CNMF, EVALUATION
from cnmf3d.viewer.models.form_fields import fields
from cnmf3d.viewer.models.region import FRAMES, PLANES, region_of
from cnmf3d.viewer.preview_layer import PreviewLayer, seen_by
from cnmf3d.viewer.qt.parts import BAD, button

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

DEBOUNCE, WARM = 400, 700
"""Milliseconds without a change before a preview begins, and after which its process is started."""


class PreviewPanel(QWidget):
    """Asks for previews and shows them.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app, self._actions = app, actions_of(app)
        self._layer = PreviewLayer(app)
        self._begun = False
        found = "Find the components of the visible part of the movie with these parameters."
        self.button = button("Preview", self._clicked, found)
        self.live = QCheckBox("Live")
        self.live.setToolTip("After the first preview: again at every change of a parameter.")
        self.live.setChecked(True)
        self.live.toggled.connect(self._switched)
        self.planes, self.frames = self._counter(PLANES, 1, 64, " planes"), self._counter(FRAMES, 50, 5000, " volumes")
        self.said = QLabel()
        self.said.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(4)
        for part in (self.button, self.live, self.planes, self.frames):
            row.addWidget(part)
        row.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        box.addLayout(row)
        box.addWidget(self.said)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE)
        self._timer.timeout.connect(lambda: self.ask("preview"))
        self._warming = QTimer(self)
        self._warming.setSingleShot(True)
        self._warming.setInterval(WARM)
        self._warming.timeout.connect(self._warm)
        preview = self._actions.preview
        preview.answered.connect(self._show)
        preview.failed.connect(self._fail)
        preview.stage.connect(self._stage)
        self._actions.form.changed.connect(self._changed)
        app.movie_changed.connect(self._forget)
        app.closed.connect(self._stop)
        self._say("Preview shows the components of the visible part of the movie within seconds.")

    def showEvent(self, event: Any) -> None:
        """Get the process ready: whoever looks at the form will want it."""
        super().showEvent(event)
        self._warming.start()

    def _warm(self) -> None:
        if self._app.movie is not None and self.isVisible():
            self._actions.preview.warm_up()

    def ask(self, kind: str = "preview") -> None:
        """Begin a preview, or an estimate of parameters from the data."""
        self._timer.stop()
        self._begun = self._begun or kind == "preview"
        try:
            self._actions.preview.ask(self._wish(kind))
        except Cnmf3dError as error:
            self._fail(error)
            return
        self.button.setText("Stop")

    def _stop(self) -> None:
        self._timer.stop()
        self._warming.stop()

    def _wish(self, kind: str) -> Wish:
        """What is wanted, as things stand."""
        imgdata = self._app.environment.imgdata
        if imgdata.isEmpty:
            raise UsageError("there is no movie", "Open one first.")
        movie = imgdata.described
        try:
            source, opening = imgdata.source()
        except UsageError:
            source, opening = None, {}
        seen, plane, frame = seen_by(self._app)
        region = region_of(movie.shape, seen, plane, frame, planes=self.planes.value(), frames=self.frames.value())
        where = list(source) if isinstance(source, tuple) else source
        return Wish(movie, where, opening, region, self._actions.form.parameters(), kind)

    def _counter(self, value: int, least: int, most: int, unit: str) -> QSpinBox:
        made = QSpinBox()
        made.setRange(least, most)
        made.setValue(value)
        made.setSuffix(unit)
        made.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        made.setMinimumWidth(made.fontMetrics().horizontalAdvance(f"{most}{unit}") + 16)
        made.setToolTip("Around the current plane and time. The rest is what you see.")
        made.valueChanged.connect(lambda _: self._changed(""))
        return made

    def _clicked(self) -> None:
        if self._actions.preview.busy:
            self._begun = False
            self._actions.preview.cancel()
        else:
            self.ask("preview")

    def _switched(self, on: bool) -> None:
        if on and self._begun and self._app.movie is not None:
            self.ask("preview")
        else:
            self._timer.stop()

    def _changed(self, name: str) -> None:
        """Begin anew a little after the last change."""
        if not (self._begun and self.live.isChecked() and name in ("", CNMF, EVALUATION, *fields())):
            return
        if self._actions.form.errors or self._app.movie is None:
            self._timer.stop()
        else:
            self._timer.start()

    def _stage(self, text: str) -> None:
        busy = self._actions.preview.busy
        self.button.setText("Stop" if busy else "Preview")
        if busy:
            self._say(f"{text or 'starting'} …")
        elif self.said.text().endswith("…"):
            self._say("Stopped.")

    def _show(self, answer: Answer) -> None:
        self.button.setText("Preview")
        movie = self._app.movie
        if movie is None or movie.paths != answer.wish.movie.paths:
            return
        self._layer.show(answer)
        found = answer.results.components
        accepted = int(found.accepted.sum())
        self._say(
            f"{accepted} components, {found.count - accepted} rejected (grey), in {answer.seconds:.1f} s. "
            f"{answer.wish.region}.\n{doubts(answer)}".rstrip()
        )
        if answer.wish.kind == "estimate":
            self._fill(answer)

    def _fill(self, answer: Answer) -> None:
        """Put what the data say into the form."""
        try:
            values = estimated(answer, answer.wish.movie.shape)
        except Cnmf3dError as error:
            self._fail(error)
            return
        live = self.live.isChecked()
        self.live.blockSignals(True)
        self.live.setChecked(False)
        self._actions.form.fill(values)
        self.live.setChecked(live)
        self.live.blockSignals(False)
        size = " × ".join(f"{v:g}" for v in values["init.gSig"])
        decay = f", decay {values['data.decay_time']:g} s" if "data.decay_time" in values else ""
        self._say(f"From the data: gSig {size}, k {values['init.K']}{decay}. {self.said.text()}")

    def _fail(self, error: Cnmf3dError) -> None:
        self.button.setText("Preview")
        self.said.setText(f"{error.problem}. {error.fix}")
        self.said.setStyleSheet(f"color: {BAD}; background: transparent;")

    def _say(self, text: str) -> None:
        self.said.setText(text)
        self.said.setStyleSheet("")

    def _forget(self) -> None:
        """Another movie: what was found is of the old one."""
        self._timer.stop()
        self._begun = False
        self._actions.preview.cancel()
        if self.isVisible():
            self._warming.start()
        self._say("Preview shows the components of the visible part of the movie within seconds.")
