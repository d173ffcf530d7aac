"""Footprints, and what is known of each ROI, as tables of NWB."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.hdf5 import written
from cnmf3d.results.exports.exporter import Export
from cnmf3d.results.exports.nwb import names
from cnmf3d.results.exports.roi_table import Column, tag_columns
from cnmf3d.results.model import Results

AXES = [("x", np.uint32), ("y", np.uint32), ("z", np.uint32)]
VOXEL, PIXEL = np.dtype([*AXES, ("weight", np.float32)]), np.dtype([*AXES[:2], ("weight", np.float32)])
"""What NWB prescribes for volumes and for planes."""

SIDE = 64
"""Pixels along a side of what an image mask compresses together: smaller ones waste less, larger ones are fewer."""

CHUNK = 2**16
"""Voxels that are compressed together."""


def mask_name(components: Components) -> str:
    """What NWB calls the list of a footprint's places: its readers look for pixels in one plane."""
    return "pixel_mask" if components.shape[0] == 1 else "voxel_mask"


def mask_of(components: Components) -> tuple[npt.NDArray[np.void], npt.NDArray[np.uint64]]:
    """Voxels (pixels of one plane) of all footprints one after another, and where each footprint ends."""
    footprints = components.footprints
    places = np.unravel_index(footprints.indices, components.shape)
    voxels = np.empty(footprints.nnz, PIXEL if components.shape[0] == 1 else VOXEL)
    for name, values in zip("zyx", places, strict=True):
        if name in (voxels.dtype.names or ()):
            voxels[name] = values
    voxels["weight"] = footprints.data
    return voxels, footprints.indptr[1:].astype(np.uint64)


def add_segmentation(module: Any, plane: Any, export: Export) -> Any:
    """Add the table of ROIs: voxels, judgement, quality, kinetics, place, tags; `fill_masks` completes the file."""
    from hdmf.backends.hdf5.h5_utils import H5DataIO
    from hdmf.common import VectorData, VectorIndex
    from pynwb.ophys import ImageSegmentation, PlaneSegmentation

    components = export.results.components
    name, (voxels, ends) = mask_name(components), mask_of(components)
    mask = VectorData(
        name=name,
        data=H5DataIO(
            voxels[:1], compression="gzip", compression_opts=1, shuffle=True, chunks=(CHUNK,), maxshape=(None,)
        ),
        description="voxels of the footprint, from 0, and their weights; the footprint has Euclidean norm 1",
    )
    columns = [mask, VectorIndex(name=f"{name}_index", target=mask, data=np.ones(len(ends), np.uint8))]
    if name == "pixel_mask":
        text = "weight of every pixel, (x, y): the same as pixel_mask"
        columns.append(VectorData(name="image_mask", data=np.zeros((len(ends), 1, 1), np.float32), description=text))
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


def fill_masks(path: Path, components: Components) -> None:
    """Write the voxels of all footprints into a file whose table has only the first one.

    pynwb makes a Python tuple of every voxel, which takes longer than all the rest and as much memory.
    """
    name, (voxels, ends) = mask_name(components), mask_of(components)
    with written(path, "r+") as file:
        table = file[f"processing/{names.MODULE}/ImageSegmentation/{names.SEGMENTATION}"]
        table[name].resize((len(voxels),))
        table[name][()] = voxels
        # its whole numbers are as narrow as one voxel needs
        _anew(table, f"{name}_index", data=ends, chunks=True, maxshape=(None,))
        if name == "pixel_mask":
            _fill_images(table, components)


def _fill_images(table: h5py.Group, components: Components) -> None:
    """Write each footprint as a picture (x, y), of which only the parts that it reaches are stored."""
    _, y, x = components.shape
    footprints, chunks = components.footprints, (1, min(x, SIDE), min(y, SIDE))
    packed: dict[str, Any] = {"chunks": chunks, "compression": "gzip", "compression_opts": 1, "shuffle": True}
    images = _anew(table, "image_mask", shape=(components.count, x, y), dtype=np.float32, fillvalue=0, **packed)
    for roi, (start, end) in enumerate(zip(footprints.indptr[:-1], footprints.indptr[1:], strict=True)):
        if start == end:
            continue
        rows, columns = np.divmod(footprints.indices[start:end], x)
        top, left = rows.min(), columns.min()
        part = np.zeros((columns.max() - left + 1, rows.max() - top + 1), np.float32)
        part[columns - left, rows - top] = footprints.data[start:end]
        images[roi, left : left + part.shape[0], top : top + part.shape[1]] = part


def _anew(table: h5py.Group, name: str, **how: Any) -> h5py.Dataset:
    """Make a column again, with the attributes that pynwb gave it."""
    attributes = dict(table[name].attrs)
    del table[name]
    column = table.create_dataset(name, **how)
    column.attrs.update(attributes)
    return column


FIXED = ("accepted", "centroid", names.AR, *(name for name, _ in names.KINETICS.values()))
"""Columns of our own, beside quality and tags."""

MASKS = ("voxel_mask", "voxel_mask_index", "pixel_mask", "pixel_mask_index", "image_mask")
RESERVED = ("id", *MASKS, "imaging_plane", "reference_images", "colnames", "columns", "name")
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
    images = images[..., 0] if z == 1 else images
    chunks = (1, *(min(128, side) for side in images.shape[1:3]), 1)[: images.ndim]
    mask = VectorData(
        name="image_mask",
        data=H5DataIO(images, compression="gzip", compression_opts=1, shuffle=True, chunks=chunks),
        description="weight of every voxel, (x, y, z); of every pixel, (x, y), in one plane",
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
    module["Fluorescence"].add_roi_response_series(series(names.COURSES, background.temporal, rows, results, text))
