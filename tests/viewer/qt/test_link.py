"""Linked windows: time, view and selection follow one another; one that goes leaves the others alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cnmf3d.errors import UsageError


@pytest.fixture
def apps(qtbot: Any, results_file: Path, finish: Callable[..., None]) -> Iterator[list[Any]]:
    """Three apps on the same data."""
    from napari.components import ViewerModel

    from cnmf3d.viewer.app import app_of

    made = [app_of(ViewerModel()) for _ in range(3)]
    for app in made:
        app.open(results_file)
        finish(app)
    yield made
    for app in made:
        app.close()


def test_time_view_and_selection_follow(apps: list[Any], qtbot: Any) -> None:
    from cnmf3d.viewer.qt.link import Link

    name = f"cnmf3d-test-{uuid4().hex[:8]}"
    apps[0].viewer.dims.set_current_step(0, 4)
    host = Link(apps[0], name, host=True)
    guests = [Link(app, name, host=False) for app in apps[1:]]
    qtbot.waitUntil(lambda: all(app.viewer.dims.current_step[0] == 4 for app in apps), timeout=5_000)
    apps[1].viewer.dims.set_current_step(0, 7)
    apps[1].rois.select([2, 3])
    apps[1].viewer.scene.camera.zoom = 3.5
    qtbot.waitUntil(lambda: guests[1].state == guests[0].state == host.state, timeout=5_000)
    assert apps[2].viewer.dims.current_step[0] == 7
    assert apps[2].rois.selection.tolist() == [2, 3]
    assert apps[2].viewer.scene.camera.zoom == pytest.approx(3.5)
    guests[0].close()
    qtbot.waitUntil(lambda: len(host._peers) == 1, timeout=5_000)
    apps[0].viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: apps[2].viewer.dims.current_step[0] == 1, timeout=5_000)
    assert apps[1].viewer.dims.current_step[0] == 7


def test_what_makes_no_sense_is_passed_over(apps: list[Any], qtbot: Any) -> None:
    from qtpy.QtNetwork import QLocalSocket

    from cnmf3d.viewer.qt.link import Link

    name = f"cnmf3d-test-{uuid4().hex[:8]}"
    host = Link(apps[0], name, host=True)
    stranger = QLocalSocket()
    stranger.connectToServer(name)
    assert stranger.waitForConnected(3000)
    qtbot.waitUntil(lambda: len(host._peers) == 1, timeout=5_000)
    before = host.state
    for line in (b"hello\n", b"{}\n", b"[]\n", b'{"step": 3}\n'):
        stranger.write(line)
        stranger.flush()
        qtbot.wait(30)
    assert host.state == before
    stranger.disconnectFromServer()
    qtbot.waitUntil(lambda: not host._peers, timeout=5_000)


def test_a_link_that_there_isnt_is_told(apps: list[Any]) -> None:
    from cnmf3d.viewer.qt.link import Link

    with pytest.raises(UsageError, match="no window to link to"):
        Link(apps[0], "cnmf3d-nobody", host=False)


def test_how_a_movie_was_opened_is_passed_on() -> None:
    from cnmf3d.viewer.qt.link import _options

    assert _options({"rate": 5.0, "voxel_size": [1.0, 1.0, 4.0], "axes": "tzyx"}) == [
        *("--fps", "5.0"),
        *("--voxel-size", "1.0,1.0,4.0"),
        *("--axes", "tzyx"),
    ]
