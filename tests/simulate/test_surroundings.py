from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.simulate import scene_of
from cnmf3d.simulate.motion import displacements
from cnmf3d.simulate.surroundings import bleaching, neuropil, resting_light, swing


def test_neuropil_swings_as_far_as_was_asked_for_and_has_its_rank():
    scene = scene_of("neuropil", {"neuropil": 0.7, "neuropil_rank": 3})
    images, courses = neuropil(scene, np.random.default_rng(0))
    assert images.shape == (3, *scene.shape) and courses.shape == (3, scene.frames)
    assert images.min() > 0 and courses.min() == 0 and courses.max() == 1
    whole = np.median(np.ptp(np.tensordot(images[:, ::2, ::5, ::5], courses, (0, 0)), axis=-1))
    assert whole == pytest.approx(0.7, rel=0.05)
    assert swing(images, courses) == pytest.approx(0.7)
    assert np.linalg.cond(images.reshape(3, -1) @ images.reshape(3, -1).T) < 1e3


def test_neuropil_is_slow_and_smooth():
    scene = scene_of("small")
    images, courses = neuropil(scene, np.random.default_rng(0))
    assert np.diff(courses, axis=1).std() < 0.1 * courses.std()
    assert np.diff(images, axis=2).std() < 0.15 * images.std()


def test_bleaching_ends_where_it_was_asked_to():
    course = bleaching(scene_of("small", {"bleaching": 0.3}))
    assert course[0] == 1 and course[-1] == pytest.approx(0.7)
    assert (np.diff(course) < 0).all()


def test_resting_light_is_darker_in_the_corners():
    scene = scene_of("small", {"vignette": 0.8})
    light = np.mean([resting_light(scene, np.random.default_rng(seed)) for seed in range(8)], axis=(0, 1))
    corners = light[[0, 0, -1, -1], [0, -1, 0, -1]].mean()
    assert corners < 0.5 * light[45:55, 45:55].mean()


def test_displacements_have_their_bounds_and_median_zero():
    scene = scene_of("motion")
    paths = displacements(scene, np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(paths).max(axis=0), scene.motion[::-1])
    np.testing.assert_allclose(np.median(paths, axis=0), 0, atol=1e-9)
    assert not displacements(scene_of("small"), np.random.default_rng(0)).any()
