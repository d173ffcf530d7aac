from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.simulate import draw, scene_of
from cnmf3d.simulate.motion import draw_motion
from cnmf3d.simulate.registration import shift_back

FIELD = {"size": "60,50,5", "cells": 6}


def motion(preset="small", **overrides):
    scene = scene_of(preset, {"frames": 2000} | overrides)
    return scene, draw_motion(scene, np.random.default_rng(0), np.random.default_rng(1))


def test_jitter_has_its_rms_and_half_of_it_lasts():
    _, moved = motion(jitter="0.6,0.3,0.1", jitter_time=1, frames=6000)
    np.testing.assert_allclose(moved.shifts.std(axis=0), (0.1, 0.3, 0.6), rtol=0.06)
    path = moved.shifts[:, 2]
    assert np.corrcoef(path[1:], path[:-1])[0, 1] == pytest.approx(0.5, abs=0.05)
    assert np.corrcoef(path[60:], path[:-60])[0, 1] == pytest.approx(0, abs=0.1)
    assert not moved.undone.any()


def test_drift_ends_where_it_was_asked_to():
    _, moved = motion(drift="0,2,1")
    np.testing.assert_allclose(moved.shifts[-1], (1, 2, 0), atol=1e-6)
    assert (np.diff(moved.shifts[:, 0]) > 0).all()


def test_trials_shift_as_wholes():
    scene, moved = motion(trials=5, trial_shift="1,1,0")
    assert [len(np.unique(moved.shifts[scene.trial == k, 2])) for k in range(5)] == [1] * 5
    assert len(np.unique(moved.shifts[:, 2])) == 5


def test_startles_are_brief():
    scene, moved = motion(startles=30)
    away = np.abs(moved.shifts[:, 2]) > 0
    starts = int((np.diff(away.astype(int)) > 0).sum())
    assert 70 < starts < 130 and away.mean() < 0.3
    assert np.abs(moved.shifts).max() <= max(scene.margin)


def test_warps_differ_from_place_to_place():
    _, moved = motion(warp="0.7,0.5,0", size="60,50,5", frames=200)
    fields = np.tensordot(moved.warp_courses.T, moved.warps, 1)
    np.testing.assert_allclose(np.sqrt((fields**2).mean(axis=(0, 2, 3, 4))), (0, 0.5, 0.7), rtol=0.3)
    assert np.abs(np.diff(fields, axis=-1)).max() < 0.5


def test_a_warp_that_is_the_same_everywhere_is_a_shift():
    _, moved = motion(warp="1,1,0", size="60,50,5", frames=4)
    moved.warps[:] = np.array([0, 1, -2], np.float32).reshape(1, 3, 1, 1, 1)
    moved.warp_courses[:] = 1 / 3
    canvas = np.random.default_rng(0).random((5, 60, 70), dtype=np.float32)
    np.testing.assert_allclose(
        moved.move(canvas, 0)[:, 5:-5, 5:-5], np.roll(canvas, (1, -2), (1, 2))[:, 5:-5, 5:-5], atol=1e-5
    )


@pytest.mark.parametrize("fill", ["zero", "nan", "mean", "edge"])
def test_what_is_shifted_back_is_filled(fill):
    frame = np.random.default_rng(0).random((4, 6, 7)).astype(np.float32) + 1
    back = shift_back(frame, np.array([1, -2, 3]), fill)
    np.testing.assert_array_equal(back[:3, 2:, :4], frame[1:, :4, 3:])
    rest = np.ones(frame.shape, bool)
    rest[:3, 2:, :4] = False
    value = {"zero": 0, "nan": np.nan, "mean": frame.mean()}.get(fill)
    if value is not None:
        np.testing.assert_allclose(back[rest], value)
    else:
        np.testing.assert_array_equal(back[:3, 2:, 4:], np.repeat(frame[1:, :4, -1:], 3, axis=2))


@pytest.mark.parametrize(("preset", "filled"), [("borders", lambda m: m == 0), ("borders_nan", np.isnan)])
def test_registration_leaves_a_still_movie_with_moving_borders(preset, filled):
    recording = draw(scene_of(preset, FIELD | {"frames": 60, "neuropil": 0, "bleaching": 0, "cells": 0}))
    undone = recording.truth.undone.astype(int)
    movie = np.stack([recording.frame(k) for k in range(60)])
    assert np.abs(undone).max() >= 4 and not recording.truth.shifts.any()
    for frame, (z, y, x) in zip(movie, undone, strict=True):
        inside = np.ones(frame.shape, bool)
        for axis, shift in enumerate((z, y, x)):
            index = np.arange(frame.shape[axis]) + shift
            gone = np.flatnonzero((index < 0) | (index >= frame.shape[axis]))
            np.moveaxis(inside, axis, 0)[gone] = False
        np.testing.assert_array_equal(filled(frame), ~inside)
    middle = movie[:, 2, 10:-10, 10:-10].astype(float)
    expected = recording.truth.resting[2, 10:-10, 10:-10]
    np.testing.assert_allclose(middle.mean(axis=0) - recording.scene.offset, expected, rtol=0.25)
