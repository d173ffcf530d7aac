"""Workspace: the scripting names of the CNMF 3D page, without a screen.

`Workspace` offers them; `ViewerWorkEnv` is what scripts and the viewer work on.
"""

from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.workspace import Workspace

__all__ = ["ImgData", "ViewerWorkEnv", "Workspace"]
