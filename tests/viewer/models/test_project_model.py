"""The project browser without a screen: tabs, filters, cells, curves; samples that open and are saved."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from cnmf3d.movies import open_movie
from cnmf3d.project import Add, Column, Kind, Project, Remove, Type
from cnmf3d.results import curated, load_results, write_results
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.controllers.project import project_actions
from cnmf3d.viewer.models.project import ProjectModel, View


@pytest.fixture
def results_file(results_file, movie_file):
    """Results that say which movie they are from."""
    results = load_results(results_file)
    source = dataclasses.replace(
        results.provenance, input_paths=(str(movie_file),), fingerprint=open_movie(movie_file).fingerprint()
    )
    return write_results(dataclasses.replace(results, provenance=source), results_file)


@pytest.fixture
def project(tmp_path, results_file):
    with Project.create(tmp_path / "p") as made:
        made.configure(
            Add(Column("cell type", Kind.ROI)),
            Add(Column("odour", Kind.STIMULUS)),
            Add(Column("age", Kind.CUSTOM, Type.WHOLE)),
            Add(Column("awake", Kind.CUSTOM, Type.BOOL)),
        )
        results = load_results(results_file)
        for trial in "12":
            made.add(
                results,
                animal="m1",
                trial=trial,
                custom={"age": int(trial)},
                tags={"cell type": {0: "pyr", 1: "PV", 2: "pyr"}},
                stimuli={"odour": [("rose", 0, 0.4), ("none", 0.4, 0.8)]},
            )
        yield made


@pytest.fixture
def model(project):
    made = ProjectModel()
    made.failures = []
    made.failed.connect(made.failures.append)
    made.take(project)
    yield made
    made.close()


def test_tabs_filter_and_keep_their_rows(model):
    assert [view.name for view in model.views] == ["ROIs", "Samples"] and len(model.frame) == 12
    assert model.columns[:4] == ["animal", "trial", "date", "roi"] and "uuid" not in model.columns
    assert model.unique("cell type") == [("", 6), ("pyr", 4), ("PV", 2)]
    assert model.add_filter("cell type: pyr") and model.add_filter("trial = 2")
    assert model.frame["roi"].tolist() == [0, 2]
    assert model.project.dataframe().query(model.query())["roi"].tolist() == [0, 2]
    assert not model.add_filter("snr: high") and "snr holds numbers" in str(model.failures[-1])
    model.add_view("pyramidal")
    assert model.current == 2 and len(model.frame) == 2
    model.show(1)
    assert model.view == View("Samples", "samples") and model.frame["rois"].tolist() == [6, 6]
    model.show(2)
    model.drop_filter(1)
    assert len(model.frame) == 4 and model.view.filters == (("cell type", "pyr"),)
    model.close_view(2), model.close_view(0)
    assert len(model.views) == 2 and model.current == 1
    model.show(0)
    model.drop_filter(1)
    model.sort("trial", ascending=False)
    assert model.frame["trial"].tolist() == ["2"] * 2 + ["1"] * 2


def test_a_filter_of_a_column_that_goes_is_dropped(model):
    model.add_filter("cell type: pyr")
    model.project.configure(Remove("cell type"))
    model.refresh()
    assert len(model.frame) == 12 and model.view.filters == () and model.failures == []


def test_cells_are_edited_and_undone(model, project):
    assert [model.editable(name) for name in ("cell type", "accepted", "age", "trial", "snr", "odour")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip
    assert model.edit([3, 4, 9], "cell type", "SOM")
    assert project.tags("m1/1")["cell type"][4] == project.tags("m1/2")["cell type"][3] == "SOM"
    assert model.frame["cell type"].tolist()[3:5] == ["SOM", "SOM"]
    assert model.edit([0], "age", "7") and model.frame["age"].tolist()[:6] == [7] * 6
    assert model.edit([0], "accepted", "yes") and bool(model.frame["accepted"][0])
    assert not model.edit([0], "age", "old") and "holds whole numbers" in str(model.failures[-1])
    assert not model.edit([0], "trial", "2") and "has a sample m1/2 already" in str(model.failures[-1])
    assert not model.edit([0], "snr", "2") and "can't be edited" in str(model.failures[-1])
    model.undo(), model.undo()
    assert model.frame["age"].tolist()[:6] == [1] * 6
    assert model.redo() == "change custom of m1/1" and model.frame["age"][0] == 7
    model.show(1)
    assert not model.editable("cell type") and model.edit([1], "animal", "m2")
    assert model.frame["animal"].tolist() == ["m1", "m2"]


def test_what_others_change_is_seen(model, project):
    seen = []
    model.changed.connect(lambda: seen.append(1))
    model.poll()
    assert seen == []
    with Project.open(project.folder) as other:
        other.edit_rois("m1/1", "cell type", {5: "SOM"})
    model.poll()
    assert len(seen) == 1 and model.frame["cell type"][5] == "SOM"
    model.edit([5], "cell type", "")
    assert model.frame["cell type"][5] == ""
    model.show(1)
    accepted = model.frame["accepted"][0]
    model.show(0)
    model.edit(range(6), "accepted", "no")
    assert not model.frame["accepted"][:6].any()
    model.show(1)
    assert model.frame["accepted"][0] == 0 != accepted
    seen.clear()
    model.poll()
    assert seen == []
    fresh = ProjectModel()
    fresh.take(project)
    fresh.show(1)
    pd.testing.assert_frame_equal(fresh.frame, model.frame)
    fresh.show(0), model.show(0)
    pd.testing.assert_frame_equal(fresh.frame, model.frame)
    fresh.close()


def test_curves_and_stimuli_of_rows(model, project):
    drawn = model.curves([1, 8], "dff")
    assert [each.name for each in drawn] == ["m1/1 ROI 1", "m1/2 ROI 2"]
    assert np.array_equal(drawn[1].values, project.results("m1/2").components.dff[2])
    assert drawn[0].seconds[1] == np.float32(1 / 7.5)
    assert [(each.name, each.end) for each in model.periods(0)["odour"]] == [("rose", 0.4), ("none", 0.8)]
    model.show(1)
    assert model.curves([0], "dff") == [] and model.uuid(0) == project.sample("m1/1").uuid


def test_a_sample_opens_is_curated_and_saved(app, project, finish):
    actions = project_actions(app)
    app.open_project(project.folder)
    assert app.project is not None and len(actions.model.frame) == 12
    actions.open_sample(project.sample("m1/2").uuid)
    finish(app)
    assert app.environment.sample_id == "m1/2" and app.movie is not None and len(app.rois) == 6
    assert app.rois.tags["cell type"] == {0: "pyr", 1: "PV", 2: "pyr"} and actions.sample_is_open
    app.rois.delete([5])
    app.rois.tag([4], "cell type", "VIP")
    assert app.unsaved == ("ROIs",)
    assert app.save() and app.unsaved == () and project.sample("m1/2").revision == 2
    assert project.tags("m1/2")["cell type"][4] == "VIP" and project.sample("m1/2").rois == 5
    assert [each["what"] for each in project.sample("m1/2").info.history[-1]["curation"]["log"]] == ["delete", "tag"]
    assert len(actions.model.frame) == 11
    assert curated(project.results("m1/2")).ids.tolist() == [0, 1, 2, 3, 4]


def test_what_is_open_becomes_a_sample(app, project, results_file, finish):
    actions, failures = project_actions(app), []
    app.failed.connect(lambda problem, fix: failures.append(problem))
    assert actions.problem("a", "1") == "No project is open." and not actions.save()
    app.open_project(project.folder)
    assert actions.problem("a", "1") == "There are no ROIs to add."
    app.open(results_file)
    finish(app)
    assert "needs a trial ID" in actions.problem("a", " ") and "m1/1 already" in actions.problem("m1", "1")
    assert actions.problem("a", "1") == "" and not actions.sample_is_open
    assert actions.suggestions("animal") == ["m1"] and actions.suggestions("age") == ["2", "1"]
    app.rois.reject(app.rois.ids)
    sample = actions.add(animal="a", trial="1", custom={"age": "3"})
    assert project.sample("a/1") == sample and sample.accepted == 0 and app.unsaved == ()
    assert actions.sample_is_open and len(actions.model.frame) == 18 and actions.suggestions("animal") == ["a", "m1"]


def test_folders_that_are_no_project_are_told(app, tmp_path):
    failures = []
    app.failed.connect(lambda problem, fix: failures.append(problem))
    app.open_project(tmp_path)
    assert "is no project" in failures[-1] and app.project is None
    assert project_actions(app).new(tmp_path / "new") and app.project.folder == tmp_path / "new"
    app.project = None
    assert project_actions(app).model.frame is None


def test_scripts_have_the_same_project_and_rois(app, project, results_file, finish):
    space = actions_of(app).space
    model = project_actions(app).model
    space.names()["open_project"](project.folder)
    finish(app)
    app.tasks.deliver()
    assert space.get_project() is app.project and len(model.frame) == 12
    app.open(results_file)
    finish(app)
    app.rois.tag([3], "cell type", "by hand")
    sample = space.vi.add_to_project("m1", "script")
    assert app.project.tags(sample.uuid)["cell type"] == {3: "by hand"}
    model.poll()
    assert len(model.frame) == 18
    space.vi.open_sample("m1/1")
    app.tasks.deliver()
    assert app.environment.sample_id == "m1/1" and app.rois.journal is None
    assert app.rois.tags["cell type"] == {0: "pyr", 1: "PV", 2: "pyr"}
