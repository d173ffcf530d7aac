"""`cnmf3d curate`: steps by rule, each logged, saved and undone; what can't be meant is named and changes nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cnmf3d.cli.app import call
from cnmf3d.engine.seeds import seeds_of
from cnmf3d.results import curated, load_results, write_results
from cnmf3d.results.curation.choosing import where
from cnmf3d.results.curation.journal import Journal
from cnmf3d.results.curation.session import CurationSession
from cnmf3d.workspace.rois import RoiManager


@pytest.fixture
def path(tmp_path, random_results):
    return write_results(random_results(6), tmp_path / "a file.hdf5")


def test_steps_by_rule_are_in_the_file(path, capsys):
    snr = load_results(path).components.quality["snr"]
    assert call(["curate", "reject", str(path), "snr < 5", "--who", "ann"]) == 0
    assert call(["curate", "accept", str(path), "not snr < 5"]) == 0
    assert call(["curate", "tag", str(path), "accepted", "cell type", "PV"]) == 0
    assert call(["curate", "delete", str(path), "`cell type` == 'PV' and id < 3"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{int((snr < 5).sum())} ROIs rejected"
    results = load_results(path)
    assert results.curation is not None
    assert results.curation.log[0].who == "ann"
    now = curated(results)
    assert now.ids.tolist() == [i for i in range(6) if snr[i] < 5 or i >= 3]
    assert np.array_equal(now.results.components.accepted, ~(snr[now.ids] < 5))
    assert set(now.tags["cell type"].values()) <= {"PV"}
    assert not list(path.parent.glob("*.jsonl"))


def test_merge_split_undo_and_redo(path, capsys):
    assert call(["curate", "merge", str(path), "1, 3"]) == 0
    assert "ROI 6 is in the place of 1, 3" in capsys.readouterr().out
    assert curated(load_results(path)).ids.tolist() == [0, 2, 4, 5, 6]
    assert call(["curate", "undo", str(path), "-n", "5"]) == 0
    assert "1 step undone" in capsys.readouterr().out
    assert curated(load_results(path)).ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert call(["curate", "redo", str(path)]) == 0
    assert call(["curate", "restore", str(path), "1"]) == 0
    assert call(["curate", "split", str(path), "0", "--parts"]) == 0
    ids = curated(load_results(path)).ids.tolist()
    assert ids[:5] == [1, 2, 4, 5, 6]
    assert len(ids) > 6


def test_the_log_can_be_read(path, capsys):
    call(["curate", "tag", str(path), "id <= 1", "type", "2.5"])
    call(["curate", "merge", str(path), "1,3"])
    capsys.readouterr()
    assert call(["curate", "show", str(path)]) == 0
    told = capsys.readouterr().out
    assert "5 ROIs" in told
    assert "tags type: 2.5 (2)" in told
    assert "merged 1, 3 into 6" in told
    assert call(["curate", "show", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["gone"] == 2
    assert [entry["what"] for entry in facts["log"]] == ["tag", "replace"]
    assert facts["log"][0]["values"]["values"] == [2.5, 2.5]


def test_a_dry_run_changes_nothing(path, capsys):
    before = path.read_bytes()
    assert call(["curate", "delete", str(path), "id > 3", "--dry-run"]) == 0
    assert capsys.readouterr().out == "2 ROIs would be deleted\n"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["reject", "FILE", "snrr < 3"], 2, "Did you mean snr"),
        (["reject", "FILE", "snr <"], 2, "can't be understood"),
        (["merge", "FILE", "1"], 2, "two or more"),
        (["merge", "FILE", "1,x"], 2, "with commas"),
        (["merge", "FILE", "1,77"], 2, "no ROI 77"),
        (["restore", "FILE", "77"], 2, "never was"),
        (["tag", "FILE", "id == 1", " ", "x"], 2, "needs a name"),
        (["accept", "none.hdf5", "id == 1"], 3, "none.hdf5"),
    ],
)
def test_mistakes_are_named_and_change_nothing(path, capsys, words, code, told):
    before = path.read_bytes()
    assert call(["curate", *[str(path) if word == "FILE" else word for word in words]]) == code
    assert told in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_file_that_is_open_elsewhere_is_left_alone(path, capsys):
    journal = Journal.begin(path, load_results(path))
    assert call(["curate", "reject", str(path), "id == 1"]) == 2
    assert "another program" in capsys.readouterr().err
    journal.close()


def test_curated_rois_are_seeds(path):
    call(["curate", "merge", str(path), "1,3"])
    seeds = seeds_of(path, load_results(path).components.shape)
    footprints = seeds.footprints
    assert footprints.shape[1] == 5
    assert seeds.kind == "ROI" and seeds.seeds.tolist() == curated(load_results(path)).ids.tolist()
    wanted = curated(load_results(path)).results.components.footprints
    assert np.allclose(footprints[:, [4]].toarray(), wanted[:, [4]].toarray(), atol=1e-6)


def test_a_session_in_a_script(path):
    with CurationSession.open(path, who="ann") as rois:
        rois.reject(where(rois, "id < 3"))
        rois.save()
    with CurationSession.open(path) as again:
        assert not again.accepted[:3].any()
        assert again.log[0].who == "ann"


def test_every_command_sees_what_curation_left(path, capsys):
    call(["curate", "merge", str(path), "1,3"])
    call(["curate", "delete", str(path), "id == 0"])
    capsys.readouterr()
    assert call(["info", str(path), "--json"]) == 0
    accepted, rejected = (int(part.split()[0]) for part in json.loads(capsys.readouterr().out)["components"].split(","))
    assert accepted + rejected == 4
    rois = RoiManager(load_results(path))
    assert rois.ids.tolist() == [2, 4, 5, 6]
    assert len(rois) == rois.components.count == 4
    rois.session.reject([6])
    assert not rois.accepted[-1]
