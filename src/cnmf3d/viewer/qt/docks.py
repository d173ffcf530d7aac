"""The table of docks: what each is called, who makes it, and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App


@dataclass(frozen=True)
class Dock:
    """A part of the window.

    Attributes
    ----------
    name : str
        Title, and its entry in the menu.
    factory : str
        ``module:function`` that makes it: ``function(app) -> QWidget``. Imported when the dock is first shown.
    area : str
        Side of the window.
    shown : bool
        Whether it is there from the start. Docks of one area lie behind one another as tabs.
    front : bool
        Whether it is the tab that is seen first.
    """

    name: str
    factory: str
    area: Literal["left", "right", "bottom"]
    shown: bool = True
    front: bool = False

    def make(self, app: App) -> Any:
        """Make the widget."""
        module, function = self.factory.split(":")
        made: Callable[[App], Any] = getattr(import_module(module), function)
        return made(app)


DOCKS: tuple[Dock, ...] = (
    Dock("ROIs", "cnmf3d.viewer.qt.rois:RoiDock", "right", front=True),
    Dock("Curation", "cnmf3d.viewer.qt.curation_dock:CurationDock", "right"),
    Dock("Registration", "cnmf3d.viewer.qt.registration:RegistrationDock", "right"),
    Dock("CNMF 3D", "cnmf3d.viewer.qt.form:FormDock", "right"),
    Dock("Work environment", "cnmf3d.viewer.qt.environment:EnvironmentDock", "right"),
    Dock("Movie", "cnmf3d.viewer.qt.tools:ToolsDock", "right"),
    Dock("Traces", "cnmf3d.viewer.qt.traces:TraceDock", "bottom", front=True),
    Dock("Heat map", "cnmf3d.viewer.qt.heatmap:HeatMapDock", "bottom"),
    Dock("Motion", "cnmf3d.viewer.qt.motion_plot:MotionDock", "bottom"),
    Dock("Batch Manager", "cnmf3d.viewer.qt.batch:BatchDock", "bottom"),
    Dock("Project", "cnmf3d.viewer.qt.project:ProjectDock", "bottom"),
    Dock("Script Editor", "cnmf3d.viewer.qt.editor:ScriptEditor", "right", shown=False),
)
"""In the order of their tabs."""


def dock_named(name: str) -> Dock:
    """A dock of the table."""
    return next(dock for dock in DOCKS if dock.name == name)
