"""Neuropil goes on smoothly under cells, and bleaching of their own light stays in it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.engine.smooth_neuropil import without_cells
from cnmf3d.engine.volume import Neuropil

SHAPE = (3, 60, 80)
VOXELS = int(np.prod(SHAPE))


def scene(count):
    z, y, x = np.indices(SHAPE)
    places = [(10 + 20 * (k // 4), 10 + 20 * (k % 4)) for k in range(count)]
    balls = [np.clip(1.2 - ((y - a) ** 2 + (x - b) ** 2) / 25 - (z - 1) ** 2 / 4, 0, 1).ravel() for a, b in places]
    footprints = sparse.csc_array(np.array([ball / np.linalg.norm(ball) for ball in balls], np.float32).T)
    smooth = (1 + 0.01 * y + 0.0001 * x**2).ravel().astype(np.float32)
    runs = np.array([[0, 0, VOXELS]])
    return footprints, smooth, runs


def settled(count, weights, rest, ranks=1, texture=0.0):
    footprints, smooth, runs = scene(count)
    scale = np.linspace(1, 2, VOXELS).astype(np.float32)
    of_noise = sparse.csc_array(footprints.multiply(1 / scale[:, None]))
    uneven = smooth + (texture * np.random.default_rng(1).standard_normal(VOXELS)).astype(np.float32)
    image = ((uneven + footprints @ weights) / scale).astype(np.float32)
    level = (100 * smooth + footprints @ rest).astype(np.float32)
    neuropil = Neuropil(image[None], np.zeros(VOXELS, np.float32), runs, runs, 1, (ranks,))
    found = without_cells(neuropil, of_noise, level, scale, np.ones(VOXELS, bool), SHAPE)
    return found.images[0] * scale, uneven, footprints, image * scale


def test_what_has_a_cells_shape_is_taken_out():
    weights = np.zeros(12, np.float32)
    weights[:4] = 5.0, -3.0, 0.0, 8.0
    found, smooth, _, _ = settled(12, weights, np.full(12, 100, np.float32))
    assert found == pytest.approx(smooth, abs=0.02)


def test_what_neuropil_varies_by_itself_stays():
    weights = np.zeros(12, np.float32)
    weights[0] = 40.0
    found, _, footprints, before = settled(12, weights, np.full(12, 100, np.float32), texture=0.5)
    taken = footprints.T @ (before - found)
    assert taken[0] == pytest.approx(40, rel=0.1)
    assert np.count_nonzero(np.abs(taken[1:]) > 1e-3) <= 2  # with none left out it is 11


def test_images_under_few_cells_stay_as_they_are():
    found, _, _, before = settled(4, np.array([5.0, -3.0, 0.0, 8.0], np.float32), np.full(4, 100, np.float32))
    assert found == pytest.approx(before)


def test_bleaching_of_own_light_stays():
    rest = np.linspace(50, 150, 12).astype(np.float32)
    weights = 0.04 * rest
    weights[3] += 9  # what this one does beside
    found, smooth, footprints, _ = settled(12, weights, rest)
    assert found == pytest.approx(smooth + footprints @ (0.04 * rest), abs=0.05)


def test_images_of_motion_keep_their_edges():
    found, _, _, before = settled(4, np.array([5.0, -3.0, 0.0, 8.0], np.float32), np.full(4, 100, np.float32), ranks=0)
    assert found == pytest.approx(before)
