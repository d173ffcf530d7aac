"""NWB files, in HDF5 or in Zarr and whatever they are called, are read as the schema has them."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest
import zarr
from files import assert_reads, write_nwb

from cnmf3d import open_movie
from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX

SERIES, PLANE = "acquisition/TwoPhotonSeries", "general/optophysiology/plane"


@pytest.fixture
def path(tmp_path, values):
    """An NWB file that says that it is one."""
    path = tmp_path / "m.nwb"
    write_nwb(path, values.transpose(0, 3, 2, 1))
    with h5py.File(path, "a") as file:
        file.attrs["nwb_version"] = "2.7.0"
    return path


@pytest.fixture
def changed(path):
    """Change the file: give a function of (file, series, plane)."""

    def change(what):
        with h5py.File(path, "a") as file:
            what(file, file[SERIES], file[PLANE])
        return path

    return change


def write_zarr(folder, values, *, consolidated):
    """NWB in Zarr 2 as hdmf-zarr writes it: links as attributes, texts and references as arrays of objects."""
    root = zarr.open_group(folder, mode="w", zarr_format=2)
    root.attrs.update({"nwb_version": "2.7.0", "neurodata_type": "NWBFile", ".specloc": "specifications"})
    series = root.create_group("acquisition/S")
    link = {"name": "imaging_plane", "source": ".", "path": "/general/optophysiology/p"}
    series.attrs.update({"neurodata_type": "TwoPhotonSeries", "zarr_link": [link]})
    data = series.create_array("data", shape=values.shape, chunks=(1, 7, 5, 3), dtype="u2")
    data[:] = values
    data.attrs.update({"conversion": 0.5, "offset": -2.0, "unit": "volts"})
    plane = root.create_group("general/optophysiology/p")
    spacing = plane.create_array("grid_spacing", shape=(3,), dtype="f8")
    spacing[:] = [1.5, 1.2, 5.0]
    spacing.attrs["unit"] = "micrometers"
    start = series.create_array("starting_time", shape=(1,), dtype="f8")
    start[:] = 2.5
    start.attrs.update({"rate": 5.0, "unit": "seconds", "zarr_dtype": "scalar"})
    for name, kind in (("session_description", "vlen-utf8"), ("references", "pickle")):
        entries = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": 0, "order": "C"}
        (folder / name).mkdir()
        (folder / name / ".zarray").write_text(json.dumps(entries | {"compressor": None, "filters": [{"id": kind}]}))
        (folder / name / "0").write_bytes(b"\x01\0\0\0\x09\0\0\0a session")
    if consolidated:
        keys = [p for p in folder.rglob(".z*") if p.name in (".zarray", ".zattrs", ".zgroup")]
        metadata = {p.relative_to(folder).as_posix(): json.loads(p.read_text()) for p in keys}
        (folder / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": metadata}))


@pytest.mark.parametrize("name", ["m.nwb.zarr", "m.nwb", "recording"])
@pytest.mark.parametrize("consolidated", [True, False])
def test_nwb_in_zarr(tmp_path, values, name, consolidated):
    write_zarr(tmp_path / name, values.transpose(0, 3, 2, 1), consolidated=consolidated)
    movie = open_movie(tmp_path / name)
    assert_reads(movie, (values * 0.5 - 2).astype(np.float32))
    assert (movie.rate, movie.voxel_size) == (5, ZYX(5, 1.2, 1.5))
    assert movie.metadata["session_description"] == "a session" and movie.metadata["starting_time_s"] == 2.5
    assert movie.warnings == ()


def test_nwb_that_is_called_h5(path, values):
    other = path.with_suffix(".h5")
    shutil.copy(path, other)
    movie = open_movie(other)
    assert_reads(movie, values)
    assert movie.rate == 5 and movie.metadata["format"] == "NWB" and movie.warnings == ()


def test_rate_from_time_stamps(changed, values):
    def stamped(file, series, plane):
        del series["starting_time"]
        series["timestamps"] = np.array([10.0, 10.25, 10.5, 10.75, 11.75, 12.0])
        series["timestamps"].attrs["unit"] = "seconds"
        plane["imaging_rate"][()] = 4.0

    movie = open_movie(changed(stamped))
    assert movie.rate == pytest.approx(4)
    assert movie.metadata["starting_time_s"] == 10
    (text,) = movie.warnings
    assert "3 volumes were dropped" in text


def test_time_stamps_in_another_unit_and_number(changed):
    def stamped(file, series, plane):
        series["timestamps"] = np.arange(9) * 200.0
        series["timestamps"].attrs["unit"] = "milliseconds"

    movie = open_movie(changed(stamped))
    assert movie.rate == pytest.approx(5)
    assert "9 time stamps for 6 frames" in " ".join(movie.warnings)


def test_rates_that_contradict_one_another(changed):
    def frames(file, series, plane):
        plane["imaging_rate"][()] = 15.0

    movie = open_movie(changed(frames))
    (text,) = movie.warnings
    assert movie.rate == 5
    assert "imaging_rate of its plane says 15 Hz" in text and "15 Hz looks like the frame rate" in text


def test_a_rate_that_only_the_plane_has(changed):
    def bare(file, series, plane):
        del series["starting_time"]

    movie = open_movie(changed(bare))
    assert movie.rate == 5
    assert "may be that of single planes" in " ".join(movie.warnings)


def test_voxels_from_the_field_of_view(changed):
    def field(file, series, plane):
        del plane["grid_spacing"]
        series["field_of_view"] = [7 * 1.5e-6, 5 * 1.2e-6, 3 * 5e-6]
        series["field_of_view"].attrs["unit"] = "meters"

    assert open_movie(changed(field)).voxel_size == pytest.approx(ZYX(5, 1.2, 1.5))


def test_a_grid_in_micrometres_that_calls_them_metres(changed):
    def metres(file, series, plane):
        plane["grid_spacing"][()] = [1.5, 1.2, 5]

    assert "unit may be wrong" in " ".join(open_movie(changed(metres)).warnings)


def test_a_series_that_says_that_its_order_is_another(tmp_path, values):
    write_nwb(tmp_path / "m.nwb", values)  # (t, z, y, x): not as the schema has it
    with h5py.File(tmp_path / "m.nwb", "a") as file:
        file[SERIES]["dimension"] = [7, 5, 3]
    movie = open_movie(tmp_path / "m.nwb")
    assert_reads(movie, values)
    assert "read as tzyx" in " ".join(movie.warnings)
    with h5py.File(tmp_path / "m.nwb", "a") as file:
        file[SERIES]["dimension"][()] = [7, 3, 5]
    movie = open_movie(tmp_path / "m.nwb")
    assert movie.shape == (6, 7, 5, 3) and 'axes="tzyx"' in " ".join(movie.warnings)


def test_corrected_images_are_read_where_no_recording_is(changed, values):
    def corrected(file, series, plane):
        group = file.create_group("processing/ophys/MotionCorrection/corrected_image_stack/corrected")
        group.attrs["neurodata_type"] = "ImageSeries"
        group["data"] = values.transpose(0, 3, 2, 1) + 1
        group["starting_time"] = 0.0
        group["starting_time"].attrs["rate"] = 5.0

    path = changed(corrected)
    assert_reads(open_movie(path), values)
    assert_reads(open_movie(path, dataset="corrected"), values + 1)
    with h5py.File(path, "a") as file:
        del file[SERIES]
    assert_reads(open_movie(path), values + 1)


def test_a_series_without_images(changed):
    def external(file, series, plane):
        del series["data"]
        series["external_file"] = ["a.tif", "b.tif"]

    with pytest.raises(InputError, match=r"keeps its images in a\.tif, b\.tif"):
        open_movie(changed(external))
