"""Cells that fall below their rest keep it, and activity that goes on is not taken for rest."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.engine.deconvolution import Response, deconvolve, noise_level, without_falls
from cnmf3d.engine.deconvolution.inhibition import resting_levels

RESPONSE = Response(8.0, 0.9)


def answers(events):
    kernel = RESPONSE.kernel(events.shape[-1])
    return np.array([np.convolve(row, kernel)[: row.size] for row in events])


def inhibited(rest=50.0, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    spikes = (rng.random((4, 1500)) < 0.01).astype(float)
    falls = np.zeros(spikes.shape)
    for row in falls:
        for start in (200, 700, 1100):
            row[start : start + 60] = 0.5
    calcium = answers(spikes) - answers(falls)
    return (rest + calcium + noise * rng.standard_normal(calcium.shape)).astype(np.float32), calcium, spikes


def test_a_fall_below_rest_is_negative_calcium():
    raw, calcium, spikes = inhibited()
    assert resting_levels(raw, noise_level(raw)) == pytest.approx(50, abs=0.5)
    found = deconvolve(raw, 2, RESPONSE)
    assert found.kinetics.baseline == pytest.approx(50, abs=0.4)
    assert np.abs(found.traces - calcium).mean() < 0.25 and found.traces.min() < -3
    score = [np.corrcoef(a, b)[0, 1] for a, b in zip(found.spikes, spikes, strict=True)]
    assert np.mean(score) > 0.85 and found.spikes.min() >= 0
    lifted = without_falls(raw)
    assert lifted.min() > 48 and lifted.max() == raw.max()


@pytest.mark.parametrize("share", [0.02, 0.15])
def test_activity_is_above_rest(share):
    rng = np.random.default_rng(1)
    calcium = answers((rng.random((6, 1500)) < share) * rng.uniform(0.5, 2, (6, 1500)))
    raw = (10 + calcium + 0.3 * rng.standard_normal(calcium.shape)).astype(np.float32)
    assert np.isnan(resting_levels(raw, noise_level(raw))).all()
    assert (without_falls(raw) == raw).all()


@pytest.mark.parametrize("values", [np.zeros((2, 50)), np.ones((1, 4)), np.full((1, 60), np.nan)])
def test_traces_without_anything_have_no_falls(values):
    raw = values.astype(np.float32)
    assert np.isnan(resting_levels(raw, np.ones(len(raw), np.float32))).all()
