"""Standard errors of traces and events: in the file, in curation, in exports and on the screen's side."""

from __future__ import annotations

import csv
import dataclasses

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.components import ERRORS
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.making import merged
from cnmf3d.results.curation.rois import joined
from cnmf3d.results.curation.session import CurationSession
from cnmf3d.results.curation.storing import arrays_of, rois_of
from cnmf3d.results.errors import in_halves
from cnmf3d.results.exports import export, export_of
from cnmf3d.results.imports import import_results
from cnmf3d.results.report.sections import sections_of
from cnmf3d.traces import events_of


@pytest.fixture
def uncertain(random_results):
    """Results whose errors are known; component 1 has two events, 0 and 2 to 4 have one."""
    results = random_results(count=5)
    rng = np.random.default_rng(3)
    errors = {name: in_halves(1e5 * rng.random((5, 40)).astype(np.float32)) for name in ERRORS}
    events = np.zeros((5, 40), np.float32)
    events[:, 5:9], events[1, 20:22] = 0.25, 0.5
    components = dataclasses.replace(results.components, **{**errors, "events_sd": events})
    return dataclasses.replace(results, components=components)


def same(one, other):
    return all(np.array_equal(getattr(one, n), getattr(other, n), equal_nan=True) for n in ERRORS)


@given(st.lists(st.floats(0, 2.0**90, width=32), min_size=1, max_size=20))
def test_half_precision_keeps_three_digits_in_any_unit(values):
    row = np.array([values], np.float32)
    found = in_halves(row)
    assert np.array_equal(in_halves(found), found)
    assert np.allclose(found, row, rtol=1e-3, atol=1e-7 * row.max(initial=0))


@pytest.mark.parametrize("later", [False, True])
def test_errors_are_read_again(tmp_path, uncertain, later):
    path = write_results(uncertain, tmp_path / "r.hdf5")
    found = load_results(path, later=later).components
    assert found.has("traces_sd") and not found.has("seen")
    assert np.array_equal(found.rows("events_sd", np.array([3, 1])), uncertain.components.events_sd[[3, 1]])
    assert same(found.select(np.array([1, 2])), uncertain.components.select(np.array([1, 2])))
    assert same(found, uncertain.components)
    with h5py.File(path) as file:
        assert file["cnmf3d/errors/traces_sd"].dtype == np.float16


@pytest.mark.parametrize("later", [False, True])
def test_files_without_errors_open_and_have_none(tmp_path, random_results, later):
    path = write_results(random_results(), tmp_path / "old.hdf5")
    with h5py.File(path) as file:
        assert "errors" not in file["cnmf3d"]
    found = load_results(path, later=later).components
    assert not any(found.has(name) for name in ERRORS)
    some = found.select(np.array([0]))
    assert not some.has("spikes_sd") and some.select(np.array([True])).traces_sd is None
    assert CurationSession.open(path).errors([0]) is None
    assert not (
        export("csv", export_of(load_results(path)), tmp_path / "tables") or (tmp_path / "tables/events.csv").exists()
    )


def test_rois_that_curation_makes_have_errors_where_they_are_known(uncertain, random_results):
    rois = uncertain.components
    one = merged(rois.select(np.array([0, 1])))
    assert one.events_sd.shape == (1, 40)
    assert (one.events_sd[0, 20:22] > 0).all() and (one.events_sd[0, 30:] == 0).all()
    both = joined(rois, random_results(count=2, seed=1).components)
    assert np.isnan(both.traces_sd[5:]).all() and same(both.select(np.arange(5)), rois)
    assert same(rois_of(arrays_of(rois), rois), rois)
    unknown = merged(both.select(np.array([0, 5])))
    assert np.isnan(unknown.traces_sd).all()


def test_events_of_merged_rois_that_overlap_are_one_with_the_errors_of_both(uncertain):
    rois = uncertain.components.select(np.array([0, 1]))
    events = np.zeros((2, 40), np.float32)
    events[0, 5:9], events[1, 8:12], events[0, 12:14], events[1, 20:22], events[1, 30] = 0.25, 0.5, 1, 2, 4
    one = merged(dataclasses.replace(rois, events_sd=events))
    weights = (one.footprints.T @ rois.footprints).toarray()[0]
    found = events_of(one.spikes, one.events_sd)
    assert list(zip(found["first"].tolist(), found["last"].tolist(), strict=True)) == [
        (5, 11), (12, 13), (20, 21), (30, 30)
    ]  # fmt: skip
    together = np.hypot(0.25 * weights[0], 0.5 * weights[1])
    assert found["size_sd"] == pytest.approx([together, weights[0], 2 * weights[1], 4 * weights[1]], rel=1e-3)


def test_a_session_gives_errors_of_its_rois(uncertain):
    session = CurationSession(uncertain)
    assert np.array_equal(session.errors([4, 0]), uncertain.components.traces_sd[[4, 0]])


def test_tables_have_errors_and_a_table_of_events(tmp_path, uncertain):
    export("csv", export_of(uncertain), tmp_path / "tables")
    with (tmp_path / "tables/events.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["roi"] for row in rows] == ["0", "1", "1", "2", "3", "4"]
    second = rows[2]
    assert float(second["start"]) == pytest.approx(20 / 7.5) and float(second["end"]) == pytest.approx(21 / 7.5)
    assert float(second["size"]) == pytest.approx(uncertain.components.spikes[1, 20:22].sum(), rel=1e-5)
    assert float(second["size_sd"]) == 0.5
    assert (tmp_path / "tables/denoised_sd.csv").is_file() and (tmp_path / "tables/spikes_sd.csv").is_file()
    about = (tmp_path / "tables/columns.csv").read_text(encoding="utf-8")
    assert "events,size_sd," in about
    export("csv", export_of(uncertain), tmp_path / "tables", force=True)  # it knows its own files


def test_nwb_has_them_all_and_gives_them_back(tmp_path, uncertain):
    pytest.importorskip("pynwb")
    meta = {"session": {"session_start_time": "2026-01-31T14:00:00+01:00"}}
    export("nwb", export_of(uncertain, metadata=meta), tmp_path / "r.nwb")
    again = import_results("nwb", tmp_path / "r.nwb").components
    assert same(again, uncertain.components)
    assert np.array_equal(again.spikes, uncertain.components.spikes)


def test_the_report_draws_a_band_where_errors_are_known(uncertain, random_results):
    def bands(results):
        sections = [s for s in sections_of(results) if s.title == "Best traces"]
        return sum(len(axis.collections) for s in sections for f in s.pictures.values() for axis in f.axes)

    assert bands(uncertain) > bands(random_results(count=5))
