"""The curation dock: rules select, drawings become ROIs, what was taken away comes back, the log tells every step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnmf3d.results import load_results
from cnmf3d.viewer.qt.curation_dock import CurationDock


@pytest.fixture
def dock(window: Any, qtbot: Any, results_file: Path) -> Iterator[CurationDock]:
    """The dock of a window with six ROIs."""
    window.app.open(results_file)
    qtbot.waitUntil(lambda: not window.app.tasks.running and window.app.rois is not None, timeout=20_000)
    yield window.docks["Curation"]


def test_a_rule_selects(dock: CurationDock, window: Any) -> None:
    store, told = window.app.rois, []
    window.app.failed.connect(lambda problem, fix: told.append(problem))
    dock.rule.rule.setText("id >= 2 and id != 4")
    dock.rule.select()
    assert store.selection.tolist() == [2, 3, 5]
    dock.rule.rule.setText("snrr < 3")
    dock.rule.select()
    assert "unknown name 'snrr'" in told[0]
    assert "reliability" in dock.rule.rule.toolTip()


def test_the_log_and_what_was_taken_away(dock: CurationDock, window: Any, qtbot: Any, results_file: Path) -> None:
    store = window.app.rois
    store.reject([1])
    store.delete([0, 5])
    assert [dock.log.list.item(k).text() for k in range(2)] == ["deleted 0, 5", "rejected 1"]
    assert dock.log.state.text() == "2 steps beside the file"
    assert [dock.gone.list.item(k).text() for k in range(2)] == ["0", "5"]
    dock.gone.list.item(1).setSelected(True)
    dock.gone.restore()
    assert store.ids.tolist() == [1, 2, 3, 4, 5]
    assert dock.gone.list.count() == 1
    dock.log.save.click()
    qtbot.waitUntil(lambda: not window.app.tasks.running, timeout=20_000)
    assert dock.log.state.text() == "All in the file"
    curation = load_results(results_file).curation
    assert curation is not None
    assert [entry.what for entry in curation.log] == ["reject", "delete", "restore"]


def test_buttons_follow_the_selection_and_the_drawing(dock: CurationDock, window: Any) -> None:
    store, draw = window.app.rois, dock.draw
    window.app.curator.footage = None
    assert draw.begin.isEnabled() and not draw.edit.isEnabled() and not draw.done.isEnabled()
    store.select([2])
    assert draw.edit.isEnabled() and draw.cut.isEnabled()
    draw.edit.click()
    assert not draw.edit.isEnabled() and draw.done.isEnabled()
    layer = window.viewer.layers["drawing"]
    layer.data[:] = 0
    layer.data[1, 2:4, 2:4] = 1
    draw.done.click()
    assert store.components([2]).footprints.nnz == 4
    assert dock.log.list.item(0).text() == "reshaped 2"
    assert draw.edit.isEnabled() and not draw.done.isEnabled()
    draw.parts.click()  # one part only: told, nothing changes
    assert store.ids.tolist() == [0, 1, 2, 3, 4, 5]
    draw.cut.click()
    layer = window.viewer.layers["drawing"]
    layer.data[1, 2, 2:4] = 1
    draw.done.click()
    assert store.ids.tolist() == [0, 1, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(store.deleted, [2])


def test_without_rois_it_says_what_to_do(dock: CurationDock, window: Any) -> None:
    assert dock.told.isHidden()
    window.app.clear()
    assert not dock.told.isHidden()
    assert dock.log.list.count() == dock.gone.list.count() == 0
    assert not dock.rule.isEnabled()
