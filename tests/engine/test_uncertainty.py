from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnmf3d
from cnmf3d.engine.deconvolution import Response, deconvolve
from cnmf3d.engine.deconvolution.uncertainty import DEMIXED, FEW, event_errors, runs
from cnmf3d.traces import events_of, time_constants


@given(st.lists(st.booleans(), max_size=40))
def test_runs_are_the_stretches(inside):
    found = runs(np.array(inside, bool))
    again = np.zeros(len(inside), bool)
    for first, end in found:
        assert again[first:end].sum() == 0 and (first == 0 or not again[first - 1])
        again[first:end] = True
    assert again.tolist() == inside


def test_the_error_of_an_event_is_that_of_its_sum_over_draws():
    spikes = np.zeros(30, np.float32)
    spikes[[10, 11]], spikes[20] = (0.6, 0.4), 0.1
    drawn = np.zeros((4, 30), np.float32)
    drawn[:, 10], drawn[:, 11] = (1, 0, 1, 0), (0, 1, 0.2, 1.2)  # in one frame or the other
    found = event_errors(spikes, drawn, 1.0)
    assert np.flatnonzero(found).tolist() == [9, 10, 11, 12]  # frame 20 has too little to be an event
    assert found[10] == pytest.approx(FEW * np.std([1, 1, 1.2, 1.2], ddof=1))
    with_misfit = event_errors(spikes, drawn, 1.0, np.linspace(0, 0.29, 30, dtype=np.float32))
    assert with_misfit[9] == pytest.approx(np.hypot(found[10], 0.12))


def test_events_are_listed_with_sizes_and_errors():
    spikes = np.array([[0, 1, 2, 0, 0, 3, 0], [0, 0, 0, 0, 0, 0, 5]], np.float32)
    errors = np.array([[0.1, 0.1, 0.1, 0, 0.2, 0.2, 0], [0, 0, 0, 0, 0, 0.5, 0.5]], np.float32)
    found = events_of(spikes, errors)
    assert {name: values.tolist() for name, values in found.items() if values.dtype == np.int64} == {
        "component": [0, 0, 1], "first": [0, 4, 5], "peak": [2, 5, 6], "last": [2, 5, 6],
    }  # fmt: skip
    assert found["size"].tolist() == [3, 3, 5]
    assert found["size_sd"] == pytest.approx([0.1, 0.2, 0.5])
    touching = events_of(spikes[:1], np.array([[0, 0.1, 0.1, 0.3, 0.3, 0.3, 0]], np.float32))
    assert (touching["first"].tolist(), touching["last"].tolist()) == ([1, 3], [2, 5])
    assert touching["size"].tolist() == [3, 3] and touching["size_sd"] == pytest.approx([0.1, 0.3])
    assert all(len(values) == 0 for values in events_of(spikes, np.zeros_like(errors)).values())
    assert all(len(values) == 0 for values in events_of(spikes[:0], errors[:0]).values())


@given(st.floats(1, 200), st.floats(0.01, 0.8))
def test_time_constants_are_those_of_the_response(decay, share):
    g = np.array([Response(decay, share * decay).coefficients()], np.float32)
    found = [float(each[0]) for each in time_constants(g)]
    if decay < 60 and share * decay > 0.2:  # beyond that, single precision says less
        assert found == pytest.approx([decay, share * decay], rel=0.05)


def test_coefficients_that_swing_or_grow_have_no_time_constants():
    decay, rise = time_constants(np.array([[0.5, -0.9], [1.2, 0.0]], np.float32))
    assert np.isnan(decay).all() and np.isnan(rise).all()


def test_time_constants_of_no_model_and_of_one_without_rise():
    decay, rise = time_constants(np.zeros((2, 0), np.float32))
    assert np.isnan(decay).all() and np.isnan(rise).all()
    decay, rise = time_constants(np.array([[np.exp(-1 / 7)]], np.float32))
    assert (decay[0], rise[0]) == (pytest.approx(7, rel=1e-4), 0)


def simulated(rate=1.0, height=8.0, cells=8, frames=2000):
    response = Response(12.5, 1.5)
    rng = np.random.default_rng(11)
    spikes = (rng.random((cells, frames)) < rate / 30) * rng.uniform(0.6, 1.4, (cells, frames))
    calcium = np.array([np.convolve(s, response.kernel(frames))[:frames] for s in spikes])
    noise = response.peak / height
    return (calcium + 10 + noise * rng.standard_normal(calcium.shape)).astype(np.float32), calcium, spikes, response


@pytest.mark.parametrize("height", [4.0, 8.0])
def test_ninety_percent_intervals_hold_most_events_and_calcium(height):
    raw, calcium, spikes, response = simulated(height=height)
    found = deconvolve(raw, 2, response, errors=True)
    events = events_of(found.spikes, found.errors.events)
    truth = [
        spikes[c, a : b + 1].sum() for c, a, b in zip(events["component"], events["first"], events["last"], strict=True)
    ]
    hit = np.abs(events["size"] - truth) < 1.645 * events["size_sd"]
    assert len(hit) > 300 and 0.82 < hit.mean() < 0.98
    clear = calcium > 0.3 * response.peak
    inside = np.abs(found.traces - calcium)[clear] < 1.645 * found.errors.traces[clear]
    assert 0.8 < inside.mean() < 0.98
    assert (found.errors.spikes[found.spikes > 0.3] > 0).all()


def test_errors_change_nothing_else_and_unknown_kinetics_make_them_wider():
    raw, _, _, response = simulated(cells=3, frames=600)
    plain, known, unknown = (
        deconvolve(raw, 2, response, errors=errors, misfit=misfit)
        for errors, misfit in ((False, DEMIXED), (True, None), (True, DEMIXED))
    )
    assert plain.errors is None
    assert np.array_equal(plain.spikes, known.spikes) and np.array_equal(known.spikes, unknown.spikes)
    assert (unknown.errors.events >= known.errors.events).all()
    assert unknown.errors.events.max() > known.errors.events.max()
    assert deconvolve(raw, 0, response, errors=True).errors is None


def test_traces_from_elsewhere_have_errors_and_events():
    raw, _, _, _ = simulated(cells=3, frames=600)
    raw[1] = np.nan
    found = cnmf3d.deconvolve(raw, 30.0, workers=1)
    assert np.isnan(found.events_sd[1]).all() and np.isfinite(found.calcium_sd[[0, 2]]).all()
    events = found.events()
    assert set(events["component"].tolist()) == {0, 2}
    assert np.isfinite(events["size_sd"]).all()
