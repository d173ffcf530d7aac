"""Brightness and displacement of a whole block: found where they are real, and nowhere else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage, signal

from cnmf3d.engine.block import STEP, Block
from cnmf3d.engine.shared_courses import FEWEST_TILES, apart, changes_of, quietness, shared_courses, tiles_of

SHAPE, BINS, NOISE = (1, 96, 96), 200, 5.0
NONE = np.zeros((0, BINS), np.float32)


def textured(rng, shape=SHAPE):
    """Bright structures of a few voxels on an uneven ground."""
    fine, ground = (ndimage.gaussian_filter(rng.standard_normal(shape), (0, s, s)) for s in (1.5, 15))
    return 200 + 80 * fine / fine.std() + 30 * ground / ground.std()


def block_with(rng, movement, rest):
    """A block whose bins show `movement` (bins, Z, Y, X) around rest, with noise."""
    values = (movement / NOISE).reshape(len(movement), -1).T + rng.standard_normal((rest.size, len(movement)))
    rows = np.clip(np.rint(STEP * values), -32767, 32767).astype(np.int16)
    unit = np.full(rest.size, NOISE, np.float32)
    return Block(rows, rest.shape, rest.ravel().astype(np.float32), unit)


def course(rng):
    values = signal.lfilter([1], [1, -0.8], rng.standard_normal(BINS))
    return (values - values.mean()) / values.std()


def explained(courses, wanted):
    """Correlation of a course with the best combination of those that were found."""
    return float(np.linalg.norm(courses @ wanted) / np.linalg.norm(wanted))


def still(rng, rest):
    return block_with(rng, np.zeros((BINS, *rest.shape)), rest)


def displaced(rng, rest, dy, dx):
    moved = [ndimage.shift(rest[0], by, order=3, mode="nearest")[None] for by in zip(dy, dx, strict=True)]
    return block_with(rng, np.stack(moved) - rest, rest)


def active(rng, rest, count=25):
    movement = np.zeros((BINS, *rest.shape))
    y, x = np.indices(rest.shape[1:])
    for _ in range(count):
        place = rng.uniform(4, 92, 2)
        shape = np.exp(-0.5 * ((y - place[0]) ** 2 + (x - place[1]) ** 2) / 3**2)
        spikes = (rng.random(BINS) < 0.04) * rng.uniform(20, 80, BINS)
        movement += np.convolve(spikes, np.exp(-np.arange(15) / 3))[:BINS, None, None, None] * shape
    return block_with(rng, movement - movement.mean(axis=0), rest + movement.mean(axis=0))


@pytest.mark.parametrize("seed", range(3))
def test_a_still_block_has_none(seed):
    rng = np.random.default_rng(seed)
    assert shared_courses(still(rng, textured(rng))).beside(NONE).shape == (0, BINS)


@pytest.mark.parametrize("size", [0.1, 0.3])
def test_a_displacement_is_given_back(size):
    rng = np.random.default_rng(3)
    dy, dx = size * course(rng), size * course(rng)
    found = shared_courses(displaced(rng, textured(rng), dy, dx)).beside(NONE)
    assert explained(found, dy) > 0.95 and explained(found, dx) > 0.95
    assert np.allclose(found @ found.T, np.eye(len(found)), atol=1e-4)


def test_brightness_is_given_back():
    rng = np.random.default_rng(4)
    rest, light = textured(rng), 0.05 * course(rng)
    found = shared_courses(block_with(rng, light[:, None, None, None] * rest, rest)).beside(NONE)
    assert explained(found, light) > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_activity_of_cells_is_none(seed):
    rng = np.random.default_rng(seed)
    assert shared_courses(active(rng, textured(rng))).beside(NONE).shape == (0, BINS)


def test_what_is_known_already_is_not_found_again():
    rng = np.random.default_rng(5)
    dy = 0.3 * course(rng)
    block = displaced(rng, textured(rng), dy, 0 * dy)
    first = shared_courses(block).beside(NONE)
    second = shared_courses(block).beside(first)
    assert explained(second, dy) < 0.2 and np.abs(second @ first.T).max(initial=0) < 1e-3


def test_few_tiles_and_images_that_are_not_known_tell_nothing():
    rng = np.random.default_rng(6)
    small = textured(rng, (1, 60, 60))
    dy = 0.5 * course(rng)
    assert len(tiles_of(small.shape)[1]) < FEWEST_TILES
    assert shared_courses(displaced(rng, small, dy, dy)).beside(NONE).shape == (0, BINS)
    block = displaced(rng, textured(rng), dy, dy)
    assert shared_courses(dataclasses.replace(block, rest=None)).beside(NONE).shape == (0, BINS)


@pytest.mark.parametrize("shape", [(1, 96, 96), (6, 50, 70), (2, 16, 300), (3, 10, 10)])
def test_tiles_cover_the_block_through_all_planes(shape):
    tile, grid = tiles_of(shape)
    assert tile.size == np.prod(shape) and set(tile) == set(range(len(grid)))
    assert (tile.reshape(shape) == tile.reshape(shape)[0]).all()


def test_images_of_a_displacement_are_the_derivatives():
    y, x = np.indices((40, 40))
    rest = (3.0 * y + 0.5 * x**2)[None]
    images = changes_of(rest.ravel(), np.full(rest.size, 2.0), rest.shape).reshape(40, 40, -1)[10:30, 10:30]
    assert images.shape[-1] == 7  # offset, brightness, along y and x, and second order yy, yx, xx
    assert (images[..., 0] == 0.5).all() and np.array_equal(images[..., 1], rest[0, 10:30, 10:30] / 2)
    expected = (3.0, x[10:30, 10:30], 0, 0, 1)
    # second derivatives as sampled see a little of the brightness, which is an image of its own
    sampled = 0.006 * images[..., 1]
    for found, value in zip(np.moveaxis(images[..., 2:], -1, 0), expected, strict=True):
        assert (np.abs(found - np.broadcast_to(value, found.shape) / 2) < sampled).all()


def test_images_that_change_alike_are_taken_apart():
    """An even field: brightness and an offset are the same but for noise of the resting image."""
    rng = np.random.default_rng(8)
    rest = 200 + 2 * rng.standard_normal(SHAPE)
    assert shared_courses(still(rng, rest)).beside(NONE).shape == (0, BINS)
    images = rng.standard_normal((500, 4))
    images[:, 1] = images[:, 0] + 0.05 * images[:, 1]
    basis = apart(images.T @ images)
    assert np.allclose((images @ basis).T @ (images @ basis), np.eye(4), atol=1e-2)
    assert np.allclose(np.tril(basis, -1), 0)


def test_dead_voxels_and_lively_ones_weigh_little():
    rng = np.random.default_rng(7)
    block = still(rng, textured(rng))
    block.rows[0] = 0
    block.rows[1] *= 4
    weight = quietness(block)
    assert weight[0] == 0 and weight[1] < 0.01 and np.median(weight) > 0.8
