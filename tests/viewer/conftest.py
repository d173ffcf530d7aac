"""What tests of the viewer share: a screen or a reason to skip, a window that closes, apps without Qt.

Tests with a window use the fixture `window` (or `qtbot` of pytest-qt) and run under
``xvfb-run -a -s "-screen 0 1600x1000x24"``; where there is no screen they are skipped. Tests of `models` and
`controllers` need neither: `app` has napari's models and no Qt.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("NAPARI_CONFIG", "")  # napari neither reads nor writes the user's settings

HERE = Path(__file__).parent
NAPARI_WARNS = ("ignore::pydantic.warnings.PydanticDeprecatedSince20",)
QT = ("qapp",)


def missing_screen() -> str:
    """Why windows can't be tested here; empty where they can."""
    absent = [name for name in ("napari", "pytestqt", "pyqtgraph") if importlib.util.find_spec(name) is None]
    if absent:
        return f"{absent[0]} is not installed"
    try:
        from qtpy import QtWidgets  # noqa: F401
    except Exception as error:  # noqa: BLE001 - qtpy raises errors of its own
        return f"no Qt ({type(error).__name__}: {error})"
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no screen: run pytest under xvfb-run"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a screen where there is none; warnings of napari's own code are none of ours."""
    mine = [item for item in items if HERE in item.path.parents]
    needing = [item for item in mine if set(QT) & set(getattr(item, "fixturenames", ()))]
    reason = missing_screen() if needing else ""
    for item in mine:
        for told in NAPARI_WARNS:
            item.add_marker(pytest.mark.filterwarnings(told))
    for item in needing if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recent files and demonstrations of the tests stay among themselves."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


@pytest.fixture
def app() -> Iterator[Any]:
    """An app on napari's models, without Qt."""
    pytest.importorskip("napari")
    from napari.components import ViewerModel

    from cnmf3d.viewer.app import app_of

    made = app_of(ViewerModel())
    yield made
    made.close()


@pytest.fixture(scope="module")
def one_window(qapp: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A window that the tests of a file share: one takes seconds to make."""
    from cnmf3d.viewer.qt.window import Window

    made = Window()
    yield made
    made.app.confirm = lambda question: "discard"
    made.close()


@pytest.fixture
def window(qtbot: Any, one_window: Any) -> Iterator[Any]:
    """A window on the screen with nothing open, emptied afterwards; whatever runs in it must end."""
    from qtpy.QtCore import Qt

    from cnmf3d.viewer.recent import Recent

    app = one_window.app
    app.recent = Recent()
    app.confirm = lambda question: "discard"
    yield one_window
    qtbot.waitUntil(lambda: not app.tasks.running, timeout=20_000)
    app.confirm = lambda question: "discard"
    assert app.clear()
    app.batch = None
    app.overlay.show, app.overlay.colour, app.overlay.outline, app.overlay.opacity = "all", "verdict", True, 0.7
    one_window.viewer.dims.ndisplay = 2
    one_window.docks["ROIs"].table.sortByColumn(0, Qt.SortOrder.AscendingOrder)


@pytest.fixture
def own_window(qtbot: Any) -> Iterator[Any]:
    """A window of a test's own, to be closed by it or afterwards."""
    from cnmf3d.viewer.qt.window import Window

    before = set(threading.enumerate())
    made = Window()
    made.app.confirm = lambda question: "discard"
    yield made
    made.close()
    qtbot.wait(10)
    until = time.monotonic() + 5
    while time.monotonic() < until and left(before):
        time.sleep(0.02)
    assert not left(before)


def left(before: set[threading.Thread]) -> list[str]:
    """Our threads that were not there before."""
    return [
        thread.name for thread in threading.enumerate() if thread not in before and thread.name.startswith("cnmf3d")
    ]


@pytest.fixture
def choose_row() -> Callable[[Any, int], None]:
    """Select one row of a table, whatever keys the tests before have left down."""
    from qtpy.QtCore import QItemSelectionModel

    flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows

    def choose(table: Any, row: int) -> None:
        table.selectionModel().select(table.model().index(row, 0), flags)

    return choose


@pytest.fixture
def finish() -> Callable[..., None]:
    """Wait until an app's tasks have ended, without Qt."""

    def wait(app: Any, seconds: float = 30) -> None:
        until = time.monotonic() + seconds
        while app.tasks.running:
            app.tasks.deliver()
            time.sleep(0.005)
            assert time.monotonic() < until, [task.name for task in app.tasks.running]

    return wait


@pytest.fixture
def movie_file(tmp_path: Path) -> Path:
    """A movie with metadata: 12 volumes of 11 × 9 × 4, as `random_results` has it with ``frames=12``."""
    import tifffile

    values = np.random.default_rng(0).integers(90, 400, (12, 4, 9, 11)).astype(np.uint16)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, values, metadata={"axes": "TZYX"}, photometric="minisblack")
    path.with_suffix(".json").write_text('{"fps": 5.0, "voxel_size": [1.5, 1.0, 4.0], "origin": "test"}')
    return path


@pytest.fixture
def results_file(tmp_path: Path, movie_file: Path, random_results: Callable[..., Any]) -> Path:
    """Results of `movie_file`, beside it."""
    from dataclasses import replace

    from cnmf3d.results import write_results

    results = random_results(count=6, frames=12)
    results = replace(results, provenance=replace(results.provenance, input_paths=(movie_file.name,)))
    path = tmp_path / "movie.cnmf3d.hdf5"
    write_results(results, path)
    return path
