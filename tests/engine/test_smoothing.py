"""Footprints are freed of their noise, and only of that."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, sparse

from cnmf3d.engine.smoothing import ACROSS, IN_PLANE, MOST, gaussians, noise_kept, smoothed
from cnmf3d.engine.supports import ellipsoids
from cnmf3d.geometry import ZYX

SHAPE = (7, 31, 31)
GRID = np.indices(SHAPE).reshape(3, -1)


def noisy_cell(centre, error, seed=0):
    """A support with a Gaussian cell and noise of known size on it; the cell alone; a trace of that precision."""
    support = ellipsoids(SHAPE, np.array([centre]), ZYX(3, 8, 8))
    offset = (GRID[:, support.indices] - np.array(centre)[:, None]) / np.array([[1.2], [2.9], [2.9]])
    clear = np.exp(-0.5 * (offset**2).sum(axis=0)).astype(np.float32)
    noise = error * np.random.default_rng(seed).standard_normal(clear.size).astype(np.float32)
    footprint = sparse.csc_array((np.maximum(clear + noise, 0), support.indices, support.indptr), shape=support.shape)
    return footprint, clear, np.array([[1 / error]], np.float32)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("centre", [(3, 15, 15), (0, 15, 15), (6, 3, 30)])
def test_a_dim_cell_comes_out_clearer_also_at_the_border(centre):
    footprint, clear, trace = noisy_cell(centre, 0.25)
    result, errors = smoothed(footprint, trace, SHAPE)
    assert cosine(result.data, clear) > 0.96 > cosine(footprint.data, clear) + 0.05
    assert errors[0] < 0.5 * 0.25
    assert result.data[clear.argmax()] > 0.6


def test_a_bright_cell_stays_as_it_is():
    footprint, _, trace = noisy_cell((3, 15, 15), 1e-4)
    result, errors = smoothed(footprint, trace, SHAPE)
    assert np.array_equal(result.data, footprint.data) and errors[0] == pytest.approx(1e-4)


def test_nothing_smoothed_is_nothing():
    none = sparse.csc_array((int(np.prod(SHAPE)), 0), dtype=np.float32)
    assert smoothed(none, np.zeros((0, 5), np.float32), SHAPE)[0].shape[1] == 0
    empty = sparse.csc_array((int(np.prod(SHAPE)), 1), dtype=np.float32)
    assert smoothed(empty, np.zeros((1, 5), np.float32), SHAPE)[0].nnz == 0


def least_risk(box, inside, error, every):
    """The twin in plain numpy, on a volume with one footprint: values on its support, and the share of noise left."""
    data = box[inside]
    variance = (inside.sum() if every else (data != 0).sum()) * error**2
    best, least, share, at, steps = data, 0.0, 1.0, (0, 0), [(1, 0)] + [(0, 1)] * (box.shape[0] > 1)
    while steps:
        step = steps.pop(0)
        plane, across = at[0] + step[0], at[1] + step[1]
        if plane == len(IN_PLANE) or across == len(ACROSS):
            continue
        values, own, power = box, 1.0, 1.0
        for axis, width in enumerate((ACROSS[across], IN_PLANE[plane], IN_PLANE[plane])):
            if width:
                reach = int(np.ceil(3 * width))
                weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
                weights /= weights.sum()
                values = ndimage.correlate1d(values, weights, axis=axis, mode="nearest")
                own *= weights[reach]
                power *= (weights**2).sum()
        risk = ((values[inside] - data) ** 2).sum() - 2 * variance * (1 - own)
        if risk < least:
            best, least, share, at = values[inside], risk, power**0.5, (plane, across)
            steps.append(step)
    return best, share


@pytest.mark.parametrize("error", [0.02, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(9, 25, 25), (1, 25, 25), (3, 25, 25)])
@pytest.mark.parametrize("every", [True, False])
def test_as_much_as_plain_numpy_says(every, shape, error):
    rng = np.random.default_rng(7)
    footprint = ellipsoids(shape, np.array([[shape[0] // 2, 12, 12]]), ZYX(2, 6, 6))
    footprint.data[:] = np.maximum(0.5 + error * rng.standard_normal(footprint.nnz), 0)
    inside = np.zeros(shape, bool)
    inside.ravel()[footprint.indices] = True
    box = np.where(inside, footprint.toarray().reshape(shape), 0).astype(np.float64)
    best, share = least_risk(box, inside, error, every)
    result, errors = smoothed(footprint, np.array([[1 / error]], np.float32), shape, every=every)
    assert np.allclose(result.data, best, atol=1e-5) and errors[0] == pytest.approx(error * share, rel=1e-5)


# ---- noise that neighbours share

GRAIN = np.zeros((3, 5), np.float32)
GRAIN[:, 0] = 1
GRAIN[1:, 1:3] = 2 / 3, 1 / 6


def shared(rng, shape):
    """Noise of variance one with `GRAIN`: independent noise, blurred by (1, 2, 1) along y and x."""
    weights = np.array([1, 2, 1]) / 6**0.5
    noise = rng.standard_normal(shape)
    return ndimage.convolve1d(ndimage.convolve1d(noise, weights, axis=1, mode="wrap"), weights, axis=2, mode="wrap")


def even(rng, error, count=8, shape=(1, 50, 50)):
    """Footprints all over a plane, all of one level, with noise that neighbours share."""
    values = np.stack([5 + error * shared(rng, shape).ravel() for _ in range(count)], axis=1)
    return sparse.csc_array(values.astype(np.float32)), np.full((count, 1), 1 / error, np.float32), shape


def scatter(footprints, shape):
    """Standard deviation within each footprint, off the border."""
    values = footprints.toarray().T.reshape(-1, *shape)
    return values[:, :, 10:-10, 10:-10].reshape(len(values), -1).std(axis=1)


@pytest.mark.parametrize("error", [0.1, 1.0])
def test_noise_that_neighbours_share_is_smoothed_as_widely_as_it_takes(error):
    footprints, traces, shape = even(np.random.default_rng(0), error)
    blind, _ = smoothed(footprints, traces, shape)
    told, errors = smoothed(footprints, traces, shape, GRAIN)
    assert scatter(told, shape).mean() < 0.75 * scatter(blind, shape).mean()
    assert scatter(told, shape).mean() < 0.4 * error
    assert errors.mean() < 0.45 * error


@pytest.mark.parametrize("error", [0.1, 1.0])
def test_errors_of_smoothed_footprints_are_those_that_repeated_noise_shows(error):
    """Monte Carlo: what is left of the noise in forty draws is what is said, with grain and without."""
    rng = np.random.default_rng(1)
    footprints, traces, shape = even(rng, error, 40)
    result, errors = smoothed(footprints, traces, shape, GRAIN)
    assert np.allclose(errors, errors[0])  # the same width suits all
    values = result.toarray().T.reshape(-1, *shape)[:, 0, 10:-10, 10:-10]
    assert (values - 5).std() == pytest.approx(errors[0], rel=0.06)
    _, wrong = smoothed(footprints, traces, shape)
    assert wrong.mean() < 0.7 * (smoothed(footprints, traces, shape)[0].toarray() - 5).std()  # taken for independent


def test_a_cell_with_shared_noise_comes_out_clearer_with_its_grain():
    rng = np.random.default_rng(2)
    footprint, clear, _ = noisy_cell((3, 15, 15), 1e-9)
    error, gains = 0.3, []
    for _ in range(5):
        noise = error * shared(rng, SHAPE).ravel()[footprint.indices]
        noisy = sparse.csc_array(
            (np.maximum(clear + noise, 0).astype(np.float32), footprint.indices, footprint.indptr),
            shape=footprint.shape,
        )
        trace = np.array([[1 / error]], np.float32)
        blind, told = (smoothed(noisy, trace, SHAPE, grain)[0].data for grain in (None, GRAIN))
        gains.append(cosine(told, clear) - cosine(blind, clear))
        assert cosine(told, clear) > 0.9
    assert np.mean(gains) > 0


def test_what_smoothing_leaves_of_independent_noise_is_the_sum_of_squared_weights():
    weights = gaussians()
    for grain in (None, np.eye(1, 5, dtype=np.float32)[[0, 0, 0]]):
        own, left = noise_kept(weights, grain)
        assert np.allclose(own, weights[:, [MOST]]) and np.allclose(left, (weights**2).sum(axis=1, keepdims=True))
    own, left = noise_kept(weights, GRAIN)
    assert np.allclose(own[0], 1) and np.allclose(left[0], 1)  # no smoothing keeps all
    assert (np.diff(left[: len(IN_PLANE)], axis=0) < 0).all()
    some = (weights > 0).sum(axis=1) > 1
    assert (left[some, 1] > (weights[some] ** 2).sum(axis=1)).all()
