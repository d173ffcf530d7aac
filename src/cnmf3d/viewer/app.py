"""App: what is open in one viewer, and who is told when it changes. Knows no Qt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from cnmf3d.errors import Cnmf3dError
from cnmf3d.events import Event, Progress
from cnmf3d.movies import Movie
from cnmf3d.viewer.controllers.painting import Painter
from cnmf3d.viewer.memory import give_back
from cnmf3d.viewer.models.overlay import Overlay
from cnmf3d.viewer.opening import Opened, kind_of, read_movie, read_movie_of, read_results
from cnmf3d.viewer.recent import Recent
from cnmf3d.viewer.tasks import Task, Tasks
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.viewer import Viewer

if TYPE_CHECKING:
    from cnmf3d.batch import Batch
    from cnmf3d.project import Project
    from cnmf3d.results import Results
    from cnmf3d.viewer.controllers.curating import Curator, Footage
    from cnmf3d.viewer.layers import Layers
    from cnmf3d.viewer.models.roi_store import RoiStore

Answer = Literal["save", "discard", "cancel"]


class App:
    """What is open, for docks, console and command line alike.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Shows layers; `cnmf3d.viewer.layers.Layers` fills it.
    space : Viewer, optional
        The current work environment as scripts see it.

    Attributes
    ----------
    tasks : Tasks
        Reading and light sums beside the window.
    curator : Curator or None
        Merges, splits and adds ROIs.
    link : Link or None
        What ties this window to others.
    layers : Layers or None
        What the viewer shows of it.
    overlay : Overlay
        How the ROIs are drawn.
    painter : Painter
        Draws them.
    order : (n,) int64 or None
        ROIs as the table sorts and filters them.
    recent : Recent
        What was opened before.
    rois : RoiStore or None
        The ROIs of the work environment, with their curation.
    contrast : (float, float) or None
        Black and white of the movie.
    adding : bool
        Whether the next click in the picture adds an ROI.
    confirm : callable
        ``confirm(question) -> "save" | "discard" | "cancel"``; asked before changes are lost. The window sets it.
    environment_changed, movie_changed, rois_changed, batch_changed, project_changed : Signal
        Emitted with what there is now.
    told : Signal
        A line for the status bar.
    failed : Signal
        ``(problem, fix)`` of something that the user asked for and that didn't work.
    saved : Signal
        The curation is in the results file.
    closed : Signal
        The window goes away.
    """

    environment_changed = Signal(object)
    movie_changed = Signal(object)
    rois_changed = Signal(object)
    batch_changed = Signal(object)
    project_changed = Signal(object)
    unsaved_changed = Signal(bool)
    told = Signal(str)
    failed = Signal(str, str)
    saved = Signal()
    closed = Signal()

    def __init__(self, viewer: Any, space: Viewer | None = None) -> None:
        self.viewer = viewer
        self.space = space or Viewer(self._report)
        self.space.updated.append(self._show)
        self.space.project_opened.append(lambda project: self.tasks.ask(lambda: self.project_changed.emit(project)))
        self.tasks = Tasks()
        self.recent = Recent()
        self.confirm: Callable[[str], Answer] = lambda question: "cancel"
        self.rois: RoiStore | None = None
        self.contrast: tuple[float, float] | None = None
        self.results_path: Path | None = None
        self._batch: Batch | None = None
        self._shown: object = None
        self.adding = False
        self._unsaved: set[str] = set()
        self._results: Any = None
        self._read: ViewerWorkEnv | None = None
        self._ready: RoiStore | None = None
        self.curator: Curator | None = None
        self.layers: Layers | None = None
        self.link: Any = None
        self.overlay = Overlay()
        self.painter = Painter(self.overlay)
        self.order: npt.NDArray[np.int64] | None = None

    @property
    def environment(self) -> ViewerWorkEnv:
        """The current work environment."""
        return self.space.workEnv

    @property
    def movie(self) -> Movie | None:
        """The movie of the work environment; None where there is none."""
        return None if self.environment.isEmpty else self.environment.imgdata.movie

    @property
    def batch(self) -> Batch | None:
        """The open batch."""
        return self._batch

    @batch.setter
    def batch(self, batch: Batch | None) -> None:
        if self._batch is not None and self._batch is not batch:
            self._batch.close()
        self._batch = batch
        self.batch_changed.emit(batch)

    @property
    def project(self) -> Project | None:
        """The open project; scripts have the same."""
        return self.space.project

    @project.setter
    def project(self, project: Project | None) -> None:
        if self.space.project is not None and self.space.project is not project:
            self.space.project.close()
        self.space.project = project
        self.project_changed.emit(project)

    @property
    def unsaved(self) -> tuple[str, ...]:
        """What was changed and not saved, in words: ``"metadata"``, ``"ROIs"``."""
        return tuple(sorted(self._unsaved))

    def mark_unsaved(self, what: str, changed: bool = True) -> None:
        """Note that something was changed, or that it is saved now."""
        before = bool(self._unsaved)
        (self._unsaved.add if changed else self._unsaved.discard)(what)
        if before != bool(self._unsaved):
            self.unsaved_changed.emit(bool(self._unsaved))

    def may_discard(self) -> bool:
        """Whether what is open may go: nothing was changed, or the user agrees."""
        if not self._unsaved:
            return True
        return self.confirm(f"Changes were not saved: {', '.join(self.unsaved)}.") == "discard"

    def open(self, source: Any, **opening: Any) -> Task | None:
        """Open a movie, results, a motion file, a batch or a project; what can take a while is read in a thread.

        Parameters
        ----------
        source : path, list of paths, URL or array
        **opening
            Keywords of `cnmf3d.open_movie`; ``movie=`` for results names their movie.

        Returns
        -------
        Task or None
            What reads it; None where nothing has to be read or the user keeps what is open.
        """
        try:
            kind = kind_of(source)
        except Cnmf3dError as error:
            self.fail(error)
            return None
        if kind == "batch":
            self.open_batch(source)
            return None
        if kind == "project":
            self.open_project(source)
            return None
        if kind == "motion":
            from cnmf3d.viewer.controllers.registration import registration_of

            return registration_of(self).open(source)
        if not self.may_discard():
            return None
        read: Callable[..., Opened] = read_results if kind == "results" else read_movie
        if kind == "movie" and self.results_path is not None and self.rois is not None and self.movie is None:
            read = partial(read_movie_of, self.results_path)  # the ROIs that are open wait for it
        name = source if isinstance(source, (str, Path)) else "the movie"
        return self.tasks.start(
            f"Opening {Path(str(name)).name}",
            lambda task: read(source, task, **opening),
            lambda opened: self.show(opened, source),
            self.fail,
        )

    def show(self, opened: Opened, source: Any = None) -> None:
        """Show a work environment that was read."""
        self.contrast, self.results_path, self._ready = opened.contrast, opened.results_path, opened.rois
        self._unsaved.clear()
        self._read = self.space.workEnv = opened.environment
        try:
            self.space.update()
        except Cnmf3dError as error:
            self.fail(error)
            return
        if isinstance(source, (str, Path)):
            self.recent.add(source)
        self.tell(opened.notes[0] if opened.notes else f"Opened {source if source is not None else 'the movie'}")

    def open_batch(self, folder: str | Path) -> None:
        """Open a batch folder."""
        from cnmf3d.batch import Batch

        path = Path(folder).expanduser()
        path = path.parent if path.is_file() else path
        try:
            self.batch = Batch.open(path)
        except Cnmf3dError as error:
            self.fail(error)
            return
        self.recent.add(path)
        self.tell(f"Opened the batch {path}")

    def open_project(self, folder: str | Path) -> None:
        """Open a project folder."""
        from cnmf3d.project import Project

        path = Path(folder).expanduser()
        path = path.parent if path.is_file() else path
        try:
            self.take_project(Project.open(path))
        except Cnmf3dError as error:
            self.fail(error)

    def take_project(self, project: Project) -> None:
        """Make a project the open one."""
        self.project = project
        self.recent.add(project.folder)
        self.tell(f"Opened the project {project.folder}")

    def clear(self) -> bool:
        """Empty the work environment and give its memory back; False where the user keeps it."""
        if not self.may_discard():
            return False
        self._unsaved.clear()
        self._read = None
        self.environment.clear()
        self.space.workEnv = ViewerWorkEnv()
        self.space.update()
        give_back()
        return True

    def save(self) -> bool:
        """Put the curation into its file in the background, or into the open sample; False where that can't be."""
        if self.rois is None:
            self.tell("There is no curation to save")
            return False
        if self.rois.journal is None and self.project is not None:
            from cnmf3d.viewer.controllers.project import project_actions

            if project_actions(self).sample_is_open:
                return project_actions(self).save()
        try:
            write, done = self.rois.saving()
        except Cnmf3dError as error:
            self.fail(error)
            return False
        path = self.results_path

        def finish(_: None) -> None:
            try:
                done()
            except Cnmf3dError as error:
                self.fail(error)
                return
            self.mark_unsaved("ROIs", False)
            self.saved.emit()
            self.tell(f"Saved in {path}")

        self.tasks.start("Saving the curation", lambda task: write(), finish, self.fail)
        return True

    def tell(self, text: str) -> None:
        """Say something in the status bar."""
        self.told.emit(text)

    def fail(self, error: Cnmf3dError) -> None:
        """Say what went wrong, and what helps."""
        self.failed.emit(error.problem, error.fix)

    def attempt(self, do: Callable[[], object]) -> bool:
        """Do something that the user asked for; what goes wrong is told. Whether it was done."""
        try:
            do()
        except Cnmf3dError as error:
            self.fail(error)
            return False
        return True

    def close(self) -> None:
        """End what runs for this window and let go of what is open."""
        self.closed.emit()
        self.tasks.close()
        if self._show in self.space.updated:
            self.space.updated.remove(self._show)
        if self._batch is not None:
            self._batch.close()
            self._batch = None
        if self.space.project is not None:
            self.space.project.close()
            self.space.project = None
        if self.rois is not None:
            self.rois.close()
        self.rois = self.curator = None

    def _show(self, environment: ViewerWorkEnv) -> None:
        """Take over a work environment, from wherever it was set: a script sets it in a thread of its own."""
        self.tasks.ask(lambda: self._show_here(environment))

    def _show_here(self, environment: ViewerWorkEnv) -> None:
        if environment is not self._read:  # nothing that was read belongs to it, as where a script has set it
            self.contrast = self.results_path = self._ready = None
        self.environment_changed.emit(environment)
        seen = (id(environment.imgdata.seq), environment.UUID)
        if seen != self._shown:
            self._shown = seen
            if self.curator is not None:
                self.curator.footage = self._footage()
            self.movie_changed.emit(self.movie)
        self._show_rois(environment)

    def _show_rois(self, environment: ViewerWorkEnv) -> None:
        """Make the ROIs' model where they are other ones."""
        manager = environment.roi_manager
        results = None if manager is None else manager.results
        if results is self._results:
            if manager is not None and self.rois is not None:
                manager.session = self.rois
            return
        from cnmf3d.viewer.controllers.curating import Curator

        self._results = results
        if self.rois is not None:
            self.rois.close()
        self.rois, self.order, self.curator = None if results is None else self._store_of(results), None, None
        if self.rois is not None:
            assert manager is not None
            manager.session = self.rois
            self.curator = Curator(self.rois, self.tasks, self._footage())
            self.curator.failed.connect(self.fail)
            if self.rois.journal is None:
                self.rois.changed.connect(lambda: self.mark_unsaved("ROIs"))
        self.painter.show(self.rois)
        self.rois_changed.emit(self.rois)
        if self.rois is not None:
            self.tasks.aside(self.rois.prepare)

    def _store_of(self, results: Results) -> RoiStore:
        """ROIs whose steps are saved at once beside their file, where they have one that can be written."""
        from cnmf3d.viewer.models.roi_store import RoiStore

        ready, self._ready = self._ready, None
        store = ready or RoiStore.from_results(results)
        if self.results_path is not None:
            try:
                store.keep(self.results_path)
                if store.journal is not None and store.journal.notice:
                    self.tell(store.journal.notice)
            except Cnmf3dError as error:
                self.tell(f"Curation will not be saved: {error.problem}")
        return store

    def _footage(self) -> Footage | None:
        """The movie that ROIs are demixed from."""
        from cnmf3d.viewer.controllers.curating import Footage

        movie = self.movie
        if movie is None:
            return None
        try:
            source, opening = self.environment.imgdata.source()
        except Cnmf3dError:
            return Footage(movie)
        return Footage(movie, source, opening)

    def _report(self, event: Event) -> None:
        """Put what a work environment says into the status bar."""
        if not isinstance(event, Progress):
            text = event.text
            self.tasks.ask(lambda: self.tell(text))


_APPS: dict[int, App] = {}


def app_of(viewer: Any) -> App:
    """The app of a napari viewer, made when it is first asked for: docks in a plain napari share it."""
    model = getattr(viewer, "__wrapped__", viewer)
    if id(model) not in _APPS:
        from cnmf3d.viewer.layers import Layers

        app = _APPS[id(model)] = App(model)
        app.layers = Layers(app)
        app.closed.connect(lambda: _APPS.pop(id(model), None))
    return _APPS[id(model)]
