"""Our docks in a plain napari: the same app behind all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def viewer(qtbot: Any) -> Iterator[Any]:
    import napari

    from cnmf3d.viewer.app import app_of

    made = napari.Viewer(show=False)
    yield made
    app_of(made).close()
    made.close()


def test_docks_of_a_plain_napari_share_what_is_open(
    viewer: Any, qtbot: Any, results_file: Path, choose_row: Any
) -> None:
    from cnmf3d.viewer import plugin
    from cnmf3d.viewer.app import app_of

    rois, traces = plugin.rois(viewer), plugin.traces(viewer)
    for name, widget in (("ROIs", rois), ("Traces", traces)):
        viewer.window.add_dock_widget(widget, name=name)
    app = app_of(viewer)
    app.open(results_file)
    qtbot.waitUntil(lambda: not app.tasks.running and app.rois is not None, timeout=20_000)
    assert rois.model.rowCount() == 6
    assert "ROIs" in viewer.layers
    choose_row(rois.table, 2)
    assert "ROI 2" in traces.told.text()
