"""One row a ROI: what is known of each beside its footprint and traces."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.results.curation import Value
from cnmf3d.results.exports.exporter import Export

Column = npt.NDArray[Any] | list[str]

LARGEST = 2**63 - 1
"""Whole number that still is one in every format."""


def tag_column(values: list[Value | None]) -> Column:
    """A column of tags in the narrowest type that holds all of them.

    Numbers of one kind stay numbers and switches stay switches where every ROI has one; everything else is text, empty
    for a ROI without a tag.
    """
    kinds = {type(value) for value in values}
    for kind in (bool, int, float):
        if kinds == {kind} and not any(abs(value) > LARGEST for value in values if isinstance(value, int)):
            return np.array(values, kind)
    return ["" if value is None else str(value) for value in values]


def tag_columns(export: Export) -> dict[str, Column]:
    """Every tag column, in the order of the ROIs."""
    return {name: tag_column([values.get(int(i)) for i in export.ids]) for name, values in export.tags.items()}


def roi_table(export: Export) -> dict[str, Column]:
    """Columns by name: identity, judgement, place, size, quality, tags.

    ``x_voxels``, ... are centres of mass in voxels from 0; ``x_um``, ... in µm, where the size of a voxel is known. A
    tag column that has the name of another one gets ``tag_`` before it. `columns.py` has all units.
    """
    components = export.results.components
    centres = components.centroids()
    table: dict[str, Column] = {"id": export.ids, "accepted": components.accepted}
    table |= {f"{axis}_voxels": centres[:, place] for axis, place in (("x", 2), ("y", 1), ("z", 0))}
    size = export.results.voxel_size
    if size is not None:
        table |= {f"{axis}_um": table[f"{axis}_voxels"] * getattr(size, axis) for axis in "xyz"}
    table["voxels"] = np.diff(components.footprints.indptr).astype(np.int64)
    table |= {name: np.asarray(values) for name, values in components.quality.items()}
    for name, column in tag_columns(export).items():
        table[f"tag_{name}" if name in table else name] = column
    return table
