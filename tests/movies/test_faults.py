"""What goes wrong inside a library is not put down to the user's file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from cnmf3d import open_movie
from cnmf3d.errors import EngineError, InputError
from cnmf3d.faults import library_fault


@pytest.fixture
def movie(tmp_path, monkeypatch, values):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    tifffile.imwrite(
        tmp_path / "m.tif", values, photometric="minisblack", compression="zlib", metadata={"axes": "TZYX"}
    )
    return tmp_path / "m.tif"


def missing(*_, **__):
    raise AttributeError("'TiffPage' object has no attribute 'gone'")


def test_a_name_that_tifffile_no_longer_has_is_our_fault(movie, tmp_path, monkeypatch):
    monkeypatch.setattr("cnmf3d.movies.formats.tiff.read_index", missing)
    with pytest.raises(EngineError, match=rf"tifffile {tifffile.__version__}") as error:
        open_movie(movie)
    assert "doesn't support this version" in error.value.fix and "errors.log" in error.value.fix
    assert "damaged" not in str(error.value)
    assert "has no attribute 'gone'" in (tmp_path / "errors.log").read_text()


def test_a_page_that_fails_inside_tifffile_is_our_fault(movie, monkeypatch, values):
    tifffile.imwrite(movie, values, photometric="minisblack", compression="lzma", metadata={"axes": "TZYX"})
    opened = open_movie(movie)
    monkeypatch.setattr("cnmf3d.movies.formats.tiff_pages._decoded", missing)
    with pytest.raises(EngineError, match=r"page 0 of .*AttributeError"):
        opened.read(0, 1)


def test_a_page_whose_stream_is_bad_is_damaged(movie, values):
    with tifffile.TiffFile(movie) as tif:
        page = tif.pages[4]
        start, length = page.dataoffsets[0], page.databytecounts[0]
    raw = bytearray(movie.read_bytes())
    raw[start : start + length] = b"\xff" * length
    movie.write_bytes(raw)
    opened = open_movie(movie)
    assert np.array_equal(opened.read(0, 1), values[:1])
    with pytest.raises(InputError, match=r"page 4 of .*m\.tif can't be decoded, it is damaged"):
        opened.read(1, 2)


def test_a_compression_that_is_not_known_is_named(movie):
    raw = bytearray(movie.read_bytes())
    with tifffile.TiffFile(movie) as tif:
        places = [page.tags[259].valueoffset for page in tif.pages]
    for at in places:
        raw[at : at + 2] = (60001).to_bytes(2, "little")
    movie.write_bytes(raw)
    with pytest.raises(InputError, match="can't be decoded") as error:
        open_movie(movie).read(0, 1)
    assert "uncompressed" in error.value.fix


@pytest.mark.parametrize("name", ["m.npy", "m.zarr"])
def test_what_no_format_foresaw_is_no_fault_of_the_file(tmp_path, monkeypatch, values, name):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    if name == "m.npy":
        np.save(tmp_path / name, values)
        monkeypatch.setattr("cnmf3d.movies.formats.npy.Mapped", missing)
    else:
        zarr.create_array(tmp_path / name, data=values)
        monkeypatch.setattr("cnmf3d.movies.formats.zarr.chunks_of", missing)
    with pytest.raises(EngineError, match=f"{name} could not be read: AttributeError") as error:
        open_movie(tmp_path / name, axes="tzyx")
    assert "errors.log" in error.value.fix and "damaged" not in str(error.value)


def test_a_file_that_is_gone_is_not_damaged(movie):
    opened = open_movie(movie)
    movie.unlink()
    with pytest.raises(InputError, match=r"m\.tif can't be opened: No such file"):
        opened.read(0, 1)


def test_the_library_that_failed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    with pytest.raises(OSError, match="none") as raised:
        h5py.File(tmp_path / "none.h5", "r")
    assert f"in cnmf3d or h5py {h5py.__version__}" in str(library_fault("m.h5", raised.value))
