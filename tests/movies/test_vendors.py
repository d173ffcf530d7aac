"""Recordings of microscope makers: every voxel tells its place, and is read there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile
import vendor_files as files
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d.errors import InputError
from cnmf3d.movies import open_movie
from cnmf3d.movies.calibration import Calibration, calibrated
from cnmf3d.movies.formats.vendors.nikon import frame_numbers
from cnmf3d.movies.stored import Place

LEICA = pytest.mark.skipif(find_spec("liffile") is None, reason="liffile (cnmf3d[leica]) isn't installed")
NIKON = pytest.mark.skipif(find_spec("nd2") is None, reason="nd2 (cnmf3d[nikon]) isn't installed")
NAMES = [pytest.param(name, marks=LEICA) if name == "leica" else name for name in files.WRITERS]


@pytest.fixture(scope="module")
def volumes() -> np.ndarray:
    """(T, Z, C, Y, X), every value its own place."""
    shape = (6, 3, 2, 5, 7)
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channel", [0, 1])
def test_volumes_with_channels_are_read_voxel_for_voxel(tmp_path, volumes, name, channel):
    path = files.WRITERS[name](tmp_path, volumes)
    movie = open_movie(path, channel=channel)
    np.testing.assert_array_equal(movie.read(0, 6), volumes[:, :, channel])
    np.testing.assert_array_equal(movie[1:5:2, 2, 1:4, ::3], volumes[1:5:2, 2, channel, 1:4, ::3])
    assert movie.dtype == np.uint16


@pytest.mark.parametrize("name", NAMES)
def test_one_channel_alone(tmp_path, volumes, name):
    movie = open_movie(files.WRITERS[name](tmp_path, volumes[:, :, :1]))
    np.testing.assert_array_equal(movie.read(0, 6), volumes[:, :, 0])


RATES = {"bruker": 1 / 0.15, "thor": 20.0, "scanbox": 8000 / 15, "imaris": 5.0, "bdv": None, "leica": 4.0, "zeiss": 5.0}
SIZES = dict.fromkeys(files.WRITERS, (1.5, 2, 10)) | {"thor": (0.6, 0.6, 15), "scanbox": None}


@pytest.mark.parametrize("name", NAMES)
def test_rate_and_size_of_a_voxel(tmp_path, volumes, name):
    movie = open_movie(files.WRITERS[name](tmp_path, volumes), channel=0)
    assert movie.rate == (None if RATES[name] is None else pytest.approx(RATES[name], rel=1e-6))
    size = movie.voxel_size
    assert SIZES[name] is None if size is None else (size.x, size.y, size.z) == pytest.approx(SIZES[name])


@pytest.mark.parametrize("write", [files.write_bruker, files.write_thor, files.write_bdv])
def test_a_folder_is_opened_by_what_describes_it(tmp_path, volumes, write: Callable[[Path, np.ndarray], Path]):
    write(tmp_path, volumes)
    (tmp_path / "behaviour.avi").write_bytes(b"RIFF")
    np.testing.assert_array_equal(open_movie(tmp_path, channel=1).read(0, 6), volumes[:, :, 1])


def test_other_xml_files_in_a_folder_of_tiffs_say_nothing(tmp_path):
    tifffile.imwrite(
        tmp_path / "m.tif", np.zeros((5, 6, 7), np.uint16), photometric="minisblack", metadata={"axes": "TYX"}
    )
    (tmp_path / "stimulus.xml").write_text("<stimuli/>")
    assert open_movie(tmp_path, rate=1).shape == (5, 1, 6, 7)


@pytest.mark.parametrize("paged", [False, True])
def test_bruker_stopped_within_a_volume_keeps_whole_ones(tmp_path, volumes, paged):
    movie = open_movie(files.write_bruker(tmp_path, volumes, paged=paged, stop=13), channel=0)
    np.testing.assert_array_equal(movie.read(0, 4), volumes[:4, :, 0])
    assert movie.shape[0] == 4
    assert any("4 of the 6 volumes" in text for text in movie.warnings)


def test_bruker_planes_scanned_both_ways_are_put_in_order(tmp_path, volumes):
    movie = open_movie(files.write_bruker(tmp_path, volumes, both_ways=True), channel=1)
    np.testing.assert_array_equal(movie.read(0, 6), volumes[:, :, 1])
    assert any("backwards" in text for text in movie.warnings)


def test_bruker_planes_that_are_unevenly_spaced_are_a_caution(tmp_path, volumes):
    movie = open_movie(files.write_bruker(tmp_path, volumes, depths=[0, 10, 35]), channel=0)
    assert movie.voxel_size is None
    assert any("unevenly spaced (10, 25 µm)" in text for text in movie.warnings)


def test_bruker_without_its_tiffs(tmp_path, volumes):
    path = files.write_bruker(tmp_path, volumes)
    for each in tmp_path.glob("*.tif"):
        each.unlink()
    with pytest.raises(InputError, match="none of the 36 files"):
        open_movie(path)


def test_bruker_file_names_lead_nowhere_else(tmp_path, volumes):
    inner = tmp_path / "inner"
    inner.mkdir()
    path = files.write_bruker(inner, volumes[:, :, :1])
    secret = tmp_path / "r_Cycle00001_Ch1_000001.ome.tif"
    (inner / secret.name).rename(secret)
    path.write_text(path.read_text("utf-8-sig").replace(f'"{secret.name}', f'"../{secret.name}'), encoding="utf-8")
    with pytest.raises(InputError, match="lacks the plane"):
        open_movie(path)


@pytest.mark.parametrize("flyback", [0, 2])
def test_thor_raw_leaves_out_the_flyback(tmp_path, volumes, flyback):
    movie = open_movie(files.write_thor(tmp_path, volumes, flyback=flyback), channel=1)
    np.testing.assert_array_equal(movie.read(0, 6), volumes[:, :, 1])
    assert movie.rate == pytest.approx(60 / (3 + flyback))


def test_thor_tiffs_are_planes_by_their_names(tmp_path, volumes):
    movie = open_movie(files.write_thor(tmp_path, volumes, raw=False), channel=1)
    np.testing.assert_array_equal(movie.read(0, 6), volumes[:, :, 1])


def test_thor_raw_that_was_stopped(tmp_path, volumes):
    path = files.write_thor(tmp_path, volumes, asked=9)
    movie = open_movie(path, channel=0)
    assert movie.shape[0] == 6
    assert any("6 of the 9 volumes" in text for text in movie.warnings)


def test_thor_raw_that_holds_all_channels_though_two_were_on(tmp_path, volumes):
    four = np.concatenate([volumes, volumes + 1000], axis=2)
    path = files.write_thor(tmp_path, four)
    path.write_text(path.read_text().replace('<Wavelength name="ChanC" /><Wavelength name="ChanD" />', ""))
    movie = open_movie(path, channel=3)
    np.testing.assert_array_equal(movie.read(0, 6), four[:, :, 3])
    assert any("holds 4 channels by its length" in text for text in movie.warnings)


@pytest.mark.parametrize("both_ways", [False, True])
def test_scanbox_lines_in_both_directions_double_the_rate(tmp_path, volumes, both_ways):
    movie = open_movie(files.write_scanbox(tmp_path, volumes, both_ways=both_ways), channel=0)
    assert movie.rate == pytest.approx(8000 * (1 + both_ways) / (5 * 3))


def test_scanbox_without_settings(tmp_path, volumes):
    path = files.write_scanbox(tmp_path, volumes)
    path.with_suffix(".mat").unlink()
    with pytest.raises(InputError, match=r"has no mouse_000_001\.mat beside it"):
        open_movie(path)


def test_femtonics_units_and_channels(tmp_path, volumes):
    path = files.write_femtonics(tmp_path, volumes, units=2)
    with pytest.raises(InputError, match="2 measurements") as caught:
        open_movie(path)
    assert "MSession_0/MUnit_1 (7 × 5 × 6, 2 channels)" in str(caught.value)
    movie = open_movie(path, dataset="MSession_0/MUnit_1", channel=1)
    np.testing.assert_array_equal(movie.read(0, 6)[:, 0], volumes[:, 0, 1] + 1)
    assert (movie.rate, movie.voxel_size.x, movie.voxel_size.y) == (20.0, 1.5, 2.0)
    assert movie.metadata["channels"] == ["UG", "UR"]
    alone = open_movie(path, dataset="/MSession_0/MUnit_0/Channel_0")
    np.testing.assert_array_equal(alone.read(0, 6)[:, 0], volumes[:, 0, 0])


def test_suite2p_planes_are_one_volume(tmp_path, volumes):
    path = files.write_suite2p(tmp_path, volumes)
    for source in (path, tmp_path):
        movie = open_movie(source)
        np.testing.assert_array_equal(movie.read(0, 6), volumes[:, :, 0])
        assert movie.rate == 5.0
    only = open_movie(path, dataset="2")
    np.testing.assert_array_equal(only.read(0, 6)[:, 0], volumes[:, 2, 0])


def test_a_folder_of_tiffs_beside_suite2p_is_the_recording_itself(tmp_path, volumes):
    (tmp_path / "suite2p").mkdir()
    files.write_suite2p(tmp_path / "suite2p", volumes)
    tifffile.imwrite(tmp_path / "m.tif", volumes[:, 0, 1], photometric="minisblack", metadata={"axes": "TYX"})
    np.testing.assert_array_equal(open_movie(tmp_path, rate=1).read(0, 6)[:, 0], volumes[:, 0, 1])


def test_bdv_times_by_a_pattern(tmp_path, volumes):
    movie = open_movie(files.write_bdv(tmp_path, volumes, pattern="0-4:2, 5"), channel=0)
    np.testing.assert_array_equal(movie.read(0, 4), volumes[[0, 2, 4, 5], :, 0])


def test_bdv_that_names_a_million_times_makes_no_list_of_them(tmp_path, volumes):
    path = files.write_bdv(tmp_path, volumes)
    path.write_text(path.read_text().replace("<last>5</last>", "<last>5000000000000</last>"))
    with pytest.raises(InputError, match="names 5000000000001 times, its HDF5 file holds 6"):
        open_movie(path)


@LEICA
def test_leica_images_are_chosen_by_name_or_number(tmp_path, volumes):
    path = files.write_leica(tmp_path, volumes, images=2)
    with pytest.raises(InputError, match="holds 2 images"):
        open_movie(path, channel=0)
    for dataset in ("Series1", "1"):
        movie = open_movie(path, dataset=dataset, channel=1)
        np.testing.assert_array_equal(movie.read(0, 6), volumes[:, :, 1] + 1)


@pytest.mark.parametrize(
    ("loops", "dataset", "letters"),
    [
        ({"T": 4, "Z": 3}, None, "tz"),
        ({"P": 2, "T": 4, "Z": 3}, "1", "tz"),
        ({"T": 4, "P": 1}, None, "t"),
        ({"W": 2}, None, "!"),
    ],
)
def test_nikon_frames_of_a_position(loops, dataset, letters):
    numbers, found = frame_numbers(Place("m.nd2", None), loops, dataset)
    assert found == letters
    for index in np.ndindex(numbers.shape):
        at = dict(zip([name for name in loops if name != "P"], index, strict=True)) | {"P": int(dataset or 0)}
        assert numbers[index] == np.ravel_multi_index([at[name] for name in loops], tuple(loops.values()))


def test_nikon_positions_are_movies_of_their_own():
    with pytest.raises(InputError, match="3 positions"):
        frame_numbers(Place("m.nd2", None), {"T": 4, "P": 3}, None)
    with pytest.raises(InputError, match="no position '3'"):
        frame_numbers(Place("m.nd2", None), {"T": 4, "P": 3}, "3")


@pytest.mark.parametrize(("suffix", "extra"), [(".nd2", "nikon"), (".lif", "leica")])
def test_a_library_that_is_missing_is_named_with_how_to_install_it(tmp_path, monkeypatch, suffix, extra):
    monkeypatch.setitem(sys.modules, {"nikon": "nd2", "leica": "liffile"}[extra], None)
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"something")
    with pytest.raises(InputError, match=rf"pip install 'cnmf3d\[{extra}\]'"):
        open_movie(path)


@pytest.mark.parametrize("suffix", [pytest.param(".nd2", marks=NIKON), pytest.param(".lif", marks=LEICA)])
def test_a_file_that_only_has_the_name_is_an_error(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"something" * 100)
    with pytest.raises(InputError, match="can't be read as"):
        open_movie(path)


@pytest.mark.parametrize("suffix", [".isxd", ".avi", ".oir"])
def test_formats_that_are_known_but_not_read_say_how_to_convert(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"something")
    with pytest.raises(InputError, match="which cnmf3d doesn't read"):
        open_movie(path)


@pytest.mark.parametrize("name", [*NAMES, "suite2p", "femtonics"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_damaged_files_are_errors(tmp_path_factory, volumes, name, data):
    folder = tmp_path_factory.mktemp("damaged")
    others = {"suite2p": files.write_suite2p, "femtonics": files.write_femtonics}
    path = {**files.WRITERS, **others}[name](folder, volumes)
    victims = sorted(each for each in folder.rglob("*") if each.is_file() and each.suffix != ".tif")
    victim = data.draw(st.sampled_from(victims))
    content = bytearray(victim.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(1, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, min(len(content), 3000) - 1))] = data.draw(st.integers(0, 255))
    victim.write_bytes(bytes(content))
    with contextlib.suppress(InputError):
        open_movie(path, channel=0).read(0, 1)


@settings(max_examples=100, deadline=None)
@given(
    gain=st.sampled_from([1.0, -1.0]),
    offset=st.integers(-70000, 70000),
    kind=st.sampled_from(["u1", "i1", "u2", "i2"]),
)
def test_whole_conversions_are_exact_and_keep_integers_where_they_fit(gain, offset, kind):
    limits = np.iinfo(kind)
    values = np.array([limits.min, limits.min + 1, 0, 1, limits.max - 1, limits.max], kind)
    wanted = gain * values.astype(np.float64) + offset
    seen = calibrated(values, Calibration(gain, float(offset)))
    np.testing.assert_array_equal(np.asarray(seen[(slice(None),)], np.float64), wanted)
    fits = any(
        np.iinfo(k).min <= wanted.min() and wanted.max() <= np.iinfo(k).max for k in (f"u{kind[1]}", f"i{kind[1]}")
    )
    assert (seen.dtype.kind in "iu" and seen.dtype.itemsize == int(kind[1])) == (fits or (gain, offset) == (1, 0))
