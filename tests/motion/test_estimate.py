"""Estimated against true motion: what comes out of whole movies."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from cnmf3d.events import Event, Note, Progress
from cnmf3d.motion import estimate_motion
from cnmf3d.movies import Movie, open_movie
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.parameters.motion import MotionParameters
from cnmf3d.simulate import Scene, draw

MOVING: dict[str, Any] = {
    "size": (64, 64, 8),
    "frames": 150,
    "cells": 22,
    "snr": 5.0,
    "motion": (3, 3, 0.7),
    "jitter": (0.5, 0.5, 0.15),
    "startles": 20.0,
    "startle": (2, 2, 0.3),
}


@cache
def recorded(seed: int = 3, **fields: Any) -> tuple[np.ndarray, np.ndarray]:
    """Frames and true shifts."""
    recording = draw(Scene(**fields), seed)
    frames = np.stack(list(recording.frames(1)))
    frames.flags.writeable = False
    return frames, recording.truth.shifts.astype(float)


@pytest.fixture
def movie_of(tmp_path: Any) -> Callable[[np.ndarray], Movie]:
    """Make a movie of an array."""

    def make(frames: np.ndarray) -> Movie:
        np.save(tmp_path / "movie.npy", frames)
        return open_movie(tmp_path / "movie.npy", axes="tzyx", rate=10.0)

    return make


def error(motion: Motion, true: np.ndarray, frames: Any = slice(None)) -> np.ndarray:
    """Rms error along z, y, x after a constant."""
    apart = (motion.rigid - true)[frames]
    return np.sqrt(((apart - np.median(apart, axis=0)) ** 2).mean(axis=0))


@pytest.mark.parametrize(
    ("seed", "most"),
    [(3, 0.1), (4, 0.075)],  # of 3 neuropil's slow courses, three or four in 15 s, happen to go with the motion
)
def test_shifts_are_true_to_a_tenth_of_a_voxel(movie_of: Any, seed: int, most: float) -> None:
    frames, true = recorded(seed=seed, **MOVING)
    motion = estimate_motion(movie_of(frames))
    assert (error(motion, true) < most).all()
    assert not motion.bad_frames.any()
    assert motion.field is None and motion.plane_shifts is None
    assert motion.confidence.min() > 0.5


DARK: dict[str, Any] = {
    **{"gain": 40.0, "resting": 10.0, "pulse_spread": 1.0, "read_noise": 5.0, "offset": 0, "snr": 2.5},
    **{"size": (64, 64, 8), "frames": 200, "cells": 26, "motion": (4, 4, 0.7), "jitter": (0.4, 0.4, 0.1)},
    **{"startles": 20.0, "startle": (3, 3, 0.3)},
}


@pytest.mark.parametrize("seed", [1, 3])
def test_no_frame_of_a_dark_movie_takes_a_wrong_peak(movie_of: Any, seed: int) -> None:
    """A quarter of a photon a voxel; with other seeds up to six frames are lost still, most with a low confidence."""
    frames, true = recorded(seed=seed, **DARK)
    motion = estimate_motion(movie_of(frames))
    apart = motion.rigid - true
    apart -= np.median(apart, axis=0)
    assert np.abs(apart).max() < 3
    assert (error(motion, true) < [0.4, 0.6, 0.6]).all()


def test_one_plane(movie_of: Any) -> None:
    frames, true = recorded(
        size=(96, 96, 1),
        frames=150,
        cells=18,
        blur=(0.8, 0.8, 0),
        cell_size=(4, 4, 0.25),
        motion=(4, 4, 0),
        jitter=(0.5, 0.5, 0),
    )
    motion = estimate_motion(movie_of(frames))
    assert (error(motion, true)[1:] < 0.12).all()
    assert not motion.rigid[:, 0].any()


def test_a_still_recording_is_left_as_it_is(movie_of: Any) -> None:
    frames, _ = recorded(**{**MOVING, "motion": (0, 0, 0), "jitter": (0, 0, 0), "startles": 0.0})
    notes: list[Event] = []
    motion = estimate_motion(movie_of(frames), reporter=notes.append)
    assert not motion.rigid.any() and motion.field is None
    assert any(isinstance(note, Note) and "no rigid motion" in note.text for note in notes)


def test_workers_make_no_difference(movie_of: Any) -> None:
    frames, _ = recorded(**MOVING)
    one, three = (estimate_motion(movie_of(frames), workers=workers) for workers in (1, 3))
    assert one.rigid.tobytes() == three.rigid.tobytes()
    assert one.template.tobytes() == three.template.tobytes()
    assert one.confidence.tobytes() == three.confidence.tobytes()


def test_progress_only_grows(movie_of: Any) -> None:
    frames, _ = recorded(**MOVING)
    events: list[Event] = []
    estimate_motion(movie_of(frames), reporter=events.append)
    done = [event.done for event in events if isinstance(event, Progress)]
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert done == sorted(done) and last.done == last.total


def test_bad_frames_are_named_and_stop_nothing(movie_of: Any) -> None:
    frames, true = recorded(**MOVING)
    spoiled = frames.copy()
    spoiled[20] = 65000
    spoiled[50:55] += 2000
    spoiled[80:83] = 100
    spoiled[110] = 0
    motion = estimate_motion(movie_of(spoiled), MotionParameters(bad_frames=(5,)))
    bad = [5, 20, *range(50, 55), 80, 81, 82, 110]
    assert np.flatnonzero(motion.bad_frames).tolist() == bad
    assert (motion.confidence[bad] == 0).all()
    assert (error(motion, true, ~motion.bad_frames) < 0.12).all()
    between = np.interp(20, [19, 21], motion.rigid[[19, 21], 1])
    assert motion.rigid[20, 1] == pytest.approx(between, abs=1e-4)


def test_what_is_not_a_number_counts_for_nothing(movie_of: Any) -> None:
    frames, true = recorded(**MOVING)
    holes = frames.astype(np.float32)
    holes[:, :, :6] = np.nan
    holes[:, :, :, 60:] = 0
    holes[40] = np.nan
    motion = estimate_motion(movie_of(holes))
    assert motion.bad_frames.tolist() == (np.arange(len(frames)) == 40).tolist()
    assert (error(motion, true, ~motion.bad_frames) < 0.12).all()
    assert np.isnan(motion.template[:, :6]).all() and np.isfinite(motion.template[:, 6:, :60]).all()


@pytest.mark.parametrize("fill", [0, 100])
@pytest.mark.parametrize("count", [2, 3, 20])
def test_movies_without_anything(movie_of: Any, fill: int, count: int) -> None:
    motion = estimate_motion(movie_of(np.full((count, 2, 20, 24), fill, np.uint16)))
    assert motion.rigid.shape == (count, 3) and not motion.rigid.any()


def test_two_volumes(movie_of: Any) -> None:
    frames, true = recorded(**MOVING)
    motion = estimate_motion(movie_of(frames[[0, 100]]))
    apart = np.diff(motion.rigid, axis=0) - np.diff(true[[0, 100]], axis=0)
    assert (np.abs(apart) < 0.8).all()  # each is half of the template


def test_shifts_stay_within_what_is_allowed(movie_of: Any) -> None:
    frames, _ = recorded(**MOVING)
    motion = estimate_motion(movie_of(frames), MotionParameters(max_shifts=(2, 2, 1)))
    assert (np.abs(motion.rigid - np.median(motion.rigid, axis=0)) <= [1 + 1.5, 2 + 2, 2 + 2]).all()


def test_patches_follow_a_warp(movie_of: Any) -> None:
    fields = {**MOVING, "size": (80, 80, 4), "cells": 30, "motion": (2, 2, 0), "warp": (0.7, 0.7, 0), "startles": 0.0}
    scene = Scene(**fields)
    recording = draw(scene, 1)
    frames = np.stack(list(recording.frames(1)))
    motion = estimate_motion(movie_of(frames))
    assert motion.field is not None and motion.grid is not None
    points = np.stack([part.ravel() for part in np.meshgrid(*motion.grid, indexing="ij")], axis=1)
    at = np.rint(points + np.array(scene.margin)).astype(int)
    images = recording.motion.warps[:, :, at[:, 0], at[:, 1], at[:, 2]]
    true = recording.truth.shifts[:, None] + np.einsum("mt,map->tpa", recording.motion.warp_courses, images)
    rigid = motion.rigid[:, None] - true
    both = rigid + motion.field.reshape(len(true), -1, 3)
    rms = [np.sqrt(((e - np.median(e, axis=0)) ** 2).mean(axis=(0, 1)))[1:] for e in (rigid, both)]
    assert (rms[1] < 0.8 * rms[0]).all()
    assert estimate_motion(movie_of(frames), MotionParameters(pw_rigid=False, plane_shifts=False)).field is None


def test_a_field_that_is_asked_for_is_given(movie_of: Any) -> None:
    frames, _ = recorded(**{**MOVING, "motion": (0, 0, 0), "jitter": (0, 0, 0), "startles": 0.0})
    movie = movie_of(frames[:60])
    assert estimate_motion(movie).field is None
    motion = estimate_motion(movie, MotionParameters(pw_rigid=True))
    assert motion.field is not None and motion.grid is not None and motion.plane_shifts is None
    assert np.sqrt((motion.field**2).mean()) < 0.2  # nothing moves
    heard: list[Event] = []
    small = movie_of(frames[:60, :1, :20, :20])
    assert estimate_motion(small, MotionParameters(pw_rigid=True), reporter=heard.append).field is None
    assert any("too small" in event.text for event in heard if isinstance(event, Note))


def test_planes_that_move_by_themselves(movie_of: Any) -> None:
    frames, _ = recorded(**{**MOVING, "motion": (0, 0, 0), "jitter": (0, 0, 0), "startles": 0.0})
    rng = np.random.default_rng(0)
    course = ndimage.gaussian_filter1d(rng.standard_normal((len(frames), 8, 2)), 1.5, axis=1)
    course *= 1.0 / course.std()
    moved = np.empty_like(frames)
    for t, volume in enumerate(frames):
        for z, plane in enumerate(volume):
            moved[t, z] = ndimage.shift(plane.astype(float), course[t, z], order=3, mode="nearest").round()
    motion = estimate_motion(movie_of(moved))
    assert motion.plane_shifts is not None
    found = motion.rigid[:, None, 1:] + motion.plane_shifts
    apart = found - course
    apart -= np.median(apart, axis=0)
    assert np.sqrt((apart**2).mean()) < 0.45  # of 1.0


def test_lines_and_planes_that_lie_off(movie_of: Any) -> None:
    frames, true = recorded(**MOVING)
    off = np.array([[0, 0], [3, -2], [0, 0], [1, 2], [-2, 0], [0, 0], [0, -3], [0, 0]])
    moved = np.stack([np.roll(frames[:, z], off[z], axis=(1, 2)) for z in range(8)], axis=1)
    moved[:, :, 1::2] = np.roll(moved[:, :, 1::2], 2, axis=3)
    motion = estimate_motion(movie_of(moved))
    assert motion.scan_phase == pytest.approx(2, abs=0.15)
    assert (error(motion, true) < 0.15).all()
    apart = motion.planes - off
    assert (np.abs(apart - np.median(apart, axis=0)) < 0.5).all()


SHORT: dict[str, Any] = {
    **{"size": (48, 48, 4), "frames": 60, "cells": 12, "snr": 6.0, "motion": (2, 2, 0.3), "jitter": (0.4, 0.4, 0.1)},
}


def test_saturated_frames_are_no_edge_of_the_template(movie_of: Any) -> None:
    """They lie nowhere, and put anywhere their brightness ends where the template goes on."""
    frames, true = recorded(seed=1, **SHORT)
    spoiled = frames.copy()
    spoiled[10:14] = 65535
    motion = estimate_motion(movie_of(spoiled))
    assert np.flatnonzero(motion.bad_frames).tolist() == [10, 11, 12, 13]
    assert (error(motion, true, ~motion.bad_frames)[1:] < 0.15).all()


def test_frames_that_are_infinite_stop_nothing(movie_of: Any) -> None:
    frames, true = recorded(seed=1, **SHORT)
    spoiled = frames.astype(np.float32)
    spoiled[5], spoiled[7], spoiled[9, :, :10] = np.nan, np.inf, np.nan
    motion = estimate_motion(movie_of(spoiled))
    assert set(np.flatnonzero(motion.bad_frames)) <= {5, 7, 9} and motion.bad_frames[[5, 7]].all()
    assert (error(motion, true, ~motion.bad_frames)[1:] < 0.15).all()


def test_what_may_not_move_stays(movie_of: Any) -> None:
    frames, _ = recorded(seed=1, **SHORT)
    motion = estimate_motion(movie_of(frames), MotionParameters(max_shifts=(0, 0, 0)))
    assert motion.still and motion.confidence.min() > 0.5


def test_frames_beyond_the_largest_shift_are_bad_and_said_to_be_there(movie_of: Any) -> None:
    frames, _ = recorded(seed=1, **SHORT)
    far = frames.copy()
    far[20:30] = np.roll(frames[20:30], (6, -5), axis=(2, 3))
    heard: list[Event] = []
    motion = estimate_motion(movie_of(far), MotionParameters(max_shifts=(3, 3, 1)), reporter=heard.append)
    assert motion.bad_frames[20:30].mean() > 0.5 and not motion.bad_frames[:20].any()
    assert any("largest shift that is looked for (3, 3, 1" in note.text for note in heard if isinstance(note, Note))


@pytest.mark.parametrize(
    "fields",
    [
        {"cells": 3, "silent": 0},  # sparse structure
        {"cells": 60, "snr": 10.0},  # much activity
        {"warp": (0.1, 0.1, 0)},  # hardly a warp
        {"frames": 20},
    ],
    ids=["sparse", "busy", "weak warp", "few frames"],
)
def test_what_differs_from_place_to_place_is_never_worse_than_rigid(movie_of: Any, fields: dict[str, Any]) -> None:
    scene = Scene(**{**SHORT, "size": (80, 80, 4), "frames": 120, "cells": 25, "motion": (1.5, 1.5, 0), **fields})
    recording = draw(scene, 2)
    motion = estimate_motion(movie_of(np.stack(list(recording.frames(1)))))
    if motion.plane_shifts is not None:
        true = recording.truth.shifts[:, None, 1:] + 0.0
        found = [motion.rigid[:, None, 1:], motion.rigid[:, None, 1:] + motion.plane_shifts]
    elif motion.field is not None and motion.grid is not None:
        points = np.stack([part.ravel() for part in np.meshgrid(*motion.grid, indexing="ij")], axis=1)
        at = np.rint(points + np.array(scene.margin)).astype(int)
        images = recording.motion.warps[:, :, at[:, 0], at[:, 1], at[:, 2]]
        true = recording.truth.shifts[:, None] + np.einsum("mt,map->tpa", recording.motion.warp_courses, images)
        rigid = motion.rigid[:, None].astype(float)
        found = [rigid, rigid + motion.field.reshape(len(true), -1, 3)]
    else:
        return  # rigid as a whole
    apart = [each - true for each in found]
    rms = [np.sqrt(((each - np.median(each, axis=0)) ** 2).mean()) for each in apart]
    assert rms[1] <= rms[0]
