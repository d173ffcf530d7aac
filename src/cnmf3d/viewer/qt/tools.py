"""Movie tools: projections, crop, measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QGridLayout, QGroupBox, QLabel, QSpinBox, QVBoxLayout, QWidget

from cnmf3d.errors import Cnmf3dError
from cnmf3d.movies import Movie
from cnmf3d.viewer.controllers import cropping, measuring
from cnmf3d.viewer.controllers.projections import Volume, projections
from cnmf3d.viewer.qt.parts import button

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.tasks import Task

EMPTY = "Open a movie to project, crop and measure it."


class ToolsDock(QWidget):
    """What can be done with an app's movie.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.told = QLabel(EMPTY)
        self.told.setWordWrap(True)
        computed = "Computed over the whole movie in the background; each becomes a layer"
        self.project = button("Mean, max, std, local correlation", self.start_projections, computed)
        drawn = "Draw lines; their lengths stand beside them. Escape and the hand button end it"
        self.measure = button("Measure lengths", lambda: measuring.begin(app), drawn)
        self.spans: dict[str, tuple[QSpinBox, QSpinBox]] = {}
        self.parts = [self._group("Projections", self.project), self._crop(), self._group("Measure", self.measure)]
        box = QVBoxLayout(self)
        box.addWidget(self.told)
        for part in self.parts:
            box.addWidget(part)
        box.addStretch(1)
        app.movie_changed.connect(self.fill)
        self.fill(app.movie)

    def fill(self, movie: Movie | None) -> None:
        """Take the size of another movie."""
        for part in self.parts:
            part.setEnabled(movie is not None)
        self.told.setText(EMPTY if movie is None else repr(movie).strip("<>"))
        for (low, high), length in zip(self.spans.values(), (0,) * 4 if movie is None else movie.shape, strict=True):
            low.setRange(0, max(length - 1, 0))
            high.setRange(0, length)
            low.setValue(0)
            high.setValue(length)

    def start_projections(self) -> Task | None:
        """Compute the projections in the background."""
        movie, app = self._app.movie, self._app
        if movie is None:
            return None

        def show(volumes: dict[str, Volume]) -> None:
            if app.layers is not None and app.movie is not None and app.movie.frames is movie.frames:
                for name, volume in volumes.items():
                    app.layers.show_image(name, volume, visible=False)
                app.tell("Projections are layers now: click the eye of one to see it")

        return app.tasks.start("Projections", lambda task: projections(movie, task.report), show, app.fail)

    def take_view(self) -> None:
        """Take the rows and columns that are on the screen."""
        canvas = self._app.viewer.window._qt_viewer.canvas.native
        for name, (start, stop) in cropping.seen_spans(self._app, canvas.width(), canvas.height()).items():
            low, high = self.spans[name]
            low.setValue(start)
            high.setValue(stop)

    def crop(self) -> None:
        """Keep what the boxes say."""
        spans = {name: (low.value(), high.value()) for name, (low, high) in self.spans.items()}
        try:
            cropping.crop(self._app, spans)
        except Cnmf3dError as error:
            self._app.fail(error)

    def save(self) -> None:
        """Ask for a file and write the movie to it."""
        path, _ = QFileDialog.getSaveFileName(self, "Save movie as", "", "TIFF (*.tif)")
        if path:
            try:
                cropping.save_movie(self._app, path if path.endswith((".tif", ".tiff")) else f"{path}.tif")
            except Cnmf3dError as error:
                self._app.fail(error)

    def _group(self, title: str, *parts: QWidget) -> QGroupBox:
        group = QGroupBox(title)
        box = QVBoxLayout(group)
        for part in parts:
            box.addWidget(part)
        return group

    def _crop(self) -> QGroupBox:
        group = QGroupBox("Crop")
        grid = QGridLayout(group)
        for row, name in enumerate("tzyx"):
            low, high = QSpinBox(), QSpinBox()
            grid.addWidget(QLabel(name), row, 0)
            grid.addWidget(low, row, 1)
            grid.addWidget(QLabel("up to"), row, 2)
            grid.addWidget(high, row, 3)
            self.spans[name] = (low, high)
        grid.addWidget(button("As seen", self.take_view, "Take the rows and columns that are on the screen"), 4, 1)
        grid.addWidget(button("Crop", self.crop), 4, 2)
        grid.addWidget(button("Save movie as…", self.save), 4, 3)
        return group
