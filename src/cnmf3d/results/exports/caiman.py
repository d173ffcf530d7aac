"""The results file itself, which is CaImAn's HDF5: as curation left the ROIs, or only the accepted ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cnmf3d.results.exports.exporter import Export, Exporter
from cnmf3d.results.writing import write_results


def write_caiman(export: Export, path: Path) -> tuple[str, ...]:
    """Write a results file with the ROIs that leave as its components; CaImAn opens it."""
    write_results(export.results, path)
    notes = []
    if export.tags:
        notes.append("CaImAn's file has no place for tags; csv, parquet, nwb and ome-zarr have.")
    if not np.array_equal(export.ids, np.arange(len(export.ids))):
        notes.append("ROIs are numbered anew in this file, from 0.")
    return tuple(notes)


EXPORTER = Exporter("caiman", "CaImAn's HDF5, as curation left the ROIs", write_caiman, (".hdf5", ".h5"))
