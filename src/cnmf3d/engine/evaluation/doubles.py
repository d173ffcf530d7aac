"""Components that lie within a brighter one and follow it in part: what the model of a bright cell left over."""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Bool, Float
from cnmf3d.engine.block import Footprints, cosines_of, norms_of, with_data
from cnmf3d.engine.echoes import FAINTER, IN_ITS_PLACE
from cnmf3d.engine.evaluation.kinds import outlined
from cnmf3d.engine.lasting import noise_free_correlation, standardised
from cnmf3d.traces import binned

WITHIN = 0.55
"""Share of a footprint's energy inside a brighter one's outline: of cells that lie over each other one in twenty has
more in dense volumes, of what a bright cell leaves nearly all."""

FAINT, WITHIN_FAINT = 0.25, 0.4
"""Brightness beside the other's below which less is enough: what displacement moves lies at the edge of a cell."""

FOLLOWS = 0.25
"""Correlation with the brighter one's trace, corrected for noise: of different cells one pair in ten has more."""


def is_double(footprints: Footprints, raw: Float, width: int, real: Bool) -> Bool:
    """Which components lie within a brighter real one and follow its trace, or are its faint copy; (components,) bool.

    Parameters
    ----------
    footprints : csc (voxels, components)
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    width : int
        Frames a bin.
    real : (components,) bool
        Components that others may be doubles of.
    """
    count = footprints.shape[1]
    double = np.zeros(count, bool)
    if count < 2:
        return double
    traces = binned(raw, width)
    brightness = np.linalg.norm(traces, axis=1) * norms_of(footprints)
    energy = with_data(footprints, footprints.data**2)
    outline = with_data(footprints, outlined(footprints).astype(np.float32))
    total = np.maximum(np.asarray(energy.sum(axis=0)).ravel(), 1e-30)
    shared = (outline.T @ energy).tocoo()
    ratio = brightness[shared.col] / np.maximum(brightness[shared.row], 1e-30)
    near = (ratio < 1) & (shared.data >= np.where(ratio < FAINT, WITHIN_FAINT, WITHIN) * total[shared.col])
    bright, weak = shared.row[near], shared.col[near]
    follows = noise_free_correlation(standardised(traces), bright, weak, stands_out=0) > FOLLOWS
    faint = brightness[weak] < FAINTER * brightness[bright]
    follows |= faint & (cosines_of(footprints, bright, weak) > IN_ITS_PLACE)
    for n in np.argsort(-brightness[weak], kind="stable"):  # a double has no doubles of its own
        if follows[n] and real[bright[n]] and not double[bright[n]]:
            double[weak[n]] = True
    return double
