"""Parameters: frozen models, one file a stage; CaImAn's names and the dict of the CNMF 3D form are understood."""

from cnmf3d.parameters.model import CnmfParameters
from cnmf3d.parameters.motion import MotionParameters
from cnmf3d.parameters.reading import read_parameters, read_text
from cnmf3d.parameters.registering import read_motion_parameters

__all__ = ["CnmfParameters", "MotionParameters", "read_motion_parameters", "read_parameters", "read_text"]
