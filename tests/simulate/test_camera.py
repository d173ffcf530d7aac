from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cnmf3d.simulate.camera import displace, expose


@pytest.mark.parametrize("photons", [0.0, 2.0, 15.0, 17.0, 60.0, 1000.0])
def test_counts_have_the_moments_of_poisson_and_read_noise(photons):
    gain, read, offset, n = 2.0, 6.0, 100.0, 400_000
    light = np.full(n, photons * gain, np.float32)
    counts = expose(light, np.random.default_rng(0), gain, read, offset).astype(float)
    variance = gain**2 * photons + read**2
    assert counts.mean() == pytest.approx(offset + gain * photons, abs=5 * np.sqrt(variance / n))
    assert counts.var() == pytest.approx(variance + 1 / 12, rel=0.015)
    assert stats.skew(counts) == pytest.approx(gain**3 * photons / variance**1.5, abs=0.02)


def test_bright_counts_are_distributed_like_poisson():
    rng = np.random.default_rng(1)
    counts = expose(np.full(100_000, 30, np.float32), rng, 1.0, 0.0, 0.0)
    exact = rng.poisson(30, 100_000)
    assert stats.ks_2samp(counts, exact, method="asymp").statistic < 0.01


def test_counts_stay_in_range():
    light = np.array([0, 1e6, -5], np.float32)
    counts = expose(light, np.random.default_rng(0), 1.0, 3.0, 0.0)
    assert counts.dtype == np.uint16
    assert counts[1] == 65535
    assert counts[0] < 30


@pytest.mark.parametrize("shift", [(0, 0, 0), (1, 0, 0), (0, -2, 3), (-1, 2, -3)])
def test_whole_shifts_move_voxels(shift):
    volume = np.random.default_rng(0).random((8, 12, 14), dtype=np.float32)
    moved = displace(volume, np.array(shift, float))
    inner = (slice(3, -3),) * 3
    np.testing.assert_allclose(moved[inner], np.roll(volume, shift, (0, 1, 2))[inner], atol=1e-6)


@pytest.mark.parametrize("shift", [(0.5, 0, 0), (0.3, -1.4, 2.25), (-0.75, 0.1, 0)])
def test_parts_of_voxels_move_the_centre_of_mass(shift):
    z, y, x = np.indices((15, 31, 31))
    blob = np.exp(-(((z - 7) / 1.5) ** 2 + ((y - 15) / 3) ** 2 + ((x - 15) / 3) ** 2) / 2).astype(np.float32)
    moved = displace(blob, np.array(shift))
    centre = [float((moved * axis).sum() / moved.sum()) for axis in (z, y, x)]
    np.testing.assert_allclose(centre, np.array([7, 15, 15]) + shift, atol=0.01)
    assert moved.sum() == pytest.approx(float(blob.sum()), rel=1e-3)
