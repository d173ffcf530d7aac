"""Intensities mean the same wherever they come from: scales and offsets that files carry are applied."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from files import assert_reads, write_nwb
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.movies.calibration import Calibration, calibrated, calibration_of

SIGNED = np.arange(-300, 330, dtype=np.int16).reshape(6, 3, 5, 7)


def write_imagej(path, stored, **labels):
    """A hyperstack with lines of its own in ImageJ's description."""
    tifffile.imwrite(path, stored, imagej=True, metadata={"axes": "TZYX", "finterval": 0.2, **labels})


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_signed_values_of_imagej(tmp_path, compression):
    stored = (SIGNED.astype(np.int32) + 32768).astype(np.uint16)
    labels = {"axes": "TZYX", "cf": 0, "c0": -32768.0, "c1": 1.0, "vunit": "Gray Value"}
    tifffile.imwrite(tmp_path / "m.tif", stored, imagej=True, metadata=labels, compression=compression)
    movie = open_movie(tmp_path / "m.tif", rate=5)
    assert_reads(movie, SIGNED)
    assert movie.metadata["calibration"] == {"gain": 1.0, "offset": -32768.0, "unit": "Gray Value"}
    assert movie.fingerprint() == open_movie(SIGNED).fingerprint()
    assert movie.contiguous() is None


def test_a_line_of_imagej(tmp_path):
    stored = np.arange(630, dtype=np.uint8).reshape(SIGNED.shape)
    write_imagej(tmp_path / "m.tif", stored, cf=0, c0=-12.5, c1=0.25)
    assert_reads(open_movie(tmp_path / "m.tif"), (stored * 0.25 - 12.5).astype(np.float32))


def test_signed_samples_that_imagej_counts_from_their_lowest(tmp_path):
    write_imagej(tmp_path / "m.tif", SIGNED, cf=0, c0=-32768, c1=1)
    assert_reads(open_movie(tmp_path / "m.tif"), SIGNED)
    write_imagej(tmp_path / "n.tif", SIGNED, cf=0, c0=-65536, c1=2)
    assert_reads(open_movie(tmp_path / "n.tif"), (2 * SIGNED).astype(np.float32))


def test_imagej_calibrates_no_floats_and_no_curves_are_applied(tmp_path, values):
    write_imagej(tmp_path / "f.tif", values.astype(np.float32), cf=0, c0=-32768, c1=1)
    assert_reads(open_movie(tmp_path / "f.tif"), values.astype(np.float32))
    write_imagej(tmp_path / "c.tif", values, cf=4, c0=1, c1=2)
    movie = open_movie(tmp_path / "c.tif")
    assert_reads(movie, values)
    assert "no straight line (cf=4)" in " ".join(movie.warnings)


def test_files_with_calibrations_of_their_own(tmp_path):
    for name, part, offset in (("a1", SIGNED[:2], 32768), ("a2", SIGNED[2:], 32800)):
        stored = (part.astype(np.int32) + offset).astype(np.uint16)
        write_imagej(tmp_path / f"{name}.tif", stored, cf=0, c0=-offset + 0.5, c1=1)
    assert np.array_equal(open_movie(tmp_path).read(0, 6), SIGNED.astype(np.float32) + 0.5)


def test_pages_in_one_list_keep_their_calibration(tmp_path):
    stored = (SIGNED.astype(np.int32) + 32768).astype(np.uint16).reshape(18, 5, 7)
    tifffile.imwrite(tmp_path / "m.tif", stored, imagej=True, metadata={"axes": "TYX", "cf": 0, "c0": -32768, "c1": 1})
    assert_reads(open_movie(tmp_path / "m.tif", planes=3, rate=5), SIGNED)


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (1.0, -100.0), (2.0, 3.5)])
def test_nwb(tmp_path, values, gain, offset):
    write_nwb(tmp_path / "m.nwb", values.transpose(0, 3, 2, 1))
    with h5py.File(tmp_path / "m.nwb", "a") as file:
        entries = file["acquisition/TwoPhotonSeries/data"].attrs
        entries["conversion"], entries["offset"], entries["unit"] = gain, offset, "volts"
    movie = open_movie(tmp_path / "m.nwb")
    assert np.array_equal(movie.read(0, 6), (values * gain + offset).astype(np.float32))
    assert movie.metadata["calibration"] == {"gain": gain, "offset": offset, "unit": "volts"}


def test_packed_values_of_netcdf_and_xarray(tmp_path, values):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["mov"] = values
        file["mov"].attrs.update({"scale_factor": np.float64(0.1), "add_offset": -3.0, "units": "counts"})
    array = zarr.create_array(
        tmp_path / "m.zarr", shape=values.shape, dtype="u2", attributes={"scale_factor": 0.1, "add_offset": -3.0}
    )
    array[:] = values
    for name in ("m.h5", "m.zarr"):
        movie = open_movie(tmp_path / name, axes="tzyx")
        assert np.allclose(movie.read(0, 6), values * 0.1 - 3, rtol=1e-6, atol=1e-5)
        assert movie.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["u1", "i1", "u2", ">u2", "i2", "i4", "f4", ">f8"]),
    gain=st.sampled_from([1.0, 0.25, -2.0]),
    offset=st.one_of(st.integers(-70000, 70000).map(float), st.floats(-1e3, 1e3)),
    seed=st.integers(0, 99),
)
def test_any_type_by_any_line(kind, gain, offset, seed):
    dtype = np.dtype(kind)
    rng = np.random.default_rng(seed)
    top = 2 ** min(15, 8 * dtype.itemsize - 1) - 1
    stored = rng.integers(0 if dtype.kind == "u" else -top, top, (4, 3, 5)).astype(dtype)
    seen = calibrated(stored, Calibration(gain, offset))
    expected = stored.astype(float) * gain + offset
    part = (slice(1, 4, 2), 1, slice(None))
    assert seen.shape == stored.shape
    assert np.allclose(seen[part], expected[part], rtol=1e-6, atol=1e-2)
    assert np.asarray(seen[part]).dtype == seen.dtype
    if gain == 1 and offset.is_integer() and dtype.kind in "iu":
        assert np.array_equal(seen[part], expected[part])


def test_what_says_nothing_changes_nothing(values):
    assert calibrated(values, None) is values
    assert calibrated(values, calibration_of(1.0, 0.0)) is values
    assert calibration_of(None, None) is None
    assert calibration_of(0.0, 5.0) is None
    assert calibration_of("nan", "much") is None
    assert calibration_of(np.array([2.0]), None) == Calibration(2.0)
