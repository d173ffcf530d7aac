"""The Batch Manager on a screen, with batches that run in processes of their own."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest

from cnmf3d.batch import Batch, Status
from cnmf3d.batch.lease import holder, lease
from cnmf3d.simulate import simulate
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.models.batch import COLOURS

SCENE = {"size": (32, 32, 5), "cells": 6, "frames": 200}


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("a möuse") / "m.tif"
    simulate(path, "tiny", seed=3, overrides=SCENE)
    return path


@pytest.fixture
def batch(tmp_path, movie):
    with Batch.create(tmp_path / "b") as made:
        made.add(movie, {"min_SNR": 2.0}, name="one")
        made.add(movie, {"min_SNR": 4.0, "K": 9}, name="two", options={"keep_memmap": True})
        yield made


@pytest.fixture
def dock(qtbot, app):
    from cnmf3d.viewer.qt.batch import BatchDock

    made = BatchDock(app)
    made._timer.stop()  # the tests look when they want
    made.ask = lambda question: True
    qtbot.addWidget(made)
    made.resize(700, 600)
    made.show()
    return made


@pytest.fixture
def failed(app):
    heard = []
    app.failed.connect(lambda problem, fix: heard.append(f"{problem} {fix}"))
    return heard


@pytest.fixture
def opened(dock, app, batch):
    app.open_batch(batch.folder)
    yield dock
    actions = actions_of(app)
    if actions.supervision is not None and app.batch is not None:
        actions.supervision.stop()


def until(dock, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        dock._look()
        dock._app.tasks.deliver()
        time.sleep(0.02)
        assert time.monotonic() < end, dock.state.text()


def statuses(dock):
    return {item.name: item.status.value for item in dock.batch.items}


def choose(dock, *names):
    dock.table.select([item.uuid for item in dock.batch.items if item.name in names])


def cell(dock, row, column):
    return dock.table.proxy.index(row, column).data()


def test_without_a_batch_it_says_what_to_do(dock, tmp_path):
    assert "Make a new one" in dock.hint.text() and dock.hint.isVisible() and not dock.start.isEnabled()
    dock.actions_.open_batch(tmp_path / "new")
    assert "Add to batch" in dock.hint.text() and dock._app.batch.folder == tmp_path / "new"


def test_items_are_listed_found_and_coloured(opened, batch):
    assert [cell(opened, row, 0) for row in (0, 1)] == ["one", "two"] and cell(opened, 0, 6) == "m.tif"
    batch.abort(["two"])
    opened._look()
    from qtpy.QtCore import Qt

    dot = opened.table.proxy.index(1, 2).data(Qt.ItemDataRole.DecorationRole).pixmap(12, 12).toImage()
    assert cell(opened, 1, 2) == "aborted" and dot.pixelColor(6, 6).name() == COLOURS[Status.ABORTED]
    opened.search.setText("aborted m.tif")
    assert opened.table.proxy.rowCount() == 1 and cell(opened, 0, 0) == "two"
    opened.search.setText("nothing like it")
    assert opened.table.proxy.rowCount() == 0


def test_sorting_is_by_meaning_and_keeps_the_selection(opened, batch):
    from qtpy.QtCore import Qt

    for name, seconds, count in (("one", 100.0, 9), ("two", 20.0, 10)):
        item = batch.item(name)
        batch.change(item.uuid, Status.PENDING, Status.RUNNING)
        told = {"accepted": count, "rejected": 0, "seconds": seconds}
        batch.change(item.uuid, Status.RUNNING, Status.DONE, summary=told)
    opened._look()
    choose(opened, "one")
    opened.table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    assert [cell(opened, row, 3) for row in (0, 1)] == ["20 s", "1:40 min"]
    opened.table.sortByColumn(4, Qt.SortOrder.DescendingOrder)
    assert [cell(opened, row, 4) for row in (0, 1)] == ["10 + 0", "9 + 0"]
    assert opened.table.selected() == [batch.item("one").uuid]


def test_panes_show_parameters_information_and_differences(opened, batch):
    choose(opened, "two")
    pane = opened.panes.parameters
    rows = {pane.item(row, 0).text(): pane.item(row, 1) for row in range(pane.rowCount())}
    assert rows["init.K"].text() == "9" and rows["options.keep_memmap"].text() == "on"
    assert rows["init.K"].foreground().color() != rows["temporal.p"].foreground().color()
    facts = opened.panes.information
    told = {facts.item(row, 0).text(): facts.item(row, 1).text() for row in range(facts.rowCount())}
    assert told["Status"] == "pending" and told["UUID"] == batch.item("two").uuid and "m.tif" in told["Movie"]
    choose(opened, "one", "two")
    table = opened.panes.differences
    names = [table.item(row, 0).text() for row in range(table.rowCount())]
    assert {"init.K", "quality.min_SNR", "options.keep_memmap"} == set(names)
    assert opened.panes.tabText(3) == "Differences (3)"


def test_a_batch_runs_in_a_process_of_its_own_that_a_second_viewer_finds(opened, batch, app, qtbot, failed):
    opened.start.click()
    until(opened, lambda: opened.batch.progress is not None and opened.batch.progress.stage)
    assert opened.bar.isVisible() and "one" in opened.state.text() and "GiB" in opened.state.text()
    who = holder(batch)
    opened.start.click()
    assert "being run by process" in failed[-1] or "started already" in failed[-1]

    from napari.components import ViewerModel

    from cnmf3d.viewer.app import app_of

    other = app_of(ViewerModel())
    other.open_batch(batch.folder)
    actions = actions_of(other)
    actions.poll()
    assert actions.batch.supervisor["pid"] == who["pid"] and actions.batch.running is not None
    other.close()
    assert psutil.pid_exists(who["pid"])  # closing a viewer ends nothing
    until(opened, lambda: set(statuses(opened).values()) == {"done"})
    until(opened, lambda: opened.batch.supervisor is None)
    assert cell(opened, 0, 4).split(" + ")[0].isdigit() and not opened.bar.isVisible()
    choose(opened, "one")
    text = opened.panes.output.toPlainText()
    assert "reading the movie" in text and "✓ done in" in text


def test_start_at_an_item_leaves_those_before(opened):
    choose(opened, "two")
    opened._start_at()
    until(opened, lambda: statuses(opened)["two"] == "done")
    until(opened, lambda: opened.batch.supervisor is None)
    assert statuses(opened)["one"] == "pending"


def test_abort_of_the_batch_ends_its_processes(opened, batch):
    opened.start.click()
    until(opened, lambda: opened.batch.running is not None and holder(batch) is not None)
    pid = holder(batch)["pid"]
    opened.table.clearSelection()
    opened.stop.click()
    until(opened, lambda: not opened._app.tasks.running)
    assert statuses(opened) == {"one": "aborted", "two": "pending"} and holder(batch) is None
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    choose(opened, "one")
    opened.retry.click()
    assert statuses(opened) == {"one": "pending", "two": "pending"}


def test_abort_of_the_running_item_lets_the_next_one_run(opened):
    opened.start.click()
    until(opened, lambda: opened.batch.running is not None)
    choose(opened, "one")
    opened.stop.click()
    until(opened, lambda: statuses(opened) == {"one": "aborted", "two": "done"})


def test_an_item_that_fails_says_why(opened, batch, tmp_path):
    short = tmp_path / "short.npy"
    np.save(short, np.zeros((5, 3, 8, 8), np.uint16))
    batch.add(short, name="bad", opening={"rate": 5.0})
    opened._look()
    choose(opened, "bad")
    opened._start_at()
    until(opened, lambda: statuses(opened)["bad"] == "failed")
    opened._chosen()
    facts = opened.panes.information
    told = {facts.item(row, 0).text(): facts.item(row, 1).text() for row in range(facts.rowCount())}
    assert "too few" in told["Error"]


def test_a_scheduled_batch_waits_is_seen_and_can_be_aborted(opened, batch, app):
    opened.time.setTime(opened.time.time().addSecs(60 * 60 * 5))
    assert opened.schedule()
    until(opened, lambda: "starts at" in opened.state.text(), 20)
    assert set(statuses(opened).values()) == {"pending"}
    assert not opened.schedule()
    opened.actions_.abort_batch()
    until(opened, lambda: not app.tasks.running and "starts at" not in opened.state.text())


def test_output_is_followed_into_a_work_directory_and_back(opened, batch, tmp_path):
    (tmp_path / "fast").mkdir()
    opened._set_work_dir(tmp_path / "fast")
    heard = []
    opened.batch.output.connect(lambda uuid, lines: heard.extend(lines))
    choose(opened, "two")
    opened._start_at()
    until(opened, lambda: statuses(opened)["two"] == "done")
    until(opened, lambda: opened.batch.supervisor is None)
    assert any("finding cells" in line for line in heard) and any("✓ done" in line for line in heard)
    assert batch.run_folder(batch.item("two")).results.is_relative_to(batch.folder)


def test_a_supervisor_that_cannot_begin_says_why(opened, tmp_path, failed):
    opened._set_work_dir(tmp_path / "nowhere" / "at all")
    opened.start.click()
    until(opened, lambda: bool(failed))
    assert "could not be run" in failed[0] and "nowhere" in failed[0]
    assert set(statuses(opened).values()) == {"pending"}


def test_items_are_deleted_with_their_data_after_a_question(opened, batch, qtbot):
    asked = []
    opened.ask = lambda question: bool(asked.append(question))
    choose(opened, "one")
    opened.delete.click()
    assert "Delete one with all their results" in asked[0] and len(opened.batch.items) == 2
    opened.ask = lambda question: True
    from qtpy.QtCore import Qt

    opened.activateWindow()
    opened.table.setFocus()
    qtbot.waitUntil(opened.table.hasFocus, timeout=5_000)
    qtbot.keyClick(opened.table, Qt.Key.Key_Delete)
    assert statuses(opened) == {"two": "pending"}


def test_a_running_batch_of_another_program_is_seen(opened, batch):
    with lease(batch):
        opened._look()
        assert "running" in opened.state.text()


def test_scripts_are_exported(opened, batch, tmp_path, app, failed):
    opened.actions_.export([], tmp_path / "scripts", "slurm")
    until(opened, lambda: not app.tasks.running)
    assert not failed and len(list((tmp_path / "scripts").glob("*.sh"))) >= 2
    batch.abort(["one"])
    opened._look()
    opened.actions_.export([batch.item("one").uuid], tmp_path / "scripts", "shell")
    assert "no item that waits is selected" in failed[-1]


def test_work_directory_and_threads_are_in_the_command(opened, batch, tmp_path):
    from cnmf3d.viewer.controllers.batch import command_of

    words = command_of(batch, start_at="abc", at="22:00", workers=3, work_dir=tmp_path)
    assert words[1:6] == ["-P", "-m", "cnmf3d", "batch", "run"] and words[-2:] == ["--work-dir", str(tmp_path)]
    assert words[words.index("--at") + 1] == "22:00" and words[words.index("--workers") + 1] == "3"
    opened._set_work_dir(tmp_path)
    assert opened.actions_.work_dir == tmp_path and str(tmp_path) in opened.work_dir.text()


def test_double_click_shows_movie_and_components(window, qtbot, batch, movie):
    from cnmf3d.batch import supervise

    supervise(batch, workers=1, keys=["one"])
    window.app.open_batch(batch.folder)
    dock = window.docks["Batch Manager"]
    assert dock.isVisible() and not dock.visibleRegion().isEmpty()  # in front of the other tabs
    heard = []
    dock.actions_.loaded.connect(heard.append)
    index = dock.table.proxy.index(0, 0)
    dock.table.doubleClicked.emit(index)
    qtbot.waitUntil(lambda: bool(heard), timeout=20_000)
    env = window.app.environment
    assert window.app.rois is not None and len(env.roi_manager) >= 4
    entry = env.history_trace[-1]["cnmf_3d"]
    assert entry["item_name"] == "one" and entry["parameters"]["quality"]["min_SNR"] == 2.0
    assert window.app.movie.shape == (200, 5, 32, 32) and "movie" in window.viewer.layers
    assert window.app.results_path == batch.run_folder(batch.item("one")).results
    dock.table.doubleClicked.emit(dock.table.proxy.index(1, 0))
    assert "has no output" in window.viewer.status
    choose(dock, "two")
    dock.input.click()
    qtbot.waitUntil(lambda: window.app.rois is None and not window.app.tasks.running, timeout=20_000)
    assert window.app.movie.shape == (200, 5, 32, 32)
