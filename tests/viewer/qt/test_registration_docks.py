"""The docks Registration and Motion on a screen."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, read_motion, write_motion
from cnmf3d.viewer.models.form_fields import motion_fields


@pytest.fixture
def docks(window, qtbot, tmp_path):
    """A movie of 20 frames at 2 Hz with its motion beside it, both docks before it."""
    from cnmf3d.viewer.qt.registration import RegistrationDock

    frames = np.random.default_rng(0).integers(90, 400, (20, 3, 12, 14)).astype(np.uint16)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames, metadata={"axes": "TZYX"}, photometric="minisblack")
    path.with_suffix(".json").write_text('{"fps": 2.0, "voxel_size": [1.0, 1.0, 4.0]}')
    rigid = np.stack([np.zeros(20), np.arange(20) % 3, np.arange(20) % 2], axis=1).astype(np.float32)
    confidence, bad = np.full(20, 0.9, np.float32), np.zeros(20, bool)
    planes, template = np.zeros((3, 2), np.float32), frames[0].astype(np.float32)
    motion = Motion(rigid, confidence, planes, bad, template, fingerprint=open_movie(path).fingerprint())
    write_motion(motion, tmp_path / "movie.motion.hdf5")
    dock, plots = window.show_dock("Registration"), window.show_dock("Motion")
    assert isinstance(dock, RegistrationDock)
    window.app.open(path)
    qtbot.waitUntil(lambda: window.app.movie is not None and not window.app.tasks.running, timeout=20_000)
    return dock, plots


def drag(plot, start, stop, qtbot, modifier):
    """Drag the mouse over a plot, from one time to another."""
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtWidgets import QApplication

    box = plot.getPlotItem().vb
    ends = [plot.mapFromScene(box.mapViewToScene(box.viewRect().center())) for _ in range(2)]
    for end, seconds in zip(ends, (start, stop), strict=True):
        end.setX(plot.mapFromScene(box.mapViewToScene(_point(seconds, box))).x())
    target, left = plot.viewport(), Qt.MouseButton.LeftButton
    qtbot.mousePress(target, left, modifier, ends[0])
    for share in (0.2, 0.5, 0.8, 1.0):
        place = ends[0] + (ends[1] - ends[0]) * share
        _move(target, QPoint(place.x(), place.y()), left, modifier)
        QApplication.processEvents()
        qtbot.wait(60)  # pyqtgraph passes on a hundred moves a second at most
    qtbot.mouseRelease(target, left, modifier, ends[1])
    QApplication.processEvents()


def _point(seconds, box):
    from qtpy.QtCore import QPointF

    return QPointF(seconds, box.viewRect().center().y())


def _move(target, place, button, modifier):
    from qtpy.QtCore import QEvent, QPointF
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    here, there = QPointF(place), QPointF(target.mapToGlobal(place))
    QApplication.sendEvent(target, QMouseEvent(QEvent.Type.MouseMove, here, there, button, button, modifier))


def saved(window, qtbot):
    qtbot.waitUntil(lambda: not window.app.tasks.running and not window.app.unsaved, timeout=20_000)


def test_every_parameter_can_be_entered(docks):
    dock, _ = docks
    assert set(dock.rows) == set(motion_fields())
    dock.form.reset()
    dock.rows["motion.max_shifts"].other.setChecked(False)
    dock.rows["motion.max_shifts"].editor.parts[0].setValue(4)
    dock.rows["motion.pw_rigid"].other.setChecked(False)
    dock.rows["motion.bad_frames"].editor.setText("3, 5")
    made = dock.form.parameters()
    assert made.max_shifts[0] == 4 and made.pw_rigid is False and made.bad_frames == (3, 5)
    assert not dock.rows["motion.strides"].isEnabled()
    dock.rows["motion.bad_frames"].editor.setText("3, x")
    assert "whole numbers" in dock.rows["motion.bad_frames"].message.text() and "⚠" in dock.groups["basic"].head.text()
    dock.form.reset()
    assert dock.rows["motion.pw_rigid"].other.isChecked() and dock.rows["motion.strides"].isEnabled()


def test_what_is_known_of_the_motion_is_shown(docks, window):
    dock, plots = docks
    assert "movie.motion.hdf5" in dock.told.text() and "rigid" in dock.told.text()
    assert not dock.used.isChecked() and dock.view.currentText() == "as recorded" and dock.start.isEnabled()
    curves = {item.name(): item for item in plots.plots["shift"].getPlotItem().listDataItems()}
    seconds, x = curves["x"].getData()
    np.testing.assert_allclose(seconds, np.arange(20) / 2)
    np.testing.assert_allclose(np.diff(x[:4]), [1, -1, 1])
    assert "confidence" in [item.name() for item in plots.plots["confidence"].getPlotItem().listDataItems()]
    window.app.clear()
    assert "Open a movie" in dock.told.text() and not plots.plots["shift"].isVisible() and not dock.start.isEnabled()


def test_the_line_is_at_the_current_frame_and_a_click_goes_there(docks, window):
    _, plots = docks
    window.viewer.dims.set_current_step(0, 8)
    assert plots.plots["shift"].now.value() == plots.plots["confidence"].now.value() == 4.0
    plots.plots["confidence"].chosen.emit(6.1, False)
    assert window.viewer.dims.current_step[0] == 12 and plots.plots["shift"].now.value() == 6.0


def test_dragging_with_shift_marks_frames_and_again_unmarks_them(docks, window, qtbot):
    from qtpy.QtCore import Qt

    dock, plots = docks
    shift = Qt.KeyboardModifier.ShiftModifier
    drag(plots.plots["shift"], 2.0, 4.0, qtbot, shift)
    saved(window, qtbot)
    path = dock.registration.found.path
    assert np.flatnonzero(read_motion(path).bad_frames).tolist() == [4, 5, 6, 7, 8]
    assert "5 of 20" in plots.told.text() and "bad frames: 5" in dock.told.text()
    assert plots.plots["confidence"].marks.opts["x1"].tolist() == [4.25]
    drag(plots.plots["confidence"], 5.0, 4.0, qtbot, shift)
    saved(window, qtbot)
    assert np.flatnonzero(read_motion(path).bad_frames).tolist() == list(range(4, 11))
    drag(plots.plots["shift"], 2.5, 4.5, qtbot, shift)
    saved(window, qtbot)
    assert np.flatnonzero(read_motion(path).bad_frames).tolist() == [4, 10]
    for _ in range(3):
        plots.undo.click()
    saved(window, qtbot)
    assert not read_motion(path).bad_frames.any() and not plots.undo.isEnabled() and plots.redo.isEnabled()


def test_a_drag_without_shift_only_moves_the_plot(docks, qtbot):
    from qtpy.QtCore import Qt

    dock, plots = docks
    before = plots.plots["shift"].viewRange()[0]
    drag(plots.plots["shift"], 2.0, 4.0, qtbot, Qt.KeyboardModifier.NoModifier)
    assert not dock.registration.bad.marked.any() and plots.plots["shift"].viewRange()[0][0] < before[0]


def test_the_current_frame_is_marked_by_a_button(docks, window, qtbot):
    dock, plots = docks
    window.viewer.dims.set_current_step(0, 3)
    plots.mark.click()
    saved(window, qtbot)
    assert read_motion(dock.registration.found.path).bad_frames[3]


def test_the_motion_is_taken_out_and_compared(docks, window):
    dock, _ = docks
    dock.used.setChecked(True)
    assert dock.view.currentText() == "registered" and window.app.movie.dtype == np.float32
    dock.view.setCurrentText("side by side")
    dock.view.activated.emit(dock.view.currentIndex())
    layers = window.viewer.layers
    assert layers["movie"].visible and layers["as recorded"].visible
    drawn = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3].max(axis=-1)
    columns = np.flatnonzero((drawn > 30).mean(axis=0) > 0.2)
    assert np.count_nonzero(np.diff(columns) > 3) == 1  # two pictures, and a gap between them
    dock.used.setChecked(False)
    assert window.app.movie.dtype == np.uint16 and dock.view.currentText() == "as recorded"


def test_an_item_that_registers_is_added_to_the_batch(docks, window, tmp_path):
    from cnmf3d.batch import Batch

    dock, _ = docks
    Batch.create(tmp_path / "b").close()
    window.app.open_batch(tmp_path / "b")
    dock.form.set("motion.pw_rigid", False)
    dock.channel.setValue(1)
    dock.add.click()
    (item,) = window.app.batch.items()
    assert (item.name, item.module, item.engine) == ("movie mcorr", "mcorr_3d", "native")
    assert item.parameters["motion"]["pw_rigid"] is False and item.options == {"register_on": 1}
    dock.registration.use(True)
    dock.add.click()  # the recording is registered, not what comes out
    assert len(window.app.batch.items()) == 1
