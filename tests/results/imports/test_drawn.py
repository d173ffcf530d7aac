"""Label images and ImageJ's ROIs: voxels as they were drawn, in their planes."""

from __future__ import annotations

import dataclasses
import zipfile

import h5py
import numpy as np
import pytest
import tifffile
from roifile import ROI_TYPE, ImagejRoi

from cnmf3d.cli.app import call
from cnmf3d.engine.seeds import seeds_of
from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.results import load_results
from cnmf3d.results.exports import Export, export
from cnmf3d.results.footprints import columns_of
from cnmf3d.results.imports import Given, import_results

SHAPE = (4, 20, 30)


def labels() -> np.ndarray:
    volume = np.zeros(SHAPE, np.uint16)
    volume[1:3, 2:5, 3:9] = 7
    volume[0, 10:12, 20:22] = 3
    volume[3, 0, 0] = 300
    return volume


def places(results, roi: int) -> set[tuple[int, ...]]:
    """Voxels of an ROI."""
    column = columns_of(results.components.footprints)[roi]
    return {
        tuple(int(v) for v in p) for p in zip(*np.unravel_index(column.voxels, results.components.shape), strict=True)
    }


@pytest.mark.parametrize("kind", ["plain.tif", "imagej.tif", "float.tif", "ome.ome.tif", "a.npy", "a.zarr"])
def test_labels_of_any_file(tmp_path, kind):
    volume, path, given = labels(), tmp_path / kind, Given()
    if kind == "plain.tif":
        tifffile.imwrite(path, volume, photometric="minisblack")
    elif kind == "imagej.tif":
        tifffile.imwrite(
            path,
            volume,
            imagej=True,
            resolution=(1 / 0.5, 1 / 0.5),
            metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"},
        )
    elif kind == "float.tif":
        tifffile.imwrite(path, volume.astype(np.float32), imagej=True, metadata={"axes": "ZYX"})
    elif kind == "ome.ome.tif":
        tifffile.imwrite(path, volume, metadata={"axes": "ZYX"})
    elif kind == "a.npy":
        np.save(path, volume)
    else:
        import zarr

        zarr.open_array(path, mode="w", shape=SHAPE, chunks=SHAPE, dtype="u2")[...] = volume
    results = import_results("labels", path, given)
    assert results.components.shape == SHAPE
    assert results.components.quality["label"].tolist() == [3, 7, 300]
    for roi, label in enumerate((3, 7, 300)):
        assert places(results, roi) == {tuple(int(v) for v in p) for p in np.argwhere(volume == label)}
    assert np.allclose(np.linalg.norm(results.components.footprints.toarray(), axis=0), 1)
    assert results.components.accepted.all()
    assert results.components.frames == 0
    if kind == "imagej.tif":
        assert results.voxel_size == pytest.approx(ZYX(2.0, 0.5, 0.5))


def test_labels_of_matlab(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["L"] = labels().transpose(0, 2, 1)  # MATLAB's Y × X × Z, in reversed order
        file["L"].attrs["MATLAB_class"] = np.bytes_("uint16")
    results = import_results("labels", tmp_path / "a.mat", Given())
    assert results.components.shape == SHAPE
    assert places(results, 0) == {tuple(int(v) for v in p) for p in np.argwhere(labels() == 3)}


def test_labels_of_one_plane(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", labels()[1], photometric="minisblack")
    results = import_results("labels", tmp_path / "a.tif", Given(voxel_size=ZYX(1, 2, 2)))
    assert results.components.shape == (1, 20, 30)
    assert results.components.count == 1
    assert results.voxel_size == ZYX(1, 2, 2)


@pytest.mark.parametrize("kind", ["label-tiff", "ome-zarr"])
def test_what_we_export_comes_back(tmp_path, random_results, kind):
    results = random_results(5, (3, 9, 11), 10)
    path = tmp_path / ("l.tif" if kind == "label-tiff" else "l.zarr")
    export(kind, Export(results, np.arange(5)), path)
    back = import_results("labels", path)
    assert back.components.shape == (3, 9, 11)
    assert back.voxel_size == pytest.approx(results.voxel_size)
    for label, column in zip(back.components.quality["label"], columns_of(back.components.footprints), strict=True):
        mine = results.components.footprints[:, [int(label) - 1]].toarray().ravel()
        assert (mine[column.voxels] > 0).all()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros(SHAPE, np.uint8), "no labels"),
        (np.full(SHAPE, 0.5, np.float32), "no whole numbers"),
        (np.full(SHAPE, -1, np.int16), "label -1"),
    ],
)
def test_images_that_are_no_labels_are_named(tmp_path, values, told):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=told):
        import_results("labels", tmp_path / "a.npy", Given(axes="zyx"))


def test_movies_are_no_labels(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, *SHAPE), np.uint8))
    with pytest.raises(InputError, match="is no volume"):
        import_results("labels", tmp_path / "a.npy", Given(axes="tzyx"))


def test_axes_are_as_they_are_given(tmp_path):
    np.save(tmp_path / "a.npy", labels().transpose(2, 1, 0))
    results = import_results("labels", tmp_path / "a.npy", Given(axes="xyz"))
    assert results.components.shape == SHAPE
    assert places(results, 0) == {tuple(int(v) for v in p) for p in np.argwhere(labels() == 3)}
    with pytest.raises(InputError, match="axes, not zyxc"):
        import_results("labels", tmp_path / "a.npy", Given(axes="zyxc"))


def test_imported_masks_are_seeds(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", labels(), photometric="minisblack")
    assert call(["import", "labels", str(tmp_path / "a.tif"), str(tmp_path / "o.hdf5")]) == 0
    assert "3 ROIs" in capsys.readouterr().out
    assert seeds_of(tmp_path / "o.hdf5", SHAPE).footprints.shape == (4 * 20 * 30, 3)
    assert load_results(tmp_path / "o.hdf5").components.count == 3


def box(left: int, top: int, right: int, bottom: int, kind: ROI_TYPE = ROI_TYPE.RECT, **more: object) -> ImagejRoi:
    return ImagejRoi(roitype=kind, left=left, top=top, right=right, bottom=bottom, **more)


def save(path, *rois: ImagejRoi) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for number, roi in enumerate(rois):
            file.writestr(f"{number:04}.roi", roi.tobytes())


def test_shapes_cover_the_pixels_whose_centre_is_inside(tmp_path):
    triangle = ImagejRoi.frompoints([[10, 2], [20, 2], [10, 12]], name="t")
    triangle.z_position = 3
    fine = ImagejRoi.frompoints(
        np.array([[0.6, 0.6], [2.4, 0.6], [2.4, 2.4], [0.6, 2.4]], np.float32), name="f", position=0
    )
    save(
        tmp_path / "r.zip",
        box(3, 2, 9, 5, z_position=2, name="r"),
        box(4, 4, 14, 12, ROI_TYPE.OVAL, position=1, name="o"),
        triangle,
        fine,
        box(-5, -5, 2, 2, name="all planes"),
    )
    results = import_results("imagej", tmp_path / "r.zip", Given(shape=SHAPE, voxel_size=ZYX(2, 1, 1)))
    assert results.components.count == 5
    assert places(results, 0) == {(1, y, x) for y in range(2, 5) for x in range(3, 9)}
    oval = {(0, y, x) for y in range(20) for x in range(30) if ((x + 0.5 - 9) / 5) ** 2 + ((y + 0.5 - 8) / 4) ** 2 <= 1}
    assert places(results, 1) == oval
    inside = places(results, 2)
    assert {z for z, _, _ in inside} == {2}
    assert len(inside) == pytest.approx(50, abs=6)
    assert all(x >= 10 and y >= 2 and (x + 0.5 - 10) + (y + 0.5 - 2) <= 10.01 for _, y, x in inside)
    assert places(results, 3) == {(0, 1, 1)}
    assert places(results, 4) == {(z, y, x) for z in range(4) for y in range(2) for x in range(2)}


def test_a_composite_has_its_hole(tmp_path):
    moves = []
    for low, high in ((2, 12), (5, 9)):
        corners = [(low, low), (high, low), (high, high), (low, high)]
        moves += [0, *corners[0], *(v for c in corners[1:] for v in (1, *c)), 4]
    roi = box(2, 2, 12, 12, name="ring")
    roi.shape_roi_size = len(moves)
    roi.multi_coordinates = np.array(moves, np.float32)
    save(tmp_path / "r.zip", roi)
    found = places(import_results("imagej", tmp_path / "r.zip", Given(shape=(1, 20, 30))), 0)
    assert found == {(0, y, x) for y in range(2, 12) for x in range(2, 12) if not (5 <= y < 9 and 5 <= x < 9)}


def test_a_position_in_a_movie_of_one_plane_is_a_time(tmp_path):
    save(tmp_path / "r.zip", box(3, 2, 9, 5, position=200))
    assert import_results("imagej", tmp_path / "r.zip", Given(shape=(1, 20, 30))).components.count == 1


def test_points_are_left_out_with_a_word(tmp_path):
    point = ImagejRoi.frompoints([[3, 3]], name="a point")
    point.roitype = ROI_TYPE.POINT
    save(tmp_path / "r.zip", box(3, 2, 9, 5), point)
    results = import_results("imagej", tmp_path / "r.zip", Given(shape=SHAPE))
    assert results.components.count == 1
    assert "a point" in results.provenance.warnings[0]
    save(tmp_path / "p.zip", point)
    with pytest.raises(InputError, match="no areas"):
        import_results("imagej", tmp_path / "p.zip", Given(shape=SHAPE))


def test_a_single_file(tmp_path):
    (tmp_path / "r.roi").write_bytes(box(3, 2, 9, 5).tobytes())
    assert import_results("imagej", tmp_path / "r.roi", Given(shape=SHAPE)).components.count == 1


@pytest.mark.parametrize(
    ("roi", "shape", "told"),
    [
        (box(3, 2, 9, 5, z_position=5, name="deep"), SHAPE, "plane 5 of 4"),
        (box(40, 2, 49, 5, name="far"), SHAPE, "'far' has no pixel"),
        (box(3, 2, 9, 5), None, "--shape"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, roi, shape, told):
    save(tmp_path / "r.zip", roi)
    with pytest.raises(InputError, match=told):
        import_results("imagej", tmp_path / "r.zip", Given(shape=shape))


@pytest.mark.parametrize("how", ["noise", "cut", "empty", "text in zip"])
def test_damaged_files_are_named(tmp_path, how):
    path = tmp_path / "r.zip"
    save(path, box(3, 2, 9, 5))
    good = path.read_bytes()
    if how == "text in zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a.roi", "hello")
    else:
        path.write_bytes({"noise": b"\x00" * 100, "cut": good[: len(good) // 2], "empty": b""}[how])
    with pytest.raises(InputError, match=r"r\.zip"):
        import_results("imagej", path, Given(shape=SHAPE))


def test_what_a_format_cannot_use_is_refused(tmp_path):
    with pytest.raises(UsageError, match="can't use"):
        import_results("imagej", tmp_path, dataclasses.replace(Given(shape=SHAPE), axes="zyx"))
