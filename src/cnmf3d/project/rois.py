"""The ROIs of a sample as rows: numbers, verdicts, places, quality and tags."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, insert

from cnmf3d.errors import InputError, UsageError
from cnmf3d.project import schema
from cnmf3d.project.columns import Config, Kind
from cnmf3d.project.csv_files import read_rows
from cnmf3d.results import Results, curated
from cnmf3d.results.curation import state_of

Tags = Mapping[str, Mapping[int, str]]
"""Column to ROI number to value."""

GivenTags = Mapping[str, Mapping[int, str | None] | Sequence[str | None]]
"""The same, or a value for each ROI; None and empty text are no tag."""


@dataclass(frozen=True)
class Rois:
    """ROIs of one sample.

    Attributes
    ----------
    ids : (n,) int64
        Their numbers, which never change.
    rows : (n,) int64
        Where their curves lie in the file.
    accepted : (n,) bool
    centroids : (n, 3) float64
        µm, order z, y, x; NaN where the size of a voxel is not known.
    metrics : mapping of name to (n,) array
    tags : mapping of column to ROI number to value
    """

    ids: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    accepted: npt.NDArray[np.bool_]
    centroids: npt.NDArray[np.float64]
    metrics: Mapping[str, npt.NDArray[np.float32]]
    tags: Tags


def rois_of(results: Results) -> Rois:
    """The ROIs of results, as their curation leaves them."""
    found = curated(results)
    components = found.results.components
    texts = {
        column: {roi: tag(column, value) for roi, value in values.items()} for column, values in found.tags.items()
    }
    return Rois(
        ids=found.ids,
        rows=state_of(results).row[found.ids],
        accepted=components.accepted,
        centroids=micrometres(found.results),
        metrics=components.quality,
        tags={column: {roi: text for roi, text in each.items() if text is not None} for column, each in texts.items()},
    )


def micrometres(results: Results) -> npt.NDArray[np.float64]:
    """(n, 3) centroids in µm, order z, y, x."""
    centroids = results.components.centroids()
    size = results.voxel_size
    return np.full_like(centroids, np.nan) if size is None else centroids * np.array(size)


def tags_of(config: Config, rois: Rois, given: GivenTags | None) -> Tags:
    """The tags of ROIs with those that were given, seen to fit the project.

    Raises
    ------
    UsageError
        For columns and ROIs that aren't there, and values that are no text.
    """
    tags = {name: dict(values) for name, values in rois.tags.items() if values}
    known = set(rois.ids.tolist())
    for column, values in (given or {}).items():
        if not isinstance(values, Mapping):
            if isinstance(values, str) or len(values) != len(rois.ids):
                raise UsageError(
                    f"the tags of {column} are not one for each of the {len(rois.ids)} ROIs", "Give a list, or a dict."
                )
            values = dict(zip(rois.ids.tolist(), values, strict=True))
        mine = tags.setdefault(column, {})
        for roi, value in values.items():
            if roi not in known:
                raise UsageError(f"{column} tags the ROI {roi}, which is not there", "ROIs are named by their numbers.")
            text = tag(column, value)
            if text is None:
                mine.pop(int(roi), None)
            else:
                mine[int(roi)] = text
    for column in tags:
        config.column(column, Kind.ROI)
    return tags


def tag(column: str, value: Any) -> str | None:
    """A tag as text; None where there is none.

    Raises
    ------
    UsageError
        Where it is no text, number or bool.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, (str, int, float)):
        raise UsageError(f"a tag of {column} is {value!r}", "Tags are texts.")
    return str(value).strip() or None


def read_tags(path: Path) -> dict[str, dict[int, str]]:
    """Tags from a CSV file: a column ``roi`` with numbers, and a column for each column of tags.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        Where it can't be read, or a number is none.
    """
    header = "A column names ROIs by their numbers: roi,cell type"
    names, rows = read_rows(path, header)
    if "roi" not in names:
        raise InputError(f"{path} has no column roi", header)
    out: dict[str, dict[int, str]] = {name: {} for name in names if name != "roi"}
    for number, row in enumerate(rows, 1):
        try:
            roi = int(row["roi"])
        except ValueError:
            raise InputError(f"{path}: row {number} is of the ROI {row['roi']!r}", "ROIs are whole numbers.") from None
        for name, each in out.items():
            each[roi] = row[name]
    return out


def verdict(value: Any) -> bool:
    """A verdict: whether an ROI is accepted.

    Raises
    ------
    UsageError
        Where it is no bool.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, bool):
        raise UsageError(f"accepted is {value!r}", "Give True or False.")
    return value


def insert_rois(connection: Connection, uuid: str, rois: Rois, tags: Tags) -> None:
    """Write the rows of a sample's ROIs."""
    if not len(rois.ids):
        return
    metrics = {name: _shortest(values) for name, values in rois.metrics.items()}
    centroids = [[_number(v) for v in place] for place in rois.centroids.tolist()]
    rows = [
        {
            "sample": uuid,
            "roi": roi,
            "row": row,
            "accepted": int(verdict),
            "z_um": z,
            "y_um": y,
            "x_um": x,
            "metrics": {name: values[number] for name, values in metrics.items()},
            "tags": {column: values[roi] for column, values in tags.items() if roi in values},
        }
        for number, (roi, row, verdict, (z, y, x)) in enumerate(
            zip(rois.ids.tolist(), rois.rows.tolist(), rois.accepted.tolist(), centroids, strict=True)
        )
    ]
    connection.execute(insert(schema.rois), rows)


def _shortest(values: npt.NDArray[np.float32]) -> list[float | None]:
    """Numbers with as few digits as tell them from all others of their type; None where they aren't finite."""
    return [_number(float(text)) for text in np.asarray(values, np.float32).astype("U").tolist()]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
