"""Metadata: what is edited is checked, and saved beside the movie."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies import open_movie
from cnmf3d.viewer.controllers.metadata import rows_of, save_metadata, set_value


@pytest.fixture
def opened(app: Any, movie_file: Path, finish: Callable[..., None]) -> Any:
    app.open(movie_file)
    finish(app)
    return app


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("fps", "7.5", 7.5),
        ("voxel_size", "2, 2, 5", [2.0, 2.0, 5.0]),
        ("voxel_size", "2 × 2 × 5 µm", [2.0, 2.0, 5.0]),
        ("origin", "möuse scope", "möuse scope"),
        ("fps", "", None),
    ],
)
def test_values_are_taken_as_they_are_meant(opened: Any, name: str, text: str, value: object) -> None:
    assert set_value(opened, name, text) == ""
    assert opened.environment.imgdata.meta.get(name) == value
    assert opened.unsaved == ("metadata",)


@pytest.mark.parametrize(
    ("name", "text"), [("fps", "fast"), ("fps", "-1"), ("voxel_size", "1, 2"), ("voxel_size", "1,2,x"), ("fps", "nan")]
)
def test_values_that_cant_be_are_told_and_not_taken(opened: Any, name: str, text: str) -> None:
    before = dict(opened.environment.imgdata.meta)
    told = set_value(opened, name, text)
    assert name in told
    assert opened.environment.imgdata.meta == before
    assert not opened.unsaved


def test_what_is_saved_is_there_the_next_time(opened: Any, movie_file: Path, finish: Callable[..., None]) -> None:
    sidecar = movie_file.with_suffix(".json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "laser": "blue"}))
    set_value(opened, "fps", "7.5")
    set_value(opened, "voxel_size", "2,2,5")
    opened.environment.comments = "a good one"
    opened.mark_unsaved("comments")
    assert save_metadata(opened) == sidecar
    assert not opened.unsaved
    movie = open_movie(movie_file)
    assert (movie.rate, movie.voxel_size, movie.metadata["laser"]) == (7.5, (5.0, 2.0, 2.0), "blue")
    opened.open(movie_file)
    finish(opened)
    assert opened.environment.comments == "a good one"


def test_what_a_script_set_is_saved_as_plain_values(opened: Any, movie_file: Path) -> None:
    opened.environment.imgdata.meta |= {"fps": np.float32(7.5), "date": datetime.date(2026, 5, 17)}
    save_metadata(opened)
    told = json.loads(movie_file.with_suffix(".json").read_text())
    assert (told["fps"], told["date"]) == (7.5, "2026-05-17")


def test_a_damaged_sidecar_is_left_alone(opened: Any, movie_file: Path) -> None:
    movie_file.with_suffix(".json").write_text("{")
    with pytest.raises(InputError, match="can't be read"):
        save_metadata(opened)
    assert movie_file.with_suffix(".json").read_text() == "{"


def test_a_movie_in_memory_has_no_place_for_them(app: Any, finish: Callable[..., None]) -> None:
    app.open(np.zeros((3, 2, 4, 5), np.uint16))
    finish(app)
    with pytest.raises(UsageError, match="one file"):
        save_metadata(app)
    assert {row.name for row in rows_of(app.environment) if row.editable} == {"fps", "voxel_size", "origin", "date"}


def test_what_is_entered_is_what_a_run_is_foreseen_with(app: Any, tmp_path: Path, finish: Callable[..., None]) -> None:
    """The movie's file tells no rate; the user does."""
    import tifffile

    from cnmf3d.viewer.controllers.actions import actions_of
    from cnmf3d.viewer.controllers.exporting import known_of

    path = tmp_path / "m.tif"
    tifffile.imwrite(path, np.zeros((200, 3, 40, 40), np.uint16), metadata={"axes": "TZYX"}, photometric="minisblack")
    actions = actions_of(app)
    app.open(path)
    finish(app)
    finish(app)  # the engine is loaded
    assert not actions.foresight.good and "does not tell its rate" in actions.foresight.text
    assert set_value(app, "fps", "5") == ""
    assert actions.foresight.text.startswith("A run takes")
    assert known_of(app)["rate"] == "5"
