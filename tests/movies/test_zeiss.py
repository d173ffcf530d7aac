"""Zeiss CZI: every voxel is read where it was recorded, and damaged files are named."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zeiss_files import write_zeiss

from cnmf3d import open_movie
from cnmf3d.errors import ChoiceError, InputError

SHAPE = (4, 3, 2, 5, 7)
VALUES = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE) * 37


@pytest.mark.parametrize("compression", [0, 2, 4, 5, 6])
def test_compressed_images(tmp_path, compression):
    movie = open_movie(write_zeiss(tmp_path, VALUES, compression=compression), channel=1)
    np.testing.assert_array_equal(movie.read(0, 4), VALUES[:, :, 1])
    np.testing.assert_array_equal(movie[1, 2, 1:4, ::2], VALUES[1, 2, 1, 1:4, ::2])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_other_types(tmp_path, dtype):
    values = (VALUES % 251).astype(dtype)
    np.testing.assert_array_equal(open_movie(write_zeiss(tmp_path, values), channel=0).read(0, 4), values[:, :, 0])


def test_smaller_copies_are_left_out(tmp_path):
    movie = open_movie(write_zeiss(tmp_path, VALUES, pyramid=True), channel=0)
    np.testing.assert_array_equal(movie.read(0, 4), VALUES[:, :, 0])


def test_tiles_are_movies_of_their_own(tmp_path):
    path = write_zeiss(tmp_path, VALUES, tiles=2)
    with pytest.raises(ChoiceError, match="2 scenes or tiles"):
        open_movie(path, channel=0)
    np.testing.assert_array_equal(open_movie(path, channel=0, dataset="1").read(0, 4), VALUES[:, :, 0] + 1)
    with pytest.raises(InputError, match="no field '2'"):
        open_movie(path, channel=0, dataset="2")


def test_views_are_refused(tmp_path):
    with pytest.raises(InputError, match="2 views"):
        open_movie(write_zeiss(tmp_path, VALUES, views=2), channel=0)


def test_rate_by_stamps_and_else_by_the_interval(tmp_path):
    movie = open_movie(write_zeiss(tmp_path, VALUES), channel=0)
    assert movie.rate == pytest.approx(5.0)
    assert movie.metadata["channels"] == ["EGFP", "mCherry"]
    assert open_movie(write_zeiss(tmp_path, VALUES, stamps=False), channel=0).rate == pytest.approx(4.0)


def test_a_recording_stopped_within_a_volume(tmp_path):
    movie = open_movie(write_zeiss(tmp_path, VALUES, left_out=[(3, 2, 0), (3, 2, 1), (3, 1, 1)]), channel=0)
    np.testing.assert_array_equal(movie.read(0, 3), VALUES[:3, :, 0])
    assert movie.shape[0] == 3
    assert any("ends within volume 3" in text for text in movie.warnings)


def test_an_image_that_is_missing_amid_the_recording(tmp_path):
    with pytest.raises(InputError, match="lacks the image of time 1, plane 2, channel 0"):
        open_movie(write_zeiss(tmp_path, VALUES, left_out=[(1, 2, 0)]), channel=0)


def test_times_that_are_missing_are_counted(tmp_path):
    gone = [(1, z, c) for z in range(3) for c in range(2)]
    movie = open_movie(write_zeiss(tmp_path, VALUES, left_out=gone), channel=0)
    np.testing.assert_array_equal(movie.read(0, 3), VALUES[[0, 2, 3], :, 0])
    assert any("1 times are missing, the first after volume 0" in text for text in movie.warnings)
    np.testing.assert_allclose(movie.seconds, [0, 0.4, 0.6], atol=1e-6)  # stamps are of all times, also of missing ones
    without = open_movie(write_zeiss(tmp_path, VALUES, left_out=gone, stamps=False), channel=0)
    np.testing.assert_allclose(without.seconds, [0, 0.5, 0.75])


def changed(path, at: int, form: str, value: int) -> None:
    """Write another number into a file."""
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, at, value)
    path.write_bytes(bytes(content))


def test_a_recording_that_was_not_finished(tmp_path):
    path = write_zeiss(tmp_path, VALUES)
    changed(path, 32 + 52, "<q", 0)
    with pytest.raises(InputError, match="was not finished"):
        open_movie(path)


@pytest.mark.parametrize("count", [2**31 - 1, -1, 10**6])
def test_a_directory_longer_than_the_file(tmp_path, count):
    path = write_zeiss(tmp_path, VALUES)
    changed(path, path.read_bytes().index(b"ZISRAWDIRECTORY") + 32, "<i", count)
    with pytest.raises(InputError, match="its directory has"):
        open_movie(path)


@pytest.mark.parametrize("compression", [0, 5])
def test_images_of_a_size_that_no_camera_has(tmp_path, compression):
    path = write_zeiss(tmp_path, VALUES[:1, :1, :1], compression=compression)
    content = path.read_bytes().replace(
        struct.pack("<4siifi", b"X", 7, 7, 0.0, 7), struct.pack("<4siifi", b"X", 7, 2**30, 0.0, 2**30)
    )
    path.write_bytes(content)
    with pytest.raises(InputError, match="an image has 1073741824 × 5 pixels"):
        open_movie(path)


@pytest.mark.parametrize("compression", [0, 2, 4, 5, 6])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_damaged_files_are_input_errors(tmp_path_factory, compression, data):
    path = write_zeiss(tmp_path_factory.mktemp("damaged"), VALUES[:2, :1], compression=compression)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(1, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 6))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(InputError):
        open_movie(path, channel=0).read(0, 2)
