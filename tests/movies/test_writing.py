"""Movies as files of their own: every value, rate and voxel size come back, and damage is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.movies import open_movie, writing
from cnmf3d.movies.writing import write_movie


@pytest.mark.parametrize("name", ["o.tif", "o.ome.zarr"])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "i2", "f4", "f8", "?"])
def test_values_and_sizes_come_back(tmp_path, values, name, dtype):
    movie = open_movie(values.astype(dtype), axes="tzyx", rate=4.0, voxel_size=(1.5, 2, 10))
    path = write_movie(movie, tmp_path / name)
    again = open_movie(path)
    np.testing.assert_array_equal(again.read(0, 6), values.astype(dtype))
    assert again.rate == pytest.approx(4.0) and again.voxel_size == pytest.approx((10, 2, 1.5))


def test_what_is_opened_is_what_is_written(tmp_path, values):
    tifffile.imwrite(tmp_path / "m.tif", values, metadata={"axes": "TZYX"}, imagej=True)
    movie = open_movie(tmp_path / "m.tif", axes="ztyx", rate=1)
    again = open_movie(write_movie(movie, tmp_path / "o.tif"))
    np.testing.assert_array_equal(again.read(0, 3), values.swapaxes(0, 1))


@settings(max_examples=20, deadline=None)
@given(chunk=st.integers(1, 4000))
def test_chunks_of_any_length_make_the_same_file(tmp_path_factory, values, chunk):
    folder = tmp_path_factory.mktemp("chunks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "CHUNK_BYTES", chunk)
        path = write_movie(open_movie(values, rate=1), folder / "o.tif")
    np.testing.assert_array_equal(open_movie(path).read(0, 6), values)


def test_a_disk_that_changes_values_is_seen(tmp_path, values, monkeypatch):
    real = writing.write_frames

    def damaged(movie, path, frames, *, reporter):
        out = real(movie, path, frames, reporter=reporter)
        content = bytearray(Path(out).read_bytes())
        content[content.index(values[3].astype("<u2").tobytes()) + 5] ^= 1
        Path(out).write_bytes(content)
        return out

    monkeypatch.setattr(writing, "write_frames", damaged)
    with pytest.raises(Cnmf3dError, match="other values than were written, in frames 0 to 5"):
        write_movie(open_movie(values, rate=1), tmp_path / "o.tif")


def test_names_that_cannot_be_written(tmp_path, values):
    movie = open_movie(values, rate=1)
    with pytest.raises(UsageError, match=r"Let it end in \.tif"):
        write_movie(movie, tmp_path / "o.avi")
    (tmp_path / "o.tif").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there already"):
        write_movie(movie, tmp_path / "o.tif")
    assert (tmp_path / "o.tif").read_bytes() == b"mine"
