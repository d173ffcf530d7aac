"""Labels as TIFF and OME-Zarr, and the figures of the report."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from scipy import sparse

from cnmf3d.components import Background
from cnmf3d.errors import UsageError
from cnmf3d.results.exports import Export, export
from cnmf3d.results.exports.label_volume import label_volume
from cnmf3d.results.imports import import_results
from cnmf3d.results.report.sections import sections_of
from cnmf3d.results.report.views import LEVEL


def as_told(components, ids):
    """The label volume, voxel by voxel."""
    footprints = components.footprints.toarray()
    height = footprints / np.maximum(footprints.max(axis=0), 1e-12)
    volume = np.zeros(len(footprints), int)
    for voxel, row in enumerate(height):
        if row.max(initial=0) >= LEVEL:
            last = np.flatnonzero(row == row.max())[-1]
            volume[voxel] = ids[last] + 1
    return volume.reshape(components.shape)


def test_a_voxel_belongs_to_the_roi_that_is_nearest_to_its_peak_there(random_results):
    components = random_results(9, (3, 8, 9), 5).components
    ids = np.array([0, 1, 2, 5, 7, 11, 12, 13, 99])
    volume = label_volume(components, ids)
    assert volume.dtype == np.uint16
    assert np.array_equal(volume, as_told(components, ids))
    assert not label_volume(random_results(0).components, ids[:0]).any()


def test_fiji_and_napari_get_the_size_in_micrometres(tmp_path, random_results):
    results = random_results(4, (3, 8, 9), 5)
    assert export("label-tiff", results, tmp_path / "l.tif") == ()
    with tifffile.TiffFile(tmp_path / "l.tif") as file:
        assert file.is_imagej and file.series[0].axes == "ZYX"
        told = file.imagej_metadata
        assert (told["spacing"], told["unit"]) == (4, "um")
        page = file.pages[0]
        assert [n / d for n, d in (page.tags["XResolution"].value, page.tags["YResolution"].value)] == pytest.approx(
            [1 / 1.5, 1]
        )
        assert np.array_equal(file.asarray(), as_told(results.components, np.arange(4)))


def test_labels_without_size_of_one_plane_and_of_high_numbers(tmp_path, random_results):
    results = dataclasses.replace(random_results(2, (1, 8, 9), 5), voxel_size=None)
    ids = np.array([3, 10**6])
    notes = export("label-tiff", Export(results, ids), tmp_path / "l.tif")
    assert any("float32" in note for note in notes)
    values = tifffile.imread(tmp_path / "l.tif")
    assert values.dtype == np.float32 and set(np.unique(values)) == {0, 4, 10**6 + 1}


def test_rois_that_are_covered_are_told(tmp_path, random_results):
    results = random_results(1, (2, 4, 5), 5)
    twice = sparse.csc_array(sparse.hstack([results.components.footprints] * 2, format="csc"))
    both = dataclasses.replace(results.components.select(np.array([0, 0])), footprints=twice)
    notes = export("label-tiff", dataclasses.replace(results, components=both), tmp_path / "l.tif")
    assert notes == ("1 ROIs have no voxel of their own: others cover them.",)


def test_ome_zarr_is_an_image_with_labels(tmp_path, random_results):
    results = random_results(5, (3, 8, 9), 5)
    quality = {**results.components.quality, "snr": np.array([np.nan, 1, 2, np.inf, 4], np.float32)}
    results = dataclasses.replace(results, components=dataclasses.replace(results.components, quality=quality))
    out = tmp_path / "r.ome.zarr"
    export("ome-zarr", Export(results, np.arange(5), {"kind": {1: "PV"}}), out)
    json.loads((out / ".zattrs").read_text(), parse_constant=pytest.fail)
    told = json.loads((out / "labels/rois/.zattrs").read_text(), parse_constant=pytest.fail)
    rows = told["image-label"]["properties"]
    assert [row["label-value"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["kind"] for row in rows] == ["", "PV", "", "", ""]
    assert [row["snr"] for row in rows] == [None, 1, 2, None, 4]
    assert [row["accepted"] for row in rows] == results.components.accepted.tolist()
    root = zarr.open_group(out, mode="r")
    assert root["labels"].attrs["labels"] == ["rois"]
    image = root.attrs["multiscales"][0]
    assert [axis["name"] for axis in image["axes"]] == ["c", "z", "y", "x"]
    assert {axis.get("unit") for axis in image["axes"][1:]} == {"micrometer"}
    assert image["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [1, 4, 1, 1.5]}]
    assert told["multiscales"][0]["datasets"] == image["datasets"]
    assert [channel["label"] for channel in root.attrs["omero"]["channels"]] == list(results.projections)
    assert np.array_equal(root["0"][1], results.projections["max"])
    labels = root["labels/rois/0"]
    assert labels.dtype == np.uint16 and labels.metadata.zarr_format == 2
    assert np.array_equal(labels[0], as_told(results.components, np.arange(5)))


@pytest.mark.parametrize(("name", "out"), [("label-tiff", "l.tif"), ("ome-zarr", "r.ome.zarr")])
def test_labels_come_back_as_masks(tmp_path, random_results, name, out):
    results = random_results(4, (3, 8, 9), 5)
    export(name, Export(results, np.array([0, 2, 3, 8])), tmp_path / out)
    back = import_results("labels", tmp_path / out)
    told = as_told(results.components, np.array([0, 2, 3, 8]))
    assert back.voxel_size == pytest.approx(results.voxel_size)
    for place, label in enumerate(np.setdiff1d(told, [0])):
        assert back.components.quality["label"][place] == label
        mask = back.components.footprints[:, [place]].toarray().reshape(told.shape) > 0
        assert np.array_equal(mask, told == label)


def test_ome_zarr_of_next_to_nothing(tmp_path, random_results):
    results = dataclasses.replace(random_results(0, (1, 4, 5), 3), projections={}, voxel_size=None)
    export("ome-zarr", results, tmp_path / "r.zarr")
    assert not zarr.open_group(tmp_path / "r.zarr", mode="r")["labels/rois/0"][...].any()
    export("ome-zarr", random_results(2, (1, 4, 5), 3), tmp_path / "r.zarr", force=True)
    assert zarr.open_group(tmp_path / "r.zarr", mode="r")["labels/rois/0"][...].any()
    (tmp_path / "r.zarr/mine").write_text("")
    with pytest.raises(UsageError, match="something else"):
        export("ome-zarr", results, tmp_path / "r.zarr", force=True)
    with pytest.raises(UsageError, match=r"\.zarr"):
        export("ome-zarr", results, tmp_path / "r.ngff")


def test_figures_are_those_of_the_report(tmp_path, random_results):
    results = dataclasses.replace(random_results(2, (2, 9, 11), 20), projections={})
    export("png", results, tmp_path / "png")
    names = sorted(path.name for path in (tmp_path / "png").iterdir())
    assert len(names) == sum(len(section.pictures) for section in sections_of(results))
    assert "01_where_the_cells_are.png" in names and "02_plane_by_plane.png" in names
    for name in names:
        with Image.open(tmp_path / "png" / name) as picture:
            assert picture.width > 500


def test_drawings_have_text_and_are_the_same_each_time(tmp_path, random_results):
    results = random_results(1, (1, 9, 11), 20)
    background = Background(np.zeros((99, 0), np.float32), np.zeros((0, 20), np.float32))
    components = dataclasses.replace(results.components, quality={}, background=background)
    results = dataclasses.replace(results, components=components, projections={})
    for name in ("a", "b"):
        notes = export("svg", Export(results, np.array([4])), tmp_path / name)
        assert "count the ROIs" in notes[0]
    for path in sorted((tmp_path / "a").iterdir()):
        text = path.read_text(encoding="utf-8")
        assert text == (tmp_path / "b" / path.name).read_text(encoding="utf-8")
        assert re.search(r"<text[ >]", text)
    export("svg", results, tmp_path / "a", force=True)
