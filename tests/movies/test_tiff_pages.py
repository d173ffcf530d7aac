"""Every page of a TIFF is read as it is stored; pages that can't belong to the movie are named."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from files import assert_reads
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.movies.formats.tiff_index import read_index
from cnmf3d.movies.formats.tiff_strips import strips_of
from cnmf3d.movies.places import locate

ODD = 7
"""Page that differs from the others; not one that a sample of few pages looks at."""


def turned(page: np.ndarray, orientation: int) -> np.ndarray:
    """How a picture lies in the file in each of TIFF's orientations."""
    ways = {1: page, 2: page[:, ::-1], 3: page[::-1, ::-1], 4: page[::-1], 5: page.T}
    ways |= {6: page[:, ::-1].T, 7: page[::-1, ::-1].T, 8: page[::-1].T}
    return ways[orientation]


def write(path: Path, values: np.ndarray, odd=None, first="", **odd_how) -> Path:
    """Pages in one list, of which one is stored in another way."""
    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(values.reshape(-1, *values.shape[2:])):
            how = {"photometric": "minisblack", "metadata": None, "contiguous": False}
            if number == ODD:
                page, how = (page if odd is None else odd(page)), how | odd_how
            file.write(page, description=first if number == 0 else None, **how)
    return path


IMAGEJ = "ImageJ=1.53t\nimages=18\nslices=3\nframes=6\nhyperstack=true\n"
SHAPED = '{"shape": [6, 3, 5, 7], "axes": "TZYX"}'
LISTS = pytest.mark.parametrize("first", ["", IMAGEJ, SHAPED], ids=["plain", "ImageJ", "labelled"])


def opened(path: Path, first: str):
    return open_movie(path) if first else open_movie(path, planes=3)


@LISTS
@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits"])
def test_a_page_with_another_compression(tmp_path, values, first, compression):
    path = write(tmp_path / "m.tif", values, first=first, compression=compression)
    assert_reads(opened(path, first), values)


@LISTS
def test_a_page_with_another_byte_layout(tmp_path, values, first):
    path = write(tmp_path / "m.tif", values, first=first, compression="zlib", predictor=True, rowsperstrip=2)
    assert_reads(opened(path, first), values)


@LISTS
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_page_in_another_orientation_is_turned_like_the_first(tmp_path, values, first, orientation):
    tag = [(274, "H", 1, orientation, True)]
    path = write(
        tmp_path / "m.tif", values, lambda page: np.ascontiguousarray(turned(page, orientation)), first, extratags=tag
    )
    assert_reads(opened(path, first), values)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pages_of_one_orientation_stay_as_they_lie(tmp_path, values, orientation):
    with tifffile.TiffWriter(tmp_path / "m.tif") as file:
        for page in values.reshape(-1, 5, 7):
            file.write(page, photometric="minisblack", metadata=None, extratags=[(274, "H", 1, orientation, True)])
    assert_reads(open_movie(tmp_path / "m.tif", planes=3), values)


@LISTS
@pytest.mark.parametrize(
    "odd, described",
    [
        (lambda page: page.astype(np.uint8), "7 × 5 uint8"),
        (lambda page: page.astype(np.float32), "7 × 5 float32"),
        (lambda page: page.astype(np.int16), "7 × 5 int16"),
        (lambda page: page[:4], "7 × 4 uint16"),
        (lambda page: np.stack([page] * 3, -1).astype(np.uint16), "3 × 7 × 5 uint16"),
    ],
    ids=["uint8", "float", "signed", "smaller", "RGB"],
)
def test_a_page_of_another_type_or_size_is_named(tmp_path, values, first, odd, described):
    rgb = {"photometric": "rgb"} if "3 ×" in described else {}
    path = write(tmp_path / "m.tif", values, odd, first, **rgb)
    with pytest.raises(InputError, match=rf"page {ODD} of .*m\.tif is {described}") as error:
        opened(path, first)
    assert "7 × 5 uint16" in str(error.value)


def test_pages_of_another_kind_can_be_left_out(tmp_path, values):
    path = write(tmp_path / "m.tif", values, lambda page: page[:4])
    rest = np.delete(values.reshape(-1, 5, 7), ODD, 0)
    assert np.array_equal(open_movie(path, dataset="0", axes="tyx").read(0, 99)[:, 0], rest)


def test_a_preview_before_the_movie_is_left_out_with_a_caution(tmp_path, values):
    with tifffile.TiffWriter(tmp_path / "m.tif") as file:
        file.write(np.zeros((3, 4), np.uint8), photometric="minisblack", metadata=None)
        for page in values.reshape(-1, 5, 7):
            file.write(page, photometric="minisblack", metadata=None, contiguous=False)
    movie = open_movie(tmp_path / "m.tif", planes=3)
    assert_reads(movie, values)
    assert "holds 2 image series" in movie.warnings[0]


def test_thumbnails_between_the_pages_are_left_out(tmp_path, values):
    with tifffile.TiffWriter(tmp_path / "m.tif") as file:
        for page in values.reshape(-1, 5, 7):
            file.write(page, photometric="minisblack", metadata=None)
            file.write(page[::2, ::2], photometric="minisblack", metadata=None, subfiletype=1)
    assert_reads(open_movie(tmp_path / "m.tif", planes=3), values)


def test_parts_of_pages_that_were_not_written_are_zero(tmp_path):
    values = np.arange(1, 18 * 16 * 32 + 1, dtype=np.uint16).reshape(6, 3, 16, 32)
    values[2, 1, :, :16] = values[4, 0] = 0

    def tiles():
        for page in values.reshape(-1, 16, 32):
            for part in (page[:, :16], page[:, 16:]):
                yield part if part.any() else None

    how = {"tile": (16, 16), "photometric": "minisblack", "metadata": {"axes": "TZYX"}, "compression": "zlib"}
    tifffile.imwrite(tmp_path / "m.tif", tiles(), shape=values.shape, dtype=values.dtype, **how)
    assert_reads(open_movie(tmp_path / "m.tif"), values)


def test_a_page_that_was_not_written_is_zero(tmp_path, values):
    path = write(tmp_path / "m.tif", values)
    with tifffile.TiffFile(path) as tif:
        places = [tif.pages[4].tags[code].valueoffset for code in (273, 279)]
    raw = bytearray(path.read_bytes())
    for at in places:
        raw[at : at + 4] = bytes(4)
    path.write_bytes(raw)
    expected = values.copy()
    expected[1, 1] = 0
    assert_reads(open_movie(path, planes=3), expected)


@pytest.mark.parametrize("pages, volumes", [(18, 6), (15, 5), (16, 5), (30, 10)])
def test_an_imagej_description_that_promises_other_pages(tmp_path, pages, volumes):
    there = np.arange(pages * 35, dtype=np.uint16).reshape(-1, 5, 7)
    write(tmp_path / "m.tif", there[:, None], first=IMAGEJ)
    movie = open_movie(tmp_path / "m.tif")
    assert np.array_equal(movie.read(0, 99), there[: 3 * volumes].reshape(volumes, 3, 5, 7))
    cautions = [text for text in movie.warnings if "ImageJ description" in text]
    assert bool(cautions) == (pages != 18)
    assert pages == 18 or (f"promises 18 pages (6 frames, 3 slices), it holds {pages}" in cautions[0])


def test_an_imagej_description_that_no_whole_volume_fits(tmp_path):
    there = np.arange(20 * 35, dtype=np.uint16).reshape(-1, 5, 7)
    write(tmp_path / "m.tif", there[:, None], first=IMAGEJ)
    movie = open_movie(tmp_path / "m.tif", planes=5)
    assert np.array_equal(movie.read(0, 99), there.reshape(4, 5, 5, 7))
    assert "taken as one list" in " ".join(movie.warnings)


def test_an_imagej_stack_of_one_directory(tmp_path, values):
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": "TZYX"})
    raw = bytearray(path.read_bytes())
    order = "<" if raw.startswith(b"II") else ">"
    start = struct.unpack_from(order + "I", raw, 4)[0]
    end = start + 2 + 12 * struct.unpack_from(order + "H", raw, start)[0]
    raw[end : end + 4] = bytes(4)
    path.write_bytes(raw)
    assert_reads(open_movie(path), values)
    with tifffile.TiffFile(path) as tif:
        data = tif.pages[0].dataoffsets[0]
    path.write_bytes(raw[: data + 10 * 70])
    with pytest.raises(InputError, match="cut short: it should hold 18 pages and ends after 10"):
        open_movie(path)


def test_classic_scanimage_keeps_its_last_page(tmp_path, values):
    text = "state.configPath='x'\rstate.acq.numberOfZSlices=1\rstate.acq.savingChannel1=1\rstate.acq.frameRate=4\r"
    with tifffile.TiffWriter(tmp_path / "m.tif") as file:
        for page in values.reshape(-1, 5, 7).astype(np.int16):
            file.write(
                page, photometric="minisblack", metadata=None, description=text, contiguous=False, software=False
            )
    with tifffile.TiffFile(tmp_path / "m.tif") as tif:
        assert tif.is_scanimage
    assert_reads(open_movie(tmp_path / "m.tif", planes=3), values.astype(np.int16))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    big=st.booleans(),
    order=st.sampled_from("<>"),
    dtype=st.sampled_from(["u1", "u2", "i2", "f4"]),
    stored=st.lists(
        st.tuples(st.sampled_from([None, "zlib", "packbits"]), st.sampled_from([None, 2, 3]), st.integers(0, 300)),
        min_size=2,
        max_size=9,
    ),
)
def test_the_index_is_what_tifffile_reads(tmp_path, big, order, dtype, stored):
    pages = np.random.default_rng(0).integers(0, 99, (len(stored), 5, 7)).astype(dtype)
    with tifffile.TiffWriter(tmp_path / "m.tif", bigtiff=big, byteorder=order) as file:
        for page, (compression, rows, text) in zip(pages, stored, strict=True):
            how = {"compression": compression, "rowsperstrip": rows, "description": "x" * text or None}
            file.write(page, photometric="minisblack", metadata=None, contiguous=False, **how)
    place = locate(tmp_path / "m.tif")[0]
    with tifffile.TiffFile(tmp_path / "m.tif") as tif:
        index = read_index(place, tif)
        assert [index.segments(i) for i in range(len(index))] == [
            list(zip(page.dataoffsets, page.databytecounts, strict=True)) for page in tif.pages
        ]
    movie = open_movie(tmp_path / "m.tif", axes="tyx")
    assert np.array_equal(movie.read(0, 99)[:, 0], pages)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 2000), value=st.integers(0, 255))
def test_damaged_compressed_pages_are_read_or_named(tmp_path, monkeypatch, values, place, value):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    path = write(tmp_path / "m.tif", values, compression="zlib")
    whole = bytearray(path.read_bytes())
    whole[place % len(whole)] = value
    path.write_bytes(whole)
    try:
        open_movie(path, planes=3).read(0, 6)
    except Cnmf3dError as error:
        assert error.fix


@pytest.mark.parametrize("cut", [10, 60, 400, 1500])
def test_a_list_of_pages_that_breaks_is_named(tmp_path, values, cut):
    path = write(tmp_path / "m.tif", values, compression="zlib")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match=r"m\.tif"):
        open_movie(path, planes=3).read(0, 6)


def test_a_list_of_pages_that_runs_in_a_circle_is_named(tmp_path, values):
    path = write(tmp_path / "m.tif", values)
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        first, last = tif.pages[0].offset, tif.pages[-1]
        end = last.offset + 2 + 12 * len(last.tags)
    raw[end : end + 4] = struct.pack("<I", first)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="leads back to an earlier page"):
        open_movie(path)


def test_a_tiff_without_images_is_named(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.tif"):
        pass
    with pytest.raises(InputError, match=r"m\.tif is a TIFF without images"):
        open_movie(tmp_path / "m.tif")


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "lzma", None])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i2", "<f4"])
def test_strips_straight_into_memory_are_as_tifffile_reads_them(tmp_path, compression, predictor, dtype):
    values = ((np.arange(6 * 23 * 17).reshape(6, 23, 17) * 7919) % 60013).astype(dtype)
    with tifffile.TiffWriter(tmp_path / "m.tif", byteorder=">" if dtype[0] == ">" else "<") as tif:
        for number, page in enumerate(values):
            more = {"predictor": predictor} if compression else {}
            text = "x" * number  # so that pages lie irregularly
            tif.write(page, compression=compression, rowsperstrip=5, metadata=None, description=text, **more)
    movie = open_movie(tmp_path / "m.tif", planes=2, rate=5)
    np.testing.assert_array_equal(movie.read(0, 3).reshape(6, 23, 17), values)


@pytest.mark.parametrize("said", [b"\x01", (8, 8), None])
def test_tags_that_are_no_numbers_leave_decoding_to_tifffile(tmp_path, said, monkeypatch):
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((9, 9), np.uint16), compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "m.tif") as tif:
        page = tif.pages[0]
        assert strips_of(page) is not None
        for name in ("compression", "samplesperpixel", "rowsperstrip"):
            with monkeypatch.context() as patch:
                patch.setattr(page, name, said)
                assert strips_of(page) is None
