"""Workspace: the scripting names of the CNMF 3D page, without a screen.

`Workspace` offers them; `ViewerWorkEnv` is what scripts and the viewer work on.
"""
