"""Exports and imports from the window, without Qt: what is checked before, what is written, what is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.results import load_results
from cnmf3d.results.exports import exporters
from cnmf3d.viewer.controllers.exporting import Wish, given_of, known_of, start_export, start_import, suggested


@pytest.fixture
def opened(app, finish, results_file):
    """An app that shows results."""
    app.open(results_file)
    finish(app)
    assert app.rois is not None
    return app


def test_what_is_on_the_screen_is_exported(opened, finish, tmp_path):
    told = []
    opened.told.connect(told.append)
    opened.rois.delete([2])
    opened.rois.reject([0, 1])
    start_export(opened, Wish("caiman", str(tmp_path / "out.hdf5"), accepted_only=True))
    finish(opened)
    expected = [i for i in opened.rois.ids if opened.rois.accepted[list(opened.rois.ids).index(i)]]
    assert load_results(tmp_path / "out.hdf5").components.count == len(expected)
    assert f"Exported {len(expected)} ROIs" in told[-1]


@pytest.mark.parametrize("name", list(exporters()))
def test_a_place_is_suggested_that_the_format_takes(opened, name):
    chosen = exporters()[name]
    place = Path(suggested(opened, chosen))
    assert place.parent == opened.results_path.parent and not place.exists()
    assert not chosen.suffixes or place.name.endswith(chosen.suffixes)


def test_metadata_come_from_file_and_lines(opened, finish, tmp_path):
    pytest.importorskip("pynwb")
    (tmp_path / "m.yaml").write_text("subject_id: M1\n")
    wish = Wish("nwb", str(tmp_path / "o.nwb"), metadata=str(tmp_path / "m.yaml"), pairs=("lab=A",))
    with pytest.raises(UsageError, match="session started"):
        start_export(opened, wish)
    pairs = ("lab=A", "session_start_time=2026-01-31T14:00:00+01:00")
    start_export(opened, Wish("nwb", wish.out, metadata=wish.metadata, pairs=pairs))
    finish(opened)
    assert (tmp_path / "o.nwb").exists()


def test_wishes_that_cannot_be(app, opened, finish, tmp_path, results_file):
    (tmp_path / "there.hdf5").write_text("")
    for wish, told in (
        (Wish("csv", "  "), "no place"),
        (Wish("ome-zarr", str(tmp_path / "o")), "zarr"),
        (Wish("caiman", str(results_file), force=True), "is what is read"),
        (Wish("caiman", str(tmp_path / "there.hdf5")), "exists already"),
    ):
        with pytest.raises(UsageError, match=told):
            start_export(opened, wish)
    failed = []
    opened.failed.connect(lambda problem, fix: failed.append(problem))
    start_export(opened, Wish("csv", str(tmp_path), force=True))
    finish(opened)
    assert "something else" in failed[0]
    assert app.clear()
    with pytest.raises(UsageError, match="no ROIs"):
        start_export(app, Wish("csv", str(tmp_path / "o")))


def test_an_import_is_opened(opened, finish, tmp_path):
    labels = np.zeros((4, 9, 11), np.uint16)
    labels[1:3, 2:4, 2:4], labels[0, 6:8, 6:9] = 1, 2
    np.save(tmp_path / "labels.npy", labels)
    known = known_of(opened)
    assert known == {"shape": "11, 9, 4", "rate": "7.5", "voxel_size": "1.5, 1, 4"}
    texts = {**known, "axes": "zyx"}
    start_import(opened, "labels", str(tmp_path / "labels.npy"), str(tmp_path / "new.hdf5"), texts)
    finish(opened)
    assert opened.results_path == tmp_path / "new.hdf5" and len(opened.rois.ids) == 2
    assert opened.movie is not None  # the one that was open, as its volumes have the size of the labels
    (tmp_path / "old.hdf5").write_text("")
    for name, told in (("new", "is open in this window"), ("old", "exists already")):
        with pytest.raises(UsageError, match=told):
            start_import(opened, "labels", str(tmp_path / "labels.npy"), str(tmp_path / f"{name}.hdf5"), texts)
    failed = []
    opened.failed.connect(lambda problem, fix: failed.append(problem))
    start_import(opened, "labels", str(tmp_path / "none.npy"), str(tmp_path / "b.hdf5"), texts)
    finish(opened)
    assert "does not exist" in failed[0] and not (tmp_path / "b.hdf5").exists()


def test_fields_are_read_where_the_format_takes_them():
    texts = {"rate": "7.5", "voxel_size": "1, 2, 4", "shape": "11 × 9 × 4", "axes": "yxz", "member": " A "}
    given = given_of(texts, "nwb")
    assert (given.rate, given.voxel_size, given.shape) == (7.5, ZYX(4, 2, 1), (4, 9, 11))
    assert given.member == "A" and given.axes is None
    assert given_of({}, "caiman") == given_of({"shape": "1,2,3"}, "caiman")
    for name, text, told in (
        ("rate", "fast", "rate"),
        ("shape", "3, 4", "along x, y, z"),
        ("shape", "3, 4, 0.5", "along x, y, z"),
        ("voxel_size", "1,2,3,4", "three"),
    ):
        with pytest.raises(UsageError) as error:
            given_of({name: text}, "nwb")
        assert told in str(error.value)
    with pytest.raises((UsageError, InputError)):
        start_import(None, "nwb", "", "x.hdf5", {})
