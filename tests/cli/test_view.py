"""`cnmf3d view`: what can be said before a window opens, and a picture of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnmf3d.cli.app import call


def test_a_file_that_isnt_there_is_told_before_anything_opens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":99")  # nothing is opened on it
    assert call(["view", str(tmp_path / "absent.tif")]) == 3
    assert "absent.tif does not exist" in capsys.readouterr().err


def test_no_screen_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert call(["view"]) == 2
    told = capsys.readouterr().err
    assert "no screen" in told
    assert "xvfb-run" in told


def test_a_demonstration_of_a_movie_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["view", "movie.tif", "--demo"]) == 2
    assert "Leave one of them out" in capsys.readouterr().err


def test_what_is_missing_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyqtgraph" else found(name))
    assert call(["view"]) == 2
    assert "cnmf3d[gui]" in capsys.readouterr().err


@pytest.mark.skipif(
    sys.platform.startswith("linux") and not os.environ.get("DISPLAY"), reason="no screen: run pytest under xvfb-run"
)
def test_a_picture_of_the_window_with_a_movie_in_it(tmp_path: Path) -> None:
    pytest.importorskip("napari")
    from matplotlib.image import imread

    values = np.zeros((4, 3, 20, 30), np.uint16)
    values[:, :, 5:15] = 500
    np.save(tmp_path / "movie.npy", values)
    command = [sys.executable, "-m", "cnmf3d", "view", str(tmp_path / "movie.npy"), "--fps", "5"]
    folders = {name: str(tmp_path) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [*command, "--screenshot", str(tmp_path / "window.png")],
        env={**os.environ, **folders, "NAPARI_CONFIG": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    picture = imread(tmp_path / "window.png")[..., :3]
    assert picture.shape[0] > 500
    assert (picture > 0.95).all(axis=-1).sum() > 5000  # the bright half of the plane


def test_the_demonstration_is_made_once(tmp_path: Path) -> None:
    from cnmf3d.results import load_results
    from cnmf3d.viewer.demo import demo_results
    from cnmf3d.viewer.tasks import Task

    task = Task("demo", lambda task: None)
    path = demo_results(task, tmp_path / "demo", preset="tiny")
    assert load_results(path).components.count > 0
    made = path.stat().st_mtime_ns
    assert demo_results(task, tmp_path / "demo", preset="tiny") == path
    assert path.stat().st_mtime_ns == made
