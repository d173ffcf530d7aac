"""Samples and work environments: what is added is there when it is opened again; scripts without a screen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cnmf3d.cli.app import call
from cnmf3d.errors import UsageError
from cnmf3d.movies import open_movie
from cnmf3d.project import Add, Column, Kind, Project, StimulusMap
from cnmf3d.results import curated, write_results
from cnmf3d.results.history import history_entry
from cnmf3d.workspace import ViewerWorkEnv, Workspace
from cnmf3d.workspace.rois import RoiManager


@pytest.fixture
def filled(tiff, random_results):
    """A movie with metadata, and ROIs of it."""
    path = tiff(shape=(40, 4, 9, 11), meta={"fps": 5.0, "origin": "2p", "date": "20260517_103000"})
    env = ViewerWorkEnv.from_tiff(path, meta_path=path.with_suffix(".json"))
    results = random_results()
    source = dataclasses.replace(
        results.provenance, input_paths=(str(path),), fingerprint=open_movie(path).fingerprint(), asked={"refit": True}
    )
    results = dataclasses.replace(results, provenance=source)
    env.roi_manager, env.comments = RoiManager(results), "as it was"
    env.history_trace.append({"cnmf_3d": history_entry(results)})
    env.stim_maps = {"odour": StimulusMap()}
    return env


def test_what_is_added_is_there_when_it_is_opened_again(filled, tmp_path):
    with Workspace() as space:
        with pytest.raises(UsageError, match="no project is open"):
            space.get_project()
        project = space.names()["open_project"](tmp_path / "p")
        assert space.get_project() is project
        project.configure(Add(Column("layer", Kind.ROI)), Add(Column("odour", Kind.STIMULUS)), Add(Column("line")))
        with pytest.raises(UsageError, match="has no ROIs"):
            space.vi.add_to_project("a", "1")
        space.viewer.workEnv = filled
        sample = space.vi.add_to_project("a", "1", custom={"line": "wt"}, tags={"layer": {0: "L1"}})
        assert (sample.info.date, sample.info.comments) == ("20260517_103000", "as it was")
        assert sample.info.meta["origin"] == "2p" and sample.info.history[0]["cnmf_3d"]["asked"] == {"refit": True}
        assert filled.sample_id == "a/1" and str(filled.UUID) == sample.uuid
        space.vi.open_sample("a/1")
        env = space.get_workEnv()
        assert env is not filled and env.imgdata.meta == filled.imgdata.meta and env.comments == "as it was"
        assert np.array_equal(env.imgdata.seq[3], filled.imgdata.seq[3])
        assert env.history_trace == filled.history_trace and env.stim_maps == {"odour": StimulusMap()}
        assert curated(env.roi_manager.results).tags == {"layer": {0: "L1"}}
        env.comments = "as it is"
        saved = space.vi.save_sample()
        assert saved.revision == 2 and saved.info == dataclasses.replace(sample.info, comments="as it is")
        space.vi.discard_workEnv()
        with pytest.raises(UsageError, match="no sample of this project"):
            space.vi.save_sample()


def test_a_project_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with Workspace() as space:
        assert space.viewer.open_project("~/p").folder == tmp_path / "p"
        assert space.viewer.open_project("~/p").folder == tmp_path / "p"  # there is one now


def test_what_a_script_did_to_the_rois_is_in_the_sample(filled, tmp_path):
    with Workspace() as space:
        space.viewer.open_project(tmp_path / "p").configure(Add(Column("odour", Kind.STIMULUS)))
        space.viewer.workEnv = filled
        wrong = int(np.flatnonzero(filled.roi_manager.accepted)[0])
        filled.roi_manager.session.reject([wrong])
        space.vi.add_to_project("a", "1")
        assert not curated(space.get_project().results("a/1")).results.components.accepted[wrong]
        space.vi.open_sample("a/1")
        space.get_workEnv().roi_manager.session.delete([3])
        space.vi.save_sample()
        assert curated(space.get_project().results("a/1")).ids.tolist() == [0, 1, 2, 4]


def test_a_sample_whose_movie_is_gone_opens_without_it(filled, tmp_path):
    told = []
    with Workspace(reporter=lambda event: told.append(event.text)) as space:
        space.viewer.open_project(tmp_path / "p").configure(Add(Column("odour", Kind.STIMULUS)))
        space.viewer.workEnv = filled
        space.vi.add_to_project("a", "1")
        (tmp_path / "m.tiff").unlink()
        space.vi.open_sample("a/1")
        env = space.get_workEnv()
        assert env.isEmpty and len(env.roi_manager) == 5 and env.imgdata.meta["origin"] == "2p"
        assert any("is not in" in text for text in told)


def test_a_script_adds_to_a_project(filled, tmp_path):
    results = write_results(filled.roi_manager.results, tmp_path / "r.hdf5")
    script = tmp_path / "s.py"
    script.write_text(
        "import sys\n"
        "project = get_project()\n"
        "project.add(sys.argv[1], animal='a', trial='1')\n"
        "vi.open_sample('a/1')\n"
        "assert get_workEnv().sample_id == 'a/1'\n"
        "vi.work_env.comments = 'by a script'\n"
        "vi.save_sample()\n"
    )
    assert call(["script", str(script), str(results), "--project", str(tmp_path / "p")]) == 0
    with Project.open(tmp_path / "p") as project:
        assert project.sample("a/1").info.comments == "by a script"
