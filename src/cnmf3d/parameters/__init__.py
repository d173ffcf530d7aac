"""Parameters: frozen models, one file a stage; CaImAn's names and the dict of the CNMF 3D form are understood."""

from cnmf3d.parameters.model import CnmfParameters
from cnmf3d.parameters.reading import read_parameters, read_text

__all__ = ["CnmfParameters", "read_parameters", "read_text"]
