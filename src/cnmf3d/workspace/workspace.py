"""Workspace: the names that scripts, the console and the viewer's console find."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d.batch.modules import MODULES
from cnmf3d.events import Reporter, silent
from cnmf3d.workspace.batch_manager import BatchManager, Display, unseen
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.modules import Module, named
from cnmf3d.workspace.viewer import Viewer, ViewerUtils

if TYPE_CHECKING:
    from cnmf3d.project import Project


class Workspace:
    """A viewer's state, a batch, and the names to work on them.

    Parameters
    ----------
    reporter : Reporter
        Told what the user should know about a movie.
    display : callable, optional
        Makes the context in which a running batch is shown; it gives what is told of each event.
    vi : ViewerUtils, optional
        The viewer with a window, where there is one.

    Attributes
    ----------
    vi : ViewerUtils
    viewer : Viewer
    manager : BatchManager
    asked : list of callable
        Called with a module whose form is to be shown: ``get_module(name, hide=False)``.
    """

    def __init__(self, reporter: Reporter = silent, display: Display = unseen, vi: ViewerUtils | None = None) -> None:
        self.vi = vi or ViewerUtils(Viewer(reporter))
        self.viewer = self.vi.viewer
        self.manager = BatchManager(display)
        self.asked: list[Callable[[Module], None]] = []
        self._modules: dict[str, Module] = {}

    def get_workEnv(self) -> ViewerWorkEnv:
        """The current work environment."""
        return self.viewer.workEnv

    def get_image(self) -> Any:
        """The current movie as an array (T, Z, Y, X), read where it is indexed; None where there is none."""
        return self.viewer.workEnv.imgdata.seq

    def get_meta(self) -> dict[str, Any]:
        """The metadata of the current movie; the dict itself, which may be changed."""
        return self.viewer.workEnv.imgdata.meta

    def get_batch_manager(self) -> BatchManager:
        """The batch."""
        return self.manager

    def get_module(self, name: str, hide: bool = False) -> Module:
        """A module of the batch.

        Parameters
        ----------
        name : str
            One of `all_modules`: ``"cnmf_3d"``, ``"mcorr_3d"``.
        hide : bool
            Whether its form stays hidden; without a viewer there is none.

        Raises
        ------
        UsageError
            Where there is no such module.
        """
        name = named(name)
        module = self._modules.setdefault(name, Module(name, self.viewer, self.manager))
        for show in () if hide else self.asked:
            show(module)
        return module

    def get_project(self) -> Project:
        """The open project.

        Raises
        ------
        UsageError
            Where there is none.
        """
        return self.viewer.the_project()

    def names(self) -> dict[str, Any]:
        """What a script finds among its globals."""
        names: dict[str, Any] = {
            "vi": self.vi,
            "get_workEnv": self.get_workEnv,
            "get_image": self.get_image,
            "get_meta": self.get_meta,
            "get_module": self.get_module,
            "get_batch_manager": self.get_batch_manager,
            "get_project": self.get_project,
            "open_project": self.viewer.open_project,
            "update_workEnv": self.vi.update_workEnv,
            "clear_workEnv": self.vi.discard_workEnv,
            "ViewerWorkEnv": ViewerWorkEnv,
            "ImgData": ImgData,
            "all_modules": list(MODULES),
            "os": os,
            "glob": glob.glob,
            "np": np,
        }
        pandas = _later("pandas")
        return names if pandas is None else {**names, "pd": pandas}

    def close(self) -> None:
        """Let go of the batch and the movie."""
        self.viewer.workEnv.clear()
        self.manager.close()
        if self.viewer.project is not None:
            self.viewer.project.close()

    def __enter__(self) -> Workspace:
        """Use it in a `with`."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of everything."""
        self.close()


class _Later(ModuleType):
    """A module that is loaded when something of it is first used; any thread may do so."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)

    def __dir__(self) -> list[str]:
        return dir(import_module(self.__name__))


def _later(name: str) -> ModuleType | None:
    """A module, loaded when it is first used; None where it isn't installed."""
    if name in sys.modules:
        return sys.modules[name]
    return None if find_spec(name) is None else _Later(name)
