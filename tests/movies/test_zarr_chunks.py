"""Chunks of Zarr in folders: read as zarr reads them, whatever is asked, and on all cores."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import Blosc, Zstd

from cnmf3d import open_movie
from cnmf3d.errors import InputError
from cnmf3d.movies.formats import zarr_missing
from cnmf3d.movies.formats.zarr import Chunked
from cnmf3d.movies.formats.zarr_chunks import Chunks

VALUES = (np.arange(7 * 3 * 9 * 11).reshape(7, 3, 9, 11) * 7919) % 60013


def write(path, version=2, dtype="<u2", chunks=(2, 1, 4, 11), **more):
    """A store that is one array."""
    array = zarr.create_array(path, shape=VALUES.shape, chunks=chunks, dtype=dtype, zarr_format=version, **more)
    array[:] = VALUES.astype(dtype)
    return path


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i4", "<f4", "<f8"])
@pytest.mark.parametrize(
    ("version", "more"),
    [
        (2, {}),
        (2, {"compressors": Blosc("lz4", 5, Blosc.SHUFFLE)}),
        (2, {"compressors": Blosc("zstd", 1, Blosc.BITSHUFFLE)}),
        (2, {"compressors": Zstd(3), "chunk_key_encoding": {"name": "v2", "separator": "/"}}),
        (3, {}),
        (3, {"compressors": zarr.codecs.BloscCodec(cname="lz4")}),
    ],
)
def test_values_are_those_of_zarr(tmp_path, dtype, version, more):
    movie = open_movie(write(tmp_path / "m.zarr", version, dtype, **more), axes="tzyx", rate=5)
    assert isinstance(movie.frames.data, Chunks)
    np.testing.assert_array_equal(movie.read(0, 7), VALUES.astype(dtype))
    np.testing.assert_array_equal(movie.frames.read_rows(3, 1, slice(2, 7)), VALUES.astype(dtype)[3, 1, 2:7])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_part(tmp_path_factory, data):
    sides = data.draw(st.tuples(*(st.integers(1, n) for n in VALUES.shape)))
    path = write(tmp_path_factory.mktemp("chunks") / "m.zarr", data.draw(st.sampled_from([2, 3])), chunks=sides)
    chunks = open_movie(path, axes="tzyx", rate=5).frames.data
    index = tuple(
        data.draw(st.one_of(st.integers(0, n - 1), st.slices(n).filter(lambda s: s.step is None or s.step > 0)))
        for n in VALUES.shape
    )
    np.testing.assert_array_equal(chunks[index], VALUES[index])


@pytest.mark.parametrize(
    ("version", "more"),
    [
        (2, {"compressors": None}),
        (2, {"order": "F"}),
        (3, {"compressors": zarr.codecs.GzipCodec()}),
        (3, {"shards": (4, 1, 8, 11)}),
        (3, {"filters": [zarr.codecs.TransposeCodec(order=(3, 2, 1, 0))]}),
        (3, {"serializer": zarr.codecs.BytesCodec(endian="big")}),
    ],
)
def test_other_codecs_are_left_to_zarr(tmp_path, version, more):
    movie = open_movie(write(tmp_path / "m.zarr", version, **more), axes="tzyx", rate=5)
    assert isinstance(movie.frames.data, Chunked)
    np.testing.assert_array_equal(movie.read(0, 7), VALUES)


@pytest.mark.parametrize("version", [2, 3])
def test_chunks_that_are_missing_hold_the_fill_value(tmp_path, version):
    path = write(tmp_path / "m.zarr", version, chunks=(1, 3, 9, 11), fill_value=7)
    (path / {2: "3.0.0.0", 3: "c/3/0/0/0"}[version]).unlink()
    movie = open_movie(path, axes="tzyx", rate=5)
    assert isinstance(movie.frames.data, Chunks) and (movie.read(3, 4) == 7).all()
    np.testing.assert_array_equal(movie.read(4, 7), VALUES[4:])


def cautions(path):
    return [text for text in open_movie(path, axes="tzyx", rate=5).warnings if "missing" in text]


@pytest.mark.parametrize(
    ("version", "more"),
    [(2, {}), (3, {}), (2, {"chunk_key_encoding": {"name": "v2", "separator": "/"}}), (3, {"compressors": None})],
)
@pytest.mark.parametrize("packed", [False, True])
def test_missing_chunks_are_counted(tmp_path, version, more, packed):
    path = tmp_path / "m.zarr"
    array = zarr.create_array(path, shape=VALUES.shape, chunks=(2, 1, 4, 11), dtype="u2", zarr_format=version, **more)
    array[:5] = VALUES[:5] + 1
    if packed:
        path = Path(shutil.make_archive(str(tmp_path / "m.zarr"), "zip", path))
    (told,) = cautions(path)
    assert "9 of 36 chunks of / are missing and read as 0" in told
    array[5:] = VALUES[5:] + 1
    assert packed or not cautions(path)


@pytest.mark.parametrize("location", ["start", "end"])
def test_chunks_that_a_shard_lacks_are_counted(tmp_path, location):
    path = tmp_path / "m.zarr"
    array = zarr.create_array(
        path,
        shape=VALUES.shape,
        chunks=(2, 1, 4, 11),
        shards={"shape": (4, 3, 8, 11), "index_location": location},
        dtype="u2",
    )
    array[:3] = VALUES[:3] + 1
    array[6:, :, :4] = VALUES[6:, :, :4] + 1
    (told,) = cautions(path)
    assert "15 of 36 chunks" in told  # written: 2 × 9 and 3
    array[:] = VALUES + 1
    assert not cautions(path)


def test_of_too_many_chunks_some_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(zarr_missing, "MOST", 10)
    monkeypatch.setattr(zarr_missing, "SPREAD", 12)
    path = tmp_path / "m.zarr"
    array = zarr.create_array(path, shape=VALUES.shape, chunks=(2, 1, 4, 11), dtype="u2")
    array[:5] = VALUES[:5] + 1
    (told,) = cautions(path)
    assert "3 of 12 chunks that were looked for (36 in all)" in told
    array[5:] = VALUES[5:] + 1
    assert not cautions(path)


@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
def test_a_damaged_chunk_is_named(tmp_path, damage):
    path = write(tmp_path / "m.zarr", chunks=(1, 3, 9, 11))
    content = (path / "3.0.0.0").read_bytes()
    short = bytes(Zstd().encode(b"1234"))
    changed = {"cut": content[:-20], "changed": content[:9] + b"\xff" * 20 + content[29:], "other": short}[damage]
    (path / "3.0.0.0").write_bytes(changed)
    movie = open_movie(path, axes="tzyx", rate=5)
    np.testing.assert_array_equal(movie.read(0, 3), VALUES[:3])
    with pytest.raises(InputError, match=r"a chunk of .* can't be read"):
        movie.read(0, 7)
