"""Compressed chunks of HDF5: read as HDF5 reads them, whatever is asked, and on all cores."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import InputError
from cnmf3d.movies.formats.hdf5 import Dataset
from cnmf3d.movies.formats.hdf5_chunks import Chunks

VALUES = (np.arange(7 * 3 * 9 * 11).reshape(7, 3, 9, 11) * 7919) % 60013


def write(path, dtype="<u2", chunks=(2, 1, 4, 11), shuffle=False, userblock=0, **more):
    """A file with one dataset."""
    with h5py.File(path, "w", userblock_size=userblock) as file:
        more = {"compression": "gzip", "shuffle": shuffle, **more}
        file.create_dataset("movie", data=VALUES.astype(dtype), chunks=chunks, **more)
    return path


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i2", "<u4", "<f4", ">f4", "<f8"])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("chunks", "userblock"), [((2, 1, 4, 11), 0), ((1, 3, 9, 11), 512), ((7, 3, 9, 11), 0)])
def test_values_are_those_of_hdf5(tmp_path, dtype, shuffle, chunks, userblock):
    path = write(tmp_path / "m.h5", dtype, chunks, shuffle, userblock)
    movie = open_movie(path, axes="tzyx", rate=5)
    assert isinstance(movie.frames.data, Chunks if not userblock else (Chunks, Dataset))
    np.testing.assert_array_equal(movie.read(0, 7), VALUES.astype(dtype))
    np.testing.assert_array_equal(movie.frames.read_rows(3, 1, slice(2, 7)), VALUES.astype(dtype)[3, 1, 2:7])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_part(tmp_path_factory, data):
    sides = data.draw(st.tuples(*(st.integers(1, n) for n in VALUES.shape)))
    path = write(tmp_path_factory.mktemp("chunks") / "m.h5", "<u2", sides, data.draw(st.booleans()))
    chunks = open_movie(path, axes="tzyx", rate=5).frames.data
    index = tuple(
        data.draw(st.one_of(st.integers(0, n - 1), st.slices(n).filter(lambda s: s.step is None or s.step > 0)))
        for n in VALUES.shape
    )
    np.testing.assert_array_equal(chunks[index], VALUES[index])


def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        movie = file.create_dataset("movie", (4, 2, 6, 6), "<i2", chunks=(1, 1, 6, 6), compression="gzip", fillvalue=-3)
        movie[1:3] = 5
    movie = open_movie(tmp_path / "m.h5", axes="tzyx", rate=5)
    assert isinstance(movie.frames.data, Chunks)
    assert movie.read(0, 4).mean(axis=(1, 2, 3)).tolist() == [-3, 5, 5, -3]
    assert "never written" in " ".join(movie.warnings)


@pytest.mark.parametrize("more", [{"compression": "lzf"}, {"fletcher32": True}, {"compression": None}])
def test_other_filters_are_left_to_hdf5(tmp_path, more):
    movie = open_movie(write(tmp_path / "m.h5", **more), axes="tzyx", rate=5)
    assert isinstance(movie.frames.data, Dataset)
    np.testing.assert_array_equal(movie.read(0, 7), VALUES)


def test_a_chunk_that_was_written_without_its_filter(tmp_path):
    path = write(tmp_path / "m.h5", chunks=(1, 3, 9, 11))
    with h5py.File(path, "a") as file:
        file["movie"].id.write_direct_chunk((2, 0, 0, 0), VALUES[4].astype("<u2").tobytes(), filter_mask=1)
    movie = open_movie(path, axes="tzyx", rate=5)
    np.testing.assert_array_equal(movie.read(2, 3)[0], VALUES[4])


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, 10**6), value=st.integers(0, 255), keep=st.floats(0.1, 1))
def test_damage_is_named(tmp_path_factory, at, value, keep):
    path = write(tmp_path_factory.mktemp("damaged") / "m.h5", shuffle=True)
    content = bytearray(path.read_bytes())
    content[at % len(content)] = value
    path.write_bytes(bytes(content[: int(keep * len(content))]))
    try:
        movie = open_movie(path, axes="tzyx", rate=5)
        assert movie.read(0, 7).shape == VALUES.shape
    except InputError as error:
        assert str(path) in str(error)


def test_a_file_that_is_cut_after_it_was_opened(tmp_path):
    path = write(tmp_path / "m.h5")
    movie = open_movie(path, axes="tzyx", rate=5)
    with path.open("r+b") as file:
        file.truncate(4000)
    with pytest.raises(InputError, match="was changed"):
        movie.read(0, 7)
