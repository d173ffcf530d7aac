"""The viewer as scripts see it: the current work environment, and who is told when it changes."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from cnmf3d.errors import UsageError
from cnmf3d.events import Caution, Reporter, silent
from cnmf3d.workspace.environment import ViewerWorkEnv


class Viewer:
    """Holds the current work environment. A window, where there is one, listens in `updated`.

    Parameters
    ----------
    reporter : Reporter
        Told what the user should know about a movie.
    """

    def __init__(self, reporter: Reporter = silent) -> None:
        self.updated: list[Callable[[ViewerWorkEnv], None]] = []
        self._reporter = reporter
        self._env = ViewerWorkEnv()
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
