"""Kernels against their twins in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse

from cnmf3d.engine.bandpass import Bandpass
from cnmf3d.engine.demix import ByVoxel
from cnmf3d.engine.kernels.numba import block, frames, ingest, supports
from cnmf3d.geometry import ZYX

SETTINGS = settings(max_examples=30, deadline=None)


@st.composite
def problems(draw):
    """Rows (voxels, bins), sparse footprints on them, traces."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    voxels, bins, count = draw(st.integers(1, 40)), draw(st.integers(1, 50)), draw(st.integers(0, 6))
    rows = rng.integers(-3000, 3000, (voxels, bins)).astype(np.int16)
    footprints = sparse.random_array((voxels, count), density=0.4, rng=rng, dtype=np.float32, format="csc")
    footprints.sort_indices()
    return rows, sparse.csc_array(footprints), rng.standard_normal((count, bins)).astype(np.float32)


def close(ours, theirs, scale=None):
    size = np.abs(theirs).max(initial=1) if scale is None else scale
    assert np.allclose(ours, theirs, atol=1e-4 * size, rtol=1e-4)


def by_voxel(footprints):
    """Where each voxel's entries are, for kernels that go from voxel to voxel."""
    supports = ByVoxel.of(footprints)
    return supports.indptr, supports.columns, supports.entries


@SETTINGS
@given(problems())
def test_project(problem):
    rows, footprints, _ = problem
    out = np.full((footprints.shape[1], rows.shape[1]), np.nan, np.float32)
    block.project(rows, footprints.indptr, footprints.indices, footprints.data, out)
    close(out, footprints.T @ rows.astype(float))


@SETTINGS
@given(problems())
def test_correlate_on_supports(problem):
    rows, footprints, traces = problem
    out = np.full(footprints.nnz, np.nan, np.float32)
    block.correlate(rows, footprints.indptr, footprints.indices, traces, out)
    dense = rows.astype(float) @ traces.T
    columns = np.repeat(np.arange(footprints.shape[1]), np.diff(footprints.indptr))
    close(out, dense[footprints.indices, columns], scale=3000 * np.sqrt(rows.shape[1]))


@SETTINGS
@given(problems())
def test_regress_rows(problem):
    rows, _, traces = problem
    out = np.full((rows.shape[0], len(traces)), np.nan, np.float32)
    block.regress_rows(rows, traces, out)
    close(out, rows.astype(float) @ traces.T, scale=3000 * np.sqrt(rows.shape[1]))


@SETTINGS
@given(problems(), st.integers(1, 5))
def test_coarsen(problem, groups):
    rows, _, _ = problem
    which = np.arange(len(rows)) % groups
    out = np.zeros((groups, rows.shape[1]), np.float32)
    block.coarsen(rows, which, out)
    close(out, np.stack([rows[which == g].sum(axis=0) for g in range(groups)]))


@SETTINGS
@given(problems())
def test_subtract_model(problem):
    rows, footprints, traces = problem
    residual = rows.astype(np.float32)
    by_voxel = sparse.csr_array(footprints)
    block.subtract_model(residual, by_voxel.indptr, by_voxel.indices, by_voxel.data, traces)
    close(residual, rows - footprints @ traces.astype(float))


@SETTINGS
@given(problems(), st.booleans())
def test_update_traces_is_a_sweep_of_hals(problem, signed):
    rows, footprints, traces = problem
    projected = (footprints.T @ rows.astype(np.float32)).astype(np.float32)
    gram = sparse.csr_array(footprints.T @ footprints)
    expected = traces.astype(float)
    dense = gram.toarray().astype(float)
    for k in range(len(expected)):
        if dense[k, k] > 0:
            expected[k] += (projected[k] - dense[k] @ expected) / dense[k, k]
            expected[k] = expected[k] if signed else np.maximum(expected[k], 0)
    ours = traces.copy()
    block.update_traces(projected, gram.indptr, gram.indices, gram.data, signed, ours)
    close(ours, expected)


@SETTINGS
@given(problems(), st.integers(1, 3))
def test_update_footprints_is_sweeps_of_hals(problem, sweeps):
    rows, footprints, traces = problem
    traces = np.abs(traces)
    correlated = np.empty(footprints.nnz, np.float32)
    block.correlate(rows, footprints.indptr, footprints.indices, traces, correlated)
    gram = traces @ traces.T
    dense, mask = footprints.toarray().astype(float), footprints.toarray() != 0
    wanted = np.zeros_like(dense)
    columns = np.repeat(np.arange(dense.shape[1]), np.diff(footprints.indptr))
    wanted[footprints.indices, columns] = correlated
    for _ in range(sweeps):
        for k in range(dense.shape[1]):
            if gram[k, k] > 0:
                step = (wanted[:, k] - dense @ gram[:, k].astype(float)) / gram[k, k]
                dense[mask[:, k], k] = np.maximum(dense[:, k] + step, 0)[mask[:, k]]
    data = footprints.data.copy()
    block.update_footprints(correlated, *by_voxel(footprints), gram, sweeps, data)
    close(data, dense[footprints.indices, columns])


def test_a_component_without_a_trace_keeps_its_footprint():
    footprints = sparse.csc_array(np.array([[1, 2], [3, 0]], np.float32))
    gram, data = np.array([[0, 0], [0, 4]], np.float32), footprints.data.copy()
    block.update_footprints(np.full(3, 8, np.float32), *by_voxel(footprints), gram, 2, data)
    assert data.tolist() == [1, 3, 2]


@SETTINGS
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_activity(seed, bins):
    rows = np.random.default_rng(seed).standard_normal((7, bins)).astype(np.float32) * 2
    energy, spread = np.empty(7, np.float32), np.empty(7, np.float32)
    block.activity(rows, 1.5, energy, spread)
    for row, e, s in zip(rows.astype(float), energy, spread, strict=True):
        below = row[row < 0]
        sigma = max(1, np.sqrt((below**2).mean()) if below.size else 0)
        unit = row / sigma
        assert s == pytest.approx(sigma, rel=1e-4)
        assert e == pytest.approx((unit[unit > 1.5] ** 2).sum(), rel=1e-3, abs=1e-3)


@SETTINGS
@given(st.integers(0, 10**6), st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)))
def test_neighbour_correlation(seed, shape):
    rows = np.random.default_rng(seed).integers(-100, 100, (int(np.prod(shape)), 30)).astype(np.int16)
    out = np.empty(len(rows), np.float32)
    block.neighbour_correlation(rows, *shape, out)
    grid = np.arange(len(rows)).reshape(shape)
    expected = np.zeros(len(rows))
    for place in np.ndindex(shape):
        near = []
        for axis in range(3):
            for step in (-1, 1):
                other = list(place)
                other[axis] += step
                if 0 <= other[axis] < shape[axis]:
                    near.append(np.corrcoef(rows[grid[place]], rows[grid[tuple(other)]])[0, 1])
        expected[grid[place]] = np.mean(near) if near else 0
    assert np.allclose(out, expected, atol=1e-3)


@SETTINGS
@given(
    st.integers(0, 10**6),
    st.tuples(st.integers(1, 6), st.integers(4, 12), st.integers(4, 12)),
    st.tuples(*[st.floats(0.5, 2)] * 3),
)
def test_bandpass_passes_cells_and_stops_gradients(seed, shape, sigma):
    bandpass = Bandpass.design(shape, ZYX(*sigma))
    flat = np.full((*shape, 2), 3, np.float32)
    assert np.abs(bandpass.apply(flat)).max() < 1e-3 * 3 * np.prod(shape)
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, *shape, 3)).astype(np.float32)
    both = bandpass.apply(a) + 2 * bandpass.apply(b)
    close(bandpass.apply(a + 2 * b), both)


def test_bandpass_peaks_where_a_cell_is():
    volume = np.zeros((9, 31, 31, 1), np.float32)
    volume[4, 15, 20] = 1
    cell = ndimage.gaussian_filter(volume[..., 0], (1, 2, 2))[..., None]
    passed = Bandpass.design((9, 31, 31), ZYX(1, 2, 2)).apply(cell)[..., 0]
    assert np.unravel_index(passed.argmax(), passed.shape) == (4, 15, 20)
    assert passed.min() > -0.5 * passed.max()


FRAME_TYPES = [np.uint8, np.uint16, np.int16, np.float32]


@pytest.mark.parametrize("dtype", FRAME_TYPES)
def test_project_frames(dtype):
    rng = np.random.default_rng(0)
    movie = rng.integers(0, 200, (9, 30)).astype(dtype)
    weights = sparse.random_array((30, 4), density=0.3, rng=rng, dtype=np.float32, format="csc")
    levels = rng.random(30).astype(np.float32) * 100
    out = np.empty((4, 9), np.float32)
    frames.project_frames(movie, weights.indptr, weights.indices, weights.data, levels[weights.indices], out)
    close(out, weights.T @ (movie.astype(float) - levels).T)


@pytest.mark.parametrize("dtype", FRAME_TYPES)
def test_project_runs(dtype):
    rng = np.random.default_rng(1)
    movie = rng.integers(0, 200, (9, 30)).astype(dtype)
    weights, levels = rng.standard_normal((2, 30)).astype(np.float32), rng.random(30).astype(np.float32)
    runs = np.array([[0, 0, 12], [1, 12, 20], [0, 20, 30]])
    out = np.zeros((4, 9))
    frames.project_runs(movie, runs, weights, levels, out)
    tiles = [np.r_[0:12, 20:30], np.r_[12:20]]
    expected = np.concatenate([weights[:, tile] @ (movie.astype(float) - levels)[:, tile].T for tile in tiles])
    close(out, expected)


@pytest.mark.parametrize("dtype", FRAME_TYPES)
def test_correlate_frames(dtype):
    rng = np.random.default_rng(2)
    movie = rng.integers(0, 200, (9, 30)).astype(dtype)
    supports = sparse.random_array((30, 4), density=0.3, rng=rng, dtype=np.float32, format="csc")
    levels = rng.random(30).astype(np.float32) * 100
    traces = rng.random((4, 9)).astype(np.float32)
    traces[:, 3] = 0
    flags = (rng.random((4, 9)) < 0.4).astype(np.float32)
    flags[0], flags[1], traces[1] = 0, 0, 0  # only one of both sums, and none
    sums = np.zeros((2, supports.nnz), np.float32)
    frames.correlate_frames(movie, supports.indptr, supports.indices, levels[supports.indices], traces, flags, sums)
    columns = np.repeat(np.arange(4), np.diff(supports.indptr))
    centred = movie.astype(float) - levels
    close(sums[0], (centred.T @ traces.T.astype(float))[supports.indices, columns])
    close(sums[1], (centred.T @ flags.T.astype(float))[supports.indices, columns])


@SETTINGS
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 40), st.sampled_from(FRAME_TYPES))
def test_chunk_statistics(seed, length, voxels, dtype):
    rng = np.random.default_rng(seed)
    movie = rng.integers(0, 200, (length, voxels)).astype(dtype)
    centre = rng.random(voxels).astype(np.float32) * 100
    out = np.empty((5, voxels), np.float32)
    ingest.chunk_statistics(movie, centre, out)
    d = movie.astype(float) - centre
    bends = (np.diff(d, n=2, axis=0) ** 2).sum(axis=0) if length > 2 else np.zeros(voxels)
    for ours, theirs in zip(out, (d.sum(0), (d**2).sum(0), d.max(0), d.min(0), bends), strict=True):
        close(ours, theirs)


@SETTINGS
@given(st.integers(0, 10**6), st.integers(3, 20), st.integers(1, 40), st.integers(1, 4), st.sampled_from(FRAME_TYPES))
def test_cumulants_of_noise(seed, length, voxels, step, dtype):
    rng = np.random.default_rng(seed)
    movie = rng.integers(0, 200, (length, voxels)).astype(dtype)
    some = movie[:, ::step].astype(float)
    shapes = rng.standard_normal((2, some.shape[1])).astype(np.float32)
    shares, sums = np.empty((length - 2, 2)), np.empty(shapes.shape, np.float32)
    ingest.shared_noise(movie, step, shapes, shares)
    noise = some[1:-1] - 0.5 * (some[:-2] + some[2:])
    close(shares, noise @ shapes.T)
    ingest.noise_cumulants(movie, step, shapes, shares, sums)
    noise = noise - shares @ shapes
    close(sums[0], (noise**2).sum(axis=0))
    close(sums[1], (noise**3).sum(axis=0), np.abs(noise**3).sum(axis=0).max(initial=1))


@SETTINGS
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 5), st.sampled_from(FRAME_TYPES))
def test_bin_chunk(seed, length, width, dtype):
    rng = np.random.default_rng(seed)
    movie = rng.integers(0, 200, (length, 11)).astype(dtype)
    centre, gain = rng.random(11).astype(np.float32) * 100, rng.random(11).astype(np.float32) * 900
    bins = -(-length // width)
    out = np.empty((11, bins), np.int16)
    ingest.bin_chunk(movie, width, centre, gain, out)
    means = np.stack([movie[b * width : (b + 1) * width].astype(float).mean(axis=0) for b in range(bins)])
    expected = np.clip((means - centre) * gain, -32767, 32767).T
    assert np.abs(out - expected).max() <= 0.55


@SETTINGS
@given(problems())
def test_products_of_footprints(problem):
    _, footprints, _ = problem
    gram = np.zeros((footprints.shape[1], footprints.shape[1]), np.float32)
    block.gram_of_footprints(*by_voxel(footprints), footprints.data, gram)
    close(gram, (footprints.T @ footprints).toarray())


@SETTINGS
@given(problems(), st.integers(0, 4))
def test_images_seen_through_footprints(problem, count):
    rows, footprints, _ = problem
    images = np.random.default_rng(0).standard_normal((rows.shape[0], count)).astype(np.float32)
    out = np.full((footprints.shape[1], count), np.nan, np.float32)
    block.project_images(footprints.indptr, footprints.indices, footprints.data, images, out)
    close(out, footprints.T @ images)
    values, weights = footprints.data.copy(), np.ascontiguousarray(out.T)
    block.subtract_images(footprints.indptr, footprints.indices, images, weights, values)
    columns = np.repeat(np.arange(footprints.shape[1]), np.diff(footprints.indptr))
    close(values, footprints.data - (images @ weights)[footprints.indices, columns])


@st.composite
def volumes(draw):
    """A volume with footprints (voxels, components) of which some are in pieces, some empty."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = draw(st.tuples(*[st.integers(1, 6)] * 3))
    voxels, count = int(np.prod(shape)), draw(st.integers(0, 4))
    footprints = sparse.random_array((voxels, count), density=0.3, rng=rng, dtype=np.float32, format="csc")
    footprints.sort_indices()
    return shape, sparse.csc_array(footprints)


@SETTINGS
@given(volumes())
def test_grown_supports(volume):
    shape, footprints = volume
    indptr, indices, position = supports.grow(footprints.indptr, footprints.indices, *shape)
    assert np.array_equal(indices[position], footprints.indices)
    for k in range(footprints.shape[1]):
        mask = np.zeros(shape, bool)
        mask.ravel()[footprints.indices[footprints.indptr[k] : footprints.indptr[k + 1]]] = True
        grown = indices[indptr[k] : indptr[k + 1]]
        assert np.array_equal(grown, np.flatnonzero(ndimage.binary_dilation(mask)))


@SETTINGS
@given(volumes(), st.floats(0, 1, width=32))
def test_main_parts(volume, threshold):
    shape, footprints = volume
    inside = np.empty(footprints.nnz, bool)
    least = np.full(footprints.shape[1], threshold, np.float32)
    supports.main_parts(footprints.indptr, footprints.indices, footprints.data, least, *shape[1:], inside)
    for k in range(footprints.shape[1]):
        box = footprints[:, [k]].toarray().reshape(shape)
        mine = slice(footprints.indptr[k], footprints.indptr[k + 1])
        if not box.any():
            assert not inside[mine].any()
            continue
        labels, count = ndimage.label(box > min(np.float32(threshold), box.max() / 2))
        part = labels == 1 + np.argmax(ndimage.sum_labels(box, labels, np.arange(1, count + 1)))
        assert np.array_equal(footprints.indices[mine][inside[mine]], np.flatnonzero(part))


@SETTINGS
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 7)] * 3), st.floats(-1, 5, width=32))
def test_peaks(seed, shape, threshold):
    score = np.random.default_rng(seed).integers(-1, 5, shape).astype(np.float32)
    near = np.argwhere(np.ones((3, 3, 3))) - 1
    peak = np.empty(shape, bool)
    supports.peaks(score, threshold, near, peak)
    highest = ndimage.maximum_filter(score, size=3, mode="constant", cval=-np.inf)
    assert np.array_equal(peak, (score == highest) & (score > threshold))


# ---- evidence in time


@SETTINGS
@given(
    seed=st.integers(0, 10**6),
    voxels=st.integers(1, 20),
    bins=st.integers(1, 60),
    level=st.floats(-50, 50),
    weights=st.lists(st.sampled_from([0.125, 0.25, 0.5, 1.0]), min_size=1, max_size=4),
)
def test_persistence(seed, voxels, bins, level, weights):
    rng = np.random.default_rng(seed)
    rows = (level + rng.standard_normal((voxels, bins)).cumsum(axis=1)).astype(np.float32)
    rows[0] = level
    out = np.full(voxels, np.nan, np.float32)
    block.persistence(rows, np.array(weights, np.float32), 0.5, 3.0, 0.75, out)
    centred = rows.astype(float) - rows.mean(axis=1, keepdims=True, dtype=float)
    low = np.minimum(centred, 0)
    spread = np.sqrt((low**2).sum(axis=1) / np.maximum((centred < 0).sum(axis=1), 1))
    excursions = np.clip(centred / np.maximum(spread, 1e-9)[:, None] - 0.5, 0, 3)
    expected = np.maximum(lasting(centred, weights), 0.75 * lasting(excursions, weights))
    assert np.allclose(out[1:], expected[1:], rtol=2e-2, atol=5e-2)
    assert np.isfinite(out).all()


def lasting(rows, weights):
    centred = rows - rows.mean(axis=1, keepdims=True)
    total, power = np.zeros(len(rows)), 0.0
    for lag, weight in enumerate(weights, 1):
        if lag < rows.shape[1]:
            total += weight * (centred[:, lag:] * centred[:, :-lag]).sum(axis=1)
            power += weight**2 * (rows.shape[1] - lag)
    spread = centred.var(axis=1) * power**0.5
    return np.divide(total, spread, out=np.zeros(len(rows)), where=spread > 1e-9)


def test_persistence_is_in_standard_deviations_of_white_noise_whatever_its_skewness():
    rng = np.random.default_rng(0)
    weights, out = np.array([0.64, 0.41, 0.26], np.float32), np.empty(3000, np.float32)
    for noise in (rng.standard_normal((3000, 400)), rng.gamma(0.3, size=(3000, 400)), rng.poisson(0.2, (3000, 400))):
        block.persistence(noise.astype(np.float32), weights, 1.0, 4.0, 0.0, out)
        rare = np.maximum(out, 0)
        assert rare.std() == pytest.approx(0.584, abs=0.06)  # of the positive half of a normal distribution
        block.persistence(noise.astype(np.float32), weights, 1.0, 4.0, 0.8, out)
        assert np.percentile(out, 10) == pytest.approx(-0.8, abs=0.2) and np.percentile(out, 99.9) < 4


# ---- footprints in one piece


def hills(values, counted, share):
    """The twin: sets of voxels from the highest down; those that meet are one by the rule, and the heaviest is kept."""
    found = []
    for place in sorted(zip(*np.nonzero(counted & (values > 0)), strict=True), key=lambda p: -values[p]):
        touching = [each for each in found if any(np.abs(np.subtract(place, p)).sum() == 1 for p in each)]
        if not touching:
            found.append([place])
            continue
        touching[0].append(place)
        for other in touching[1:]:
            first = next(each for each in found if place in each)
            low, high = sorted((first, other), key=lambda each: values[each[0]])
            if (
                values[place] >= np.float32(share) * values[high[0]]
                or values[low[0]] < np.float32(share) * values[high[0]]
            ):
                found = [each for each in found if each is not low]
                high.extend(low)
    return found


@SETTINGS
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    share=st.sampled_from([0.0, 0.3, 0.6, 1.0]),
    full=st.floats(0.3, 1),
)
def test_main_hills(seed, shape, share, full):
    rng = np.random.default_rng(seed)
    dense = rng.random((2, *shape)) * (rng.random((2, *shape)) < full)
    footprints = sparse.csc_array(dense.reshape(2, -1).T.astype(np.float32))
    counted = rng.random(footprints.nnz) < 0.9
    inside = np.zeros(footprints.nnz, bool)
    part = (footprints.indptr, footprints.indices, footprints.data, counted)
    supports.main_hills(*part, share, shape[1], shape[2], inside)
    for k in range(2):
        entries = slice(footprints.indptr[k], footprints.indptr[k + 1])
        values, flags, kept = np.zeros(shape, np.float32), np.zeros(shape, bool), np.zeros(shape, bool)
        values.ravel()[footprints.indices[entries]] = footprints.data[entries]
        flags.ravel()[footprints.indices[entries]] = counted[entries]
        kept.ravel()[footprints.indices[entries]] = inside[entries]
        found = hills(values, flags, share)
        assert not (kept & ~flags).any() and kept.any() == bool(found)
        if not found:
            continue
        assert ndimage.label(kept)[1] == 1
        assert ndimage.label(kept & (values >= share * values[kept].max()))[1] == 1  # this is what it is for
        # a voxel between two hills may go to either: so much is held, and no more
        heaviest = max(found, key=lambda each: sum(values[p] for p in each))
        tops = {each[0] for each in found}
        top = tuple(int(i) for i in np.unravel_index(np.argmax(np.where(kept, values, -1)), shape))
        assert top in {tuple(int(i) for i in p) for p in tops}
        if len(found) == 1:
            assert kept.sum() == len(heaviest)


@pytest.mark.parametrize(("bridge", "pieces"), [(0.2, 1), (0.5, 2)])
def test_two_hills_are_one_where_the_saddle_between_them_is_high(bridge, pieces):
    line = np.array([0.4, 0.9, 0.4, bridge, 0.5, 1.0, 0.8, 0.5], np.float32)
    footprints = sparse.csc_array(line[:, None])
    inside = np.zeros(line.size, bool)
    every = np.ones(line.size, bool)
    supports.main_hills(footprints.indptr, footprints.indices, line, every, 0.3, 1, line.size, inside)
    assert inside[4:].all() and inside[:3].all() == (pieces == 2)
    shoulder = np.array([0.2, 0.1, 0.15, 1.0, 0.5], np.float32)  # a low rise beside a cell is no second hill
    inside = np.zeros(5, bool)
    supports.main_hills(np.array([0, 5]), np.arange(5), shoulder, every[:5], 0.3, 1, 5, inside)
    assert inside.all()
