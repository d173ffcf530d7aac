"""What leaves is what curation left: verdicts, numbers, tags."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from cnmf3d.cli.app import call
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation import Entry, curated, with_log
from cnmf3d.results.exports import export, export_of
from cnmf3d.results.imports import import_results

LOG = (
    Entry.now("reject", [0]),
    Entry.now("accept", [1, 4]),
    Entry.now("delete", [2]),
    Entry.now("tag", [0, 4], column="kind", values=["PV", "SST"]),
    Entry.now("tag", [0, 1, 3, 4], column="depth", values=[1, 2, 3, 4]),
    Entry.now("tag", [3], column="seen", values=[True]),
)


@pytest.fixture
def results(random_results):
    """Results of six ROIs, one of them deleted."""
    return with_log(random_results(5), LOG)


def test_what_leaves(results):
    leaving = export_of(results)
    assert list(leaving.ids) == [0, 1, 3, 4] and leaving.log == LOG
    accepted = leaving.results.components.accepted
    assert not accepted[0] and accepted[1] and accepted[3]
    assert leaving.tags["kind"] == {0: "PV", 4: "SST"}
    only = export_of(results, accepted_only=True)
    assert list(only.ids) == list(leaving.ids[accepted])


def test_caimans_file_has_the_rois_that_are_left(tmp_path, results, capsys):
    source = write_results(results, tmp_path / "r.hdf5")
    assert call(["export", "caiman", str(source), str(tmp_path / "o.hdf5"), "--accepted"]) == 0
    told = capsys.readouterr().err
    assert "tags" in told and "numbered anew" in told
    now = export_of(results, accepted_only=True).results.components
    back = load_results(tmp_path / "o.hdf5")
    assert back.curation is None and back.components.accepted.all()
    assert np.array_equal(back.components.traces, now.traces)
    assert (back.components.footprints != now.footprints).nnz == 0
    assert export("caiman", dataclasses.replace(results, curation=None), tmp_path / "all.hdf5") == ()


def test_nwb_keeps_tags_and_the_log(tmp_path, results):
    pynwb = pytest.importorskip("pynwb")
    inspector = pytest.importorskip("nwbinspector")
    metadata = {
        "session_start_time": "2026-01-31T14:00:00+01:00",
        "subject": {"subject_id": "z1", "species": "Danio rerio", "sex": "U", "age": "P5D"},
    }
    path = tmp_path / "r.nwb"
    export("nwb", export_of(results, metadata=metadata), path)
    back = curated(import_results("nwb", path))
    assert back.tags == {"kind": {0: "PV", 3: "SST"}, "depth": {0: 1, 1: 2, 2: 3, 3: 4}, "seen": {2: "True"}}
    assert np.array_equal(back.results.components.accepted, export_of(results).results.components.accepted)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        log = io.read().processing["ophys"]["Cnmf3dCuration"].to_dataframe()
    assert list(log["what"]) == [entry.what for entry in LOG] and list(log["who"]) == [entry.who for entry in LOG]
    assert [tuple(json.loads(rois)) for rois in log["rois"]] == [entry.ids for entry in LOG]
    found = inspector.inspect_nwbfile(nwbfile_path=str(path))
    assert [m.message for m in found if m.importance != inspector.Importance.BEST_PRACTICE_SUGGESTION] == []
