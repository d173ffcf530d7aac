"""KLB: every voxel is read where it lies, whatever blocks it is cut into, and damaged files are named."""

from __future__ import annotations

import bz2
import contextlib
import struct
import zlib
from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import InputError

VALUES = np.arange(4 * 2 * 3 * 5 * 7, dtype=np.uint16).reshape(4, 2, 3, 5, 7) * 37
PACK = (lambda data: data, bz2.compress, zlib.compress)


def write_klb(path, values, block=(1, 1, 2, 3, 4), compression=1, sizes=(1.5, 2, 10, 1, 0.5)):
    """A file of (T, C, Z, Y, X) values; `sizes` are of x, y, z, channel and time."""
    kind = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"].index(values.dtype.str[1:])
    blocks = []
    for place in product(*(range(ceil(n / side)) for n, side in zip(values.shape, block, strict=True))):
        part = values[tuple(slice(at * side, (at + 1) * side) for at, side in zip(place, block, strict=True))]
        blocks.append(PACK[compression](part.tobytes()))
    ends = np.cumsum([len(each) for each in blocks]).astype("<u8").tobytes()
    head = struct.pack("<B5I5fBB256s5I", 2, *values.shape[::-1], *sizes, kind, compression, b"", *block[::-1])
    path.write_bytes(head + ends + b"".join(blocks))
    return path


@pytest.mark.parametrize("compression", [0, 1, 2])
@pytest.mark.parametrize("block", [(1, 1, 2, 3, 4), (3, 2, 3, 5, 7), (96, 96, 96, 96, 96)])
def test_blocks_of_any_size(tmp_path, compression, block):
    movie = open_movie(write_klb(tmp_path / "m.klb", VALUES, block, compression), channel=1)
    np.testing.assert_array_equal(movie.read(0, 4), VALUES[:, 1])
    np.testing.assert_array_equal(movie[1:4:2, 2, 1:5:3, 1::2], VALUES[1:4:2, 1, 2, 1:5:3, 1::2])
    assert (movie.rate, movie.voxel_size.x, movie.voxel_size.y, movie.voxel_size.z) == (2.0, 1.5, 2.0, 10.0)


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4"])
def test_a_file_for_each_time(tmp_path, dtype):
    values = (VALUES % 120).astype(dtype)
    for t in range(4):
        write_klb(tmp_path / f"SPM00_TM{t:06d}_CM00_CHN00.klb", values[t : t + 1, :1], sizes=(1, 1, 1, 1, 1))
    movie = open_movie(tmp_path, rate=2)
    np.testing.assert_array_equal(movie.read(0, 4), values[:, 0])
    assert movie.voxel_size is None


@pytest.mark.parametrize(
    ("at", "form", "value"), [(0, "<B", 9), (1, "<I", 2**31), (41, "<B", 77), (42, "<B", 5), (299, "<I", 0)]
)
def test_headers_that_cannot_be(tmp_path, at, form, value):
    path = write_klb(tmp_path / "m.klb", VALUES)
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, at, value)
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="KLB"):
        open_movie(path, channel=0)


def test_blocks_beyond_the_end(tmp_path):
    path = write_klb(tmp_path / "m.klb", VALUES)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="beyond its end"):
        open_movie(path, channel=0)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_damaged_files_are_input_errors(tmp_path_factory, data):
    path = write_klb(
        tmp_path_factory.mktemp("damaged") / "m.klb", VALUES[:2, :1], compression=data.draw(st.integers(0, 2))
    )
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    with contextlib.suppress(InputError):
        open_movie(path, channel=0).read(0, 2)
