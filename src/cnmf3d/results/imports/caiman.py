"""CaImAn's HDF5, which is the results file's own schema; 2D as well."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from cnmf3d.results.imports.importer import Given, Importer
from cnmf3d.results.model import Results
from cnmf3d.results.reading import load_results


def read_caiman(path: Path, given: Given) -> Results:
    """Read a file that CaImAn's ``cnm.save`` wrote.

    Parameters
    ----------
    path : Path
    given : Given
        `axes`: order of CaImAn's ``dims``, ``xyz`` or ``yxz``.
    """
    results = load_results(path, axes=given.axes)
    return dataclasses.replace(
        results,
        rate=given.rate or results.rate,
        voxel_size=given.voxel_size or results.voxel_size,
    )


IMPORTER = Importer(
    "caiman",
    "HDF5 that CaImAn saved, 2D or 3D",
    read_caiman,
    frozenset({"axes", "rate", "voxel_size"}),
)
