"""Traces from elsewhere: `cnmf3d.deconvolve`."""

from __future__ import annotations

import numpy as np
import pytest

import cnmf3d
from cnmf3d.engine.deconvolution import Response
from cnmf3d.errors import InputError, UsageError
from cnmf3d.events import Caution, Progress

RATE = 10.0


def example(cells=4, frames=600, seed=0):
    """Traces of averaged frames, and their spikes; decay 0.6 s, rise 0.07 s."""
    rng = np.random.default_rng(seed)
    spikes = (rng.random((cells, frames)) < 0.03) * rng.uniform(0.7, 1.4, (cells, frames))
    kernel = Response(0.6 * RATE, 0.07 * RATE, averaged=True).kernel(frames)
    calcium = np.array([np.convolve(s, kernel)[:frames] for s in spikes])
    return (calcium + 2 + 0.15 * rng.standard_normal(calcium.shape)).astype(np.float32), spikes


def test_kinetics_baseline_noise_and_spikes_are_found():
    traces, spikes = example()
    found = cnmf3d.deconvolve(traces, RATE, workers=1)
    assert found.decay == pytest.approx(0.6, rel=0.3) and found.baseline == pytest.approx(2, abs=0.1)
    assert found.noise == pytest.approx(0.15, rel=0.2) and found.averaged
    assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(found.spikes, spikes, strict=True)]) > 0.85
    assert found.spikes.sum() == pytest.approx(spikes.sum(), rel=0.1)
    assert (found.peak > 0.5).all() and "4 cells, 600 frames" in repr(found)
    again = cnmf3d.deconvolve(traces, RATE, workers=3)
    assert again.spikes.tobytes() == found.spikes.tobytes()


def test_missing_values_are_filled_in_and_said():
    traces, _ = example()
    traces[1, 50:60] = np.nan
    traces[2] = np.nan
    told = []
    found = cnmf3d.deconvolve(traces, RATE, decay=0.6, rise=0.07, workers=1, reporter=told.append)
    cautions = " ".join(event.text for event in told if isinstance(event, Caution))
    assert "NaN" in cautions and "no values" in cautions
    assert np.isnan(found.spikes[2]).all() and np.isfinite(found.spikes[[0, 1, 3]]).all()
    assert not found.spikes[1, 50:60].any()
    assert found.decay[[0, 1, 3]] == pytest.approx(0.6) and found.rise[0] == pytest.approx(0.07)
    assert [event for event in told if isinstance(event, Progress)][-1].done == 3


@pytest.mark.parametrize("p", [1, 2])
def test_an_order_that_is_given_is_an_autoregressive_process(p):
    traces, _ = example(cells=2)
    found = cnmf3d.deconvolve(traces, RATE, p=p, workers=1)
    assert not found.averaged and (found.rise > 0).all() == (p == 2)


@pytest.mark.parametrize(
    ("traces", "given", "kind", "what"),
    [
        (np.zeros((3, 100)), {"rate": 0}, UsageError, "rate"),
        (np.zeros((3, 100)), {"rate": 10, "decay": -1}, UsageError, "decay"),
        (np.zeros((3, 100)), {"rate": 10, "decay": 0.1, "rise": 0.2}, UsageError, "shorter"),
        (np.zeros((3, 100)), {"rate": 10, "p": 3}, UsageError, "order"),
        (np.zeros((100, 3)), {"rate": 10}, InputError, "transpose"),
        (np.zeros((3, 100, 2)), {"rate": 10}, InputError, "shape"),
        (np.full((3, 100), np.inf), {"rate": 10}, InputError, "infinite"),
        ("abc", {"rate": 10}, InputError, "numbers"),
    ],
)
def test_what_cannot_be_meant_is_named(traces, given, kind, what):
    with pytest.raises(kind, match=what):
        cnmf3d.deconvolve(traces, **given)


def test_traces_that_say_nothing_are_survived():
    found = cnmf3d.deconvolve(np.zeros((2, 50)), RATE, workers=1)
    assert np.isfinite(found.spikes).all() and found.spikes.max() < 1e-3
