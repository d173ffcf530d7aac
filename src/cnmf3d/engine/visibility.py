"""What isn't seen is expected: values without data take what the model says there, so that they pull at nothing.

Source: Dempster, Laird & Rubin 1977, J R Stat Soc B 39:1 (least squares with missing values by expectation and
maximisation).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from cnmf3d.engine.block import STEP, Block, Fit

VOXELS = 1024
"""Voxels filled at once: bounds the memory of the model."""


def fill_hidden(block: Block, fit: Fit) -> None:
    """Put ``A C + B F`` into the block's hidden values, in place: there are no data to lose."""
    if block.hidden is None:
        return
    rows = sparse.csr_array(fit.footprints)
    bins = np.flatnonzero(block.hidden.mask.any(axis=0))  # few, where only some frames are bad
    traces, courses = fit.traces[:, bins], fit.temporal[:, bins]
    for start in range(0, block.hidden.voxels.size, VOXELS):
        voxels, mask = block.hidden.voxels[start : start + VOXELS], block.hidden.mask[start : start + VOXELS]
        model = rows[voxels] @ traces + fit.spatial[voxels] @ courses
        model = np.clip(np.rint(STEP * model), -32767, 32767).astype(np.int16)
        place = np.ix_(voxels, bins)
        block.rows[place] = np.where(mask[:, bins], model, block.rows[place])
