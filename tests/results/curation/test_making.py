"""ROIs made of others without the movie: the nearest product, and nothing of the original is lost on the way."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from cnmf3d.components import Components, Kinetics
from cnmf3d.errors import UsageError
from cnmf3d.results.curation import making, splitting

SHAPE = (3, 8, 10)


def cells(random_results, footprints: np.ndarray, traces: np.ndarray) -> Components:
    """Components with these footprints (count, Z, Y, X) and denoised traces."""
    count, frames = traces.shape
    base = random_results(count, SHAPE, frames).components
    columns = footprints.reshape(count, -1).T.astype(np.float32)
    columns /= np.linalg.norm(columns, axis=0)
    return dataclasses.replace(base, footprints=sparse.csc_array(columns), traces=traces.astype(np.float32))


def ball(z: int, y: int, x: int, radius: float = 1.6) -> np.ndarray:
    grid = np.stack(np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]])
    distance = np.sqrt(((grid - np.array([z, y, x])[:, None, None, None]) ** 2).sum(axis=0))
    return np.maximum(radius - distance, 0)


def test_halves_of_a_cell_become_the_cell(random_results):
    whole = ball(1, 4, 4, 2.5)
    left, right = whole.copy(), whole.copy()
    left[:, :, 5:], right[:, :, :5] = 0, 0
    course = np.random.default_rng(0).random(50)
    halves = cells(random_results, np.stack([left, right]), np.stack([course, course]))
    scale = np.array([np.linalg.norm(left), np.linalg.norm(right)], np.float32)
    halves = dataclasses.replace(halves, traces=halves.traces * scale[:, None])
    one = making.merged(halves)
    assert one.count == 1
    assert np.allclose(one.footprints.toarray().ravel(), whole.ravel() / np.linalg.norm(whole), atol=1e-6)
    assert np.allclose(one.traces[0], course * np.linalg.norm(whole), rtol=1e-5)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 9999), count=st.integers(2, 4))
def test_a_merge_is_the_nearest_product_of_one_footprint_and_one_trace(random_results, seed, count):
    rng = np.random.default_rng(seed)
    footprints = rng.random((count, *SHAPE)) * (rng.random((count, *SHAPE)) < 0.2) + 1e-3
    traces = rng.random((count, 30)) ** 4
    rois = cells(random_results, footprints, traces)
    movie = rois.footprints.toarray() @ rois.traces
    one = making.merged(rois)
    left = np.linalg.norm(movie - one.footprints.toarray() @ one.traces)
    singular = np.linalg.svd(movie, compute_uv=False)
    assert left <= np.sqrt((singular[1:] ** 2).sum()) * 1.001 + 1e-3


def test_raw_traces_and_spikes_take_the_same_weights(random_results):
    rng = np.random.default_rng(1)
    rois = cells(random_results, np.stack([ball(1, 3, 3), ball(1, 4, 4)]), rng.random((2, 30)))
    one = making.merged(rois)
    weights = (one.footprints.T @ rois.footprints).toarray()
    for name in ("traces", "residuals", "spikes"):
        assert np.allclose(getattr(one, name), weights @ getattr(rois, name), atol=1e-5)
    assert np.allclose(one.raw, weights @ rois.raw, atol=1e-5)
    assert np.isnan(one.quality["r_value"]).all()
    assert np.isnan(one.quality["reliability"]).all()
    assert np.isfinite(one.quality["snr"]).all()


def test_parts_add_up_to_the_roi(random_results):
    two = ball(1, 3, 2) + ball(1, 5, 7)
    roi = cells(random_results, two[None], np.random.default_rng(0).random((1, 20)))
    parts = splitting.connected_parts(roi)
    assert len(parts) == 2
    split = making.parted(roi, parts)
    assert np.allclose(split.footprints.toarray() @ split.traces, roi.footprints.toarray() @ roi.traces, atol=1e-6)
    assert np.allclose(np.linalg.norm(split.footprints.toarray(), axis=0), 1)
    assert split.accepted.tolist() == [bool(roi.accepted[0])] * 2


def test_a_watershed_divides_touching_cells_along_the_valley(random_results):
    hills = ball(1, 4, 2, 3.0) + 0.8 * ball(1, 4, 7, 3.0)
    roi = cells(random_results, hills[None], np.ones((1, 5)))
    assert len(splitting.connected_parts(roi)) == 1
    parts = splitting.watershed_parts(roi)
    assert len(parts) == 2
    x = [np.unravel_index(part, SHAPE)[2] for part in parts]
    assert x[0].max() <= 5
    assert x[1].min() >= 4
    assert np.array_equal(np.sort(np.concatenate(parts)), np.flatnonzero(hills.ravel() > 0))
    assert len(splitting.watershed_parts(roi, count=1)) == 1


def test_an_edited_footprint_keeps_its_weights_and_fills_in_new_ones(random_results):
    roi = cells(random_results, ball(1, 4, 4)[None], np.random.default_rng(0).random((1, 20)))
    before = roi.footprints.toarray().ravel()
    voxels = np.flatnonzero(before > 0)
    new = int(np.ravel_multi_index((1, 4, 6), SHAPE))
    assert before[new] == 0
    same = making.reshaped(roi, voxels)
    assert np.allclose(same.footprints.toarray().ravel(), before, atol=1e-6)
    assert np.allclose(same.traces, roi.traces, rtol=1e-5)
    more = making.reshaped(roi, np.append(voxels, new)).footprints.toarray().ravel()
    old = before[np.ravel_multi_index((1, 4, 5), SHAPE)]
    assert more[new] / more[voxels[0]] == pytest.approx(old / before[voxels[0]], rel=1e-5)
    less = making.reshaped(roi, voxels[:-1])
    assert less.footprints.nnz == voxels.size - 1


def test_delta_f_is_of_the_new_footprint(random_results):
    roi = cells(random_results, ball(1, 4, 4)[None], np.random.default_rng(0).random((1, 20)))
    flat = dataclasses.replace(
        roi,
        background=dataclasses.replace(roi.background, spatial=np.full_like(roi.background.spatial, 5)),
        residuals=np.zeros_like(roi.residuals),
        kinetics=Kinetics(**{**vars(roi.kinetics), "baseline": np.zeros(1, np.float32)}),
    )
    smaller = making.reshaped(flat, np.flatnonzero(ball(1, 4, 4, 1.2).ravel() > 0))
    rest = 5 * smaller.footprints.toarray().sum()
    assert np.allclose(smaller.dff[0], smaller.raw[0] / rest, rtol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda r: making.merged(r),
        lambda r: making.parted(r, [np.array([0])]),
        lambda r: making.parted(r, [np.array([0]), np.array([10**6])]),
        lambda r: making.reshaped(r, np.zeros(0, np.int64)),
        lambda r: making.reshaped(r, np.array([-1])),
        lambda r: making.reshaped(r, np.array([3 * 8 * 10])),
    ],
)
def test_what_cannot_be_made_is_named(random_results, wrong):
    roi = cells(random_results, ball(1, 4, 4)[None], np.ones((1, 5)))
    with pytest.raises(UsageError):
        wrong(roi)


def test_neighbours_stop_at_the_volume():
    assert sorted(making.neighbours(0, SHAPE)) == [1, 10, 80]
    assert len(making.neighbours(int(np.ravel_multi_index((1, 4, 4), SHAPE)), SHAPE)) == 6


def test_masks_without_traces_are_merged_and_split(random_results):
    rois = cells(random_results, np.stack([ball(1, 3, 3), ball(1, 4, 6)]), np.zeros((2, 0)))
    one = making.merged(rois)
    both = rois.footprints.toarray().sum(axis=1)
    assert np.allclose(one.footprints.toarray().ravel(), both / np.linalg.norm(both), atol=1e-6)
    assert one.traces.shape == (1, 0)
    assert making.parted(one, splitting.watershed_parts(one)).count == 2
    silent = cells(random_results, np.stack([ball(1, 3, 3), ball(1, 4, 6)]), np.zeros((2, 9)))
    assert np.allclose(making.merged(silent).footprints.toarray(), one.footprints.toarray())
