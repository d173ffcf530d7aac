"""Components that lie within a brighter one or at its edge and follow it in part: what its model left over.

Such a component follows the brighter one: what it holds is that cell's light, times its displacement. Of two cells that
overlap the traces mostly go against one another, as each footprint holds a little of the other's light and takes that
away: in presets with truth three of four such pairs do, but one of five pairs of a cell and what it left over. So
traces that go against one another are no reason to reject. Where two footprints are nearly the same (`SAME_PLACE`), no
traces make them two cells: it is one whose activity the model has shared out between both.
"""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Bool, Float
from cnmf3d.engine.block import Footprints, cosines_of, norms_of, with_data
from cnmf3d.engine.echoes import FAINTER, IN_ITS_PLACE
from cnmf3d.engine.evaluation.kinds import outlined
from cnmf3d.engine.lasting import noise_free_correlation, standardised
from cnmf3d.engine.merging import SAME_PLACE
from cnmf3d.traces import binned

WITHIN = 0.55
"""Share of a footprint's energy inside a brighter one's outline: of cells that lie over each other one in twenty has
more in dense volumes, of what a bright cell leaves nearly all."""

FAINT, WITHIN_FAINT = 0.25, 0.4
"""Brightness beside the other's below which less is enough: what displacement moves lies at the edge of a cell."""

OVERLAPS, FAINTER_EDGE = 0.3, 0.45
"""Cosine with the brighter one's footprint from which on one with less of its brightness may be its edge, wherever its
energy lies: the edge of a cell that moves within a block lies half outside. A cell so faint beside one that it overlaps
and follows is lost; of 160 overlapping pairs in presets with truth there is none but those that `REPEATS` keeps."""

REPEATS = 0.9
"""r value from which on that is a cell all the same: its active frames repeat its footprint, those of an edge, which
moves, don't. In presets with truth such cells have 0.94 and more, edges 0.88 at the most."""

FOLLOWS = 0.25
"""Correlation with the brighter one's trace, corrected for noise: of different cells one pair in ten has more."""


def is_double(footprints: Footprints, raw: Float, width: int, real: Bool, r_values: Float) -> Bool:
    """Which components lie within a brighter real one or at its edge and follow it, or are its copy; (n,) bool.

    Parameters
    ----------
    footprints : csc (voxels, components)
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    width : int
        Frames a bin.
    real : (components,) bool
        Components that others may be doubles of.
    r_values : (components,) float32
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
    cosine = cosines_of(footprints, shared.row, shared.col)
    near = (ratio < 1) & (shared.data >= np.where(ratio < FAINT, WITHIN_FAINT, WITHIN) * total[shared.col])
    near |= (ratio < FAINTER_EDGE) & (cosine > OVERLAPS) & (r_values[shared.col] < REPEATS)
    near |= (ratio < 1) & (cosine > SAME_PLACE)
    bright, weak = shared.row[near], shared.col[near]
    follows = noise_free_correlation(standardised(traces), bright, weak, stands_out=0) > FOLLOWS
    faint = brightness[weak] < FAINTER * brightness[bright]
    follows |= (faint & (cosine[near] > IN_ITS_PLACE)) | (cosine[near] > SAME_PLACE)
    for n in np.argsort(-brightness[weak], kind="stable"):  # a double has no doubles of its own
        if follows[n] and real[bright[n]] and not double[bright[n]]:
            double[weak[n]] = True
    return double
