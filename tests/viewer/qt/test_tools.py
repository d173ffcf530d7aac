"""Movie tools on the screen: projections in the background, crop as seen, measure, save of curation, merge."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def opened(window: Any, qtbot: Any, results_file: Path) -> Any:
    window.app.open(results_file)
    qtbot.waitUntil(lambda: not window.app.tasks.running and window.app.rois is not None, timeout=20_000)
    return window


def test_projections_become_layers(opened: Any, qtbot: Any) -> None:
    dock = opened.show_dock("Movie")
    seen: list[str] = []
    opened.app.tasks.changed.connect(lambda running: seen.extend(task.name for task in running))
    dock.project.click()
    qtbot.waitUntil(lambda: not opened.app.tasks.running, timeout=20_000)
    assert "Projections" in seen
    expected = opened.app.movie.read(0, 12).astype(float).mean(axis=0)
    np.testing.assert_allclose(opened.viewer.layers["mean"].data, expected, rtol=1e-5)


def test_a_task_can_be_cancelled_in_the_status_bar(window: Any, qtbot: Any) -> None:
    def endless(task: Any) -> None:
        while True:
            task.report(1, 4)
            time.sleep(0.002)

    got: list[Any] = []
    window.app.tasks.start("Endless", endless, got.append, got.append)
    qtbot.waitUntil(lambda: window.status._bar.value() == 1, timeout=5_000)
    assert window.status.isVisible()
    window.status._stop.click()
    qtbot.waitUntil(lambda: not window.app.tasks.running, timeout=5_000)
    assert not window.status.isVisible()
    assert not got


def test_crop_takes_what_is_seen(opened: Any) -> None:
    dock = opened.show_dock("Movie")
    opened.viewer.fit_to_view()
    dock.take_view()
    assert [(low.value(), high.value()) for low, high in dock.spans.values()] == [(0, 12), (0, 4), (0, 9), (0, 11)]
    dock.spans["t"][1].setValue(6)
    dock.crop()
    assert opened.app.movie.shape == (6, 4, 9, 11)
    assert dock.spans["t"][1].maximum() == 6


def test_curation_is_kept_at_once_and_saved_in_the_file(opened: Any, qtbot: Any, results_file: Path) -> None:
    from cnmf3d.results import load_results
    from cnmf3d.viewer.models.roi_store import RoiStore

    store = opened.app.rois
    before = bool(store.accepted[2])
    (store.reject if before else store.accept)([2])
    assert not opened.app.unsaved  # the journal beside the file has it
    assert opened.app.save()
    qtbot.waitUntil(lambda: not opened.app.tasks.running, timeout=20_000)
    assert store.journal.unsaved == 0
    assert opened.app.clear()
    again = RoiStore.from_results(load_results(results_file))
    assert bool(again.accepted[2]) is not before


def test_two_rois_are_merged_by_the_button(opened: Any, qtbot: Any) -> None:
    bar, store = opened.docks["ROIs"].curation, opened.app.rois
    store.select([1])
    assert not bar.buttons["Merge"].isEnabled()
    store.select([1, 3])
    bar.buttons["Merge"].click()
    qtbot.waitUntil(lambda: len(store) == 5, timeout=60_000)
    assert store.ids.tolist() == [0, 2, 4, 5, 6]
    assert opened.docks["ROIs"].model.rowCount() == 5
    bar.buttons["Undo"].click()
    assert store.ids.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(
        opened.app.painter.volume, store.paint(opened.app.overlay.classes(store), outline=True)
    )
