"""Footprints as a TIFF of labels, which Fiji and napari open with its size in µm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from cnmf3d.results.exports.exporter import Export, Exporter
from cnmf3d.results.exports.label_volume import label_volume


def write_labels(export: Export, path: Path) -> tuple[str, ...]:
    """Write an ImageJ hyperstack of labels, ZYX: a ROI's number plus one, 0 where there is none."""
    volume = label_volume(export.results.components, export.ids)
    notes = []
    hidden = int(np.setdiff1d(export.ids + 1, volume).size)
    if hidden:
        notes.append(f"{hidden} ROIs have no voxel of their own: others cover them.")
    if volume.dtype == np.uint32:
        volume = volume.astype(np.float32)
        notes.append("Numbers above 65535 are stored as float32, as ImageJ has no other type for them.")
    size = export.results.voxel_size
    scale = {} if size is None else {"spacing": size.z, "unit": "um"}
    tifffile.imwrite(
        path,
        volume,
        imagej=True,
        resolution=None if size is None else (1 / size.x, 1 / size.y),
        metadata={"axes": "ZYX", "min": 0.0, "max": float(volume.max(initial=0)), **scale},
    )
    return tuple(notes)


EXPORTER = Exporter("label-tiff", "a volume of labels, for Fiji, napari, ImageJ", write_labels, (".tif", ".tiff"))
