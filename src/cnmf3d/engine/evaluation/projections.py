"""Summary images of a block."""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Float
from cnmf3d.engine.block import Block
from cnmf3d.engine.kernels.numba import block as kernels


def local_correlation(block: Block) -> Float:
    """(Z, Y, X) mean correlation of each voxel's binned trace with those of its up to six neighbours."""
    out = np.empty(block.rows.shape[0], np.float32)
    kernels.neighbour_correlation(block.rows, *block.shape, out)
    return out.reshape(block.shape)
