"""The grain of the noise: how far neighbouring voxels share it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cnmf3d import open_movie
from cnmf3d.engine.cache import ingest
from cnmf3d.engine.noise import REACH, noise_grain, shared_noise, windows
from cnmf3d.events import silent

SHAPE = (1, 96, 120)
ALONG_Y, ALONG_X = (0.25, 0.5, 0.25), (0.5, 0.5)
KNOWN = np.zeros((3, REACH + 1))
KNOWN[:, 0] = 1
KNOWN[1, 1:3] = 2 / 3, 1 / 6
KNOWN[2, 1] = 0.5


def blurred(rng, frames, draw=None):
    """Noise of variance one that neighbours share as `KNOWN` says, (frames, Z, Y, X)."""
    noise = (draw or rng.standard_normal)((frames, *SHAPE))
    for axis, weights in ((2, ALONG_Y), (3, ALONG_X)):
        noise = ndimage.convolve1d(noise, np.array(weights) / np.linalg.norm(weights), axis=axis, mode="wrap")
    return noise


def grain_of(frames, stretches=12):
    parts = np.array_split(frames, stretches)
    return noise_grain(sum(shared_noise(part.reshape(len(part), -1), SHAPE) for part in parts))


def test_noise_of_a_known_grain_is_measured():
    rng = np.random.default_rng(0)
    assert np.abs(grain_of(blurred(rng, 144)) - KNOWN).max() < 0.03


def test_skewed_noise_of_whole_numbers_has_its_grain_too():
    rng = np.random.default_rng(1)
    counts = blurred(rng, 144, lambda size: rng.poisson(0.3, size) * rng.gamma(2, size=size))
    assert np.abs(grain_of(np.rint(40 + 20 * counts).astype(np.uint16)) - KNOWN).max() < 0.03


def test_noise_of_its_own_has_none():
    rng = np.random.default_rng(2)
    expected = np.zeros((3, REACH + 1))
    expected[:, 0] = 1
    assert np.array_equal(grain_of(rng.standard_normal((144, *SHAPE)).astype(np.float32)), expected)


@pytest.mark.parametrize("grained", [True, False])
def test_bright_active_cells_in_a_few_windows_change_nothing(grained):
    rng = np.random.default_rng(3)
    noise = blurred(rng, 144) if grained else rng.standard_normal((144, *SHAPE))
    cell = np.zeros((25, 25))
    cell[12, 12] = 1
    cell = ndimage.gaussian_filter(cell, 4)
    cell /= cell.max()
    for y, x in ((20, 20), (40, 90), (70, 50)):
        noise[:, :, y - 12 : y + 13, x - 12 : x + 13] += rng.gamma(0.5, 30, (144, 1, 1, 1)) * cell
    expected = KNOWN if grained else np.eye(1, REACH + 1)[[0, 0, 0]]
    assert np.abs(grain_of(noise) - expected).max() < 0.06


@pytest.mark.parametrize("shape", [(1, 10, 10), (1, 1, 4), (40, 30, 700), (2, 513, 511)])
def test_windows_lie_in_the_volume(shape):
    places = windows(shape)
    assert places and len(places) <= 48
    for place in places:
        for part, length in zip(place, shape, strict=True):
            assert 0 <= part.start < part.stop <= length


def test_the_cache_of_a_movie_knows_its_grain(tmp_path):
    values = (100 + 5 * blurred(np.random.default_rng(4), 150)).astype(np.float32)
    cache = ingest(open_movie(values, rate=5), tmp_path / "c", 2, workers=2, reporter=silent)
    assert np.abs(cache.statistics.grain - KNOWN).max() < 0.03
