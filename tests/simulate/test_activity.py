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


def test_decays_fill_a_range_and_rises_keep_their_share():
    scene, drawn = activity(cells=400, frames=100, decay_range=(0.2, 3.0))
    assert drawn.decay.min() >= 0.2 and drawn.decay.max() <= 3
    assert np.median(drawn.decay) == pytest.approx(np.sqrt(0.2 * 3), rel=0.2)
    assert np.median(drawn.rise / drawn.decay) == pytest.approx(scene.rise / scene.decay, rel=0.1)


def test_an_indicator_saturates():
    _, drawn = activity(cells=5)
    light = drawn.light(0.1)
    np.testing.assert_allclose(light[drawn.calcium > 0], 1 / (1 / drawn.calcium[drawn.calcium > 0] + 0.1))
    assert (drawn.light(0.0) == drawn.calcium).all()


def test_the_first_cells_are_inhibited_and_the_last_ones_stay_active():
    scene, drawn = activity(cells=8, inhibited=0.5, inhibition=0.6, sustained=0.25)
    _, plain = activity(cells=8)
    assert (drawn.dips[:4].max(axis=1) > 0.3).all() and drawn.dips.max() <= 0.6 and not drawn.dips[4:].any()
    assert (plain.spikes[:6] == drawn.spikes[:6]).all()  # what isn't asked for changes nothing
    within = scene.sustained_rate * scene.frames / scene.rate / 8
    assert (drawn.spikes[6:].sum(axis=1) > within).all()
