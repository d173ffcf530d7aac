"""Arrays in memory, and what the user says of a movie: axes, rate, size of a voxel."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from files import assert_reads, write_nwb

from cnmf3d import open_movie
from cnmf3d.errors import InputError, UsageError


@pytest.mark.parametrize("make", [np.asarray, lambda v: v[::-1], np.asfortranarray, lambda v: v.astype(np.float32)])
def test_arrays(values, make):
    assert_reads(open_movie(make(values), rate=5), make(values))


def test_arrays_of_one_plane_and_bad_ones(values):
    assert open_movie(values[:, 0], rate=5).shape == (6, 1, 5, 7)
    for bad in (values[:1], np.zeros((0, 3, 4, 5)), np.zeros((5, 3, 4, 5), complex)):
        with pytest.raises(InputError):
            open_movie(bad)
    with pytest.raises(UsageError, match="2 dimensions"):
        open_movie(values[0, 0])


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_rates_that_are_none(values, rate):
    with pytest.raises(UsageError, match="rate"):
        open_movie(values, rate=rate)


def test_the_same_movie_has_one_fingerprint(tmp_path, values):
    np.save(tmp_path / "m.npy", values.astype(">u2"))
    tifffile.imwrite(tmp_path / "m.tif", values, imagej=True, metadata={"axes": "TZYX"}, compression="zlib")
    prints = {
        open_movie(values).fingerprint(),
        open_movie(tmp_path / "m.npy", axes="tzyx").fingerprint(),
        open_movie(tmp_path / "m.tif").fingerprint(),
    }
    other = values.copy()
    other[-1] += 1
    assert len(prints) == 1
    assert open_movie(other).fingerprint() not in prints
    assert open_movie(values[:5]).fingerprint() not in prints


def test_axes_that_do_not_fit_name_those_that_do(tmp_path, values):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(InputError) as error:
        open_movie(tmp_path / "m.npy", axes="tyx")
    assert "6 × 3 × 5 × 7" in error.value.problem
    assert 'axes="tzyx" (6 volumes of 7 × 5 × 3 (x, y, z))' in error.value.fix


@pytest.mark.parametrize("axes", ["tzyq", "ttyx", "tz", ""])
def test_axes_that_are_none(tmp_path, values, axes):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(UsageError, match="axes"):
        open_movie(tmp_path / "m.npy", axes=axes)


@pytest.mark.parametrize("size", [(1, 2), (1, 2, 3, 4), ()])
def test_a_voxel_has_three_sides(size, values):
    with pytest.raises(UsageError, match="voxel_size has"):
        open_movie(values, voxel_size=size)


class Labelled(np.ndarray):
    """An array with names and attributes, as xarray has them."""

    dims: tuple[str, ...]
    attrs: dict[str, object]


def test_arrays_that_name_their_dimensions(tmp_path, values):
    turned = values.transpose(0, 2, 3, 1)
    named = turned.view(Labelled)
    named.dims, named.attrs = ("time", "y", "x", "z"), {"fps": 4.0}
    movie = open_movie(named)
    assert_reads(movie, values)
    assert movie.rate == 4 and movie.metadata["axes"] == "tyxz"
    array = zarr.create_array(tmp_path / "m.zarr", data=turned, dimension_names=("t", "y", "x", "z"))
    assert_reads(open_movie(array, rate=5), values)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["mov"] = turned
        for dimension, name in zip(file["mov"].dims, "tyxz", strict=True):
            dimension.label = name
        assert_reads(open_movie(file["mov"], rate=5), values)
        file["plain"] = values
        assert_reads(open_movie(file["plain"], rate=5), values)
    named.dims = ("time", "trial", "y", "x")
    with pytest.raises(InputError, match="not taken for planes"):
        open_movie(named)


def test_an_array_of_an_nwb_file(tmp_path, values):
    write_nwb(tmp_path / "m.nwb", values.transpose(0, 3, 2, 1))
    with h5py.File(tmp_path / "m.nwb", "a") as file:
        data = file["acquisition/TwoPhotonSeries/data"]
        data.attrs["conversion"], data.attrs["offset"] = 2.0, -1.0
        assert_reads(open_movie(data, rate=5), (values * 2.0 - 1).astype(np.float32))
