"""What is known of motion: courses of a block, those that the data bear out, and traces that follow them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import sparse

import cnmf3d
from cnmf3d.engine.block import STEP, Block
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.evaluation.motion import courses_of, following
from cnmf3d.engine.motion_courses import MotionCourses, apart, functions_of, orthonormal, repeated
from cnmf3d.motion.confidence import confidence, expected_error
from cnmf3d.movies.blanked import without_frames
from cnmf3d.movies.registered import Motion, registered

FRAMES, SHAPE = 240, (4, 30, 32)
BOX = Box(((0, 4), (0, 30), (0, 32)), ((0, 4), (0, 30), (0, 32)))


def motion(seed=0, **more):
    rng = np.random.default_rng(seed)
    still = {
        "rigid": rng.normal(0, (0.2, 1, 0), (FRAMES, 3)).astype(np.float32),
        "confidence": np.ones(FRAMES, np.float32),
        "planes": np.zeros((SHAPE[0], 2), np.float32),
        "bad_frames": np.zeros(FRAMES, bool),
        "template": np.zeros(SHAPE, np.float32),
    }
    return Motion(**{**still, **more})


def block(courses=None, images=None, cells=0, seed=0):
    """Noise of variance one, courses with their images, and cells that are active now and then."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((int(np.prod(SHAPE)), 120))
    if courses is not None:
        z += images @ courses * np.sqrt(120)
    for _ in range(cells):
        spikes = rng.random(120) < 0.05
        trace = np.convolve(spikes, np.exp(-np.arange(20) / 5))[:120]
        z[rng.choice(len(z), 60, replace=False)] += 4 * trace
    return Block(np.clip(np.rint(STEP * z), -32767, 32767).astype(np.int16), SHAPE)


def test_courses_are_orthonormal_functions_of_the_displacement():
    found = motion()
    courses = MotionCourses(found, 2, 120).within(BOX)
    assert courses.shape[1] == 120 and 7 <= len(courses) <= 9  # two axes move: 2, 3 products, 4 waves
    assert (
        np.allclose(courses @ courses.T, np.eye(len(courses)), atol=1e-4) and np.abs(courses.sum(axis=1)).max() < 1e-3
    )
    means = found.rigid[:, 1].reshape(120, 2).mean(axis=1)
    means = (means - means.mean()) / np.linalg.norm(means - means.mean())
    assert np.linalg.norm(courses @ means) > 0.99
    assert functions_of(np.zeros((FRAMES, 3))).shape == (0, FRAMES)
    assert MotionCourses(motion(rigid=np.zeros((FRAMES, 3), np.float32)), 2, 120).within(BOX).shape == (0, 120)


def test_a_block_has_the_displacement_of_its_place_and_bad_frames_have_no_say():
    rng = np.random.default_rng(1)
    field = np.zeros((FRAMES, 1, 2, 2, 3), np.float32)
    field[:, 0, 1, 1, 2] = rng.normal(0, 1, FRAMES)
    grid = (np.float32([1.5]), np.float32([7, 22]), np.float32([8, 24]))
    bad = np.zeros(FRAMES, bool)
    bad[[10, 50]] = True
    still = np.zeros((FRAMES, 3), np.float32)
    far = still.copy()
    far[bad] = 100
    moves = MotionCourses(motion(rigid=far, field=field, grid=grid, bad_frames=bad), 2, 120)
    corner = dataclasses.replace(BOX, outer=((0, 4), (15, 30), (16, 32)))
    other = dataclasses.replace(BOX, outer=((0, 4), (0, 15), (0, 16)))
    courses = moves.within(corner)
    sums = np.where(bad, 0, field[:, 0, 1, 1, 2]).reshape(120, 2).sum(axis=1) / (~bad).reshape(120, 2).sum(axis=1)
    sums = (sums - sums.mean()) / np.linalg.norm(sums - sums.mean())
    assert np.linalg.norm(courses @ sums) > 0.98
    assert np.abs(courses).max() < 0.9 and np.abs(moves.within(other)).max(initial=0) < 1


def test_errors_that_registration_expects_are_a_course():
    rng = np.random.default_rng(3)
    still = {"rigid": np.zeros((FRAMES, 3), np.float32)}
    error = rng.lognormal(-1.5, 0.7, FRAMES).clip(0.02, 1.5)
    sure = confidence(np.ones(FRAMES), error).astype(np.float32)
    assert np.allclose(expected_error(sure), error, rtol=1e-3)
    bad = np.arange(FRAMES) == 30
    courses = MotionCourses(motion(confidence=np.where(bad, 0, sure), bad_frames=bad, **still), 2, 120).within(BOX)
    squares = np.where(bad, 0, error**2).reshape(120, 2).sum(axis=1) / (~bad).reshape(120, 2).sum(axis=1)
    squares -= squares.mean()
    assert courses.shape == (1, 120) and abs(courses[0] @ squares) / np.linalg.norm(squares) > 0.999
    alike = confidence(np.ones(FRAMES), rng.normal(0.2, 0.02, FRAMES)).astype(np.float32)
    spoiled = motion(confidence=np.where(bad, 0, alike), bad_frames=bad, **still)
    assert not len(MotionCourses(spoiled, 2, 120).within(BOX))  # a bad frame is no error that varies


@pytest.mark.parametrize("seed", range(3))
def test_an_image_of_blur_is_known_from_both_halves(seed):
    """A blur that grows with the expected error is found; activity doesn't pass for it."""
    error = np.random.default_rng(seed).lognormal(-1.5, 0.7, FRAMES)
    sure = confidence(np.ones(FRAMES), error).astype(np.float32)
    still = np.zeros((FRAMES, 3), np.float32)
    courses = MotionCourses(motion(seed, rigid=still, confidence=sure), 2, 120).within(BOX)
    _, y, x = np.indices(SHAPE)
    image = np.exp(-((y - 14) ** 2 + (x - 15) ** 2) / 30.0)
    bent = np.diff(image, 2, axis=1, prepend=image[:, :1], append=image[:, -1:])
    bent = 10 * bent.reshape(-1, 1)
    assert len(repeated(block(cells=12, seed=seed), courses)) == 0
    assert len(repeated(block(courses, bent, cells=6, seed=seed), courses)) == 1


def test_only_movies_that_are_registered_as_they_are_read_have_known_motion():
    values = np.random.default_rng(0).integers(0, 100, (FRAMES, *SHAPE)).astype(np.uint16)
    movie = cnmf3d.open_movie(values, rate=10)
    assert MotionCourses.of(movie, 2, 120) is None
    moved, bad = registered(movie, motion()), np.arange(FRAMES) == 7
    assert MotionCourses.of(moved, 2, 120).motion.bad_frames.sum() == 0
    assert np.flatnonzero(MotionCourses.of(without_frames(moved, bad), 2, 120).motion.bad_frames).tolist() == [7]


@pytest.mark.parametrize("seed", range(3))
def test_courses_count_where_both_halves_show_the_same_image(seed):
    courses = MotionCourses(motion(seed), 2, 120).within(BOX)
    assert len(repeated(block(seed=seed), courses)) == 0
    assert len(repeated(block(cells=12, seed=seed), courses)) == 0  # activity follows by chance, up or down
    images = np.zeros((int(np.prod(SHAPE)), 1))
    images[: SHAPE[1] * SHAPE[2], 0] = 0.7 * np.random.default_rng(seed).standard_normal(SHAPE[1] * SHAPE[2])
    found = repeated(block(courses[:1], images, cells=6, seed=seed), courses)  # the first plane alone follows one
    assert len(found) == 1 and abs(found[0] @ courses[0]) > 0.9


def test_courses_beside_others_are_orthogonal_to_them():
    rng = np.random.default_rng(0)
    known = orthonormal(rng.standard_normal((2, 50)))
    left = apart(np.stack([known[0], *orthonormal(rng.standard_normal((2, 50)))]), known)
    assert len(left) == 2 and np.abs(left @ known.T).max() < 1e-4
    assert apart(known[:1], known).shape == (0, 50)


def test_a_trace_that_follows_the_motion_is_told_from_one_of_chance():
    rng = np.random.default_rng(0)
    courses = MotionCourses(motion(), 2, 120).within(BOX)
    follows = np.repeat(courses[0] * np.sqrt(120) + 0.3 * rng.standard_normal(120), 2)
    raw = np.stack([follows, *rng.standard_normal((30, FRAMES))]).astype(np.float32)
    footprints = sparse.csc_array((np.ones(31, np.float32), np.arange(31), np.arange(32)), shape=(np.prod(SHAPE), 31))
    found = following(raw, 2, footprints, SHAPE, [BOX], [courses_of(courses, courses[:0])])
    assert found[0] > 0.9 and np.median(found[1:]) < 0.15 and found[1:].max() < 0.5
    assert not following(raw, 2, footprints, SHAPE, [BOX], [courses[:0]]).any()
