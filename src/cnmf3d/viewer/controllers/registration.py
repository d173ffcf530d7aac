"""Registration: the motion of the movie that is open, estimated beside the window, edited, and taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.motion.stretch import over_all, stretch_of
from cnmf3d.movies import Movie
from cnmf3d.movies.registered import Motion, motion_of, read_motion, registered, write_motion
from cnmf3d.movies.registered.frames import Registered
from cnmf3d.movies.registered.origin import motion_path, of_movie, opening_of, recordings_of
from cnmf3d.movies.registered.storing import holds_motion
from cnmf3d.viewer.controllers.motion_process import estimate_in_process
from cnmf3d.viewer.controllers.motions import (
    EDITED,
    ENTRY,
    Found,
    check_writable,
    history_entry,
    own_file,
    ready_movie,
    recorded_of,
)
from cnmf3d.viewer.models.bad_frames import BadFrames
from cnmf3d.viewer.models.motion_form import MotionForm
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.sequence import Opened, Sequence

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.tasks import Task

View = Literal["registered", "as recorded", "side by side"]
STRETCH = 300
"""Frames of a preview, around the one that is looked at: enough for a template, and done in seconds."""
VIEWS: tuple[View, ...] = ("registered", "as recorded", "side by side")


class Registration:
    """What the docks Registration and Motion show and do. Mistakes go to ``app.fail``.

    Parameters
    ----------
    app : App

    Attributes
    ----------
    form : MotionForm
    bad : BadFrames
        Frames of the motion that are left out.
    recorded : Movie or None
        The movie that is open, as it was recorded.
    found : Found or None
        Its motion.
    trial : Found or None
        The motion of a stretch, as a preview; never together with one that is taken out.
    channel : int or None
        That motion is estimated on; None: that of the movie.
    view : str
        What the picture shows.
    changed : Signal
        Another motion, or none.
    shown : Signal
        `used` or `view` are other ones.
    """

    changed = Signal()
    shown = Signal()

    def __init__(self, app: App) -> None:
        self.app = app
        self.form, self.bad = MotionForm(), BadFrames()
        self.recorded: Movie | None = None
        self.found: Found | None = None
        self.trial: Found | None = None
        self.channel: int | None = None
        self.view: View = "as recorded"
        self._task: Task | None = None
        self._saving = self._switching = False
        self.bad.changed.connect(self._edited)
        app.movie_changed.connect(self._take_movie)
        self._take_movie(app.movie)

    @property
    def busy(self) -> bool:
        """Whether motion is being estimated."""
        return self._task is not None and self._task in self.app.tasks.running

    @property
    def task(self) -> Task | None:
        """What estimates motion, where something does."""
        return self._task if self.busy else None

    @property
    def used(self) -> bool:
        """Whether the movie of the work environment is the registered one."""
        return self.app.movie is not None and isinstance(self.app.movie.frames, Registered)

    def estimate(self) -> Task | None:
        """Estimate the motion of the movie in a process of its own, and take it out where something moves."""
        wanted: list[tuple[Movie, dict[str, Any]]] = []
        if self.busy or not self.app.attempt(lambda: wanted.append(self._request())):
            return None
        if self.found is not None and self.found.motion.parameters.get(EDITED) and not self._may_replace():
            return None
        movie, request = wanted[0]

        def work(task: Task) -> Found:
            notes = estimate_in_process(request, task)
            path = Path(request["output"])
            motion = read_motion(path)
            return Found(motion, path, ready_movie(movie, motion), notes)

        self._task = self.app.tasks.start("Estimating motion", work, self._estimated(movie), self.app.fail)
        return self._task

    def preview(self) -> Task | None:
        """Estimate the motion of a stretch around the current frame, and show it side by side with the recording."""
        wanted: list[tuple[Movie, dict[str, Any]]] = []
        if self.busy or not self.app.attempt(lambda: wanted.append(self._request(keep=False))):
            return None
        movie, request = wanted[0]
        frames = movie.shape[0]
        start = min(max(int(self.app.viewer.dims.current_step[0]) - STRETCH // 2, 0), max(frames - STRETCH, 0))
        request["stretch"] = [start, min(start + STRETCH, frames)]

        def work(task: Task) -> Found:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "preview.motion.hdf5"
                notes = estimate_in_process({**request, "output": str(path)}, task)
                motion = read_motion(path)
            return Found(motion, path, ready_movie(movie, over_all(motion, frames)), notes)

        self._task = self.app.tasks.start("Previewing registration", work, self._previewed(movie), self.app.fail)
        return self._task

    def _previewed(self, movie: Movie) -> Callable[[Found], None]:
        """What is done with a preview, unless another movie is open by now."""

        def done(trial: Found) -> None:
            if self.recorded is None or self.recorded.frames is not movie.frames:
                return
            if self.used:
                self._switch(False)
            self.trial = trial
            start, stop = stretch_of(trial.motion) or (0, 0)
            step = self.app.viewer.dims.current_step
            if not start <= step[0] < stop:
                self.app.viewer.dims.current_step = (start, *step[1:])
            if self.app.layers is not None:
                self.app.layers.show_other("registered", trial.moved)
            self.changed.emit()
            self.show("as recorded" if trial.motion.still else "side by side")
            found = "nothing moves that matters" if trial.motion.still else "recorded left, registered right"
            self.app.tell(f"Preview of frames {start} to {stop - 1}: {found}")

        return done

    def add_to_batch(self, engine: str = "native") -> bool:
        """Add an item that registers the movie, with what is in the form; whether there is one now."""
        from cnmf3d.viewer.controllers.actions import actions_of

        wanted: list[dict[str, Any]] = []
        if not self.app.attempt(lambda: wanted.append(self.form.params(self.channel))):
            return False
        return actions_of(self.app).add_registration(wanted[0], engine) is not None

    def cancel(self) -> None:
        """Estimate no more; the motion that was there stays."""
        if self._task is not None:
            self._task.cancel()

    def open(self, path: str | Path) -> Task | None:
        """Read a motion file, or shifts of CaImAn or Suite2p, and take the motion out.

        Where no movie is open, a motion file leads to its own.
        """
        movie = self.recorded
        if movie is None:
            return self._open_its_movie(Path(path))
        if not self.app.attempt(self._source):
            return None
        return self._read(Path(path), movie, lambda found: self._take(found, use=True))

    def _open_its_movie(self, path: Path) -> Task | None:
        """Open the movie that a motion file was made from, registered."""
        found: list[Motion] = []
        if not self.app.attempt(lambda: found.append(read_motion(path))):
            return None
        places = recordings_of(found[0], path)
        if not places:
            self.app.fail(UsageError(f"the movie of {path.name} is not where it was", "Open it, then its motion."))
            return None
        source = [str(place) for place in places[0]]
        opening = {**opening_of(found[0]), "motion": str(path.absolute())}
        return self.app.open(source if len(source) > 1 else source[0], **opening)

    def use(self, on: bool) -> None:
        """Make the registered movie the one of the work environment, or the recorded one."""
        if self.found is not None and on != self.used:
            self.trial = None
            self._switch(on)
            self.changed.emit()
            self.show("registered" if on else "as recorded")

    def show(self, view: View) -> None:
        """Choose what the picture shows."""
        wider = (self.view == "side by side") != (view == "side by side")
        self.view = view
        if self.app.layers is not None:
            seen = {"registered": (True, False), "as recorded": (False, True), "side by side": (True, True)}[view]
            self.app.layers.compare(*(seen if self.used else seen[::-1]), left=self.used)  # before, after
            if wider:
                self.app.viewer.reset_view()
        self.shown.emit()

    def _request(self, *, keep: bool = True) -> tuple[Movie, dict[str, Any]]:
        """What the process is asked; `keep`: and what it finds is kept beside the movie.

        Raises
        ------
        UsageError
            Where the movie is only in memory, an entry of the form can't be, or the file can't be written.
        """
        source, opening = self._source()
        assert self.recorded is not None
        output = motion_path(self.recorded).absolute()
        if keep:
            check_writable(output)
        return self.recorded, {
            "source": source if isinstance(source, str) else list(source),
            "opening": opening,
            "parameters": self.form.parameters().model_dump(mode="json"),
            "channel": self.channel,
            "output": str(output),
            "workers": None,
        }

    def _source(self) -> tuple[str | tuple[str, ...], dict[str, Any]]:
        """How the recording is opened."""
        source, opening = self.app.environment.imgdata.source()
        return source, {name: value for name, value in opening.items() if name != "motion"}

    def _may_replace(self) -> bool:
        return self.app.confirm("Bad frames were marked by hand in the motion that is there.") == "discard"

    def _estimated(self, movie: Movie) -> Callable[[Found], None]:
        """What is done with the motion of a movie, unless another one is open by now."""

        def done(found: Found) -> None:
            if self.recorded is None or self.recorded.frames is not movie.frames:
                self.app.tell(f"The motion of the movie before is in {found.path}")
                return
            still = found.motion.still
            self._take(found, use=not still)
            if still:
                self.app.tell("Nothing moves that matters: the movie is used as it was recorded")
            else:
                self.app.tell(f"Registered; the motion is in {found.path}")

        return done

    def _read(self, path: Path, movie: Movie, done: Callable[[Found], None]) -> Task:
        """Read a motion in a thread."""

        def work(task: Task) -> Found:
            motion = motion_of(path, movie)
            return Found(motion, path, ready_movie(movie, motion))

        def take(found: Found) -> None:
            if self.recorded is not None and self.recorded.frames is movie.frames:
                done(found)

        return self.app.tasks.start(f"Reading {path.name}", work, take, self.app.fail)

    def _take_movie(self, movie: Movie | None) -> None:
        """Follow the movie that is open: with its motion, or with the one whose file lies beside it."""
        if self._switching:
            return
        self.recorded, self.found = None if movie is None else recorded_of(movie), None
        self.trial = None
        self.view = "as recorded"
        if self.used and movie is not None and isinstance(movie.frames, Registered):
            path = self._opening().get("motion")
            if path is not None:
                self._take(Found(movie.frames.motion, Path(path), movie), use=True)
                return
        self.bad.begin(self.bad.marked[:0])
        if self.app.layers is not None:
            self.app.layers.hide_other()
        self.changed.emit()
        self.shown.emit()
        if movie is None or self.used or self.app.environment.isEmpty or not movie.paths:
            return
        beside = motion_path(movie)
        if "://" not in movie.paths[0] and beside.is_file() and holds_motion(beside):
            self._read(beside, movie, lambda found: self._take(found, use=False))

    def _take(self, found: Found, *, use: bool) -> None:
        """Show a motion."""
        self.found, self.trial = found, None
        self.bad.begin(found.motion.bad_frames)
        if use or self.used:
            self._switch(use)
        else:
            self._show_other()
        self.changed.emit()
        self.show("registered" if use else "as recorded")

    def _switch(self, on: bool) -> None:
        """Give the work environment the registered or the recorded movie; the place that is looked at stays."""
        found, movie = self.found, self.recorded
        assert found is not None and movie is not None
        environment, viewer = self.app.environment, self.app.viewer
        camera = viewer.scene.camera
        place = (tuple(viewer.dims.current_step), tuple(camera.center), camera.zoom, tuple(camera.angles))
        old = environment.imgdata
        source, opening = self._source()
        meta = {name: value for name, value in old.meta.items() if name != "motion"}
        told = {name: value for name, value in self._told().items() if name != "motion"}
        environment.history_trace[:] = [entry for entry in environment.history_trace if ENTRY not in entry]
        if on:
            movie = found.moved
            opening["motion"] = str(found.path.absolute())
            meta["motion"] = told["motion"] = movie.metadata["motion"]
            environment.history_trace.append(history_entry(found))
        environment.imgdata = ImgData(Sequence(Opened(movie, source, opening, told)), meta)
        self._switching = True
        try:
            self.app.space.update()
        finally:
            self._switching = False
        viewer.dims.current_step = place[0]
        camera.center, camera.zoom, camera.angles = place[1:]
        self._show_other()

    def _show_other(self) -> None:
        """Have the movie that isn't in use as a layer, too."""
        if self.app.layers is not None and self.found is not None and self.recorded is not None:
            if self.used:
                self.app.layers.show_other("as recorded", self.recorded)
            else:
                self.app.layers.show_other("registered", self.found.moved)

    def _opening(self) -> dict[str, Any]:
        """How the movie of the work environment was opened; empty where it is only in memory."""
        seq = self.app.environment.imgdata.seq
        return dict(seq.opened.opening) if isinstance(seq, Sequence) and seq.opened.source is not None else {}

    def _told(self) -> dict[str, Any]:
        seq = self.app.environment.imgdata.seq
        return dict(seq.opened.told) if isinstance(seq, Sequence) else {}

    def _edited(self) -> None:
        """Keep what was marked, in the file and in the movie."""
        if self.found is None:
            return
        self.app.mark_unsaved("bad frames")
        self._save()

    def _save(self) -> None:
        """Write the motion file in a thread, once more where something was marked meanwhile."""
        found, movie = self.found, self.recorded
        if self._saving or found is None or movie is None:
            return
        targets: list[Path] = []
        if not self.app.attempt(lambda: targets.append(own_file(found.path, movie))):
            return
        path, opening = targets[0], self._source()[1]
        marked = self.bad.marked
        motion = replace(found.motion, bad_frames=marked, parameters={**found.motion.parameters, EDITED: True})
        if path != found.path:
            motion = of_movie(motion, movie, opening)
        self._saving = True

        def work(task: Task) -> Found:
            write_motion(motion, path)
            return Found(motion, path, registered(movie, motion), found.notes)

        def done(saved: Found) -> None:
            self._saving = False
            if self.found is not found:
                return
            self.found = saved
            if self.bad.marked is not marked:
                self._save()
                return
            self.app.mark_unsaved("bad frames", False)
            if self.used:
                self._switch(True)
            else:
                self._show_other()
            self.show(self.view)
            self.app.tell(f"{int(marked.sum())} bad frames, saved in {path.name}")

        def fail(error: Cnmf3dError) -> None:
            self._saving = False
            self.app.fail(error)

        self.app.tasks.start("Saving bad frames", work, done, fail)


_MADE: dict[int, Registration] = {}


def registration_of(app: App) -> Registration:
    """The registration of an app, made when it is first asked for: its docks share it."""
    if id(app) not in _MADE:
        _MADE[id(app)] = Registration(app)
        app.closed.connect(lambda: _MADE.pop(id(app), None))
    return _MADE[id(app)]
