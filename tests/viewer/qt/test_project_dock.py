"""The project browser on a screen."""

from __future__ import annotations

import dataclasses

import pytest

from cnmf3d.movies import open_movie
from cnmf3d.project import Add, Column, Kind, Project, Type
from cnmf3d.results import load_results, write_results


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
            Add(Column("awake", Kind.CUSTOM, Type.BOOL, True)),
        )
        for trial in "12":
            made.add(
                load_results(results_file),
                animal="m1",
                trial=trial,
                tags={"cell type": {0: "pyr", 1: "PV", 2: "a|b"}},
                stimuli={"odour": [("rose", 0, 0.4), ("none", 0.4, 0.8), ("rose", 1, 1.2)]},
            )
        yield made


@pytest.fixture
def dock(qtbot, app):
    from cnmf3d.viewer.qt.project import ProjectDock

    made = ProjectDock(app)
    made.ask = lambda question: True
    made.failures = []
    app.failed.connect(lambda problem, fix: made.failures.append(problem))
    qtbot.addWidget(made)
    made.resize(1000, 400)
    made.show()
    return made


def cell(dock, row, column):
    model = dock.table.model_
    return model.index(row, model.columns.index(column))


def test_the_browser_filters_edits_and_undoes(dock, app, project):
    from qtpy.QtCore import Qt

    assert not dock.add.isEnabled() and dock.hint.isVisible()
    app.open_project(project.folder)
    assert dock.count.text() == "12 ROIs" and dock.table.isVisible()
    dock.filters.line.setText("roi <= 3")
    dock.filters.add()
    assert dock.count.text() == "8 ROIs" and [chip.text() for chip in dock.filters.chips] == ["roi: <= 3  ✕"]
    dock.filters.line.setText("roi: many")
    dock.filters.add()
    assert dock.filters.line.text() == "roi: many" and "roi holds numbers" in dock.failures[-1]
    dock.values.column.setCurrentText("cell type")
    items = [dock.values.list.topLevelItem(n) for n in range(dock.values.list.topLevelItemCount())]
    assert {item.text(0): item.text(1) for item in items} == {"(empty)": "2", "pyr": "2", "PV": "2", "a|b": "2"}
    dock.values.list.itemDoubleClicked.emit(next(item for item in items if item.text(0) == "a|b"), 0)
    assert dock.count.text() == "2 ROIs" and cell(dock, 0, "roi").data() == "2"
    assert dock.table.model_.setData(cell(dock, 1, "age"), "12", Qt.ItemDataRole.EditRole)
    assert project.sample("m1/2").info.custom["age"] == 12 and cell(dock, 1, "age").data() == "12"
    dock.undo.click()
    assert "age" not in project.sample("m1/2").info.custom and cell(dock, 1, "age").data() == ""
    dock.redo.click()
    assert project.sample("m1/2").info.custom["age"] == 12
    dock.filters.chips[0].click()
    dock.filters.chips[0].click()
    assert dock.count.text() == "12 ROIs" and dock.filters.chips == []
    dock.tabs.setCurrentIndex(1)
    assert dock.count.text() == "2 samples" and cell(dock, 0, "awake").data() == "yes"
    dock.table.horizontalHeader().sectionClicked.emit(dock.table.model_.columns.index("trial"))
    dock.table.horizontalHeader().sectionClicked.emit(dock.table.model_.columns.index("trial"))
    assert [cell(dock, n, "trial").data() for n in range(2)] == ["2", "1"]


def test_curves_are_drawn_with_their_stimuli_shaded(dock, app, project, choose_row):
    import pyqtgraph as pg

    app.open_project(project.folder)
    choose_row(dock.table, 1)
    items = dock.plot.plot.getPlotItem().items
    assert sum(isinstance(each, pg.PlotDataItem) for each in items) == 1
    regions = [each for each in items if isinstance(each, pg.LinearRegionItem)]
    assert [each.getRegion() for each in regions] == [(0, 0.4), (0.4, 0.8), (1, 1.2)]
    assert regions[0].brush.color().name() == regions[2].brush.color().name() != regions[1].brush.color().name()
    dock.plot.stimulus.setCurrentText("none")
    assert not any(isinstance(each, pg.LinearRegionItem) for each in dock.plot.plot.getPlotItem().items)


def test_a_double_click_opens_the_sample_and_it_is_saved(qtbot, dock, app, project, finish):
    app.open_project(project.folder)
    dock.table.doubleClicked.emit(cell(dock, 7, "snr"))
    finish(app)
    assert app.environment.sample_id == "m1/2" and dock.save.isEnabled()
    app.rois.tag([3], "cell type", "SOM")
    dock.save.click()
    assert project.tags("m1/2")["cell type"][3] == "SOM" and app.unsaved == ()
    dock.ask = lambda question: False
    app.rois.tag([3], "cell type", "no")
    dock.save.click()
    assert project.tags("m1/2")["cell type"][3] == "SOM"


def test_what_is_open_is_added_by_the_dialog(qtbot, dock, app, project, results_file, tmp_path, finish):
    app.open_project(project.folder)
    app.open(results_file)
    finish(app)
    dock.add.click()
    dialog = dock.dialog
    assert not dialog.ok.isEnabled() and dialog.told.text() == ""
    dialog.animal.setEditText("m1")
    dialog.trial.setEditText("2")
    assert "a sample m1/2 already" in dialog.told.text() and not dialog.ok.isEnabled()
    dialog.trial.setEditText("3")
    assert dialog.ok.isEnabled() and dialog.custom["awake"].currentText() == "yes"
    dialog.custom["age"].setEditText("old")
    dialog.add()
    assert "age holds whole numbers" in dialog.told.text() and dialog.isVisible()
    dialog.custom["age"].setEditText("7")
    dialog.stimuli["odour"].path.setText(str(tmp_path / "gone.csv"))
    dialog.add()
    assert "gone.csv can't be read" in dialog.told.text()
    (tmp_path / "gone.csv").write_text("name,start,end\nrose,0,3\n")
    dialog.stimuli["odour"].units.setCurrentText("frames")
    dialog.add()
    assert not dialog.isVisible() and dock.count.text() == "18 ROIs"
    info = project.sample("m1/3").info
    assert info.custom == {"age": 7, "awake": True} and info.stimuli["odour"].units == "frames"


def test_columns_are_changed_after_a_look_at_what_that_means(dock, app, project):
    app.open_project(project.folder)
    dock.columns.click()
    dialog = dock.dialog
    assert not dialog.apply.isEnabled()
    dialog.what.setCurrentIndex(1)
    dialog.column.setCurrentText("cell type")
    dialog.name.setText("type")
    assert "values of 2 samples and 6 ROIs change" in dialog.told.text()
    dialog.apply.click()
    assert project.tags("m1/1")["type"][0] == "pyr" and "type" in dock.table.model_.columns
    dock.columns.click()
    dock.dialog.name.setText("age")
    assert "a custom column age already" in dock.dialog.told.text() and not dock.dialog.apply.isEnabled()
    dock.dialog.reject()
    dock.undo.click()
    assert "cell type" in dock.table.model_.columns


def test_rows_are_kept_as_a_tab_written_and_deleted(dock, app, project, tmp_path, choose_row):
    import pandas as pd

    app.open_project(project.folder)
    dock.project.add_filter("cell type: pyr")
    dock.project.add_view("mine")
    assert [dock.tabs.tabText(n) for n in range(dock.tabs.count())] == ["ROIs", "Samples", "mine"]
    dock.write(str(tmp_path / "r.csv"))
    assert len(pd.read_csv(tmp_path / "r.csv")) == 2
    dock.tabs.tabCloseRequested.emit(2)
    assert dock.tabs.count() == 2
    dock.tabs.setCurrentIndex(1)
    choose_row(dock.table, 0)
    dock.delete()
    assert [each.id for each in project.samples()] == ["m1/2"] and dock.count.text() == "1 samples"
