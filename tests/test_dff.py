"""ΔF/F has the right value, its F0 is known, and it is NaN where it would mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from cnmf3d.components import RestingLight
from cnmf3d.dff import about_unclear, delta_f_over_f, running_percentile, unclear

WEIGHTS = np.array([0.8, 0.6], np.float32)
FOOTPRINT = sparse.csc_array(WEIGHTS[:, None])


def ratio(raw, baseline=0.0, noise=1e-3, level=(50, 50), rule=None):
    """ΔF/F and F0 of one trace, seen through two voxels."""
    some = [np.array([value], np.float32) for value in (baseline, noise)]
    values = np.asarray(raw, np.float32)[None]
    dff, f0 = delta_f_over_f(values, *some, FOOTPRINT, np.array(level, np.float32), rule or RestingLight())
    return dff[0], f0[0]


@given(
    offset=st.floats(-1000, 1000),
    light=st.floats(1, 500),
    baseline=st.floats(-0.5, 20),
    scale=st.floats(0.01, 100),
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_light_above_rest_over_the_resting_light(offset, light, baseline, scale):
    """F = aᵀ(y − o): twice the light above rest is twice the ΔF/F, whatever offset and gain the detector has."""
    change = np.array([0, 1, 2, 5], np.float32) * light
    level = np.full(2, scale * light + offset)
    rule = RestingLight(offset=offset)
    dff, f0 = ratio(scale * (baseline + change), scale * baseline, scale * 1e-4, level, rule)
    rest = light * WEIGHTS.sum() + baseline
    assert f0 == pytest.approx(scale * rest, rel=1e-2, abs=1e-3)
    assert dff == pytest.approx(change / rest, rel=2e-2, abs=1e-4)


@pytest.mark.parametrize(
    ("level", "rule", "noise", "known"),
    [
        (100, RestingLight(offset=0), 1, True),
        (100, RestingLight(offset=100), 1, False),  # no light at all
        (100, RestingLight(offset=400), 1, False),  # less than none
        (100, RestingLight(offset=90, error=2), 1, True),  # 14 ± 2.8
        (100, RestingLight(offset=90, error=4), 1, False),  # 14 ± 5.6: may be anything
        (100, RestingLight(offset=99), 1, True),
        (100, RestingLight(offset=99), 2, False),  # 1.4, and a frame's noise is 2
    ],
)
def test_it_is_not_a_number_where_f0_is_not_clearly_above_zero(level, rule, noise, known):
    dff, f0 = ratio([0, 10], noise=noise, level=(level, level), rule=rule)
    assert np.isnan(dff).all() == (not known)
    assert f0 == pytest.approx((level - rule.offset) * 1.4, rel=1e-3, abs=1e-3)


def test_a_running_percentile_follows_bleaching():
    frames = np.arange(3000)
    bleach = np.exp(-frames / 4000)
    active = 50.0 * ((frames % 400) < 30)
    rng = np.random.default_rng(0)
    light = (100 + active) * bleach  # through the footprint; 70 of it are in the resting image
    raw = light - 70 + rng.normal(0, 2, 3000)
    drifting = RestingLight(percentile=8.0, window=600)
    followed, f0 = ratio(raw, 30, 2, (50, 50), drifting)
    constant, _ = ratio(raw, 30, 2, (50, 50))
    quiet = (frames % 400) > 100
    for some in (slice(0, 600), slice(2400, 3000)):
        assert abs(np.median(followed[some][quiet[some]])) < 0.03
        assert np.median(followed[some][active[some] > 0]) == pytest.approx(0.5, abs=0.04)
    assert np.median(constant[2400:][quiet[2400:]]) < -0.3
    assert f0 == pytest.approx(100 * np.median(bleach), rel=0.03)


def test_segments_have_baselines_of_their_own():
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 1, 600) + np.where(np.arange(600) < 300, 0, 40)
    one = ratio(raw, rule=RestingLight(percentile=20.0, window=200, segments=(300,)))[0]
    assert abs(np.median(one[280:300])) < 0.01 and abs(np.median(one[300:320])) < 0.01
    other = ratio(raw, rule=RestingLight(percentile=20.0, window=200))[0]
    assert np.median(other[300:320]) > 0.1  # without the segments the step is taken for activity


@given(st.integers(1, 60), st.integers(1, 80), st.floats(1, 99), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_running_percentile_stays_within_its_window(frames, window, percentile, seed):
    values = np.random.default_rng(seed).normal(0, 1, (2, frames)).astype(np.float32)
    found = running_percentile(values, percentile, window)
    assert found.shape == values.shape
    assert (found >= values.min(axis=1, keepdims=True) - 1e-6).all()
    assert (found <= values.max(axis=1, keepdims=True) + 1e-6).all()
    if window >= 2 * frames:
        whole = np.percentile(values, percentile, axis=1)[:, None]
        assert found == pytest.approx(np.repeat(whole, frames, axis=1), abs=1e-5)


def test_components_without_a_value_are_named():
    dff = np.array([[0, 1], [np.nan, np.nan], [0, np.nan]])
    raw = np.array([[0, 1], [2, 3], [0, np.nan]])  # nothing of the last one was seen in the last frame
    assert unclear(dff, raw).tolist() == [1]
    assert unclear(dff, np.zeros((3, 2))).tolist() == [1, 2]
    text = about_unclear([1, 2], 3, RestingLight(offset=7))
    assert "2 of 3" in text and "1, 2" in text and "offset of 7" in text


def test_the_rule_survives_its_text():
    rule = RestingLight(12.5, 0.5, 8.0, 600, (100, 200))
    assert RestingLight.from_json(rule.to_json()) == rule
