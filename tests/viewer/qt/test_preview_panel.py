"""The preview's panel: what is seen is computed, shown as a layer, and again at a change."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.simulate import simulate


@pytest.fixture
def movie(tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "preview.tif"
    if not path.exists():
        simulate(path, "tiny", seed=3, overrides={"size": (40, 40, 5), "cells": 8, "frames": 200})
    return path


@pytest.fixture
def panel(window, qtbot, movie):
    dock = window.show_dock("CNMF 3D")
    window.app.open(movie)
    qtbot.waitUntil(lambda: window.app.movie is not None and not window.app.tasks.running, timeout=20_000)
    dock.form.reset()
    return dock.preview


def wait(panel, qtbot):
    qtbot.waitUntil(lambda: not panel._actions.preview.busy, timeout=60_000)


def test_preview_shows_components_and_follows_the_form(panel, window, qtbot):
    panel.button.click()
    assert panel.button.text() == "Stop"
    wait(panel, qtbot)
    layer = window.viewer.layers["preview"]
    assert layer.data.shape == (5, 40, 40) and len(np.unique(layer.data)) >= 4
    assert "components" in panel.said.text() and panel.button.text() == "Preview"
    first = layer.data.copy()
    assert window.viewer.layers.selection.active.name == "movie"
    panel._actions.form.fill({"quality.min_SNR": 500.0, "quality.rval_thr": 1.0})
    qtbot.waitUntil(lambda: panel._actions.preview.busy, timeout=5_000)
    wait(panel, qtbot)
    assert window.viewer.layers["preview"] is layer and "0 components" in panel.said.text()
    assert (layer.data != first).any() and set(np.unique(layer.data)) <= {0, 255}
    panel._actions.form.set("merging.merge_thr", 5.0)
    assert not panel._timer.isActive()
    panel.live.setChecked(False)
    panel._actions.form.set("merging.merge_thr", 0.7)
    assert not panel._timer.isActive()
    panel.live.setChecked(True)
    wait(panel, qtbot)
    window.app.clear()
    assert not layer.visible and layer.data.shape == (1, 1, 1)


def test_estimate_fills_the_form(panel, window, qtbot):
    panel._actions.form.reset(mesmerize=True)
    panel.ask("estimate")
    wait(panel, qtbot)
    form = panel._actions.form
    assert form.value("init.gSig") != [3.0, 3.0, 3.0] and 1 < form.value("init.gSig")[0] < 8
    assert "From the data" in panel.said.text()


def test_it_is_of_what_is_seen_and_stops(panel, window, qtbot):
    from cnmf3d.viewer.preview_layer import seen_by

    window.viewer.scene.camera.zoom *= 4
    qtbot.wait(50)
    (rows, columns), plane, frame = seen_by(window.app)
    assert rows[1] - rows[0] < 40 and columns[1] - columns[0] < 40 and (plane, frame) == (2, 0)
    panel.button.click()
    panel.button.click()
    assert not panel._actions.preview.busy and panel.button.text() == "Preview"


def test_without_a_movie_it_says_what_to_do(window):
    panel = window.show_dock("CNMF 3D").preview
    panel.button.click()
    assert "Open one first" in panel.said.text() and panel.button.text() == "Preview"
