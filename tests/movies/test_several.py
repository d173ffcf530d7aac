"""Movies of several files: lists, folders, patterns; in natural order, read where asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies.places import natural
from cnmf3d.results import write_results

VALUES = np.arange(12 * 2 * 4 * 5, dtype=np.uint16).reshape(12, 2, 4, 5)


def volumes(folder, **more):
    """One file a volume, numbered without zeros."""
    for t, volume in enumerate(VALUES):
        tifffile.imwrite(folder / f"v{t}.tif", volume, photometric="minisblack", **more)


def stretches(folder):
    """Stretches of different length."""
    for name, part in zip(("a1", "a2", "a10"), (VALUES[:5], VALUES[5:7], VALUES[7:]), strict=True):
        tifffile.imwrite(folder / f"{name}.tif", part, imagej=True, metadata={"axes": "TZYX"})


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_volume_a_file(tmp_path, compression):
    volumes(tmp_path, compression=compression)
    movie = open_movie(tmp_path, axes="zyx", rate=5)
    assert np.array_equal(movie.read(0, 12), VALUES)
    assert np.array_equal(movie.read(3, 11, 3), VALUES[3:11:3])
    assert len(movie.paths) == 12 and movie.paths[2].endswith("v2.tif")


def test_stretches_of_time(tmp_path):
    stretches(tmp_path)
    for source in (tmp_path, str(tmp_path / "a*.tif"), [tmp_path / f"a{n}.tif" for n in (1, 2, 10)]):
        assert np.array_equal(open_movie(source, rate=5).read(0, 12), VALUES)
    backwards = open_movie([tmp_path / "a10.tif", tmp_path / "a2.tif", tmp_path / "a1.tif"])
    assert np.array_equal(backwards.read(0, 5), VALUES[7:])


@settings(deadline=None)
@given(start=st.integers(0, 12), stop=st.integers(0, 14), step=st.integers(1, 5))
def test_any_part_across_files(tmp_path_factory, start, stop, step):
    folder = tmp_path_factory.getbasetemp() / "stretches"
    if not folder.exists():
        folder.mkdir()
        stretches(folder)
    assert np.array_equal(open_movie(folder, rate=5).read(start, stop, step), VALUES[start:stop:step])


def test_one_fingerprint_however_it_is_cut(tmp_path):
    stretches(tmp_path)
    assert open_movie(tmp_path).fingerprint() == open_movie(VALUES).fingerprint()


def test_files_of_different_shapes(tmp_path):
    stretches(tmp_path)
    tifffile.imwrite(tmp_path / "a3.tif", VALUES[:3, :, :3], imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(InputError, match=r"a3\.tif has volumes of 5 × 3 × 2"):
        open_movie(tmp_path)


def test_a_file_that_is_cut_is_named_when_it_is_read(tmp_path):
    volumes(tmp_path)
    whole = (tmp_path / "v7.tif").read_bytes()
    (tmp_path / "v7.tif").write_bytes(whole[:-30])
    with pytest.raises(InputError, match="v7"):
        open_movie(tmp_path, axes="zyx").read(0, 12)


def test_folders_and_lists_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no movie files"):
        open_movie(tmp_path)
    with pytest.raises(InputError, match="no file matches"):
        open_movie(str(tmp_path / "*.tif"))
    with pytest.raises(UsageError, match="empty"):
        open_movie([])
    stretches(tmp_path)
    with pytest.raises(UsageError, match="twice"):
        open_movie([tmp_path / "a1.tif", tmp_path / "a1.tif"])
    np.save(tmp_path / "b.npy", VALUES)
    with pytest.raises(InputError, match="several formats"):
        open_movie(tmp_path)
    with pytest.raises(InputError, match="does not exist") as error:
        open_movie(tmp_path / "a11.tif")
    assert "Did you mean" in error.value.fix


def test_results_beside_movies_belong_to_no_movie(tmp_path, random_results):
    folder = tmp_path / "trial"
    folder.mkdir()
    stretches(folder)
    before = open_movie(folder, rate=5)
    write_results(random_results(), folder / "a.cnmf3d.hdf5")
    write_results(random_results(), folder / "named otherwise.h5")
    (folder / "a.truth.h5").write_bytes(b"truth")
    assert open_movie(folder, rate=5).paths == before.paths
    for path in before.paths:
        Path(path).unlink()
    with pytest.raises(InputError, match="no movie files"):
        open_movie(folder)


def test_home_is_known_and_nothing_is_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    np.save(tmp_path / "m.npy", VALUES)
    np.testing.assert_array_equal(open_movie("~/m.npy", rate=5).read(0, 3), VALUES[:3])
    stretches(tmp_path)
    assert open_movie("~/*.tif", rate=5).read(0, 1).shape == (1, *VALUES.shape[1:])
    for nothing in ("", " "):
        with pytest.raises(UsageError, match="is empty"):
            open_movie(nothing)


def test_a_sidecar_for_a_folder(tmp_path):
    folder = tmp_path / "trial"
    folder.mkdir()
    stretches(folder)
    (tmp_path / "trial.json").write_text('{"origin": "a", "fps": 3, "date": "20260101_000000"}')
    assert open_movie(folder).rate == 3


def test_natural_order():
    names = ["t10", "t9", "T1", "t01", "s", "t1b", "t1a"]
    assert sorted(names, key=natural) == ["s", "T1", "t01", "t1a", "t1b", "t9", "t10"]
