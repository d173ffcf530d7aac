"""Projections as an OME-Zarr image, footprints as its labels: OME-NGFF 0.4 on Zarr 2, which most programs read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.results.exports.exporter import Export, Exporter
from cnmf3d.results.exports.label_volume import label_volume
from cnmf3d.results.exports.roi_table import roi_table

if TYPE_CHECKING:
    import zarr

VERSION = "0.4"
LABELS = "rois"
COLOURS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF")


def write_ome_zarr(export: Export, folder: Path) -> tuple[str, ...]:
    """Write an image with a channel for each projection, and ``labels/rois`` with everything known of each ROI."""
    import zarr

    from cnmf3d.results.report.views import background_of

    results = export.results
    names = list(results.projections) or ["footprints"]
    image = np.stack([background_of(results, name) for name in names])
    root = zarr.open_group(folder, mode="w", zarr_format=2)
    _array(root, image)
    root.attrs.update({**_multiscales(export, "cnmf3d"), "omero": {"channels": _channels(names, image)}})
    group = root.create_group("labels")
    group.attrs["labels"] = [LABELS]
    rois = group.create_group(LABELS)
    _array(rois, label_volume(results.components, export.ids)[None])
    about: dict[str, Any] = {"version": VERSION, "source": {"image": "../../"}}
    if len(export.ids):
        about["properties"] = _properties(export)
    rois.attrs.update({**_multiscales(export, LABELS), "image-label": about})
    return ()


def _array(group: zarr.Group, values: npt.NDArray[Any]) -> None:
    chunks = tuple(min(side, limit) for side, limit in zip(values.shape, (1, 16, 256, 256), strict=True))
    array = group.create_array(
        "0", shape=values.shape, dtype=values.dtype, chunks=chunks, chunk_key_encoding={"name": "v2", "separator": "/"}
    )
    array[...] = values


def _multiscales(export: Export, name: str) -> dict[str, Any]:
    """One resolution, in µm where the size of a voxel is known."""
    size = export.results.voxel_size
    unit = {} if size is None else {"unit": "micrometer"}
    axes = [{"name": "c", "type": "channel"}, *({"name": axis, "type": "space", **unit} for axis in "zyx")]
    scale = [1.0, *((1.0, 1.0, 1.0) if size is None else (float(side) for side in size))]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    return {"multiscales": [{"version": VERSION, "name": name, "axes": axes, "datasets": [level]}]}


def _channels(names: Sequence[str], image: npt.NDArray[np.float32]) -> list[dict[str, Any]]:
    """How each projection is shown: the first one alone, its brightest values cut."""
    channels = []
    for place, (name, volume) in enumerate(zip(names, image, strict=True)):
        low, high = (float(v) for v in np.percentile(volume, (1, 99.7)))
        window = {"min": float(volume.min()), "max": float(volume.max()), "start": low, "end": max(high, low + 1e-6)}
        colour = COLOURS[place % len(COLOURS)]
        channels.append({"label": name, "color": colour, "active": place == 0, "window": window})
    return channels


def _properties(export: Export) -> list[dict[str, Any]]:
    """What is known of each ROI, by its label."""
    table = roi_table(export)
    columns = [column.tolist() if isinstance(column, np.ndarray) else column for column in table.values()]
    return [
        {"label-value": int(row[0]) + 1, **{name: _json(value) for name, value in zip(table, row, strict=True)}}
        for row in zip(*columns, strict=True)
    ]


def _json(value: Any) -> Any:
    """A value as JSON can have it: no infinity, no not-a-number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def ours(folder: Path) -> bool:
    """Whether a folder is such an image: its metadata, its array and its labels, and nothing else."""
    names = {path.name for path in folder.iterdir()}
    return names == {".zgroup", ".zattrs", "0", "labels"} and (folder / "labels" / LABELS).is_dir()


EXPORTER = Exporter(
    "ome-zarr",
    "projections with footprints as labels, for napari, Fiji, MoBIE",
    write_ome_zarr,
    (".zarr",),
    ours,
)
