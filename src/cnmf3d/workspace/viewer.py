"""The viewer as scripts see it: the current work environment, and who is told when it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cnmf3d.errors import UsageError
from cnmf3d.events import Caution, Reporter, silent
from cnmf3d.workspace.environment import ViewerWorkEnv

if TYPE_CHECKING:
    from cnmf3d.project import Project, Sample


def _check_name(name: str, *, right: str) -> None:
    """See that a script doesn't set the work environment elsewhere, or under another name than the right one."""
    if name != right and name.replace("_", "").lower() == "workenv":
        raise UsageError("the work environment can't be set so", "Write vi.viewer.workEnv = ..., with a capital E.")


class Viewer:
    """Holds the current work environment. A window, where there is one, listens in `updated`.

    Parameters
    ----------
    reporter : Reporter
        Told what the user should know about a movie.

    Attributes
    ----------
    project : Project or None
        The open project.
    project_opened : list of callable
        Called with a project that was opened.
    """

    def __init__(self, reporter: Reporter = silent) -> None:
        self.updated: list[Callable[[ViewerWorkEnv], None]] = []
        self._reporter = reporter
        self._env = ViewerWorkEnv()
        self.project: Project | None = None
        self.project_opened: list[Callable[[Project], None]] = []
        self._told: UUID | None = None

    @property
    def workEnv(self) -> ViewerWorkEnv:
        """The current work environment; set another one, then call ``vi.update_workEnv()``."""
        return self._env

    @workEnv.setter
    def workEnv(self, env: ViewerWorkEnv) -> None:
        if not isinstance(env, ViewerWorkEnv):
            raise UsageError(
                f"a work environment can't be a {type(env).__name__}",
                "Make one: vi.viewer.workEnv = ViewerWorkEnv.from_tiff(path='movie.tif').",
            )
        self._env = env

    def report(self, text: str) -> None:
        """Tell the user something about what was opened."""
        self._reporter(Caution("open", text))

    def the_project(self) -> Project:
        """The open project.

        Raises
        ------
        UsageError
            Where there is none.
        """
        if self.project is None:
            raise UsageError(
                "no project is open", "open_project('DIR') opens one or makes it; cnmf3d script has --project DIR."
            )
        return self.project

    def open_project(self, folder: str | Path) -> Project:
        """Open a project, or make it where there is none."""
        from cnmf3d.project import Project

        opened = Project.open_or_create(folder)
        if self.project is not None:
            self.project.close()
        self.project = opened
        for tell in self.project_opened:
            tell(opened)
        return opened

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a name that is almost `workEnv` would be lost without a word."""
        _check_name(name, right="workEnv")
        super().__setattr__(name, value)

    def update(self) -> None:
        """See that the work environment can be used, and tell everyone who listens that it changed.

        Raises
        ------
        InputError
            Where a value of its metadata isn't what it should be.
        """
        env = self._env
        env.check()
        for text in env.warnings if self._told != env.UUID else ():
            self._reporter(Caution("open", text))
        self._told = env.UUID
        for tell in self.updated:
            tell(env)


class ViewerUtils:
    """What the CNMF 3D page calls ``vi``.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; the work environment belongs to the viewer."""
        _check_name(name, right="")
        super().__setattr__(name, value)

    @property
    def work_env(self) -> ViewerWorkEnv:
        """The current work environment."""
        return self.viewer.workEnv

    def update_workEnv(self) -> None:
        """Take the work environment as it now is: check it, and show it where there is a window."""
        self.viewer.update()

    def discard_workEnv(self) -> None:
        """Clear the work environment: its memory and files are given back."""
        self.viewer.workEnv.clear()
        self.viewer.workEnv = ViewerWorkEnv()
        self.viewer.update()

    def add_to_project(self, animal: str, trial: str, **values: Any) -> Sample:
        """Add the work environment to the open project, as a sample.

        Parameters
        ----------
        animal, trial : str
            Together unlike those of every other sample.
        **values
            ``date``, ``comments``, ``custom={"age": 12}``, ``stimuli={"odour": "odours.csv"}``,
            ``tags={"cell type": {0: "pyramidal"}}``, ``copy_movie=True``.

        Raises
        ------
        UsageError, InputError
            For values that can't be, and where there is no project, or there are no ROIs.
        """
        from cnmf3d.workspace.samples import add_to_project

        viewer = self.viewer
        return add_to_project(viewer.the_project(), viewer.workEnv, animal=animal, trial=trial, **values)

    def open_sample(self, key: str) -> None:
        """Make a sample of the open project the work environment.

        Parameters
        ----------
        key : str
            ``animal/trial``, or its UUID.
        """
        from cnmf3d.workspace.samples import open_sample

        viewer = self.viewer
        viewer.workEnv, notes = open_sample(viewer.the_project(), key)
        for note in notes:
            viewer.report(note)
        viewer.update()

    def save_sample(self, **values: Any) -> Sample:
        """Save the sample that is open, with its ROIs as they are now.

        Parameters
        ----------
        **values
            As for `add_to_project`.
        """
        from cnmf3d.workspace.samples import save_to_project

        viewer = self.viewer
        return save_to_project(viewer.the_project(), viewer.workEnv, **values)
