"""The grain of the noise: how far neighbouring voxels share it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, sparse

from cnmf3d import open_movie
from cnmf3d.engine.cache import ingest
from cnmf3d.engine.noise import (
    MOST_LIGHT,
    REACH,
    noise_grain,
    noise_of_light,
    photon_gain,
    regular_noise,
    shared_noise,
    windows,
)
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
    assert places and len(places) <= 16
    for place in places:
        for part, length in zip(place, shape, strict=True):
            assert 0 <= part.start < part.stop <= length


def test_the_cache_of_a_movie_knows_its_grain(tmp_path):
    values = (100 + 5 * blurred(np.random.default_rng(4), 150)).astype(np.float32)
    cache = ingest(open_movie(values, rate=5), tmp_path / "c", 2, workers=2, reporter=silent)
    assert np.abs(cache.statistics.grain - KNOWN).max() < 0.03


# ---- noise of voxels


def test_what_a_short_sample_scatters_is_averaged_and_what_stands_out_stays():
    rng = np.random.default_rng(5)
    truth = np.broadcast_to(np.linspace(10, 14, 60)[:, None], (2, 60, 60)).copy()
    truth[0, 30, 30], truth[1, 10:15, 40:45] = 60, 0
    sample = truth * rng.normal(1, 0.06, truth.shape)
    found = regular_noise(sample.ravel(), truth.shape).reshape(truth.shape)
    plain = np.ones(truth.shape, bool)
    plain[0, 26:35, 26:35] = plain[1, 6:19, 36:49] = False
    assert (found[plain] / truth[plain]).std() < 0.03 < (sample[plain] / truth[plain]).std()
    assert found[0, 30, 30] == pytest.approx(sample[0, 30, 30]) and (found[1, 10:15, 40:45] == 0).all()
    assert not regular_noise(np.zeros(9), (1, 3, 3)).any()


def test_light_brings_its_own_noise():
    """A cell that doubles the light of its voxels has noise √2 as large then, where all noise is that of photons."""
    data = np.array([0.5, 0.5, 0.5], np.float32)
    footprints = sparse.csc_array((np.tile(data, 3), np.tile([1, 2, 3], 3), [0, 3, 6, 9]), shape=(5, 3))
    scale = np.full(5, 4, np.float32)
    active = np.zeros((3, 40), np.float32)
    active[0, :10] = 50  # a σ c = 0.5 · 4 · 50: 100 counts, as many as the 16 / 0.16 at rest
    active[1, :10] = 5000
    assert noise_of_light(footprints, active, 0.16, scale) == pytest.approx([2**0.5, MOST_LIGHT**0.5, 1])
    assert noise_of_light(footprints, active, 0.0, scale) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("offset", [-1000, 0, 3000])
def test_the_growth_of_noise_with_light_is_measured_whatever_the_offset(offset):
    rng = np.random.default_rng(6)
    light = rng.uniform(50, 400, 4000)
    noise = np.sqrt(3.0 * light + 20) * rng.normal(1, 0.05, 4000)
    every = np.ones(4000, bool)
    assert photon_gain((light + offset).astype(np.float32), noise, every) == pytest.approx(3, rel=0.05)
    assert photon_gain((light + offset).astype(np.float32), rng.normal(5, 0.25, 4000), every) < 0.1
    assert photon_gain(np.full(4000, 100, np.float32), noise, every) == 0
    assert photon_gain(light[:10], noise[:10], every[:10]) == 0
