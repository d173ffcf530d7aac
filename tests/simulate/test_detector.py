from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cnmf3d.errors import UsageError
from cnmf3d.simulate import draw, scene_of
from cnmf3d.simulate.detector import detect, draw_pattern, noise_variance

PLAIN = {"size": "90,80,2", "read_noise": 0, "offset": 0, "frames": 40, "gain": 1}


def exposures(light, seed=0, **overrides):
    """Counts of flat light in all frames, (frames, Z, Y, X), and the scene."""
    scene = scene_of("noise", PLAIN | overrides)
    pattern = draw_pattern(scene, np.random.default_rng(seed))
    flat = np.full(scene.shape, light, np.float32)
    frames = [detect(flat.copy(), np.random.default_rng([seed, k]), scene, pattern, k) for k in range(scene.frames)]
    return np.stack(frames).astype(float), scene


def neighbours(counts, axis):
    a = np.moveaxis(counts - counts.mean(axis=0), axis, -1)
    return float((a[..., 1:] * a[..., :-1]).mean() / (a**2).mean())


@pytest.mark.parametrize(("photons", "gain", "spread"), [(0.25, 40, 1.0), (3.0, 10, 0.5), (0.5, 20, 0.0)])
def test_pulses_have_the_moments_of_a_compound_poisson_number(photons, gain, spread):
    counts, scene = exposures(photons * gain, gain=gain, pulse_spread=spread, dtype="float32", ceiling=1e9, hum=1e-9)
    assert counts.mean() == pytest.approx(photons * gain, rel=0.02)
    expected = noise_variance(scene, np.array([photons * gain]))[0]
    assert expected == pytest.approx(photons * gain**2 * (1 + spread**2))
    assert counts.var() == pytest.approx(expected, rel=0.03)
    third = (1 + spread**2) * (1 + 2 * spread**2) / ((1 + spread**2) ** 1.5 * np.sqrt(photons))
    assert stats.skew(counts.ravel()) == pytest.approx(third, rel=0.05)


def test_grain_is_shared_by_neighbours_and_lowers_the_noise():
    counts, scene = exposures(50, pulse_spread=1.0, grain="0.56,0.43,0", dtype="float32")
    weights = np.exp(-(np.arange(-1, 2)[:, None] ** 2) / (2 * np.array([0.56, 0.43]) ** 2))
    expected = 2 * weights[0] * weights[1] / (2 * weights[0] ** 2 + weights[1] ** 2)
    assert neighbours(counts, 3) == pytest.approx(expected[0], abs=0.01)
    assert neighbours(counts, 2) == pytest.approx(expected[1], abs=0.01)
    assert neighbours(counts, 1) == pytest.approx(0, abs=0.01)
    assert counts.var() == pytest.approx(noise_variance(scene, np.array([50.0]))[0], rel=0.03)


def test_counts_are_clipped_or_signed():
    clipped, _ = exposures(2, read_noise=10, gain=2, pulse_spread=0.1)
    signed, _ = exposures(2, read_noise=10, dtype="int16")
    assert 0.3 < (clipped == 0).mean() < 0.5
    assert signed.min() < -20 and signed.mean() == pytest.approx(2, abs=0.1)
    low, _ = exposures(100, ceiling=95)
    assert low.max() == 95


def test_hot_pixels_stay_where_they_are_and_some_blink():
    counts, scene = exposures(0, hot=0.01, hot_counts=400, frames=200)
    hot = counts.max(axis=0) > 50
    assert hot.sum() == round(0.01 * np.prod(scene.shape))
    dark = (counts[:, hot] == 0).mean(axis=0)
    assert 0.2 < (dark > 0.1).mean() < 0.4
    changes = np.abs(np.diff(counts[:, hot] > 0, axis=0)).mean(axis=0)
    assert changes.max() < 0.4  # they stay on for a second or so


def test_lines_share_an_offset_and_stripes_stay():
    lines, _ = exposures(0, line_noise=5, dtype="float32")
    assert lines.std() == pytest.approx(5, rel=0.1) and np.ptp(lines, axis=3).max() < 1e-5
    hum, _ = exposures(0, hum=7, dtype="float32")
    assert np.abs(hum).max() == pytest.approx(7, rel=0.01) and abs(hum.mean()) < 0.5
    stripes, _ = exposures(1000, stripes=0.1)
    assert stripes.mean(axis=(0, 1, 2)).std() == pytest.approx(100, rel=0.25)


def test_persistence_correlates_successive_frames():
    recording = draw(scene_of("noise", PLAIN | {"persistence": 0.2, "resting": 500}), seed=1)
    movie = np.stack([recording.frame(k) for k in range(40)]).astype(float)
    assert neighbours(movie, 0) == pytest.approx(0.16 / 0.68 - 1 / 39, abs=0.02)
    assert movie.var(axis=0).mean() == pytest.approx(0.68 * movie.mean(), rel=0.05)


def test_nan_needs_a_floating_type():
    with pytest.raises(UsageError, match="dtype=float32"):
        draw(scene_of("borders_nan", {"dtype": "uint16", "frames": 4}))
