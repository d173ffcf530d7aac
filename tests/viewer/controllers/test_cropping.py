"""Cropping and saving: the part takes the movie's place, and the history says which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnmf3d.errors import UsageError
from cnmf3d.viewer.controllers import cropping, measuring

SPANS = {"t": (2, 10), "z": (1, 3), "y": (0, 9), "x": (4, 8)}


@pytest.fixture
def opened(app: Any, results_file: Path, finish: Callable[..., None]) -> Any:
    app.open(results_file)
    finish(app)
    return app


def test_a_part_takes_the_movies_place(opened: Any) -> None:
    before = opened.movie.read(2, 10)[:, 1:3, :, 4:8]
    assert cropping.crop(opened, SPANS)
    np.testing.assert_array_equal(opened.viewer.layers["movie"].data[...], before)
    assert opened.environment.history_trace[-1] == {"crop": {name: list(span) for name, span in SPANS.items()}}
    assert opened.rois is None
    assert [layer.name for layer in opened.viewer.layers] == ["movie"]
    assert opened.environment.imgdata.rate == 7.5  # what the results were computed with
    assert opened.unsaved == ("crop",)


def test_a_part_that_there_isnt_changes_nothing(opened: Any) -> None:
    with pytest.raises(UsageError, match="no part"):
        cropping.crop(opened, {**SPANS, "x": (4, 80)})
    assert opened.movie.shape == (12, 4, 9, 11)
    assert opened.rois is not None


def test_a_saved_part_can_be_opened_by_others(opened: Any, tmp_path: Path, finish: Callable[..., None]) -> None:
    from cnmf3d.movies import open_movie

    before = opened.movie.read(2, 10)[:, 1:3, :, 4:8]
    cropping.crop(opened, SPANS)
    cropping.save_movie(opened, tmp_path / "part.tif")
    finish(opened)
    assert not opened.unsaved
    source, opening = opened.environment.imgdata.source()
    assert source == str(tmp_path / "part.tif")
    again = open_movie(source, **opening)
    np.testing.assert_array_equal(again.read(0, 99), before)
    assert (again.rate, again.voxel_size) == (7.5, (4.0, 1.0, 1.5))
    assert "crop" in opened.environment.history_trace[-1]
    assert sorted(path.name for path in tmp_path.glob("*part*")) == ["part.json", "part.tif"]


@pytest.mark.parametrize("name", ["movie.tif", "part.png"])
def test_what_cant_be_saved_is_told(opened: Any, name: str, movie_file: Path) -> None:
    with pytest.raises(UsageError):
        cropping.save_movie(opened, movie_file.with_name(name))


def test_a_folder_that_isnt_there_is_told(opened: Any, tmp_path: Path, finish: Callable[..., None]) -> None:
    problems: list[str] = []
    opened.failed.connect(lambda problem, fix: problems.append(problem))
    cropping.save_movie(opened, tmp_path / "absent" / "part.tif")
    finish(opened)
    assert "can't be written" in problems[0]


def test_what_is_seen_is_in_voxels(opened: Any) -> None:
    camera = opened.viewer.scene.camera
    camera.center, camera.zoom = (0, 4.0, 7.5), 10.0  # µm; ten pixels a µm
    assert cropping.seen_spans(opened, 60, 40) == {"t": (0, 12), "z": (0, 4), "y": (2, 6), "x": (4, 8)} or (
        cropping.seen_spans(opened, 60, 40)["y"] == (2, 7)
    )
    camera.zoom = 0.1
    assert cropping.seen_spans(opened, 60, 40) == {"t": (0, 12), "z": (0, 4), "y": (0, 9), "x": (0, 11)}


def test_lines_are_measured_in_micrometres(opened: Any) -> None:
    layer = measuring.begin(opened)
    told: list[str] = []
    opened.told.connect(told.append)
    layer.add_lines([np.array([[1, 0, 0], [1, 3, 4 / 1.5]])])
    assert layer.features["length"].tolist() == pytest.approx([5.0])
    assert told[-1] == "5.0 µm"
    layer.add_paths([np.array([[0, 0, 0], [0, 1, 0], [2, 1, 0]])])
    assert layer.features["length"].tolist() == pytest.approx([5.0, 9.0])
    assert measuring.begin(opened) is layer
