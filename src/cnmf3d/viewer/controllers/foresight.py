"""Foresight: what a run with the form's parameters takes of memory, disk and time, at every change."""

from __future__ import annotations

import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

import psutil
from psygnal import Signal

from cnmf3d.errors import Cnmf3dError
from cnmf3d.viewer.models.batch_progress import clock
from cnmf3d.viewer.models.form import FormModel
from cnmf3d.viewer.models.form_fields import fields

if TYPE_CHECKING:
    from cnmf3d.movies import Movie
    from cnmf3d.parameters import CnmfParameters
    from cnmf3d.viewer.app import App

NO_MOVIE = "Open a movie to see what a run takes."


class Foresight:
    """Tells what a run takes.

    Parameters
    ----------
    app : App
        Whose movie is meant.
    form : FormModel

    Attributes
    ----------
    told : Signal
        ``(text, good)``: what it takes, or why it can't be run.
    text, good
        The last that was told.
    """

    told = Signal(str, bool)

    def __init__(self, app: App, form: FormModel) -> None:
        self._app, self._form = app, form
        self.text, self.good = NO_MOVIE, True
        self._loading = self._checking = False
        form.checked.connect(self.look)
        app.movie_changed.connect(self._anew)
        app.environment_changed.connect(self._anew)

    def look(self) -> None:
        """Look again."""
        if self._checking:
            return
        if self._app.environment.isEmpty:
            self._tell(NO_MOVIE, True)
        elif self._form.errors:
            self._tell("Mend the marked entries first.", False)
        elif "cnmf3d.engine.planning" in sys.modules:
            self._say(self._form.parameters())
        elif not self._loading:
            self._loading = True
            self._app.tasks.start("Loading the engine", lambda task: load(), self._loaded, self._failed)

    def _anew(self) -> None:
        """Look again at another movie, or other metadata."""
        self._checking = True
        self._form.forgive()
        self._checking = False
        self.look()

    def _loaded(self, _: object) -> None:
        self._loading = False
        self.look()

    def _failed(self, error: Cnmf3dError) -> None:
        self._loading = False
        self._tell(error.problem, False)

    def _say(self, parameters: CnmfParameters) -> None:
        try:
            self._tell(*needs(self._app.environment.imgdata.described, parameters))
        except Cnmf3dError as error:
            self._tell(error.problem, False)
            name = named_in(error.problem)
            if name:
                self._checking = True
                self._form.complain(name, error.problem)
                self._checking = False

    def _tell(self, text: str, good: bool) -> None:
        self.text, self.good = text, good
        self.told.emit(text, good)


def load() -> None:
    """Load the engine, which takes a second."""
    import cnmf3d.engine.planning  # noqa: F401


def needs(movie: Movie, parameters: CnmfParameters) -> tuple[str, bool]:
    """What a run takes, in words, and whether this machine has it now.

    Raises
    ------
    InputError, UsageError
        Where movie and parameters don't fit.
    """
    from cnmf3d.engine import estimate
    from cnmf3d.engine.planning import plan_of

    plan_of(movie, parameters)
    found = estimate(movie, parameters)
    text = f"A run takes about {size(found.memory)} memory, {size(found.disk)} disk, {clock(found.seconds)}."
    free, room = psutil.virtual_memory().available, shutil.disk_usage(tempfile.gettempdir()).free
    if found.memory > free:
        return f"{text} Only {size(free)} memory is free.", False
    if found.disk > room:
        return f"{text} Only {size(room)} disk is free.", False
    return text, True


def named_in(problem: str) -> str:
    """The parameter that a message begins with; empty where none."""
    first = problem.partition(" ")[0]
    return next((name for name in fields() if first in (name, name.rpartition(".")[2])), "")


def size(count: int) -> str:
    """Bytes as people say it."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{max(1, round(count / 2**20))} MiB"
