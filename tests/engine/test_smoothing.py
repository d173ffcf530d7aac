"""Footprints are freed of their noise, and only of that."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.engine.smoothing import smoothed
from cnmf3d.engine.supports import ellipsoids
from cnmf3d.geometry import ZYX

SHAPE = (7, 31, 31)
GRID = np.indices(SHAPE).reshape(3, -1)


def noisy_cell(centre, error, seed=0):
    """A support with a Gaussian cell and noise of known size on it; the cell alone; a trace of that precision."""
    support = ellipsoids(SHAPE, np.array([centre]), ZYX(3, 8, 8))
    offset = (GRID[:, support.indices] - np.array(centre)[:, None]) / np.array([[1.2], [2.9], [2.9]])
    clear = np.exp(-0.5 * (offset**2).sum(axis=0)).astype(np.float32)
    noise = error * np.random.default_rng(seed).standard_normal(clear.size).astype(np.float32)
    footprint = sparse.csc_array((np.maximum(clear + noise, 0), support.indices, support.indptr), shape=support.shape)
    return footprint, clear, np.array([[1 / error]], np.float32)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("centre", [(3, 15, 15), (0, 15, 15), (6, 3, 30)])
def test_a_dim_cell_comes_out_clearer_also_at_the_border(centre):
    footprint, clear, trace = noisy_cell(centre, 0.25)
    result, errors = smoothed(footprint, trace, SHAPE)
    assert cosine(result.data, clear) > 0.96 > cosine(footprint.data, clear) + 0.05
    assert errors[0] < 0.5 * 0.25
    assert result.data[clear.argmax()] > 0.6


def test_a_bright_cell_stays_as_it_is():
    footprint, _, trace = noisy_cell((3, 15, 15), 1e-4)
    result, errors = smoothed(footprint, trace, SHAPE)
    assert np.array_equal(result.data, footprint.data) and errors[0] == pytest.approx(1e-4)


def test_nothing_smoothed_is_nothing():
    none = sparse.csc_array((int(np.prod(SHAPE)), 0), dtype=np.float32)
    assert smoothed(none, np.zeros((0, 5), np.float32), SHAPE)[0].shape[1] == 0
    empty = sparse.csc_array((int(np.prod(SHAPE)), 1), dtype=np.float32)
    assert smoothed(empty, np.zeros((1, 5), np.float32), SHAPE)[0].nnz == 0
