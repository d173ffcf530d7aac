"""Every format but TIFF is read as what was written, lazily; bad files are named with what helps."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import zarr
from files import assert_reads, write_nwb

from cnmf3d import open_movie
from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.results import write_results


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<f4", "<f8", "<i4", "|u1"])
def test_npy(tmp_path, values, order, dtype):
    typed = np.asarray(values % 200, dtype, order=order)
    np.save(tmp_path / "m.npy", typed)
    movie = open_movie(tmp_path / "m.npy", axes="tzyx")
    assert np.array_equal(movie.read(0, 6), typed)
    assert ("float32" in " ".join(movie.warnings)) == (dtype == "<f8")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<u2', 'fortran_order': False, 'shape': (12, 3, 9, 8",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (-12, 3, 9, 8)}",
        "{'descr': '<u2', 'fortran_order': False}",
        "{'descr': '<q9', 'fortran_order': False, 'shape': (12, 3, 9, 8)}",
        "f(",
        "",
    ],
)
def test_npy_with_a_damaged_header(tmp_path, header):
    text = header.ljust(117).encode() + b"\n"
    (tmp_path / "m.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(9999))
    with pytest.raises(InputError, match=r"m\.npy is no readable"):
        open_movie(tmp_path / "m.npy")


def test_npy_of_objects_and_complex_numbers(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="objects"):
        open_movie(tmp_path / "o.npy")
    np.save(tmp_path / "c.npy", np.zeros((3, 3, 3, 3), complex))
    with pytest.raises(InputError, match="complex"):
        open_movie(tmp_path / "c.npy")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr(tmp_path, values, version):
    array = zarr.create_array(
        tmp_path / "m.zarr",
        shape=values.shape,
        chunks=(2, 3, 4, 4),
        dtype="u2",
        zarr_format=version,
        attributes={"fps": 4.0},
    )
    array[:] = values
    movie = open_movie(tmp_path / "m.zarr", axes="tzyx")
    assert_reads(movie, values)
    assert movie.rate == 4
    assert_reads(open_movie((tmp_path / "m.zarr").as_uri(), axes="tzyx"), values)


def test_zarr_over_fsspec(values):
    import fsspec

    group = zarr.open_group("memory://movie.zarr", mode="w")
    group.create_array("a", shape=values.shape, dtype="u2", dimension_names=("t", "z", "y", "x"))[:] = values
    assert_reads(open_movie("memory://movie.zarr"), values)
    fsspec.filesystem("memory").rm("/movie.zarr", recursive=True)


def test_ome_zarr(tmp_path, values):
    group = zarr.open_group(tmp_path / "m.zarr", mode="w", zarr_format=2)
    group.create_array("0", shape=values.shape, chunks=(1, 3, 5, 7), dtype="u2")[:] = values
    units = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "name": "a movie",
            "axes": [{"name": n, "type": "time" if n == "t" else "space", "unit": u} for n, u in units.items()],
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.25, 5.0, 1.2, 1.5]}]}
            ],
        }
    ]
    movie = open_movie(tmp_path / "m.zarr")
    assert_reads(movie, values)
    assert (movie.rate, movie.voxel_size) == (4, ZYX(5, 1.2, 1.5))
    assert "OME-Zarr" in movie.metadata["format"]


def test_ome_zarr_of_before_there_were_lists_of_axes(tmp_path, values):
    group = zarr.open_group(tmp_path / "m.zarr", mode="w", zarr_format=2)
    both = np.stack([values, values + 1000], axis=1)
    group.create_array("0", shape=both.shape, chunks=(1, 1, 3, 5, 7), dtype="u2")[:] = both
    group.attrs["multiscales"] = [{"version": "0.1", "datasets": [{"path": "0"}]}]
    assert_reads(open_movie(tmp_path / "m.zarr", channel=1, rate=5), values + 1000)


def test_zarr_with_missing_chunks_and_several_arrays(tmp_path, values):
    array = zarr.create_array(tmp_path / "m.zarr", shape=values.shape, chunks=(1, 3, 5, 7), dtype="u2")
    array[:4] = values[:4] + 1
    assert "2 of 6 chunks" in " ".join(open_movie(tmp_path / "m.zarr", axes="tzyx").warnings)
    group = zarr.open_group(tmp_path / "two.zarr", mode="w")
    for name in ("a", "b"):
        group.create_array(name, shape=values.shape, dtype="u2")[:] = values
    with pytest.raises(InputError, match="2 arrays"):
        open_movie(tmp_path / "two.zarr")
    assert_reads(open_movie(tmp_path / "two.zarr", dataset="b", axes="tzyx"), values)
    with pytest.raises(InputError, match="nothing named 'c'"):
        open_movie(tmp_path / "two.zarr", dataset="c")


@pytest.mark.parametrize("chunks", [None, (2, 3, 5, 7)])
def test_hdf5(tmp_path, values, chunks):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("data/mov", data=values, chunks=chunks)
        file["small"] = np.zeros(3)
    movie = open_movie(tmp_path / "m.h5", axes="tzyx")
    assert_reads(movie, values)
    assert (movie.contiguous() is None) == (chunks is not None)


def test_results_are_no_movie(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with pytest.raises(InputError, match="holds results, not a movie"):
        open_movie(path)


def test_hdf5_with_several_datasets(tmp_path, values):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["a"], file["b"] = values, values + 1
    with pytest.raises(InputError, match="datasets") as error:
        open_movie(tmp_path / "m.h5", axes="tzyx")
    assert "/a" in error.value.fix and "/b" in error.value.fix
    assert_reads(open_movie(tmp_path / "m.h5", dataset="/b", axes="tzyx"), values + 1)
    with pytest.raises(InputError, match="'c'"):
        open_movie(tmp_path / "m.h5", dataset="c")


def test_nwb(tmp_path, values):
    write_nwb(tmp_path / "m.nwb", values.transpose(0, 3, 2, 1))
    movie = open_movie(tmp_path / "m.nwb")
    assert_reads(movie, values)
    assert movie.rate == 5
    assert movie.voxel_size == pytest.approx(ZYX(5, 1.2, 1.5))
    assert movie.metadata["indicator"] == "GCaMP6s"


def test_nwb_with_two_series(tmp_path, values):
    write_nwb(tmp_path / "m.nwb", values.transpose(0, 3, 2, 1), series=("A", "B"))
    with pytest.raises(InputError, match="2 imaging series"):
        open_movie(tmp_path / "m.nwb")
    assert_reads(open_movie(tmp_path / "m.nwb", dataset="B"), values)


@pytest.mark.parametrize("order", ["C", "F"])
def test_caimans_memory_map(tmp_path, values, order):
    flat = values.astype(np.float32).transpose(3, 2, 1, 0).reshape(-1, 6, order="F")
    path = tmp_path / f"m_d1_7_d2_5_d3_3_order_{order}_frames_6.mmap"
    path.write_bytes(flat.tobytes(order=order))
    assert_reads(open_movie(path), values.astype(np.float32))
    path.write_bytes(flat.tobytes(order=order)[:-4])
    with pytest.raises(InputError, match="its name promises"):
        open_movie(path)


def test_a_memory_map_whose_name_was_lost(tmp_path):
    (tmp_path / "m.mmap").write_bytes(b"1234")
    with pytest.raises(InputError, match="does not tell its shape"):
        open_movie(tmp_path / "m.mmap")


@pytest.mark.parametrize("name", ["m.h5", "m.nwb", "m.npy", "m.zarr.zip"])
def test_files_that_are_not_what_their_name_says(tmp_path, name):
    (tmp_path / name).write_text("hello, this is no movie at all")
    with pytest.raises(InputError, match=name):
        open_movie(tmp_path / name)


def test_formats_that_nobody_reads(tmp_path):
    (tmp_path / "m.ppt").write_text("hello")
    with pytest.raises(InputError, match="no format that cnmf3d reads"):
        open_movie(tmp_path / "m.ppt")


def test_a_cut_npy(tmp_path, values):
    np.save(tmp_path / "m.npy", values)
    whole = (tmp_path / "m.npy").read_bytes()
    (tmp_path / "m.npy").write_bytes(whole[:-10])
    with pytest.raises(InputError, match="cut short"):
        open_movie(tmp_path / "m.npy", axes="tzyx")
