"""Frames that show nothing of a component: NaN in traces, finite numbers in CaImAn's arrays, gaps elsewhere."""

from __future__ import annotations

import csv
import dataclasses

import h5py
import numpy as np
import pytest

from cnmf3d.components import TRACES, UNSEEN, bridged, hidden_traces
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.making import merged, reshaped
from cnmf3d.results.curation.session import CurationSession
from cnmf3d.results.exports import export
from cnmf3d.results.seen import in_bytes


@pytest.fixture
def partly(random_results):
    """Results of which component 1 isn't seen in frames 5 to 8, and 2 by a third in frame 3."""
    results = random_results(count=5)
    seen = np.ones((5, 40), np.float32)
    seen[1, 5:9], seen[2, 3] = 0.05, 2 / 3
    seen = in_bytes(seen)
    parts = results.components
    hidden = {name: hidden_traces(getattr(parts, name), seen) for name in TRACES}
    quality = {**parts.quality, "seen": seen.mean(axis=1)}
    return dataclasses.replace(results, components=dataclasses.replace(parts, **hidden, seen=seen, quality=quality))


def same(one, other):
    return all(np.array_equal(getattr(one, n), getattr(other, n), equal_nan=True) for n in (*TRACES, "seen"))


@pytest.mark.parametrize("later", [False, True])
def test_gaps_and_shares_are_read_again(tmp_path, partly, later):
    path = write_results(partly, tmp_path / "r.hdf5")
    found = load_results(path, later=later).components
    rows = np.array([2, 1])
    assert np.array_equal(found.rows("traces", rows), partly.components.traces[rows], equal_nan=True)
    assert np.array_equal(found.rows("seen", rows), partly.components.seen[rows])
    assert same(found, partly.components)
    assert np.isnan(found.traces[1, 5:9]).all() and np.isnan(found.traces).sum() == 4


def test_the_arrays_of_caiman_have_no_gaps(tmp_path, partly):
    path = write_results(partly, tmp_path / "r.hdf5")
    with h5py.File(path) as file:
        estimates, stored = file["estimates"], file["cnmf3d/seen"]
        assert all(np.isfinite(estimates[name][()]).all() for name in ("C", "S", "YrA", "R"))
        assert not estimates["S"][1, 5:9].any() and not estimates["YrA"][1, 5:9].any()
        line = np.linspace(partly.components.traces[1, 4], partly.components.traces[1, 9], 6)
        assert np.allclose(estimates["C"][1, 4:10], line)
        assert stored.dtype == np.uint8


def test_interpolated_traces_stay_as_they_are(tmp_path, partly, random_results):
    whole = random_results(count=5).components
    asked = dataclasses.replace(partly, components=dataclasses.replace(whole, seen=partly.components.seen))
    found = load_results(write_results(asked, tmp_path / "r.hdf5")).components
    assert same(found, asked.components) and np.isfinite(found.traces).all()


def test_a_file_without_gaps_has_no_shares(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with h5py.File(path) as file:
        assert "seen" not in file["cnmf3d"]
    assert load_results(path, later=True).components.seen is None
    assert (load_results(path).components.share_seen() == 1).all()


def test_straight_lines_over_gaps():
    values = np.array([[np.nan, 1, np.nan, np.nan, 4, np.nan], [np.nan] * 6, [0, 1, 2, 3, 4, 5]], np.float32)
    assert bridged(values).tolist() == [[1, 1, 2, 3, 4, 4], [0] * 6, [0, 1, 2, 3, 4, 5]]
    assert bridged(values[2:]) is not None and np.isnan(values[0, 0])


def test_what_is_merged_of_parts_is_seen_as_they_are(partly):
    both = merged(partly.components.select(np.array([1, 2])))
    assert np.isfinite(both.traces).all()  # the other part is seen
    assert UNSEEN < both.seen[0, 6] < 0.9 and both.seen[0, 20] == 1
    assert both.quality["seen"][0] == pytest.approx(both.seen[0].mean())
    alone = reshaped(partly.components.select(np.array([1])), np.arange(12))
    assert np.array_equal(np.isnan(alone.spikes), np.isnan(partly.components.spikes[[1]]))


def test_curation_keeps_gaps(tmp_path, partly):
    path = write_results(partly, tmp_path / "r.hdf5")
    with CurationSession.open(path, "somebody") as session:
        [new] = session.replace([1, 2], merged(session.components([1, 2])))
        assert session.unseen([0, new]).sum() == 0
        session.undo()
        assert session.unseen([1, 2]).sum(axis=1).tolist() == [4, 0]
        session.redo()
        session.save()
    again = load_results(path).components
    assert again.seen.shape == again.traces.shape and again.seen[-1].min() < 1 and (again.seen[0] == 1).all()


def test_exports_have_the_shares(tmp_path, partly):
    export("csv", partly, tmp_path / "tables")
    with (tmp_path / "tables" / "dff.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "tables" / "seen.csv").open() as file:
        shares = list(csv.DictReader(file))
    assert [rows[t]["roi_1"] for t in (4, 5, 8, 9)].count("nan") == 2
    assert float(shares[3]["roi_2"]) == pytest.approx(2 / 3, abs=0.002) and float(shares[3]["roi_0"]) == 1
    export("suite2p", partly, tmp_path / "suite2p")
    for name in ("F", "spks"):
        assert all(np.isfinite(np.load(path)).all() for path in (tmp_path / "suite2p").glob(f"plane*/{name}.npy"))
