"""Parts of the engine alone: blocks, merging, cleaning, measures, reliability, rounds of seeding, cell size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, sparse, stats

from cnmf3d.components import centroids_of
from cnmf3d.engine import solve as solving
from cnmf3d.engine.block import STEP, Block, Fit, subset
from cnmf3d.engine.blocks import cut, fitting_core
from cnmf3d.engine.cleaning import clean, grow, significant
from cnmf3d.engine.coarse import coarsen
from cnmf3d.engine.demix import Pairs, raw_traces
from cnmf3d.engine.estimates import cell_size
from cnmf3d.engine.evaluation.decision import decide
from cnmf3d.engine.evaluation.measures import active_frames, compactness, spatial_correlation
from cnmf3d.engine.kernels.numba import block as kernels
from cnmf3d.engine.lasting import LAG_WEIGHTS, noise_free_correlation, persistence, standardised
from cnmf3d.engine.merging import join, merge
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.reliability import chance_level, reliability, threshold
from cnmf3d.engine.solve import Settings, empty_fit, search
from cnmf3d.engine.supports import ellipsoids
from cnmf3d.engine.volume import Neuropil
from cnmf3d.geometry import ZYX
from cnmf3d.traces import quiet_level, skewness, skewness_error, trace_snr

SHAPE = (5, 24, 24)
SIGMA = ZYX(1.0, 2.5, 2.5)
GRID = np.indices(SHAPE).reshape(3, -1)


def cell(z, y, x):
    """A Gaussian footprint of unit norm, (voxels,)."""
    centre = np.array([[z], [y], [x]])
    values = np.exp(-0.5 * (((GRID - centre) / np.array(SIGMA)[:, None]) ** 2).sum(axis=0))
    values[values < 0.05] = 0
    return (values / np.linalg.norm(values)).astype(np.float32)


def transients(rng, bins, count=1, size=30.0):
    """Non-negative traces with a few decaying events."""
    spikes = (rng.random((count, bins)) < 0.04) * rng.uniform(0.5, 1.5, (count, bins))
    kernel = np.exp(-np.arange(20) / 4)
    return (size * np.stack([np.convolve(s, kernel)[:bins] for s in spikes])).astype(np.float32)


def block_of(footprints, traces, rng, noise=1.0):
    """A block that holds cells and noise, and the fit that made it."""
    values = footprints @ traces + noise * rng.standard_normal((len(footprints), traces.shape[1]))
    rows = np.clip(np.rint(STEP * values), -32767, 32767).astype(np.int16)
    bins = traces.shape[1]
    constant = np.full((1, bins), bins**-0.5, np.float32)
    nothing = np.zeros((len(footprints), 1), np.float32)
    fit = Fit(sparse.csc_array(footprints), traces, nothing, constant, nothing)
    return Block(rows, SHAPE), fit


# ---- blocks


@settings(max_examples=60, deadline=None)
@given(
    volume=st.tuples(*[st.integers(1, 60)] * 3),
    core=st.tuples(*[st.integers(1, 40)] * 3),
    halo=st.tuples(*[st.integers(0, 9)] * 3),
)
def test_cores_tile_the_volume_and_each_centre_has_one_owner(volume, core, halo):
    boxes = cut(volume, core, halo)
    count = np.zeros(volume, int)
    for box in boxes:
        count[tuple(slice(*r) for r in box.core)] += 1
        for (a, b), (o, p), n, h in zip(box.core, box.outer, volume, halo, strict=True):
            assert (o, p) == (max(0, a - h), min(n, b + h))
    assert (count == 1).all()
    centres = np.random.default_rng(0).uniform(-0.5, np.array(volume) - 0.5, (50, 3))
    assert (sum(box.owns(centres, volume, 0.0).astype(int) for box in boxes) == 1).all()


@given(
    volume=st.tuples(st.integers(1, 40), st.integers(1, 600), st.integers(1, 600)),
    bins=st.integers(50, 3000),
    mib=st.integers(1, 200),
)
def test_blocks_keep_to_their_budget(volume, bins, mib):
    sigma, halo = ZYX(1, 2, 2), (3, 6, 6)
    core = fitting_core(volume, bins, sigma, halo, mib * 2**20)
    outer = [min(n, c + 2 * h if c < n else n) for n, c, h in zip(volume, core, halo, strict=True)]
    least = [min(n, c) for n, c in zip(volume, (6, 12, 12), strict=True)]
    at_least = all(c <= max(m, 4) for c, m in zip(core, least, strict=True))
    assert 2 * bins * np.prod(outer) <= mib * 2**20 or at_least


def test_patches_and_their_overlap_are_as_given_and_doubted_where_they_are_small():
    plan = Plan(rate=10, sigma=ZYX(1, 3, 3), patch=(12, 30, 30), halo=(0, 5, 5), limit=5)
    assert plan.cores((12, 100, 100), 300) == ((12, 20, 20), (0, 5, 5)) and plan.settings().limit == 5
    small, narrow = plan.doubts((12, 100, 100), 300)
    assert "20 × 20 × 12 voxels" in small and "33 × 33 × 6" in small and "larger rf" in small
    assert "overlap by 10 × 10 × 0 voxels" in narrow and "18 × 18 × 6 on" in narrow
    large = plan.replace(patch=(12, 60, 60), halo=(3, 10, 10))
    assert large.doubts((12, 100, 100), 300) == [] and plan.replace(patch=None, halo=None).doubts((12, 9, 9), 300) == []


def test_an_overlap_that_is_left_open_leaves_half_of_a_patch():
    plan = Plan(rate=10, sigma=ZYX(1, 3, 3), patch=(12, 30, 60))
    assert plan.cores((12, 100, 100), 300) == ((12, 16, 42), (3, 7, 9))
    assert any("18 × 14 × 6 voxels (x × y × z), half of the patch" in text for text in plan.doubts((12, 100, 100), 300))


# ---- merging


def test_halves_of_one_cell_become_one_and_neighbours_stay_two():
    rng = np.random.default_rng(0)
    one, other = cell(2, 8, 8), cell(2, 8, 15)
    left = np.where(GRID[2] < 8, one, 0).astype(np.float32)
    footprints = np.stack([left / np.linalg.norm(left), one - left, other], axis=1)
    footprints[:, 1] /= np.linalg.norm(footprints[:, 1])
    a, b = transients(rng, 300, 2)
    _, fit = block_of(footprints, np.stack([a, 0.9 * a + rng.normal(0, 0.3, 300), b]).astype(np.float32), rng)
    merged = merge(fit, grow(fit.footprints, SHAPE), 0.8)
    assert merged.count == 2
    shapes = merged.footprints.toarray()
    assert max(shapes.T @ one) > 0.98 and max(shapes.T @ other) > 0.99
    assert merge(fit, grow(fit.footprints, SHAPE), 2.0).count == 3


def test_pieces_of_a_cell_are_known_by_what_lasts_in_their_traces():
    """Each piece has its own noise, which hides that they are alike; it is white, so the correlation leaves it out."""
    rng = np.random.default_rng(13)
    one, other = transients(rng, 1500, 2, size=3)
    pieces = np.stack([one, 0.7 * one, other, 0 * one]) + rng.standard_normal((4, 1500))
    unit = standardised(pieces.astype(np.float32))
    left, right = np.array([0, 0, 0, 2]), np.array([1, 2, 3, 3])
    found = noise_free_correlation(unit, left, right)
    assert unit[0] @ unit[1] < 0.7 < 0.85 < found[0] and abs(found[1]) < 0.35
    assert (found[2:] == -1).all()  # noise alone: nothing lasts, nothing is said


def test_joining_is_the_best_single_component():
    rng = np.random.default_rng(1)
    shape, trace = cell(2, 8, 8), transients(rng, 200)[0]
    parts = sparse.csc_array(np.stack([shape, shape], axis=1))
    column, joined = join(parts, np.stack([0.3 * trace, 0.7 * trace]).astype(np.float32))
    assert np.allclose(column.toarray().ravel(), shape, atol=1e-5)
    assert np.allclose(joined, trace, rtol=1e-4, atol=1e-3)


# ---- footprints


def test_cleaning_keeps_the_connected_part_and_drops_specks():
    rng = np.random.default_rng(2)
    spot = np.zeros(len(cell(0, 0, 0)), np.float32)
    spot[np.ravel_multi_index((4, 20, 20), SHAPE)] = 0.3
    one = cell(2, 8, 8)
    speck = np.zeros_like(one)
    speck[:2] = 1
    footprints = np.stack([one + spot, speck], axis=1)
    _, fit = block_of(footprints, transients(rng, 300, 2), rng)
    kept = clean(fit, SHAPE, SIGMA)
    assert kept.count == 1
    assert kept.footprints.toarray()[np.ravel_multi_index((4, 20, 20), SHAPE), 0] == 0
    assert float(kept.footprints.toarray().ravel() @ one) > 0.99
    assert np.linalg.norm(kept.footprints.toarray()) == pytest.approx(1, rel=1e-5)


@given(st.integers(0, 4), st.integers(0, 23), st.integers(0, 23))
def test_growing_adds_neighbours_and_keeps_values(z, y, x):
    footprints = ellipsoids(SHAPE, np.array([[z, y, x]]), ZYX(1, 2, 2))
    footprints.data[:] = np.arange(1, footprints.nnz + 1)
    wide = grow(footprints, SHAPE)
    before, after = footprints.toarray().ravel(), wide.toarray().ravel()
    assert np.array_equal(after[before > 0], before[before > 0])
    from scipy.ndimage import binary_dilation

    expected = binary_dilation(before.reshape(SHAPE) > 0)
    assert np.array_equal(np.sort(wide.indices), np.flatnonzero(expected))


def test_centres_of_ellipsoids_are_their_seeds():
    seeds = np.array([[2, 8, 8], [2, 12, 14]])
    assert np.allclose(centroids_of(ellipsoids(SHAPE, seeds, ZYX(1, 3, 3)), SHAPE), seeds)


def test_the_significant_part_is_never_empty():
    footprints = sparse.csc_array(np.stack([cell(2, 8, 8), 0 * cell(2, 8, 8)], axis=1))
    assert significant(footprints, np.full(2, 10.0), SHAPE).any()


# ---- measures


def test_snr_tells_transients_from_noise():
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((200, 600)).astype(np.float32)
    loud = noise[:20] + transients(rng, 600, 20, size=8)
    quiet, active = trace_snr(noise, 5), trace_snr(loud, 5)
    assert np.quantile(quiet, 0.95) < 2.5 < np.quantile(active, 0.05)
    assert trace_snr(np.zeros((0, 600), np.float32), 5).shape == (0,)
    assert np.isfinite(trace_snr(1e6 * loud, 5)).all()


def test_the_quiet_level_ignores_transients():
    rng = np.random.default_rng(5)
    raw = 7 + rng.standard_normal((30, 2000)).astype(np.float32) + transients(rng, 2000, 30, size=20) / 4
    level, noise = quiet_level(raw)
    assert abs(np.median(level) - 7) < 0.7 and 0.8 < np.median(noise) < 1.3


def test_active_frames_are_the_highest():
    traces = np.array([np.arange(100), np.zeros(100)], np.float32)
    flags = active_frames(traces, 2)
    assert flags[1].sum() == 0
    assert np.array_equal(np.flatnonzero(flags[0]), np.arange(100 - int(flags[0].sum()), 100))


def test_skewness_tells_transients_from_what_swings_both_ways():
    rng = np.random.default_rng(3)
    cells = transients(rng, 800, 3) + rng.standard_normal((3, 800))
    waves = 10 * np.sin(np.arange(800) / 40) + rng.standard_normal((2, 800))
    found = skewness(np.concatenate([cells, waves]).astype(np.float32), 4)
    assert (found[:3] > 1).all() and (abs(found[3:]) < 0.3).all()
    assert skewness(np.zeros((0, 10), np.float32), 4).shape == (0,) and skewness(np.ones((1, 3)), 4) == 0
    numbers = rng.standard_gamma(2, (1, 60)).astype(np.float32)
    assert skewness(numbers, 1)[0] == pytest.approx(stats.skew(numbers[0]), rel=1e-4)


@pytest.mark.parametrize("memory", [0.0, 0.8, 0.97])
def test_the_error_of_skewness_grows_with_how_slow_a_trace_is(memory):
    rng = np.random.default_rng(2)
    slow = signal.lfilter([1], [1, -memory], rng.standard_normal((400, 1500)), axis=1)[:, 500:].astype(np.float32)
    assert np.median(skewness_error(slow, 1)) == pytest.approx(skewness(slow, 1).std(), rel=0.25)
    assert skewness_error(np.zeros((0, 10), np.float32), 2).shape == (0,)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"skewness": 0.1}, False),
        ({"skewness": 0.1, "snr": 6}, True),
        ({"skewness": 0.9, "skewness_error": 0.7, "snr": 6}, False),  # slow, and skewed by chance
        ({"skewness": 0.9, "skewness_error": 0.7, "r_value": 0.98}, True),
        ({"skewness": 0.1, "r_value": 0.98}, True),
        ({"compactness": 0.5}, False),
        ({"compactness": 0.5, "snr": 6}, True),
        ({"smoothness": 0.35}, False),
        ({"smoothness": 0.35, "snr": 6}, True),
        ({"smoothness": 0.25, "snr": 60}, False),  # ragged whatever its trace
        ({"motion_r": 0.7, "snr": 9}, False),
        ({"motion_r": 0.7, "snr": 11}, True),  # a cell that is active when the animal moves
        ({"reliability": 0.1}, False),
        ({"snr": 1}, True),
        ({"snr": 0.9, "skewness": 0.1, "r_value": 0.99}, False),  # silent: no r value shows a cell
        ({"snr": 1.1, "skewness": 0.1, "r_value": 0.99}, True),
        ({"snr": 0.9, "r_value": 0.99}, True),  # weak, but its transients only go up
        ({"snr": 1.1, "skewness": 0.05, "r_value": 0.99}, False),  # skewed by chance: it swings down as far as up
        ({"snr": 3, "skewness": 0.05, "r_value": 0.99}, True),  # a cell that never rests
        ({"snr": 1, "r_value": 0.5}, False),
        ({"snr": 3.9, "r_value": 0.55}, False),  # its active frames don't show it
        ({"snr": 4.1, "r_value": 0.55}, True),
        ({"snr": 0.4}, False),
    ],
)
def test_what_is_accepted(changes, kept):
    good = {"snr": 4, "r_value": 0.9, "reliability": 0.8, "skewness": 2, "compactness": 0.9, "smoothness": 0.7}
    good |= {"skewness_error": 0.04, "motion_r": 0.3}
    values, plan = {**good, **changes}, Plan(rate=10, least_smooth=0.4)
    assert decide({name: np.array([value]) for name, value in values.items()}, plan, 200)[0] == kept


def test_compactness_tells_a_cell_from_its_edge():
    shape, sigma = (9, 30, 30), ZYX(1.5, 3.0, 3.0)
    grid = np.stack(np.mgrid[:9, :30, :30], axis=-1)

    def blob(centre, wide=1.0):
        return np.exp(-0.5 * (((grid - np.array(centre)) / (wide * np.array(sigma))) ** 2).sum(axis=-1))

    cell, corner = blob((4, 15, 15)), blob((0, 0, 29))
    edge = np.zeros(shape)
    edge[4, 15, 11:20] = 1
    specks = np.zeros(shape)
    specks[4, [5, 15, 25], [5, 25, 15]] = 1
    kinds = [cell, corner, blob((4, 15, 15), 0.6), blob((4, 15, 15), 1.6), edge, specks, np.zeros(shape)]
    dense = np.stack([np.where(kind > 0.05, kind, 0).ravel() for kind in kinds], axis=1)
    found = compactness(sparse.csc_array(dense.astype(np.float32)), shape, sigma)
    assert found[:2].min() > 0.98 and found[2:4].min() > 0.7
    assert found[4] < 0.6 and found[5] < 0.2 and found[6] == 0


def test_space_correlation_is_pearsons():
    rng = np.random.default_rng(6)
    footprints = sparse.random_array((50, 3), density=0.4, rng=rng, dtype=np.float32, format="csc")
    images = rng.random(footprints.nnz).astype(np.float32)
    ours = spatial_correlation(sparse.csc_array(footprints), images)
    for k in range(3):
        part = slice(footprints.indptr[k], footprints.indptr[k + 1])
        assert ours[k] == pytest.approx(np.corrcoef(footprints.data[part], images[part])[0, 1], abs=1e-4)


def test_r_values_do_not_depend_on_who_else_is_evaluated():
    rng = np.random.default_rng(7)
    footprints = sparse.csc_array(sparse.random_array((80, 10), density=0.3, rng=rng, dtype=np.float32, format="csc"))
    images = rng.random(footprints.nnz).astype(np.float32)
    together = spatial_correlation(footprints, images)
    some = sparse.csc_array(footprints[:, :4])
    alone = spatial_correlation(some, images[: some.nnz])
    assert np.allclose(together[:4], alone, atol=1e-6)


# ---- reliability


def test_cells_are_reliable_and_what_was_fitted_to_noise_is_not():
    rng = np.random.default_rng(8)
    places = [(2, 6, 6), (2, 6, 17), (2, 17, 6), (1, 17, 17)]
    footprints = np.stack([cell(*place) for place in places], axis=1)
    traces = transients(rng, 400, 4, size=12)
    block, fit = block_of(footprints, traces, rng)
    cut_off = threshold(400, 4.5)
    assert (reliability(raw_traces(block, fit)) > cut_off).all()
    noise, _ = block_of(footprints, np.zeros_like(traces), rng)
    fitted = np.maximum(noise.project(fit.footprints), 0)
    made_up = Fit(fit.footprints, fitted, fit.spatial, fit.temporal, fit.seen)
    assert (reliability(raw_traces(noise, made_up)) < cut_off).all()


def test_noise_that_voxels_share_lifts_the_level_of_chance_where_it_lasts():
    """White in time it adds nothing to what lasts; waves that outlast a bin do, as transients of cells do."""
    rng = np.random.default_rng(5)
    footprints = np.stack([cell(2, 8, 8), cell(2, 16, 16)], axis=1)
    block, fit = block_of(footprints, transients(rng, 300, 2), rng)
    assert chance_level(block, fit, SIGMA) < 0.1
    white = rng.standard_normal((SHAPE[0] * 8, 300))
    lasting = signal.lfilter([(1 - 0.7**2) ** 0.5], [1, -0.7], white)

    def level_with(noise):
        bands = np.repeat(noise, 3 * SHAPE[2], axis=0)
        return chance_level(Block((block.rows + STEP * bands).astype(np.int16), SHAPE), fit, SIGMA)

    assert level_with(white) < 0.1 and level_with(lasting) > 0.2
    assert threshold(300, 4.5, 0.4) > threshold(300, 4.5) > 0


def test_the_threshold_falls_with_the_length_of_the_recording():
    values = [threshold(bins, 4.5) for bins in (50, 200, 1000, 5000)]
    assert values == sorted(values, reverse=True) and 0 < values[-1] < values[0] <= 1


def test_one_transient_in_a_long_recording_is_enough():
    """The autocorrelation of the whole trace doesn't show it; that of its excursions does."""
    rng = np.random.default_rng(2)
    traces = rng.standard_normal((200, 1500)).astype(np.float32)
    shown = persistence(traces)
    traces[:, 700:712] += 8 * np.exp(-0.45 * np.arange(12, dtype=np.float32))
    plain = np.empty(200, np.float32)
    kernels.persistence(traces, np.array(LAG_WEIGHTS, np.float32), 1.0, 4.0, 0.0, plain)
    assert np.median(persistence(traces)) > 4.5 > shown.max() and np.median(plain) < 4


# ---- cell size


@pytest.mark.parametrize("sigma", [ZYX(1.0, 2.5, 2.5), ZYX(1.0, 4.0, 4.0), ZYX(2.0, 2.0, 2.0)])
def test_the_size_of_cells_is_measured(sigma):
    rng = np.random.default_rng(9)
    shape = (12, 48, 48)
    grid = np.indices(shape)
    centres = [(z, y, x) for z in (3, 8) for y in (9, 24, 39) for x in (9, 24, 39)]
    values = rng.standard_normal((*shape, 300)).astype(np.float32)
    for centre in centres:
        distance = sum(((g - c) / s) ** 2 for g, c, s in zip(grid, centre, sigma, strict=True))
        values += np.exp(-0.5 * distance)[..., None] * transients(rng, 300, 1, size=6)[0]
    rows = np.clip(np.rint(STEP * values), -32767, 32767).astype(np.int16).reshape(-1, 300)
    size = cell_size(Block(rows, shape))
    assert size.cells >= 5
    for ours, true in zip(size.sigma, sigma, strict=True):
        assert 0.75 < ours / true < 1.35


# ---- demixing and rounds of seeding


@given(st.integers(0, 10**6), st.integers(0, 6))
def test_products_of_pairs_are_those_of_the_footprints(seed, count):
    rng = np.random.default_rng(seed)
    footprints = sparse.csc_array(sparse.random_array((30, count), density=0.3, rng=rng, dtype=np.float32))
    pairs = Pairs.of(footprints)
    gram = sparse.csr_array((pairs.gram(footprints.data), pairs.indices, pairs.indptr), (count, count)).toarray()
    assert np.allclose(gram, (footprints.T @ footprints).toarray(), atol=1e-5)


def test_pools_hold_what_the_components_leave():
    rng = np.random.default_rng(10)
    footprints = np.stack([cell(2, 8, 8), cell(2, 16, 16)], axis=1)
    block, fit = block_of(footprints, transients(rng, 80, 2), rng)
    coarse = coarsen(block, SIGMA)
    left = coarse.data - coarse.summing @ (fit.footprints @ fit.traces)
    assert np.allclose(coarse.pooled_residual(fit), coarse.pooling @ left, atol=1e-3)
    nobody = empty_fit(block)
    assert np.allclose(coarse.pooled_residual(nobody), coarse.pooled, atol=1e-5)


@pytest.mark.parametrize("rank", [0, 1, 2])
@pytest.mark.parametrize("sampled", [False, True])
def test_neuropil_has_a_column_for_each_tile_and_course(rank, sampled):
    images = np.arange(1, 1 + rank * 6, dtype=np.float32).reshape(rank, 6)
    runs = np.array([[0, 0, 2], [1, 2, 3], [0, 3, 5], [1, 5, 6]])
    neuropil = Neuropil(images, np.zeros(6, np.float32), runs, runs[:2], 2)
    assert neuropil.tile_of.tolist() == [0, 0, 1, 0, 0, 1]
    expected = np.zeros((6, 2 * rank))
    for tile, first, stop in runs[:2] if sampled else runs:
        for r in range(rank):
            expected[first:stop, tile * rank + r] = images[r, first:stop]
    assert np.array_equal(neuropil.matrix(sampled=sampled).toarray(), expected)


def rounds_of(monkeypatch, block, **changes):
    """How many rounds of seeding a search takes, and how many components it finds."""
    tried = []
    ours = solving.initialise
    monkeypatch.setattr(solving, "initialise", lambda *args: tried.append(0) or ours(*args))
    options = Settings(SIGMA, **changes)
    fit, _ = search(block, coarsen(block, options.sigma), options)
    return len(tried), fit.count


def test_rounds_end_when_nothing_is_confirmed(monkeypatch):
    rng = np.random.default_rng(11)
    noise, _ = block_of(np.stack([cell(2, 8, 8)], axis=1), np.zeros((1, 300), np.float32), rng)
    rounds, found = rounds_of(monkeypatch, noise, seed_score=2.5)
    assert 1 <= rounds <= 2 and found <= 1


@pytest.mark.parametrize("limit", [None, 12])  # the first round finds 8
def test_places_that_pruning_frees_are_filled_again(monkeypatch, limit):
    rng = np.random.default_rng(12)
    footprints = np.stack([cell(2, y, x) for y in (4, 12, 20) for x in (4, 12, 20)], axis=1)
    block, _ = block_of(footprints, transients(rng, 300, 9, size=8), rng)
    fading = np.exp(-np.arange(8) / 3)
    for frame in range(3, 290, 12):  # transients beside them, so that the first round doesn't find all
        bright = np.outer(cell(2, *rng.integers(3, 21, 2)), fading)
        block.rows[:, frame : frame + fading.size] += (STEP * 60 * bright).astype(np.int16)
    left = []

    def harsh(block, fit, options):
        few = 1 if limit is None else fit.count - 1  # so many are taken for cells the first time
        left.append(fit.count if left else few)
        return subset(fit, np.arange(left[-1]))

    monkeypatch.setattr(solving, "prune", harsh)
    rounds, found = rounds_of(monkeypatch, block, limit=limit)
    assert rounds > 2 and found > left[0]
