"""Window: docks, titles, drops, screenshots, questions, on a real screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnmf3d.errors import UsageError


def opened(window: Any, qtbot: Any, path: Path) -> None:
    window.app.open(path)
    qtbot.waitUntil(lambda: not window.app.tasks.running, timeout=20_000)


def test_every_dock_of_the_table_can_be_shown(window: Any) -> None:
    from cnmf3d.viewer.qt.docks import DOCKS

    for dock in DOCKS:
        assert window.show_dock(dock.name) is window.docks[dock.name]
        assert window.docks[dock.name].isVisible()
    with pytest.raises(UsageError, match="no dock"):
        window.show_dock("Nothing")


def test_data_swapped_under_the_mouse_are_no_error(window: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari.utils.notifications import notification_manager

    told: list[Any] = []
    thread = window.main.status_thread
    thread.status_and_tooltip_changed.connect(told.append)
    before = len(notification_manager.records)
    thread.calculate_status()

    def torn(viewer: Any) -> None:
        raise IndexError("index 5 is out of bounds")

    monkeypatch.setattr("napari.components.ViewerModel._calc_status_from_cursor", torn)
    thread.calculate_status()
    thread.status_and_tooltip_changed.disconnect(told.append)
    assert len(told) == 1 and len(notification_manager.records) == before


def test_a_dropped_movie_is_opened(window: Any, qtbot: Any, movie_file: Path) -> None:
    from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
    from qtpy.QtGui import QDragEnterEvent, QDropEvent
    from qtpy.QtWidgets import QApplication

    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(movie_file))])
    how = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window.canvas_host, QDragEnterEvent(QPoint(5, 5), *how))
    QApplication.sendEvent(window.canvas_host, QDropEvent(QPointF(5, 5), *how))
    qtbot.waitUntil(lambda: window.app.movie is not None and not window.app.tasks.running, timeout=20_000)
    assert [layer.name for layer in window.viewer.layers] == ["movie"]
    assert window.viewer.title.startswith("movie.tif")


def test_the_environment_dock_shows_and_edits(window: Any, qtbot: Any, movie_file: Path) -> None:
    dock = window.show_dock("Work environment")
    assert "Drop a movie" in dock.title.text()
    opened(window, qtbot, movie_file)
    names = [dock.table.item(row, 0).text() for row in range(dock.table.rowCount())]
    value = dock.table.item(names.index("fps"), 1)
    assert value.text() == "5.0"
    value.setText("7.5")
    assert window.app.environment.imgdata.rate == 7.5
    assert window.app.unsaved == ("metadata",)
    assert window.viewer.title.startswith("*")
    dock.table.item(names.index("fps"), 1).setText("fast")
    assert window.app.environment.imgdata.rate == 7.5
    assert "fps" in window.viewer.status
    assert dock.table.item(names.index("fps"), 1).text() == "7.5"


def test_the_user_can_keep_a_window_open(own_window: Any, qtbot: Any, movie_file: Path) -> None:
    window = own_window
    opened(window, qtbot, movie_file)
    window.app.mark_unsaved("comments")
    window.app.confirm = lambda question: "cancel"
    window.main.close()
    assert window.main.isVisible()
    assert not window.close()
    window.app.confirm = lambda question: "discard"
    assert window.close()
    assert window.app.tasks.running == []


def test_a_picture_of_the_whole_window(window: Any, qtbot: Any, movie_file: Path, tmp_path: Path) -> None:
    from matplotlib.image import imread

    opened(window, qtbot, movie_file)
    window.screenshot(tmp_path / "window.png")
    picture = imread(tmp_path / "window.png")
    assert picture.shape[1] >= 1300
    assert picture[..., :3].std() > 0.05
    with pytest.raises(UsageError, match="can't be written"):
        window.screenshot(tmp_path / "no folder" / "window.png")


def test_recent_files_are_in_the_menu(window: Any, qtbot: Any, movie_file: Path) -> None:
    window.menu.fill_recent()
    assert [action.isEnabled() for action in window.menu.recent.actions()] == [False]
    opened(window, qtbot, movie_file)
    window.menu.fill_recent()
    assert [action.text() for action in window.menu.recent.actions()] == [str(movie_file)]


def test_warming_leaves_an_empty_window_as_it_was(window: Any, qtbot: Any, movie_file: Path) -> None:
    from cnmf3d.viewer.qt.warming import warm

    viewer = window.viewer
    window.app.clear()
    before = (viewer.dims.ndim, viewer.help, viewer.canvas.overlays.scale_bar.visible, len(viewer.layers))
    warm(viewer)
    assert (viewer.dims.ndim, viewer.help, viewer.canvas.overlays.scale_bar.visible, len(viewer.layers)) == before
    opened(window, qtbot, movie_file)
    assert [layer.name for layer in viewer.layers] == ["movie"]
    assert tuple(viewer.dims.axis_labels) == ("t", "z", "y", "x")
