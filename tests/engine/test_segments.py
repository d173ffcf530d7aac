"""Segments: each has its own resting level, and nothing is carried into the next. Planes brought to one time."""

from __future__ import annotations

import numpy as np
import pytest

import cnmf3d
from cnmf3d.engine.aligning import aligned
from cnmf3d.engine.deconvolution import DEMIXED, Response, deconvolve, deconvolve_stretches, noise_level
from cnmf3d.errors import UsageError
from cnmf3d.simulate import draw, scene_of
from cnmf3d.steps import steps
from cnmf3d.timeline import Timeline, frame_at, stretches

DECAY = 8.0


def traces(rng, count=12, frames=400, rate=0.03):
    """Calcium with one-pole decay, and its spikes."""
    spikes = (rng.random((count, frames)) < rate) * rng.gamma(4, 0.5, (count, frames))
    calcium = np.zeros_like(spikes)
    for t in range(frames):
        calcium[:, t] = (calcium[:, t - 1] * np.exp(-1 / DECAY) if t else 0) + spikes[:, t]
    return calcium, spikes


def test_steps_are_found_and_hardly_any_where_there_are_none():
    rng = np.random.default_rng(1)
    calcium, _ = traces(rng, count=40, rate=0.01)
    raw = (5 + calcium + rng.normal(0, 0.3, calcium.shape)).astype(np.float32)
    found = steps(raw, (100, 250))
    assert np.abs(found).max(axis=1).mean() < 0.05 and steps(raw, ()) is None
    short = steps(raw, tuple(range(50, 400, 50)))  # a burst in a short segment is no step
    assert np.abs(short).max(axis=1).mean() < 0.1
    raw[:, 100:250] += 3
    found = steps(raw, (100, 250))
    apart = found[:, 150] - found[:, 50]
    assert np.abs(apart - 3).max() < 0.4 and np.abs(found[:, 300] - found[:, 50]).max() < 0.4
    assert np.allclose(found @ np.ones(400) / 400, 0, atol=1e-4)


def test_calcium_is_not_carried_across_a_break():
    rng = np.random.default_rng(2)
    calcium, spikes = traces(rng)
    spikes[:, 195:201] = 0
    spikes[:, 196] = 4
    for t in range(400):  # the gap left 2 of another history
        before = calcium[:, t - 1] * np.exp(-1 / DECAY) if t else 0
        calcium[:, t] = 2 if t == 200 else before + spikes[:, t]
    raw = (10 + calcium + rng.normal(0, 0.2, calcium.shape)).astype(np.float32)
    whole = deconvolve(raw, 1, Response(DECAY))
    cut = deconvolve_stretches(raw, 1, Response(DECAY), (200,))
    assert np.abs(cut.traces[:, 200] - 2).mean() < 0.35
    truth = calcium[:, 190:215]
    error = [np.sqrt(((found.traces[:, 190:215] - truth) ** 2).mean()) for found in (whole, cut)]
    assert error[1] < 0.75 * error[0]
    assert np.allclose(cut.kinetics.noise, whole.kinetics.noise, rtol=0.1)
    assert cut.spikes[:, 200].sum() < 0.5 * 12 * 2  # what decays from before is no spike
    same = deconvolve_stretches(raw, 1, Response(DECAY), ())
    assert np.array_equal(same.traces, whole.traces)


@pytest.mark.parametrize("breaks", [(2,), (50, 99), (200,)])
def test_errors_and_kinetics_cover_all_frames_however_short_a_stretch_is(breaks):
    calcium, _ = traces(np.random.default_rng(3), count=2, frames=400 if breaks == (200,) else 100)
    raw = (calcium + np.random.default_rng(4).normal(0, 0.2, calcium.shape)).astype(np.float32)
    found = deconvolve_stretches(raw, 2, Response(DECAY, 0.8), breaks, errors=True, misfit=DEMIXED)
    errors = found.errors
    assert errors.traces.shape == errors.spikes.shape == errors.events.shape == found.traces.shape == raw.shape
    assert (
        np.isnan(errors.traces).sum(axis=1) == sum(b - a for a, b in stretches(raw.shape[1], breaks) if b - a < 3)
    ).all()
    assert np.allclose(found.kinetics.g, Response(DECAY, 0.8).coefficients())


def test_events_that_touch_at_a_border_keep_their_own_errors():
    raw = np.random.default_rng(5).normal(0, 0.2, (1, 100)).astype(np.float32)
    for start in (48, 51):
        raw[0, start:] += 5 * np.exp(-np.arange(100 - start) / DECAY)
    raw[0, 50:] -= 5 * np.exp(-np.arange(2, 52) / DECAY)  # calcium from before the border is gone
    found = deconvolve_stretches(raw, 1, Response(DECAY), (50,), errors=True)
    parts = [
        deconvolve(raw[:, a:b], 1, Response(DECAY), noise=noise_level(raw), errors=True)
        for a, b in ((0, 50), (50, 100))
    ]
    apart = [float(part.errors.events[0, k]) for part, k in zip(parts, (-1, 0), strict=True)]
    assert min(apart) > 0
    assert found.errors.events[0, 49:51] == pytest.approx(apart, rel=1e-5)


@pytest.mark.parametrize("late", [0.0, 0.02, 0.05, 0.09])
def test_traces_are_brought_to_the_time_of_their_volume(late):
    rate, frames = 10.0, 300
    when = np.arange(frames) / rate
    course = np.sin(2 * np.pi * 0.7 * when) + 0.5 * np.sin(2 * np.pi * 1.3 * when + 1)
    seen = np.sin(2 * np.pi * 0.7 * (when + late)) + 0.5 * np.sin(2 * np.pi * 1.3 * (when + late) + 1)
    found = aligned(seen[None].astype(np.float32), np.array([late], np.float32), rate, (150,))[0]
    inner = np.r_[3:148, 153:298]
    assert np.abs(found - course)[inner].max() < 0.02
    assert np.abs(seen - course)[inner].max() > 0.05 or late < 0.01


def test_nothing_is_mixed_across_a_break_when_traces_are_aligned():
    raw = np.zeros((1, 40), np.float32)
    raw[0, 20:] = 7
    found = aligned(raw, np.array([0.05], np.float32), 10.0, (20,))
    assert np.allclose(found[0, :20], 0) and np.allclose(found[0, 20:], 7)


def test_frames_times_and_stretches():
    line = Timeline(stamps=np.array([0, 1, 2, 7, 8, 9.0]))
    assert line.gaps() == (3,) and [frame_at(line.stamps, t) for t in (-3, 0.4, 3, 6, 99)] == [0, 0, 2, 3, 5]
    assert stretches(6, (3,)) == [(0, 3), (3, 6)] and stretches(6, ()) == [(0, 6)]
    assert Timeline.from_json(line.to_json(), line.stamps).gaps() == (3,)


@pytest.fixture(scope="module")
def trials():
    """A movie of three trials whose brightness jumps, and their first frames."""
    scene = scene_of("tiny", {"cells": 8, "size": (48, 48, 6), "frames": 240, "trials": 3, "trial_jump": 0.2})
    return np.stack(list(draw(scene, 0).frames(1))), (80, 160)


def test_a_run_with_segments_follows_them_into_the_results(trials):
    values, starts = trials
    movie = cnmf3d.open_movie(values, rate=10, plane_times=0.01)
    asked = {"data": {"segments": [0, *starts]}, "temporal": {"align_planes": True}}
    found = cnmf3d.run(movie, asked, reporter=cnmf3d.silent, workers=1)
    assert [(s.name, s.start) for s in found.timeline.segments] == [("1", 0), ("2", 80), ("3", 160)]
    assert found.components.resting.segments == starts and found.timeline.aligned
    assert "time_offset" not in found.components.quality and found.components.accepted.sum() >= 6
    with pytest.raises(UsageError, match="can't be aligned"):
        cnmf3d.run(cnmf3d.open_movie(values, rate=10), asked, reporter=cnmf3d.silent)
