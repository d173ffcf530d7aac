"""Footprints, and what is known of each ROI, as tables of NWB."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.results.exports.exporter import Export
from cnmf3d.results.exports.nwb import names
from cnmf3d.results.exports.roi_table import Column, tag_columns
from cnmf3d.results.model import Results

VOXEL = np.dtype([("x", np.uint32), ("y", np.uint32), ("z", np.uint32), ("weight", np.float32)])
"""What NWB prescribes."""

CHUNK = 2**16
"""Voxels that are compressed together."""


def voxel_mask(components: Components) -> tuple[npt.NDArray[np.void], npt.NDArray[np.uint64]]:
    """Voxels of all footprints one after another, and where each footprint ends."""
    footprints = components.footprints
    places = np.unravel_index(footprints.indices, components.shape)
    voxels = np.empty(footprints.nnz, VOXEL)
    for name, values in zip("zyx", places, strict=True):
        voxels[name] = values
    voxels["weight"] = footprints.data
    return voxels, footprints.indptr[1:].astype(np.uint64)


def add_segmentation(module: Any, plane: Any, export: Export) -> Any:
    """Add the table of ROIs: voxels, judgement, quality, kinetics, place, tags; `fill_voxels` completes the file."""
    from hdmf.backends.hdf5.h5_utils import H5DataIO
    from hdmf.common import VectorData, VectorIndex
    from pynwb.ophys import ImageSegmentation, PlaneSegmentation

    voxels, ends = voxel_mask(export.results.components)
    mask = VectorData(
        name="voxel_mask",
        data=H5DataIO(
            voxels[:1], compression="gzip", compression_opts=1, shuffle=True, chunks=(CHUNK,), maxshape=(None,)
        ),
        description="voxels of the footprint, from 0, and their weights; the footprint has Euclidean norm 1",
    )
    columns = [mask, VectorIndex(name="voxel_mask_index", target=mask, data=np.ones(len(ends), np.uint8))]
    for name, (text, values) in _columns(export).items():
        columns.append(VectorData(name=name, description=text, data=values))
    table = PlaneSegmentation(
        name=names.SEGMENTATION,
        description="ROIs of cnmf3d, rejected ones too; their numbers are those of the results file",
        imaging_plane=plane,
        id=export.ids,
        columns=columns,
        colnames=[column.name for column in columns if not isinstance(column, VectorIndex)],
    )
    segmentation = ImageSegmentation()
    segmentation.add_plane_segmentation(table)
    module.add(segmentation)
    return table


def fill_voxels(path: Path, components: Components) -> None:
    """Write the voxels of all footprints into a file whose table has only the first one.

    pynwb makes a Python tuple of every voxel, which takes longer than all the rest and as much memory.
    """
    voxels, ends = voxel_mask(components)
    with h5py.File(path, "r+") as file:
        table = file[f"processing/{names.MODULE}/ImageSegmentation/{names.SEGMENTATION}"]
        table["voxel_mask"].resize((len(voxels),))
        table["voxel_mask"][()] = voxels
        attributes = dict(table["voxel_mask_index"].attrs)
        del table["voxel_mask_index"]  # its whole numbers are as narrow as one voxel needs
        table.create_dataset("voxel_mask_index", data=ends, chunks=True, maxshape=(None,)).attrs.update(attributes)


FIXED = ("accepted", "centroid", names.AR, *(name for name, _ in names.KINETICS.values()))
"""Columns of our own, beside quality and tags."""

RESERVED = ("id", "voxel_mask", "voxel_mask_index", "imaging_plane", "reference_images", "colnames", "columns", "name")
"""Names that columns can't have."""


def _columns(export: Export) -> dict[str, tuple[str, Column]]:
    """Columns by name, each with its description."""
    components, size = export.results.components, export.results.voxel_size
    kinetics = components.kinetics
    centres = components.centroids()[:, ::-1] * (1.0 if size is None else np.array(size.xyz))
    unit = "voxels from the first one" if size is None else "µm from the first voxel"
    found: dict[str, tuple[str, Column]] = {
        "accepted": ("whether the ROI was judged a cell", components.accepted),
        "centroid": (f"centre of mass (x, y, z) in {unit}", centres),
    }
    for name, column in quality_columns(components.quality).items():
        found[column] = (names.METRICS.get(name, f"quality measure {name}"), components.quality[name])
    if kinetics.g.shape[1]:
        found[names.AR] = ("coefficients of the autoregressive model of calcium, a volume", kinetics.g)
    for field, (column, text) in names.KINETICS.items():
        found[column] = (text, getattr(kinetics, field))
    columns = tag_names(export)
    for name, values in tag_columns(export).items():
        found[columns[name]] = (f"tag {name}, given by people", values)
    return found


def quality_columns(quality: Iterable[str]) -> dict[str, str]:
    """The column of each quality measure."""
    found: dict[str, str] = {}
    for name in quality:
        found[name] = _free(name, (*FIXED, *found.values()), "quality")
    return found


def tag_names(export: Export) -> dict[str, str]:
    """The column of each tag column."""
    quality = quality_columns(export.results.components.quality).values()
    found: dict[str, str] = {}
    for name in export.tags:
        found[name] = _free(name, (*FIXED, *quality, *found.values()), "tag")
    return found


def _free(name: str, taken: Iterable[str], prefix: str) -> str:
    """A column's name that HDF5 can hold and that is not taken."""
    name = name.replace("/", "_").replace(":", "_").strip(".") or prefix
    while name in taken or name in RESERVED:
        name = f"{prefix}_{name}"
    return name


def add_background(module: Any, plane: Any, results: Results) -> None:
    """Add the resting image and the neuropil, with their courses."""
    from hdmf.backends.hdf5.h5_utils import H5DataIO
    from hdmf.common import VectorData
    from pynwb.ophys import PlaneSegmentation

    from cnmf3d.results.exports.nwb.writing import series

    background, (z, y, x) = results.components.background, results.components.shape
    rank = background.spatial.shape[1]
    if rank == 0:
        return
    images = background.spatial.T.reshape(rank, z, y, x).transpose(0, 3, 2, 1)
    chunks = (1, *(min(128, side) for side in images.shape[1:3]), 1)
    mask = VectorData(
        name="image_mask",
        data=H5DataIO(images, compression="gzip", compression_opts=1, shuffle=True, chunks=chunks),
        description="weight of every voxel, (x, y, z)",
    )
    table = PlaneSegmentation(
        name=names.BACKGROUND,
        description="what is not cells: the resting image and the neuropil; times their courses",
        imaging_plane=plane,
        columns=[mask],
        colnames=["image_mask"],
        id=list(range(rank)),
    )
    module["ImageSegmentation"].add_plane_segmentation(table)
    rows = table.create_roi_table_region(region=list(range(rank)), description="every row of the background")
    text = "courses of the resting image and the neuropil"
    module["Fluorescence"].add_roi_response_series(series(names.COURSES, background.temporal, rows, results.rate, text))
