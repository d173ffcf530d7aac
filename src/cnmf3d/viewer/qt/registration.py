"""The dock Registration: parameters, Estimate with progress and cancel, what was found, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cnmf3d.batch.engines import names
from cnmf3d.motion.stretch import stretch_of
from cnmf3d.results.motion_report import facts_of
from cnmf3d.viewer.controllers.registration import VIEWS, registration_of
from cnmf3d.viewer.models.form_fields import motion_fields
from cnmf3d.viewer.qt.fold import Fold
from cnmf3d.viewer.qt.form_fields import LABEL_WIDTH, Row
from cnmf3d.viewer.qt.parts import MUTED, beside, button
from cnmf3d.viewer.tasks import Task

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

EMPTY = "Open a movie to find out how the tissue moves in it."
NONE_YET = "How the tissue moves isn't known yet. Everything is found from the data unless you give it."
FACTS = ("kind", "largest shift", "typical shift", "confidence", "bad frames", "field", "planes' own shifts")
TITLES = {"basic": "Basic", "advanced": "Advanced"}
USE_TIP = (
    "The registered movie takes the place of the recorded one: CNMF 3D, its preview and the other docks work on it. "
    "It is registered as it is read; nothing is copied."
)
FILES = "Motion (*.motion.hdf5 *.hdf5 *.h5 *.npy *.npz *.mat);;All files (*)"


class RegistrationDock(QWidget):
    """Registration of an app's movie.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.registration = registration_of(app)
        self.form = self.registration.form
        self.rows: dict[str, Row] = {}
        self.groups: dict[str, Fold] = {}
        self.setMinimumWidth(360)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.setSpacing(4)
        box.addWidget(self._body(), 1)
        box.addLayout(self._foot())
        box.addWidget(self._progress())
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.addWidget(self.told)
        box.addWidget(self._after())
        self.form.changed.connect(self._show_form)
        self.registration.changed.connect(self._show_found)
        self.registration.shown.connect(self._show_view)
        self.registration.bad.changed.connect(self._show_found)
        app.movie_changed.connect(self._show_found)
        app.tasks.changed.connect(self._show_progress)
        app.closed.connect(self.close_links)
        self._show_found()
        self._show_view()
        self._show_progress(app.tasks.running)

    def close_links(self) -> None:
        """Listen no more to the tasks."""
        self._app.tasks.changed.disconnect(self._show_progress, missing_ok=True)

    def ask_file(self) -> None:
        """Ask for a motion file and take its motion out."""
        path, _ = QFileDialog.getOpenFileName(self, "Motion file, or shifts of CaImAn or Suite2p", "", FILES)
        if path:
            self.registration.open(path)

    def _body(self) -> QScrollArea:
        """The parameters."""
        inside = QWidget()
        box = QVBoxLayout(inside)
        box.setContentsMargins(0, 0, 4, 0)
        box.setSpacing(2)
        for group, title in TITLES.items():
            content = QWidget()
            column = QVBoxLayout(content)
            column.setContentsMargins(8, 0, 0, 4)
            column.setSpacing(0)
            for name, field in motion_fields().items():
                if field.group == group:
                    self.rows[name] = Row(field, self.form)
                    column.addWidget(self.rows[name])
            if group == "basic":
                column.addWidget(self._channel())
            self.groups[group] = Fold(title, content, open_=group == "basic")
            box.addWidget(self.groups[group])
        box.addStretch(1)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return area

    def _channel(self) -> QWidget:
        """The channel that shows the motion."""
        self.channel = QSpinBox()
        self.channel.setRange(-1, 63)
        self.channel.setSpecialValueText("the movie's")
        self.channel.setValue(-1)
        self.channel.setToolTip("Estimate on this channel, from 0, and take the motion out of the open one.")
        self.channel.valueChanged.connect(self._choose_channel)
        label = QLabel("Register on channel")
        label.setFixedWidth(LABEL_WIDTH)
        label.setWordWrap(True)
        return beside(label, self.channel)

    def _choose_channel(self, number: int) -> None:
        self.registration.channel = None if number < 0 else number

    def _foot(self) -> QVBoxLayout:
        """Estimate, preview, open, defaults; an item of the batch."""
        started = "Find out how the tissue moves, in the background; the result is kept in MOVIE.motion.hdf5"
        self.start = button("Estimate motion", self.registration.estimate, started)
        looked = "Find it for 300 frames around this one, and show them before and after; nothing is kept"
        self.look = button("Preview", self.registration.preview, looked)
        self.choose = button("Open…", self.ask_file, "A motion file, or shifts of CaImAn or Suite2p")
        row = QHBoxLayout()
        row.addWidget(self.start, 1)
        row.addWidget(self.look)
        row.addWidget(self.choose)
        row.addWidget(button("Defaults", self.form.reset, "Everything from the data (auto)"))
        self.engine = QComboBox()
        self.engine.addItems(sorted(names(), key=lambda name: name != "native"))
        self.engine.setToolTip("Which engine computes the item of the batch; caiman runs your own CaImAn.")
        later = "An item that registers this movie; items that find cells can be added on its output"
        self.add = button("Add to batch", self._add, later)
        second = QHBoxLayout()
        second.addStretch(1)
        second.addWidget(self.engine)
        second.addWidget(self.add)
        both = QVBoxLayout()
        both.addLayout(row)
        both.addLayout(second)
        return both

    def _add(self) -> None:
        self.registration.add_to_batch(self.engine.currentText())

    def _progress(self) -> QWidget:
        """How far the estimation is, and Cancel."""
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.stop = button("Cancel", self.registration.cancel)
        self.progress = beside(self.bar, self.stop)
        self.progress.hide()
        return self.progress

    def _after(self) -> QWidget:
        """Whether the motion is taken out, and what is seen."""
        self.used = QCheckBox("Take the motion out")
        self.used.setToolTip(USE_TIP)
        self.used.toggled.connect(self.registration.use)
        self.view = QComboBox()
        self.view.addItems(VIEWS)
        self.view.setToolTip(
            "What the picture shows. Side by side: as recorded left, registered right. Time and contrast are shared."
        )
        self.view.activated.connect(lambda place: self.registration.show(VIEWS[place]))
        self.after = beside(self.used, QLabel("Show"), self.view)
        return self.after

    def _show_form(self, name: str) -> None:
        """Show what was entered, and what of it can't be."""
        for row in self.rows.values():
            if name in ("", row.field.name):
                row.show_value()
            row.setEnabled(self.form.applies(row.field.name))
            row.show_message()
        for group, fold in self.groups.items():
            wrong = any(self.rows[name].field.group == group for name in self.form.errors)
            fold.set_title(f"{TITLES[group]}{'  ⚠' if wrong else ''}")

    def _show_found(self, *_: object) -> None:
        """Show what is known of the motion."""
        trial, movie = self.registration.trial, self.registration.recorded
        found = trial or self.registration.found
        self.after.setVisible(found is not None)
        self.used.setVisible(self.registration.found is not None)
        for each in (self.start, self.look):
            each.setEnabled(movie is not None and not self.registration.busy)
        self.add.setEnabled(movie is not None)
        self.choose.setEnabled(movie is not None)
        if found is None:
            self.told.setText(EMPTY if movie is None else NONE_YET)
            self.told.setStyleSheet(f"color: {MUTED}; background: transparent;")
            return
        facts = facts_of(found.motion)
        if trial is None:
            facts["bad frames"] = int(self.registration.bad.marked.sum())
        lines = [f"{name}: {facts[name]}" for name in FACTS if name in facts]
        start, stop = stretch_of(found.motion) or (0, 0)
        title = found.path.name if trial is None else f"Preview of frames {start} to {stop - 1}"
        self.told.setText("\n".join([title, *lines]))
        self.told.setToolTip("\n".join((*([str(found.path)] if trial is None else []), *found.notes)))
        self.told.setStyleSheet("")

    def _show_view(self) -> None:
        """Show which movie is in use, and which is seen."""
        with QSignalBlocker(self.used):
            self.used.setChecked(self.registration.used)
        self.view.setCurrentIndex(VIEWS.index(self.registration.view))

    def _show_progress(self, running: list[Task]) -> None:
        """Show how far the estimation is."""
        task = self.registration.task
        self.progress.setVisible(task is not None)
        for each in (self.start, self.look):
            each.setEnabled(task is None and self.registration.recorded is not None)
        if task is not None:
            self.bar.setRange(0, task.total)  # 0: nothing is known yet, and the bar moves by itself
            self.bar.setValue(task.done)
