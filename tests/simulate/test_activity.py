from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.simulate import scene_of
from cnmf3d.simulate.activity import LEAST_BURSTS, draw_activity


def activity(seed=0, **overrides):
    scene = scene_of("small", overrides)
    return scene, draw_activity(scene, np.random.default_rng(seed))


def test_calcium_follows_the_recursion_of_decay_and_rise():
    scene, drawn = activity()
    slow, fast = (np.exp(-1 / (scene.rate * tau)) for tau in (drawn.decay, drawn.rise))
    c = drawn.calcium
    driven = c[:, 2:] - (slow + fast)[:, None] * c[:, 1:-1] + (slow * fast)[:, None] * c[:, :-2]
    spikes = drawn.spikes[:, 2:]
    scale = driven[spikes > 0] / spikes[spikes > 0]
    assert (scale > 0).all()
    np.testing.assert_allclose(driven[spikes == 0], 0, atol=1e-9)
    per_cell = [driven[k][spikes[k] > 0] / spikes[k][spikes[k] > 0] for k in range(len(c))]
    assert max(np.ptp(values) for values in per_cell) < 1e-9


def test_a_spike_peaks_at_one():
    _, drawn = activity(burst_spikes=1, burst_duration=0.01, bursts=0.01, frames=6000)
    alone = [
        k for k in range(80) if drawn.spikes[k].max() == 1 and np.diff(np.flatnonzero(drawn.spikes[k])).min() > 150
    ]
    assert len(alone) > 20
    np.testing.assert_allclose(drawn.calcium[alone].max(axis=1), 1, atol=1e-6)


def test_kinetics_differ_and_the_rise_is_the_faster():
    scene, drawn = activity(cells=400, frames=100)
    assert np.median(drawn.decay) == pytest.approx(scene.decay, rel=0.05)
    assert np.std(np.log(drawn.decay)) == pytest.approx(scene.kinetics_spread, rel=0.15)
    assert (drawn.rise < drawn.decay).all()


def test_every_cell_is_active_and_spikes_come_in_bursts():
    _, drawn = activity(frames=3000)
    assert (drawn.spikes.sum(axis=1) >= LEAST_BURSTS).all()
    gaps = np.concatenate([np.diff(np.flatnonzero(row)) for row in drawn.spikes])
    expected = 1 - np.exp(-drawn.spikes.astype(bool).mean() * 10)
    assert (gaps <= 10).mean() > 2 * expected


def test_groups_burst_together():
    _, drawn = activity(frames=6000, coactivity=0.6)
    bins = drawn.spikes.reshape(80, -1, 20).sum(axis=2)
    correlation = np.corrcoef(bins)
    same = np.subtract.outer(np.arange(80), np.arange(80)) % 5 == 0
    np.fill_diagonal(correlation, np.nan)
    assert np.nanmean(correlation[same]) > np.nanmean(correlation[~same]) + 0.2
