"""TIFF, ImageJ, OME and ScanImage are read as what was written; damaged files are named."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from files import assert_reads, write_scanimage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.geometry import ZYX


@pytest.mark.parametrize("axes", ["tzyx", "tyxz", "txyz", "ztyx", "xyzt", "zytx"])
@pytest.mark.parametrize("big", [False, True])
def test_plain_tiff_with_explicit_axes(tmp_path, values, axes, big):
    turned = values.transpose(["tzyx".index(axis) for axis in axes])
    tifffile.imwrite(tmp_path / "m.tif", turned, bigtiff=big, photometric="minisblack")
    assert_reads(open_movie(tmp_path / "m.tif", axes=axes), values)


def test_pages_in_one_list_take_planes(tmp_path, values):
    tifffile.imwrite(tmp_path / "m.tif", values.reshape(-1, 5, 7), metadata=None, photometric="minisblack")
    assert_reads(open_movie(tmp_path / "m.tif", planes=3), values)
    assert_reads(open_movie(tmp_path / "m.tif", planes=3, axes="tzyx"), values)
    by_plane = open_movie(tmp_path / "m.tif", planes=6, axes="ztyx")
    assert by_plane.shape == (3, 6, 5, 7)
    stopped = open_movie(tmp_path / "m.tif", planes=4)
    assert_reads(stopped, values.reshape(-1, 5, 7)[:16].reshape(4, 4, 5, 7))
    assert "no multiple of planes=4" in " ".join(stopped.warnings)


def test_one_plane_is_a_volume(tmp_path, values):
    tifffile.imwrite(tmp_path / "m.tif", values[:, 0], metadata=None, photometric="minisblack")
    movie = open_movie(tmp_path / "m.tif", axes="tyx", rate=30)
    assert_reads(movie, values[:, :1])


def test_imagej_hyperstack(tmp_path, values):
    labels = {"axes": "TZYX", "finterval": 0.2, "spacing": 5.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "m.tif", values, imagej=True, resolution=(1 / 1.5, 1 / 1.2), metadata=labels)
    movie = open_movie(tmp_path / "m.tif")
    assert_reads(movie, values)
    assert movie.rate == pytest.approx(5)
    assert movie.voxel_size == pytest.approx(ZYX(5, 1.2, 1.5), rel=1e-3)
    assert movie.contiguous() is not None
    assert movie.warnings == ()


def test_imagejs_playing_speed_is_no_rate(tmp_path, values):
    tifffile.imwrite(tmp_path / "m.tif", values, imagej=True, metadata={"axes": "TZYX", "fps": 7})
    assert open_movie(tmp_path / "m.tif").rate is None


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_ome_tiff(tmp_path, values, compression):
    stamps = [0.5 * t for t in range(6) for _ in range(3)]
    labels = {
        "axes": "TZYX",
        "PhysicalSizeX": 1.5,
        "PhysicalSizeY": 1.2,
        "PhysicalSizeZ": 0.005,
        "PhysicalSizeZUnit": "mm",
        "Plane": {"DeltaT": stamps, "DeltaTUnit": ["s"] * 18},
    }
    tifffile.imwrite(tmp_path / "m.ome.tif", values, ome=True, metadata=labels, compression=compression)
    movie = open_movie(tmp_path / "m.ome.tif")
    assert_reads(movie, values)
    assert movie.rate == pytest.approx(2)
    assert movie.voxel_size == pytest.approx(ZYX(5, 1.2, 1.5))
    assert movie.metadata["interval_spread_s"] == pytest.approx(0)


def test_ome_tiff_with_dropped_and_irregular_volumes(tmp_path, values):
    times = [0, 0.5, 1.0, 2.5, 3.0, 3.45]
    labels = {"axes": "TZYX", "Plane": {"DeltaT": [t for t in times for _ in range(3)]}, "TimeIncrement": 0.4}
    tifffile.imwrite(tmp_path / "m.ome.tif", values, ome=True, metadata=labels)
    movie = open_movie(tmp_path / "m.ome.tif")
    cautions = " ".join(movie.warnings)
    assert movie.rate == pytest.approx(1 / np.mean([0.5, 0.5, 0.5, 0.45]))
    assert "2 volumes were dropped" in cautions and "TimeIncrement" in cautions


def test_channels_are_chosen(tmp_path, values):
    both = np.stack([values, values + 1000], axis=2)
    tifffile.imwrite(tmp_path / "m.tif", both, imagej=True, metadata={"axes": "TZCYX"})
    assert_reads(open_movie(tmp_path / "m.tif", channel=1), values + 1000)
    with pytest.raises(InputError, match="2 channels"):
        open_movie(tmp_path / "m.tif")
    with pytest.raises(UsageError, match="channel is 2"):
        open_movie(tmp_path / "m.tif", channel=2)


def scanimage(values, flyback=0, **more):
    """Pages and state of a volumetric stack."""
    volumes, slices, height, width = values.shape
    pages = np.zeros((volumes, slices + flyback, height, width), np.int16)
    pages[:, :slices] = values
    pages[:, slices:] = -1
    state = {
        "SI.hChannels.channelSave": [1],
        "SI.hStackManager.enable": True,
        "SI.hStackManager.numSlices": slices,
        "SI.hStackManager.framesPerSlice": 1,
        "SI.hStackManager.stackZStepSize": 5,
        "SI.hFastZ.numDiscardFlybackFrames": flyback,
        "SI.hRoiManager.scanFrameRate": 30.0,
        "SI.hRoiManager.scanVolumeRate": 30.0 / (slices + flyback),
        "SI.hRoiManager.imagingFovUm": [[0, 0], [14, 0], [14, 10], [0, 10]],
        **more,
    }
    return pages.reshape(-1, height, width), state


@pytest.mark.parametrize("flyback", [0, 1, 2])
def test_scanimage_drops_flyback_planes(tmp_path, values, flyback):
    pages, state = scanimage(values, flyback)
    write_scanimage(tmp_path / "m.tif", pages, state)
    movie = open_movie(tmp_path / "m.tif")
    assert movie.metadata["format"] == "ScanImage"
    assert np.array_equal(movie.read(0, 6), values)
    assert movie.rate == pytest.approx(30 / (3 + flyback))
    assert movie.voxel_size == pytest.approx(ZYX(5, 2, 2))


def test_scanimage_with_an_incomplete_last_volume(tmp_path, values):
    pages, state = scanimage(values, 1)
    write_scanimage(tmp_path / "m.tif", pages[:-2], state)
    movie = open_movie(tmp_path / "m.tif")
    assert np.array_equal(movie.read(0, 5), values[:5]) and movie.shape[0] == 5
    assert "incomplete" in " ".join(movie.warnings)


def test_scanimage_with_two_channels(tmp_path, values):
    both = np.stack([values, values + 1000], axis=2).reshape(6, 6, 5, 7)
    pages, state = scanimage(both)
    state |= {"SI.hChannels.channelSave": [1, 2], "SI.hStackManager.numSlices": 3}
    write_scanimage(tmp_path / "m.tif", pages, state)
    assert np.array_equal(open_movie(tmp_path / "m.tif", channel=1).read(0, 6), values + 1000)


@pytest.mark.parametrize("keep", [0, 3, 100, 0.1, 0.3])
def test_truncated_tiff_is_named(tmp_path, values, keep):
    tifffile.imwrite(tmp_path / "m.tif", values, imagej=True, metadata={"axes": "TZYX"})
    whole = (tmp_path / "m.tif").read_bytes()
    (tmp_path / "m.tif").write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match=r"m\.tif") as error:
        open_movie(tmp_path / "m.tif").read(0, 6)
    assert error.value.fix


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 300), value=st.integers(0, 255))
def test_a_damaged_tiff_is_read_or_named(tmp_path, monkeypatch, values, place, value):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": "TZYX"})
    whole = bytearray(path.read_bytes())
    whole[place] = value
    path.write_bytes(whole)
    try:
        open_movie(path).read(0, 6)
    except Cnmf3dError as error:
        assert error.fix
