"""App: what is open, without Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnmf3d.batch import Batch


def heard(app: Any) -> list[str]:
    """Everything that goes wrong, as it comes."""
    problems: list[str] = []
    app.failed.connect(lambda problem, fix: problems.append(problem))
    return problems


def test_a_movie_becomes_a_layer_with_true_proportions(app: Any, movie_file: Path, finish: Callable[..., None]) -> None:
    problems, told = heard(app), []
    app.movie_changed.connect(told.append)
    app.open(movie_file)
    finish(app)
    layer = app.viewer.layers["movie"]
    assert not problems
    assert told == [app.movie]
    assert layer.data.shape == (12, 4, 9, 11)
    np.testing.assert_allclose(layer.scale, (1, 4, 1, 1.5))
    assert app.viewer.dims.axis_labels == ("t", "z", "y", "x")
    low, high = layer.contrast_limits
    assert 80 < low < high < 410
    assert app.viewer.dims.current_step[:2] == (0, 2)
    assert app.recent.paths() == [str(movie_file)]


def test_the_plane_that_is_shown_is_that_of_the_file(app: Any, movie_file: Path, finish: Callable[..., None]) -> None:
    app.open(movie_file)
    finish(app)
    app.viewer.dims.set_current_step((0, 1), (7, 3))
    shown = app.viewer.layers["movie"]._data_view
    np.testing.assert_array_equal(shown, app.movie.read(7, 8)[0, 3])


def test_another_movie_takes_the_same_layer(app: Any, movie_file: Path, finish: Callable[..., None]) -> None:
    app.open(movie_file)
    finish(app)
    before = app.viewer.layers["movie"]
    other = np.arange(5 * 3 * 8 * 7, dtype=np.float32).reshape(5, 3, 8, 7)
    app.open(other)
    finish(app)
    assert list(app.viewer.layers) == [before]
    assert before.data.shape == other.shape
    np.testing.assert_allclose(before.scale, 1)


def test_clearing_empties_the_viewer(app: Any, results_file: Path, finish: Callable[..., None]) -> None:
    app.open(results_file)
    finish(app)
    assert app.rois is not None
    assert app.clear()
    assert app.movie is None
    assert app.rois is None
    assert not app.viewer.layers


def test_results_bring_movie_rois_and_history(app: Any, results_file: Path, finish: Callable[..., None]) -> None:
    problems = heard(app)
    app.open(results_file)
    finish(app)
    assert not problems
    assert app.movie.shape == (12, 4, 9, 11)
    assert len(app.rois.ids) == 6
    assert app.environment.history_trace[0]["cnmf_3d"]["parameters"]["init"]["K"] == 6
    assert {"mean", "max", "std", "correlation"} <= {layer.name for layer in app.viewer.layers}


def test_results_without_their_movie_show_the_mean(
    app: Any, results_file: Path, movie_file: Path, finish: Callable[..., None]
) -> None:
    movie_file.unlink()
    told: list[str] = []
    app.told.connect(told.append)
    app.open(results_file)
    finish(app)
    assert app.movie is None
    assert app.viewer.layers["mean"].visible
    assert "drop it on the window" in told[-1]


def test_the_movie_that_results_lack_is_dropped_on_them(
    app: Any, results_file: Path, movie_file: Path, tmp_path: Path, finish: Callable[..., None]
) -> None:
    moved = tmp_path / "elsewhere" / "other name.tif"
    moved.parent.mkdir()
    movie_file.rename(moved)
    app.open(results_file)
    finish(app)
    app.rois.reject([0])
    app.open(moved)
    finish(app)
    assert app.movie.paths == (str(moved),)
    assert len(app.rois.ids) == 6
    assert not app.rois.accepted[0]
    assert app.viewer.layers["movie"].data.shape == (12, 4, 9, 11)
    assert app.viewer.layers["ROIs"].visible


def test_a_movie_that_isnt_theirs_is_opened_alone(
    app: Any, results_file: Path, movie_file: Path, finish: Callable[..., None]
) -> None:
    movie_file.unlink()
    app.open(results_file)
    finish(app)
    problems = heard(app)
    other = results_file.with_name("other.npy")
    np.save(other, np.zeros((5, 3, 8, 7), np.uint16))
    app.open(other)
    finish(app)
    assert not problems
    assert app.movie.shape == (5, 3, 8, 7)
    assert app.rois is None


def test_a_movie_of_another_size_is_refused(app: Any, results_file: Path, finish: Callable[..., None]) -> None:
    problems = heard(app)
    other = results_file.with_name("other.npy")
    np.save(other, np.zeros((12, 4, 9, 10), np.uint16))
    app.open(results_file, movie=other)
    finish(app)
    assert "computed on" in problems[0]
    assert app.rois is None


@pytest.mark.parametrize("name", ["absent.tif", "broken.hdf5", "text.txt"])
def test_what_cant_be_opened_is_told_and_leaves_everything(
    app: Any, movie_file: Path, name: str, finish: Callable[..., None]
) -> None:
    app.open(movie_file)
    finish(app)
    path = movie_file.with_name(name)
    if not name.startswith("absent"):
        path.write_bytes(b"\x89HDF\r\n\x1a\nnothing" if name.endswith("hdf5") else b"hello")
    problems = heard(app)
    app.open(path)
    finish(app)
    assert name in problems[0]
    assert app.movie.shape == (12, 4, 9, 11)


def test_unsaved_changes_are_asked_about(app: Any, movie_file: Path, finish: Callable[..., None]) -> None:
    app.open(movie_file)
    finish(app)
    questions: list[str] = []

    def keep(question: str) -> str:
        questions.append(question)
        return "cancel"

    app.confirm = keep
    app.mark_unsaved("metadata")
    assert app.open(movie_file) is None
    assert not app.clear()
    assert len(questions) == 2
    assert "metadata" in questions[0]
    app.confirm = lambda question: "discard"
    assert app.clear()
    assert not app.unsaved


def test_a_batch_opens_by_its_folder_or_its_database(app: Any, tmp_path: Path) -> None:
    Batch.create(tmp_path / "b").close()
    app.open(tmp_path / "b")
    assert app.batch.folder == tmp_path / "b"
    app.open(tmp_path / "b" / "batch.sqlite")
    assert app.batch.folder == tmp_path / "b"


def test_a_script_that_sets_the_environment_shows_it(app: Any, movie_file: Path) -> None:
    from cnmf3d.workspace.environment import ViewerWorkEnv

    app.space.workEnv = ViewerWorkEnv.from_tiff(movie_file)
    app.space.update()
    assert app.viewer.layers["movie"].data.shape == (12, 4, 9, 11)
    app.environment.imgdata.meta["voxel_size"] = [2.0, 2.0, 5.0]
    app.space.update()
    np.testing.assert_allclose(app.viewer.layers["movie"].scale, (1, 5, 2, 2))


def test_what_was_read_is_forgotten_where_a_script_sets_another_environment(
    app: Any, results_file: Path, movie_file: Path, finish: Callable[..., None]
) -> None:
    import tifffile

    from cnmf3d.workspace.environment import ViewerWorkEnv

    app.open(results_file)
    finish(app)
    before = app.viewer.layers["movie"].contrast_limits
    other = movie_file.with_name("bright.tif")
    values = np.random.default_rng(0).integers(5000, 9000, (12, 4, 9, 11)).astype(np.uint16)
    tifffile.imwrite(other, values, metadata={"axes": "TZYX"}, photometric="minisblack")
    app.space.workEnv = ViewerWorkEnv.from_tiff(other)
    app.space.update()
    assert app.results_path is None and app.rois is None
    low, high = app.viewer.layers["movie"].contrast_limits
    assert 4900 < low < high < 9100 and before[1] < low


def test_a_preview_is_in_the_movies_units(app: Any, movie_file: Path, finish: Callable[..., None]) -> None:
    from types import SimpleNamespace

    from cnmf3d.viewer.preview_layer import PreviewLayer

    app.open(movie_file)
    finish(app)
    shown = PreviewLayer(app)
    found = SimpleNamespace(shape=(2, 3, 4), accepted=np.zeros(0, bool), footprints=None)
    answer: Any = SimpleNamespace(results=SimpleNamespace(components=found), wish=SimpleNamespace())
    answer.wish.region = SimpleNamespace(origin=(1, 2, 3))
    app.environment.imgdata.meta["voxel_size"] = None
    shown.show(answer)
    layer = app.viewer.layers["preview"]
    assert {str(unit) for unit in layer.units} == {"pixel"}
    app.environment.imgdata.meta["voxel_size"] = [2.0, 2.0, 5.0]
    shown.show(answer)
    assert {str(unit) for unit in layer.units} == {"micrometer"}
    np.testing.assert_allclose(layer.scale, (5, 2, 2))
    np.testing.assert_allclose(layer.translate, (5, 4, 6))
