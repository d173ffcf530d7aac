"""Which components are one cell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.engine.block import Fit
from cnmf3d.engine.cleaning import grow
from cnmf3d.engine.merging import same_cell

SHAPE, BINS = (1, 9, 30), 200


def fit_of(*columns):
    """Components with these profiles along x, which all have the same trace."""
    rng = np.random.default_rng(0)
    volumes = np.zeros((len(columns), *SHAPE), np.float32)
    for volume, profile in zip(volumes, columns, strict=True):
        for place, value in profile.items():
            volume[0, 3:6, place] = value
    flat = volumes.reshape(len(columns), -1)
    footprints = sparse.csc_array((flat / np.linalg.norm(flat, axis=1, keepdims=True)).T)
    trace = np.convolve(rng.random(BINS) < 0.05, 0.8 ** np.arange(20))[:BINS]
    traces = np.stack([trace + 0.01 * rng.standard_normal(BINS) for _ in columns]).astype(np.float32)
    empty = np.zeros((footprints.shape[0], 1), np.float32)
    return Fit(footprints, traces, empty, np.full((1, BINS), BINS**-0.5, np.float32), empty)


def groups(*columns):
    fit = fit_of(*columns)
    return same_cell(fit, grow(fit.footprints, SHAPE), 0.8).max() + 1


@pytest.mark.parametrize("faint", [0.02, 0.05])
def test_cells_that_fire_as_one_and_touch_in_the_dark_stay_two(faint):
    tail = dict.fromkeys(range(9, 14), faint)
    assert groups({5: 1, 6: 2, 7: 1, 8: 0.5} | tail, {15: faint, 16: 0.5, 17: 1, 18: 2, 19: 1}) == 2


def test_pieces_of_one_cell_are_one():
    assert groups({5: 1, 6: 2, 7: 2}, {8: 2, 9: 2, 10: 1}) == 1
    assert groups({5: 1, 6: 2, 7: 2}, {15: 2, 16: 2, 17: 1}) == 2
