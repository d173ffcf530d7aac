"""The CNMF 3D form on a screen: what is entered arrives in the model, and what the model says is seen."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from cnmf3d.batch import Batch
from cnmf3d.viewer.models.form import CNMF, MEMMAP
from cnmf3d.viewer.models.form_fields import fields


@pytest.fixture
def long_movie(tmp_path):
    """A movie that is long enough to be computed."""
    path = tmp_path / "movie.tif"
    values = np.random.default_rng(0).integers(90, 400, (30, 4, 9, 11)).astype(np.uint16)
    tifffile.imwrite(path, values, metadata={"axes": "TZYX"}, photometric="minisblack")
    path.with_suffix(".json").write_text('{"fps": 5.0, "voxel_size": [1.5, 1.0, 4.0], "origin": "test"}')
    return path


@pytest.fixture
def dock(qtbot, app):
    pytest.importorskip("superqt")
    from cnmf3d.viewer.qt.form import FormDock

    app.tasks.wake = lambda: None
    made = FormDock(app)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def failed(app):
    heard = []
    app.failed.connect(lambda problem, fix: heard.append(f"{problem} {fix}"))
    return heard


@pytest.fixture
def opened(dock, app, long_movie, finish):
    app.open(long_movie)
    finish(app)
    return dock


def test_every_parameter_can_be_entered_and_is_explained(dock):
    assert set(dock.rows) == set(fields())
    assert all(fields()[name].meaning.split("\n")[0] in row.toolTip() for name, row in dock.rows.items())


def test_what_is_entered_arrives(dock):
    form, rows = dock.form, dock.rows
    for name in ("init.K", "init.gSig", "data.decay_time", "data.segments"):
        rows[name].other.setChecked(False)
    rows["init.K"].editor.setValue(12)
    rows["init.gSig"].editor.parts[2].setValue(1.5)
    rows["temporal.p"].editor.setCurrentIndex(0)
    rows["refit"].editor.setChecked(True)
    rows["init.seeds"].editor.line.setText("masks.tif")
    rows["data.decay_time"].other.setChecked(True)
    made = form.parameters()
    assert (made.init.K, made.init.gSig, made.temporal.p, made.refit) == (12, (3, 3, 1.5), 0, True)
    assert made.init.seeds == "masks.tif" and made.data.decay_time == "auto"
    rows["data.segments"].editor.setText("200, 400")
    rows["data.offset"].other.setChecked(False)
    rows["data.offset"].editor.setValue(-120.5)
    assert form.parameters().data.segments == (200, 400) and form.parameters().data.offset == -120.5
    rows["data.segments"].editor.setText("200, x")
    assert "whole numbers" in rows["data.segments"].message.text()
    rows["data.segments"].editor.setText("")
    assert form.parameters().data.segments == ()
    rows["data.fr"].other.setChecked(False)
    rows["data.fr"].editor.setValue(7.5)
    assert form.parameters().data.fr == 7.5
    rows["data.fr"].other.setChecked(True)
    assert form.parameters().data.fr is None


def test_a_value_that_cannot_be_is_told_at_its_entry(dock):
    row = dock.rows["merging.merge_thr"]
    row.editor.setValue(1.5)
    assert row.message.isVisible() and "less than or equal to 1" in row.message.text()
    assert "⚠" in dock.groups["basic"].head.text()
    row.editor.setValue(0.5)
    assert not row.message.isVisible() and "⚠" not in dock.groups["basic"].head.text()


def test_keyword_arguments_win_and_say_so(dock):
    dock.groups["Keyword arguments"].open()
    box = dock.boxes[CNMF]
    box.used.setChecked(True)
    box.text.setPlainText("gSigg=4")
    assert box.message.isVisible() and "Did you mean gSig" in box.message.text()
    box.text.setPlainText("gSig=(4, 4, 2)")
    row = dock.rows["init.gSig"]
    assert not box.message.isVisible() and "keyword arguments say 4 × 4 × 2" in row.message.text()
    assert not row.editor.isEnabled()
    box.used.setChecked(False)
    row.other.setChecked(False)
    assert row.editor.isEnabled() and not row.message.isVisible()


def test_patches_can_be_switched_off(dock):
    dock.use_patches.setChecked(False)
    assert dock.form.parameters().patch.rf is None and not dock.rows["patch.stride"].isEnabled()
    dock.use_patches.setChecked(True)
    assert dock.form.parameters().patch.rf == "auto" and dock.rows["patch.rf"].isEnabled()
    dock.rows["patch.rf"].other.setChecked(False)
    dock.use_patches.setChecked(False)
    dock.use_patches.setChecked(True)
    assert dock.form.parameters().patch.rf == (25, 25, 25)


def test_search_finds_parameters_in_folded_groups_too(dock):
    dock.search.setText("nb")
    assert dock.rows["background.nb"].isVisible() and not dock.rows["temporal.p"].isVisible()
    dock.search.setText("")
    assert dock.rows["temporal.p"].isVisible() and not dock.groups["advanced"].opened


def test_all_automatic_and_as_in_mesmerize(dock):
    assert dock.rows["init.gSig"].other.isChecked() and not dock.rows["init.gSig"].editor.isEnabled()
    dock.rows["init.gSig"].other.setChecked(False)
    assert dock.form.value("init.gSig") == [3, 3, 3]
    dock.form.reset(mesmerize=True)
    assert dock.rows["init.K"].editor.value() == 5 and not dock.rows["init.K"].other.isChecked()


def test_what_a_run_takes_is_always_said(dock, app, finish, movie_file, tmp_path):
    assert "Open a movie" in dock.needs.text()
    long = tmp_path / "long.npy"
    np.save(long, np.random.default_rng(0).integers(0, 99, (60, 4, 20, 20)).astype(np.uint16))
    app.open(long, rate=5.0)
    finish(app)
    assert "A run takes about" in dock.needs.text() and "MiB memory" in dock.needs.text()
    dock.form.fill({"patch.rf": [4.0, 4.0, 4.0], "patch.stride": [8.0, 8.0, 4.0]})
    assert "as large as the patch" in dock.needs.text()
    assert "as large as the patch" in dock.rows["patch.stride"].message.text()
    app.open(movie_file)
    finish(app)
    assert "too few" in dock.needs.text()


def test_an_item_is_added_with_what_the_form_says(opened, app, tmp_path, failed):
    opened.add.click()
    assert "no batch is open" in failed[-1]
    assert opened.actions.open_batch(tmp_path / "b")
    opened.add.click()
    assert "Name the item" in failed[-1]
    opened.name.setText("first")
    opened.rows["init.K"].other.setChecked(False)
    opened.rows["init.K"].editor.setValue(7)
    opened.add.click()
    (item,) = app.batch.items()
    assert item.name == "first" and item.parameters["init"]["K"] == 7 and item.input.opening["rate"] == 5.0
    opened.memmap.use.setChecked(True)
    assert MEMMAP in opened.form.errors and opened.memmap.item.count() == 2
    opened.memmap.item.setCurrentIndex(1)
    opened.name.setText("second")
    opened.add.click()
    assert app.batch.item("second").options == {"use_memmap": True, "memmap_uuid": item.uuid}


def test_a_movie_without_a_rate_is_told_at_the_rate(dock, app, tmp_path, finish, failed):
    path = tmp_path / "m.npy"
    np.save(path, np.zeros((30, 3, 8, 8), np.uint16))
    app.open(path, axes="tzyx")
    finish(app)
    dock.actions.open_batch(tmp_path / "b")
    dock.name.setText("x")
    dock.add.click()
    assert "rate" in failed[-1] and "rate" in dock.rows["data.fr"].message.text()
    dock.rows["data.fr"].other.setChecked(False)
    dock.rows["data.fr"].editor.setValue(4.0)
    dock.add.click()
    assert app.batch.item("x").parameters["data"]["fr"] == 4.0


def test_a_folder_with_other_things_is_no_batch(dock, app, tmp_path, failed):
    (tmp_path / "notes.txt").write_text("x")
    assert not dock.actions.open_batch(tmp_path)
    assert "holds other things" in failed[-1] and app.batch is None


def test_an_item_fills_the_form(opened, app, tmp_path, long_movie):
    with Batch.create(tmp_path / "b") as batch:
        item = batch.add(long_movie, {"gSig": (4, 4, 2), "rf": None}, name="a", options={"keep_memmap": True})
    opened.actions.open_batch(tmp_path / "b")
    assert opened.actions.fill_form(item.uuid)
    assert [part.value() for part in opened.rows["init.gSig"].editor.parts] == [4, 4, 2]
    assert not opened.use_patches.isChecked() and opened.memmap.keep.isChecked()


def test_an_item_for_caiman_takes_what_only_caiman_has(opened, app, tmp_path, failed):
    opened.actions.open_batch(tmp_path / "b")
    opened.name.setText("c")
    opened.form.reset(mesmerize=True)
    opened.engine.setCurrentText("caiman")
    opened.boxes[CNMF].used.setChecked(True)
    opened.boxes[CNMF].text.setPlainText("method_init='sparse_nmf'")
    opened.actions.recorder.start()
    opened.add.click()
    assert not failed and "engine='caiman'" in opened.actions.recorder.stop()
    item = app.batch.item("c")
    assert item.engine == "caiman" and "sparse_nmf" in str(item.options) and item.parameters["init"]["K"] == 5
    opened.engine.setCurrentText("native")
    told = []
    app.told.connect(told.append)
    assert opened.actions.fill_form(item.uuid)
    assert opened.engine.currentText() == opened.form.engine == "caiman"
    assert told[-1] == "The form has the parameters of c, without options caiman."


def test_registration_before_is_chosen_and_found_by_the_search(dock, opened):
    assert dock.register.currentText() == "auto" and dock.register.isEnabled()
    dock.register.setCurrentText("none")
    assert dock.form.register == "none"
    dock.form.reset()
    assert dock.register.currentText() == "auto"
    dock.search.setText("registration")
    assert dock.registering.isVisible() and not dock.rows["init.K"].isVisible()
    dock.search.clear()
    dock.form.set_engine("caiman")
    assert not dock.register.isEnabled()
