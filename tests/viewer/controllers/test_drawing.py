"""Drawing: what is painted is what becomes of the ROIs, and nothing of it stays in the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnmf3d.viewer.controllers.drawing import NAME, Drawing


@pytest.fixture
def drawing(app: Any, results_file: Path, finish: Callable[..., None]) -> Drawing:
    """Six ROIs without their movie."""
    app.open(results_file)
    finish(app)
    app.curator.footage = None
    return Drawing(app)


def names(app: Any) -> list[str]:
    return [layer.name for layer in app.viewer.layers]


def test_a_footprint_is_edited(app: Any, drawing: Drawing) -> None:
    store = app.rois
    store.select([3])
    assert drawing.edit()
    before = set(store.components([3]).footprints.indices.tolist())
    assert set(drawing.voxels.tolist()) == before
    layer = app.viewer.layers[NAME]
    assert layer.mode == "paint"
    assert tuple(layer.scale) == app.layers.scale
    layer.data[0, 0, :3] = 1
    layer.data[3] = 0
    wanted = set(np.flatnonzero(layer.data).tolist())
    assert drawing.apply()
    assert set(store.components([3]).footprints.indices.tolist()) == wanted
    assert NAME not in names(app)
    assert not drawing.active


def test_a_part_is_split_off(app: Any, drawing: Drawing) -> None:
    store = app.rois
    store.select([2])
    voxels = store.components([2]).footprints.indices
    assert drawing.cut()
    assert drawing.voxels.size == 0
    app.viewer.layers[NAME].data.reshape(-1)[voxels[:5]] = 1
    assert drawing.split()
    assert store.ids.tolist() == [0, 1, 3, 4, 5, 6, 7]
    assert set(store.components([6]).footprints.indices) == set(voxels[:5])


def test_what_fails_is_told_and_the_drawing_stays(app: Any, drawing: Drawing) -> None:
    failed: list[str] = []
    app.failed.connect(lambda problem, fix: failed.append(problem))
    assert drawing.begin()
    assert not drawing.add()
    assert "isn't open" in failed[0] or "nothing was drawn" in failed[0]
    assert drawing.active
    drawing.discard()
    assert NAME not in names(app)


def test_a_drawing_needs_an_roi_to_edit(app: Any, drawing: Drawing) -> None:
    assert not drawing.edit()
    app.rois.select([0, 1])
    assert not drawing.cut()
    assert not drawing.active
    assert not drawing.apply()


def test_the_layer_can_be_removed_by_hand(app: Any, drawing: Drawing) -> None:
    ended: list[bool] = []
    drawing.begin()
    drawing.changed.connect(lambda: ended.append(drawing.active))
    app.viewer.layers.remove(NAME)
    assert ended == [False]
    drawing.begin()
    drawing.begin()
    assert names(app).count(NAME) == 1


def test_other_rois_end_a_drawing(app: Any, drawing: Drawing) -> None:
    drawing.begin()
    app.confirm = lambda question: "discard"
    assert app.clear()
    assert not drawing.active
    assert NAME not in names(app)
    assert not drawing.begin()


def test_a_drawn_cell_is_demixed_from_the_movie(app: Any, drawing: Drawing, finish: Callable[..., None]) -> None:
    from cnmf3d.viewer.controllers.curating import Footage

    app.curator.footage = Footage(app.movie, *app.environment.imgdata.source())
    drawing.begin()
    app.viewer.layers[NAME].data[1:3, 2:5, 2:5] = 1
    assert drawing.add()
    finish(app, 60)
    assert app.rois.ids.tolist() == [0, 1, 2, 3, 4, 5, 6]
    places = np.unravel_index(app.rois.components([6]).footprints.indices, app.rois.shape)
    assert {int(z) for z in places[0]} <= {1, 2}


def test_the_console_sees_the_rois_on_the_screen(app: Any, drawing: Drawing) -> None:
    manager = app.environment.roi_manager
    assert manager.session is app.rois
    app.rois.delete([1])
    assert manager.ids.tolist() == [0, 2, 3, 4, 5]
    assert len(manager) == manager.components.count == 5


def test_saving_goes_on_beside_the_work(app: Any, drawing: Drawing, finish: Callable[..., None]) -> None:
    app.rois.reject([1])
    saved: list[int] = []
    app.saved.connect(lambda: saved.append(app.rois.journal.unsaved))
    assert app.save()
    app.rois.accept([2])
    app.rois.delete([3])
    finish(app)
    assert saved == [len(app.rois.log) - 1]
    assert app.save()
    finish(app)
    assert app.rois.journal.unsaved == 0
