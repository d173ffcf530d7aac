"""Every format is read as what was written, lazily; bad files are named with what helps."""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from files import write_nwb, write_scanimage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.results import write_results

SHAPE = (6, 3, 5, 7)


@pytest.fixture(scope="module")
def values():
    """A (T, Z, Y, X) movie in which every value tells its place."""
    return np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


def assert_reads(movie, values):
    """All of it, parts of it, and nothing of it."""
    assert movie.shape == values.shape
    assert movie.dtype == values.dtype
    assert np.array_equal(movie.read(0, len(values)), values)
    assert np.array_equal(movie.read(1, 6, 2), values[1:6:2])
    assert np.array_equal(movie.read(-2, 99), values[-2:])
    assert movie.read(3, 3).shape == (0, *values.shape[1:])
    mapped = movie.contiguous()
    assert mapped is None or np.array_equal(mapped, values)


# ---- TIFF


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
    with pytest.raises(InputError, match="planes=4"):
        open_movie(tmp_path / "m.tif", planes=4)


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
    told = " ".join(movie.warnings)
    assert movie.rate == pytest.approx(1 / np.mean([0.5, 0.5, 0.5, 0.45]))
    assert "2 volumes were dropped" in told and "TimeIncrement" in told


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


def test_scanimage_that_begins_within_a_volume(tmp_path, values):
    pages, state = scanimage(values, 1)
    write_scanimage(tmp_path / "m.tif", pages, state, first_frame=3)
    with pytest.raises(InputError, match="middle of a volume"):
        open_movie(tmp_path / "m.tif")


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
def test_a_damaged_tiff_is_read_or_named(tmp_path, values, place, value):
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": "TZYX"})
    whole = bytearray(path.read_bytes())
    whole[place] = value
    path.write_bytes(whole)
    try:
        open_movie(path).read(0, 6)
    except InputError as error:
        assert error.fix


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


# ---- arrays on disk


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
        tmp_path / "m.zarr", shape=SHAPE, chunks=(2, 3, 4, 4), dtype="u2", zarr_format=version, attributes={"fps": 4.0}
    )
    array[:] = values
    movie = open_movie(tmp_path / "m.zarr", axes="tzyx")
    assert_reads(movie, values)
    assert movie.rate == 4
    assert_reads(open_movie((tmp_path / "m.zarr").as_uri(), axes="tzyx"), values)


def test_zarr_over_fsspec(values):
    import fsspec

    group = zarr.open_group("memory://movie.zarr", mode="w")
    group.create_array("a", shape=SHAPE, dtype="u2", dimension_names=("t", "z", "y", "x"))[:] = values
    assert_reads(open_movie("memory://movie.zarr"), values)
    fsspec.filesystem("memory").rm("/movie.zarr", recursive=True)


def test_ome_zarr(tmp_path, values):
    group = zarr.open_group(tmp_path / "m.zarr", mode="w", zarr_format=2)
    group.create_array("0", shape=SHAPE, chunks=(1, 3, 5, 7), dtype="u2")[:] = values
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


def test_zarr_with_missing_chunks_and_several_arrays(tmp_path, values):
    array = zarr.create_array(tmp_path / "m.zarr", shape=SHAPE, chunks=(1, 3, 5, 7), dtype="u2")
    array[:4] = values[:4] + 1
    assert "2 of 6 chunks" in " ".join(open_movie(tmp_path / "m.zarr", axes="tzyx").warnings)
    group = zarr.open_group(tmp_path / "two.zarr", mode="w")
    for name in ("a", "b"):
        group.create_array(name, shape=SHAPE, dtype="u2")[:] = values
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


@pytest.mark.parametrize("size", [(1, 2), (1, 2, 3, 4), ()])
def test_a_voxel_has_three_sides(size, values):
    with pytest.raises(UsageError, match="voxel_size has"):
        open_movie(values, voxel_size=size)


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
    (tmp_path / "m.avi").write_text("hello")
    with pytest.raises(InputError, match="no format that cnmf3d reads"):
        open_movie(tmp_path / "m.avi")


def test_a_cut_npy(tmp_path, values):
    np.save(tmp_path / "m.npy", values)
    whole = (tmp_path / "m.npy").read_bytes()
    (tmp_path / "m.npy").write_bytes(whole[:-10])
    with pytest.raises(InputError, match="cut short"):
        open_movie(tmp_path / "m.npy", axes="tzyx")


# ---- arrays in memory


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


# ---- sidecars


def written(tmp_path, values, told, name="m.json"):
    np.save(tmp_path / "m.npy", values)
    (tmp_path / name).write_text(told if isinstance(told, str) else json.dumps(told))
    return tmp_path / "m.npy"


def test_the_sidecar_of_the_spec(tmp_path, values):
    told = {"origin": "microscope A", "fps": 7.5, "date": "20260131_142500", "animal": "m3", "axes": "tzyx"}
    movie = open_movie(written(tmp_path, values, told))
    assert movie.rate == 7.5
    assert movie.metadata["animal"] == "m3" and movie.metadata["origin"] == "microscope A"
    assert open_movie(tmp_path / "m.npy", rate=3).rate == 3


def test_a_sidecar_with_voxel_size_and_axes(tmp_path, values):
    told = {"fps": 2, "voxel_size": [1.5, 1.2, 5], "axes": "TXYZ"}
    movie = open_movie(written(tmp_path, values.transpose(0, 3, 2, 1), told))
    assert_reads(movie, values)
    assert movie.voxel_size == ZYX(5, 1.2, 1.5)
    assert "lacks origin, date" in " ".join(movie.warnings)


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ("{", "JSON"),
        ({"fps": "5"}, "fps"),
        ({"fps": 0}, "fps"),
        ({"fps": True}, "fps"),
        ({"fps": None}, "fps"),
        ({"origin": 5}, "origin"),
        ({"date": "yesterday"}, "date"),
        ({"axes": "abc"}, "axes"),
        ({"planes": 1.5}, "planes"),
        ({"voxel_size": [1, 2, 3, 4]}, "voxel_size"),
        ({"voxel_size": "small"}, "voxel_size"),
    ],
)
def test_a_wrong_sidecar_is_named(tmp_path, values, told, named):
    with pytest.raises(InputError) as error:
        open_movie(written(tmp_path, values, told))
    assert named in error.value.problem and "m.json" in error.value.problem and error.value.fix


def test_a_json_that_is_no_sidecar_is_left_alone(tmp_path, values):
    movie = open_movie(written(tmp_path, values, {"something": "else"}), axes="tzyx", rate=1)
    assert "was not used" in " ".join(movie.warnings)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package that has a movie format, for one test."""
    from cnmf3d.movies.formats import outside

    def install(code):
        facts = tmp_path / "site" / "labformat-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: labformat\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text("[cnmf3d.movie_formats]\nlab = labformat:FORMAT\n")
        (tmp_path / "site" / "labformat.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path / "site")
        outside.cache_clear()

    yield install
    sys.modules.pop("labformat", None)
    outside.cache_clear()


LAB = """
import numpy as np
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import Facts, Stored

def opened(place, dataset):
    return Stored(np.full((5, 2, 3, 4), 7, np.uint16), "tzyx", "lab", Facts(rate=3.0))

FORMAT = Format("lab", (".lab",), lambda place: place.suffix == ".lab", opened)
"""


def test_another_package_adds_a_format(package, tmp_path, values):
    package(LAB)
    (tmp_path / "m.lab").write_bytes(b"lab")
    movie = open_movie(tmp_path / "m.lab")
    assert movie.shape == (5, 2, 3, 4) and movie.rate == 3 and movie.metadata["format"] == "lab"
    np.save(tmp_path / "m.npy", values)
    assert open_movie(tmp_path / "m.npy", rate=1).shape == values.shape


def test_a_package_that_is_broken_is_named(package, tmp_path):
    package("import nothing_of_this_name")
    (tmp_path / "m.lab").write_bytes(b"lab")
    with pytest.raises(InputError, match=r"labformat can't be loaded \(ModuleNotFoundError: .*nothing_of_this_name"):
        open_movie(tmp_path / "m.lab")
