"""Which dimension is what: as the file says; a guess is a caution with the alternatives, or refused."""

from __future__ import annotations

import shutil
import struct

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from files import assert_reads, write_micro_manager
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import InputError
from cnmf3d.movies.axes import completed, letters_of
from cnmf3d.movies.stored import MATLAB_ORDERS, ORDERS


def write_map(path, values, order="C"):
    """A memory map as CaImAn flattens a movie of (T, d1, d2[, d3])."""
    frames, *dims = values.shape
    flat = values.transpose(*range(1, values.ndim), 0).reshape(-1, frames, order="F").astype(np.float32)
    size = "_".join(f"d{i}_{n}" for i, n in enumerate([*dims, 1][:3], 1))
    path = path / f"m_{size}_order_{order}_frames_{frames}.mmap"
    path.write_bytes(flat.tobytes(order=order))
    return path


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_2d_memory_map_has_rows_first(tmp_path, values, order):
    images = values[:, 0].astype(np.float32)
    movie = open_movie(write_map(tmp_path, images, order), rate=5)
    assert_reads(movie, images[:, np.newaxis])
    assert movie.warnings == ()


@pytest.mark.parametrize(("theirs", "axes"), [("xyz", None), ("xyz", "tzyx"), ("yxz", "tzxy"), ("zyx", "txyz")])
def test_a_3d_memory_map_may_have_any_order(tmp_path, values, theirs, axes):
    turned = values.transpose([0, *("tzyx".index(axis) for axis in theirs)])
    movie = open_movie(write_map(tmp_path, turned), rate=5, axes=axes)
    assert_reads(movie, values.astype(np.float32))
    cautions = " ".join(movie.warnings)
    assert ('axes="tzxy"' in cautions and 'axes="txyz"' in cautions and "ztyx" not in cautions) == (axes is None)


def write_matlab(path, array, **attributes):
    """An array as MATLAB 7.3 saves it: in reversed order, behind 512 bytes of MATLAB's own."""
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_dataset("Y", data=array.transpose(), chunks=True, compression="gzip")
        data.attrs["MATLAB_class"] = np.bytes_(array.dtype.name)
        data.attrs.update(attributes)
        file.create_dataset("#refs#/a", data=np.zeros((3, 3, 3)))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + struct.pack("<H", 0x0200) + b"IM")


@pytest.mark.parametrize("name", ["m.mat", "m.h5", "m.dat"])
def test_a_matlab_array_of_rows_columns_planes_volumes(tmp_path, values, name):
    write_matlab(tmp_path / "w.mat", values.transpose(2, 3, 1, 0))
    shutil.copy(tmp_path / "w.mat", tmp_path / name)
    movie = open_movie(tmp_path / name, rate=5)
    assert_reads(movie, values)
    assert movie.metadata["format"] == "MATLAB 7.3" and movie.metadata["axes"] == "tzxy"
    (cautions,) = movie.warnings
    for order, theirs in (("tzxy", "Y × X × Z × T"), ("ztxy", "Y × X × T × Z"), ("tzyx", "X × Y × Z × T")):
        assert f'axes="{order}" ({theirs} in MATLAB' in cautions


@pytest.mark.parametrize("theirs", ["yxzt", "yxtz", "xyzt", "tzyx", "zyxt"])
def test_a_matlab_array_in_an_order_that_is_given(tmp_path, values, theirs):
    write_matlab(tmp_path / "m.mat", values.transpose(["tzyx".index(axis) for axis in theirs]))
    assert_reads(open_movie(tmp_path / "m.mat", axes=theirs[::-1], rate=5), values)


def test_matlab_arrays_of_images(tmp_path, values):
    write_matlab(tmp_path / "one.mat", values[:, 0].transpose(1, 2, 0))
    movie = open_movie(tmp_path / "one.mat", rate=5)
    assert_reads(movie, values[:, :1])
    assert 'axes="txy"' in movie.warnings[0] and "planes=2" in movie.warnings[0]
    write_matlab(tmp_path / "list.mat", values.reshape(-1, 5, 7).transpose(1, 2, 0))
    assert_reads(open_movie(tmp_path / "list.mat", planes=3, rate=5), values)
    assert_reads(open_movie(tmp_path / "list.mat", planes=3, axes="tzxy", rate=5), values)
    with pytest.raises(InputError) as error:
        open_movie(tmp_path / "list.mat", axes="tzyx", rate=5)
    assert "Y × X × T in MATLAB" in error.value.fix


def test_matlab_files_that_are_no_hdf5(tmp_path):
    (tmp_path / "m.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(128) + bytes(500))
    with pytest.raises(InputError, match="older kind") as error:
        open_movie(tmp_path / "m.mat")
    assert "-v7.3" in error.value.fix
    (tmp_path / "n.mat").write_bytes(b"1 2 3 4 5 6 7 8 9")
    with pytest.raises(InputError, match=r"n\.mat can't be read as HDF5"):
        open_movie(tmp_path / "n.mat")


def test_positions_of_the_stage_are_no_planes(tmp_path, values):
    places = np.stack([values[:, 0], values[:, 1] + 1000], axis=1)
    tifffile.imwrite(tmp_path / "m.tif", places, photometric="minisblack", metadata={"axes": "TRYX"})
    with pytest.raises(InputError, match="dimension 2, of length 2, is neither time") as error:
        open_movie(tmp_path / "m.tif", rate=5)
    assert 'axes="tcyx"' in error.value.fix and "channel=1" in error.value.fix
    assert_reads(open_movie(tmp_path / "m.tif", axes="tcyx", channel=1, rate=5), places[:, 1:])
    one = places[:, :1]
    tifffile.imwrite(tmp_path / "one.tif", one, photometric="minisblack", metadata={"axes": "TRYX"})
    assert_reads(open_movie(tmp_path / "one.tif", rate=5), one)


def test_a_stack_of_micro_manager(tmp_path, values):
    write_micro_manager(tmp_path / "a_MMStack.ome.tif", values[:, None, :, None])
    movie = open_movie(tmp_path / "a_MMStack.ome.tif", rate=5)
    assert_reads(movie, values)
    assert movie.warnings == ()


def test_positions_of_micro_manager_are_no_planes(tmp_path, values):
    path = tmp_path / "a_MMStack.ome.tif"
    write_micro_manager(path, values[:, :, None, None])
    with pytest.raises(InputError, match="of length 3, is neither time") as error:
        open_movie(path, rate=5)
    assert "--axes tczyx" in error.value.fix or "--axes tcyx" in error.value.fix
    assert_reads(open_movie(path, axes="tcyx", channel=1, rate=5), values[:, 1:2])
    both = np.stack([values, values + 1000], axis=1)[:, :, :, None]
    write_micro_manager(path, both)
    with pytest.raises(InputError, match="of length 2, is neither time"):
        open_movie(path, rate=5)
    assert_reads(open_movie(path, axes="tczyx", channel=1, rate=5), values + 1000)


def test_positions_with_channels_of_micro_manager_are_chosen(tmp_path, values):
    path = tmp_path / "a_MMStack.ome.tif"
    codes = np.stack([values + 1000 * place for place in range(4)], axis=1).reshape(-1, 2, 2, *values.shape[1:])
    write_micro_manager(path, codes.swapaxes(2, 3))
    with pytest.raises(InputError, match="2 positions of the stage"):
        open_movie(path, rate=5, channel=0)
    for place, channel in np.ndindex(2, 2):
        movie = open_movie(path, rate=5, channel=channel, dataset=str(place))
        assert_reads(movie, values + 1000 * (2 * place + channel))
    with pytest.raises(InputError, match="no position '2'"):
        open_movie(path, rate=5, channel=0, dataset="2")
    write_micro_manager(path, codes[:, :, 0][:, :, :, None])
    assert_reads(open_movie(path, rate=5, dataset="1"), values + 2000)


def test_dimensions_that_are_named_something_else(tmp_path, values):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["mov"] = values
        for dimension, name in zip(file["mov"].dims, ("frame", "trial", "y", "x"), strict=True):
            dimension.label = name
    with pytest.raises(InputError, match="not taken for planes"):
        open_movie(tmp_path / "m.h5", rate=5)
    zarr.create_array(tmp_path / "m.zarr", shape=values.shape, dtype="u2", dimension_names=("time", "animal", "y", "x"))
    with pytest.raises(InputError, match="not taken for planes"):
        open_movie(tmp_path / "m.zarr", rate=5)


def test_dimensions_that_are_named_by_scales(tmp_path, values):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["mov"] = values.transpose(0, 2, 3, 1)
        for at, name in enumerate(("time", "y", "x", "z")):
            file[name] = np.arange(file["mov"].shape[at])
            file[name].make_scale(name)
            file["mov"].dims[at].attach_scale(file[name])
    movie = open_movie(tmp_path / "m.h5", rate=5)
    assert_reads(movie, values)
    assert movie.warnings == ()


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        (("Time", "PLANE", "row", "cols"), "tzy!"),
        (("frames", "slices", "rows", "columns"), "tzyx"),
        (("dim_0", "phony_dim_1", "", None), "????"),
        (("t", "t", "y", "x"), "t!yx"),
        (("t", "position", "y", "x"), "t!yx"),
        (("t", "y", "x"), "????"),
        (None, "????"),
    ],
)
def test_names_of_dimensions(names, letters):
    assert letters_of(names, 4) == letters


def test_what_is_missing_is_filled_in_around_what_is_named():
    assert completed((6, 3, 5, 7), "?zyx", "m", volumes=False)[0] == "tzyx"
    assert completed((6, 3, 5, 7), "?xyz", "m", volumes=False)[0] == "txyz"
    assert completed((6, 5, 7), "?yx", "m", volumes=False)[0] == "tyx"
    assert completed((6, 5, 7), "?yx", "m", volumes=True)[0] == "zyx"
    assert completed((6, 1, 5, 7), "t!yx", "m", volumes=False) == ("t-yx", "")


@given(
    dimensions=st.lists(
        st.tuples(st.sampled_from("tzyxc?!"), st.integers(1, 5)), max_size=6, unique_by=lambda d: d[0] in "?!" or d[0]
    )
    | st.lists(st.tuples(st.just("?"), st.integers(1, 5)), max_size=6),
    volumes=st.booleans(),
    likely=st.sampled_from([ORDERS, MATLAB_ORDERS]),
)
def test_any_dimensions_are_a_movie_or_refused(dimensions, volumes, likely):
    found, shape = "".join(letter for letter, _ in dimensions), tuple(n for _, n in dimensions)
    try:
        axes, text = completed(shape, found, "m", volumes=volumes, likely=likely)
    except InputError as error:
        assert error.fix
        return
    assert len(axes) == len(shape) and not set(axes) & set("?!") and {"y", "x"} <= set(axes)
    assert all(
        now == said or (said in "?!" and (n == 1 or said == "?"))
        for now, said, n in zip(axes, found, shape, strict=True)
    )
    assert all(axes.count(letter) <= 1 for letter in "tzyxc")
    assert bool(text) == any(said == "?" and now != "-" for now, said in zip(axes, found, strict=True))
