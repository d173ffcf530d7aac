from __future__ import annotations

import dataclasses
import json

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from cnmf3d.components import Components
from cnmf3d.errors import UsageError
from cnmf3d.simulate import Others, Truth, load_truth, score
from cnmf3d.simulate.similarity import correlations, iou, shares

from .conftest import components_of


def one_row(shape, spans):
    """Footprints along x in a volume of one row, one for each (start, stop)."""
    dense = np.zeros((int(np.prod(shape)), len(spans)), np.float32)
    for k, (start, stop) in enumerate(spans):
        dense[start:stop, k] = 1
    return sparse.csc_array(dense / np.linalg.norm(dense, axis=0))


def row_truth(spans, frames=90):
    traces = np.random.default_rng(0).random((len(spans), frames)).astype(np.float32)
    shape = (1, 1, 100)
    nothing = np.zeros(len(spans), np.float32)
    return Truth(
        shape=shape,
        footprints=one_row(shape, spans),
        traces=traces,
        spikes=traces,
        centres=np.zeros((len(spans), 3)),
        rate=10.0,
        decay=nothing,
        rise=nothing,
        snr=nothing,
        resting=np.ones(shape),
        neuropil_images=np.zeros((0, *shape)),
        neuropil_courses=np.zeros((0, frames)),
        bleach=np.ones(frames),
        shifts=np.zeros((frames, 3)),
    )


def row_components(truth, spans, **more):
    traces = np.random.default_rng(1).random((len(spans), truth.traces.shape[1])).astype(np.float32)
    return components_of(truth.shape, one_row(truth.shape, spans), traces, traces, **more)


def test_the_truth_itself_scores_one(perfect: Components, truth: Truth):
    found = score(perfect, truth)
    assert (found.accepted.precision, found.accepted.recall, found.accepted.f1) == (1, 1, 1)
    assert all(measures.f1 == 1 for measures in found.iou.values())
    for value in (found.cosine, found.trace_mean, found.trace_p5, found.spikes_mean, found.spikes_p5):
        assert value == pytest.approx(1)
    assert (found.splits, found.merges, found.false_positives, found.missed) == (0, 0, 0, ())
    assert found.recall_middle == 1


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), missing=st.integers(0, 24), bad=st.integers(0, 6))
def test_order_never_matters_and_counts_add_up(perfect: Components, truth: Truth, seed, missing, bad):
    rng = np.random.default_rng(seed)
    order = rng.permutation(25)
    kept = np.sort(order[missing:])
    noise = sparse.random_array((truth.voxels, bad), density=0.001, rng=rng, format="csc", dtype=np.float32)
    junk = rng.random((bad, 120)).astype(np.float32)
    footprints = sparse.hstack([truth.footprints[:, kept], noise], format="csc")
    traces, spikes = np.vstack([truth.traces[kept], junk]), np.vstack([truth.spikes[kept], junk])
    shuffled = rng.permutation(len(traces))
    found = score(components_of(truth.shape, footprints, traces, spikes), truth)
    again = score(components_of(truth.shape, footprints[:, shuffled], traces[shuffled], spikes[shuffled]), truth)
    assert found.accepted == again.accepted
    assert (found.splits, found.merges, found.missed) == (again.splits, again.merges, again.missed)
    assert found.trace_mean == pytest.approx(again.trace_mean)
    assert found.accepted.recall == pytest.approx((25 - missing) / 25)
    assert found.false_positives == bad
    assert found.missed == tuple(np.sort(order[:missing]))
    assert {match.cell for match in found.matches} == set(kept.tolist())


def test_noise_in_traces_lowers_the_correlation_only(perfect: Components, truth: Truth):
    rng = np.random.default_rng(0)
    noisy = truth.traces + truth.traces.std(axis=1, keepdims=True) * rng.standard_normal(truth.traces.shape)
    found = score(components_of(truth.shape, truth.footprints, noisy.astype(np.float32), truth.spikes), truth)
    assert found.accepted.f1 == 1 and found.spikes_mean == pytest.approx(1)
    assert found.trace_mean == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert found.trace_p5 < found.trace_median < 0.85


def test_rejected_components_count_only_among_all():
    truth = row_truth([(0, 10), (20, 30)])
    found = score(row_components(truth, [(0, 10), (20, 30), (60, 70)], accepted=np.array([True, False, True])), truth)
    assert (found.accepted.matches, found.accepted.components, found.all.matches) == (1, 2, 2)
    assert found.missed == (1,)
    assert [match.component for match in found.matches] == [0]


def test_a_cell_in_two_pieces_is_one_split():
    truth = row_truth([(0, 20), (40, 60)])
    found = score(row_components(truth, [(0, 10), (10, 20), (40, 60)]), truth)
    assert (found.splits, found.merges) == (1, 0)
    assert found.accepted.matches == 2
    assert score(row_components(truth, [(0, 20), (0, 20)]), truth).splits == 1


def test_two_cells_in_one_component_are_one_merge():
    truth = row_truth([(0, 20), (20, 40), (60, 80)])
    found = score(row_components(truth, [(0, 40), (60, 80)]), truth)
    assert (found.splits, found.merges) == (0, 1)
    assert found.accepted.matches == 2
    assert found.iou[0.5].matches == 2 and found.iou[0.7].matches == 1


def test_overlapping_cells_are_neither_split_nor_merged():
    spans = [(0, 20), (8, 28), (16, 36)]
    truth = row_truth(spans)
    assert (truth.footprints.T @ truth.footprints).toarray()[0, 1] == pytest.approx(0.6)
    found = score(row_components(truth, spans), truth)
    assert (found.splits, found.merges, found.accepted.f1) == (0, 0, 1)
    lone = score(row_components(truth, spans[:1]), truth)
    assert (lone.splits, lone.merges, lone.accepted.matches) == (0, 0, 1)


def test_the_best_pairs_win_not_the_first():
    truth = row_truth([(0, 10), (4, 14)])
    found = score(row_components(truth, [(3, 13), (0, 9)]), truth)
    assert {(match.component, match.cell) for match in found.matches} == {(0, 1), (1, 0)}


def test_recall_in_the_first_and_last_plane(truth: Truth, perfect: Components):
    plane = np.rint(truth.centres[:, 0])
    ends = (plane <= 0) | (plane >= 9)
    assert 0 < ends.sum() < 25
    found = score(perfect.select(~ends), truth)
    assert (found.recall_ends, found.recall_middle, found.cells_ends) == (0, 1, ends.sum())


def test_nothing_found_and_nothing_to_find(truth: Truth, perfect: Components):
    none = score(perfect.select(np.zeros(25, bool)), truth)
    assert (none.accepted.recall, none.accepted.f1, none.splits, none.merges) == (0, 0, 0, 0)
    assert np.isnan(none.accepted.precision) and np.isnan(none.trace_mean)
    empty = row_truth([])
    wrong = score(row_components(empty, [(0, 5), (50, 60)]), empty)
    assert (wrong.false_positives, wrong.false_per_million) == (2, 2 / 100 * 1e6)
    assert np.isnan(wrong.accepted.recall)
    json.loads(json.dumps(none.to_dict(), allow_nan=False))
    json.loads(json.dumps(wrong.to_dict(), allow_nan=False))


def test_results_of_another_movie_are_refused(truth: Truth, perfect: Components):
    with pytest.raises(UsageError, match="volume"):
        score(perfect, row_truth([(0, 5)]))
    short = components_of(truth.shape, truth.footprints, truth.traces[:, :50], truth.spikes[:, :50])
    with pytest.raises(UsageError, match="50 frames"):
        score(short, truth)


def test_correlation_of_a_constant_is_zero():
    flat, course = np.ones((1, 9)), np.arange(9.0)[None]
    assert correlations(flat, course) == 0
    assert correlations(2 * course + 5, course) == pytest.approx(1)


def test_iou_counts_masks():
    a, b = one_row((1, 1, 100), [(0, 10), (20, 40)]), one_row((1, 1, 100), [(5, 15), (20, 40), (90, 99)])
    np.testing.assert_allclose(iou(a, b), [[5 / 15, 0, 0], [0, 1, 0]])


def test_shares_undo_overlap():
    cells = one_row((1, 1, 100), [(0, 20), (8, 28)]).toarray()
    mix = cells @ np.array([[0.7], [0.3]])
    np.testing.assert_allclose(shares(mix.T @ cells, cells.T @ cells), [[0.7, 0.3]], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "truth_name", "order", "figures"),
    [
        ("sim_tiny_patch_refit", "sim_tiny", (2, 0, 1), (0.889, 0.943, 0.893, 0.855)),
        ("toy3d_u16_single_refit", "toy3d_u16", (2, 1, 0), (0.974, 0.956, 0.923, None)),
        ("toy3d_u16_patch_refit", "toy3d_u16", (2, 1, 0), (0.947, 0.966, 0.965, None)),
    ],
)
def test_caiman_scores_what_others_measured(data, name, truth_name, order, figures):
    truth = load_truth(data / f"{truth_name}_gt.npz")
    with h5py.File(data / "caiman_results" / f"{name}.hdf5") as file:
        estimates = file["estimates"]
        parts = tuple(estimates[f"A/{part}"][()] for part in ("data", "indices", "indptr"))
        traces, spikes = estimates["C"][()], estimates["S"][()]
        dims = file["dims"][()]
        accepted = np.isin(np.arange(len(traces)), estimates["idx_components"][()])
    coo = sparse.csc_array(parts, shape=(truth.voxels, len(traces))).tocoo()
    places = np.unravel_index(coo.coords[0], dims, order="F")
    rows = np.ravel_multi_index([places[axis] for axis in order], truth.shape)
    footprints = sparse.csc_array((coo.data, (rows, coo.coords[1])), shape=coo.shape)
    found = score(components_of(truth.shape, footprints, traces, spikes, accepted), truth)
    measured = (found.accepted.f1, found.cosine, found.trace_mean, found.spikes_mean)
    for value, written in zip(measured, figures, strict=True):
        assert written is None or value == pytest.approx(written, abs=6e-4)


def with_others(truth, spans, kinds, traces):
    others = Others(one_row(truth.shape, spans), kinds, np.asarray(traces, np.float32))
    return dataclasses.replace(truth, others=others)


def test_what_is_real_and_not_asked_for_counts_neither_way():
    rng = np.random.default_rng(5)
    plain = row_truth([(0, 10), (20, 30)])
    process = rng.random(90)
    truth = with_others(plain, [(40, 60), (70, 80)], ("neurite", "silent"), [process, np.zeros(90)])
    found = row_components(truth, [(0, 10), (20, 30), (42, 50), (52, 60), (41, 49), (70, 80), (90, 99)])
    traces = found.traces.copy()
    traces[2:4] = process
    score_ = score(dataclasses.replace(found, traces=traces), truth)
    # Two pieces of the process are left out; a speckle on it, the silent cell and what lies on nothing are false.
    assert (score_.left_out, score_.on_still, score_.false_positives) == (2, 1, 5)
    assert (score_.accepted.components, score_.starred.components, score_.starred.matches) == (7, 5, 2)
    assert score_.starred.precision == pytest.approx(2 / 5)
    assert score(found, plain).starred == score(found, plain).accepted
    assert score_.to_dict()["starred"]["f1"] == pytest.approx(4 / 7)


def test_a_cell_on_a_process_is_a_cell():
    truth = with_others(row_truth([(40, 60)]), [(30, 70)], ("neurite",), np.random.default_rng(0).random((1, 90)))
    found = dataclasses.replace(row_components(truth, [(40, 60)]), traces=truth.others.traces)
    assert (score(found, truth).left_out, score(found, truth).starred.matches) == (0, 1)
