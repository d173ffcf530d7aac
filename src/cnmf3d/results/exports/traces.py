"""Traces as tables: CSV for spreadsheets and R, Parquet for pandas, polars and R."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.csv_cells import guarded
from cnmf3d.errors import UsageError
from cnmf3d.results.exports.columns import (
    CHANNEL_FIELDS,
    EVENTS,
    KINDS,
    TIMES,
    About,
    about_rois,
    event_table,
    kinds_of,
    metadata_of,
)
from cnmf3d.results.exports.exporter import Export, Exporter
from cnmf3d.results.exports.roi_table import Column, roi_table
from cnmf3d.results.exports.time_tables import TIME_TABLES, time_tables

if TYPE_CHECKING:
    import pyarrow

COLUMNS = "columns"
"""Table of all columns with their units; CSV has no other place for these."""

EVENT_TABLE = "events"


def write_csv(export: Export, folder: Path) -> tuple[str, ...]:
    """Write ``rois.csv``, a table for each kind of trace (a row a volume, a column a ROI), and what all columns are.

    Parameters
    ----------
    export : Export
    folder : Path
        Made here.
    """
    folder.mkdir()
    rois = roi_table(export)
    _rows(folder / "rois.csv", rois)
    _rows(folder / f"{COLUMNS}.csv", _columns(export, rois))
    for name, (table, _) in time_tables(export.results).items():
        _rows(folder / f"{name}.csv", table)
    for name, kind in kinds_of(export).items():
        _wide(folder / f"{name}.csv", export, kind.values(export))
    if (events := event_table(export)) is not None:
        _rows(folder / f"{EVENT_TABLE}.csv", events)
    return ()


def write_parquet(export: Export, folder: Path) -> tuple[str, ...]:
    """Write ``rois.parquet`` and a table for each kind of trace: a row a volume, a column a ROI.

    Each column has its unit and what it is in its metadata, each table where it comes from.

    Parameters
    ----------
    export : Export
    folder : Path
        Made here.

    Raises
    ------
    UsageError
        Where pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError("export parquet needs pyarrow", "Install it: pip install 'cnmf3d[parquet]'.") from error
    folder.mkdir()

    def write(name: str, columns: Mapping[str, Any], about: Mapping[str, About], **options: Any) -> None:
        with (folder / f"{name}.parquet").open("wb") as file:  # pyarrow takes no names that aren't UTF-8
            parquet.write_table(_described(pyarrow.table(columns), about, export), file, **options)

    rois = roi_table(export)
    write("rois", rois, about_rois(export, rois))
    for name, (parts, about) in time_tables(export.results).items():
        write(name, parts, about)
    for name, kind in kinds_of(export).items():
        columns = dict(zip(_names(export), np.ascontiguousarray(kind.values(export)), strict=True))
        about = dict.fromkeys(columns, kind.about) | {head: TIMES[head] for head in _times(export)}
        write(name, {**_times(export), **columns}, about, use_dictionary=False)
    if (events := event_table(export)) is not None:
        write(EVENT_TABLE, events, EVENTS)
    return ()


def _described(table: pyarrow.Table, about: Mapping[str, About], export: Export) -> pyarrow.Table:
    """A table of Arrow's whose columns say what they are, and which says where it comes from."""
    import pyarrow

    fields = [
        field.with_metadata({"unit": about[field.name].unit, "description": about[field.name].text})
        for field in table.schema
    ]
    return table.cast(pyarrow.schema(fields, metadata=metadata_of(export)))


def _columns(export: Export, rois: Mapping[str, Column]) -> dict[str, list[str]]:
    """Every column of every table, with its unit and what it is; one line for the ROIs of a table of traces."""
    lines = [("rois", name, *about) for name, about in about_rois(export, rois).items()]
    for name, kind in kinds_of(export).items():
        lines += [(name, head, *TIMES[head]) for head in _times(export)]
        lines.append((name, "roi_ID", *kind.about))
    for name, (_, about) in time_tables(export.results).items():
        lines += [(name, head, *meaning) for head, meaning in about.items()]
    if export.results.components.has("events_sd"):
        lines += [(EVENT_TABLE, name, *about) for name, about in EVENTS.items()]
    return {head: [line[k] for line in lines] for k, head in enumerate(("table", "column", "unit", "description"))}


def ours(folder: Path, suffix: str) -> bool:
    """Whether a folder holds nothing but what an export to these tables writes."""
    names = {f"{name}{suffix}" for name in ("rois", COLUMNS, EVENT_TABLE, *TIME_TABLES, *KINDS)}
    others = re.compile(rf"({'|'.join(CHANNEL_FIELDS)})_channel\d+{re.escape(suffix)}")
    return all(path.name in names or others.fullmatch(path.name) for path in folder.iterdir())


def _names(export: Export) -> list[str]:
    """Column names of the ROIs."""
    return [f"roi_{i}" for i in export.ids]


def _times(export: Export) -> dict[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]:
    """The first column: seconds; numbers of volumes where the rate isn't known."""
    results = export.results
    return {"seconds": results.seconds} if results.rate else {"volume": np.arange(results.components.frames)}


def _rows(path: Path, table: Mapping[str, Column]) -> None:
    """A table of columns as CSV; numbers in the fewest digits that give them back."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([guarded(name) for name in table])
        writer.writerows(zip(*([guarded(str(value)) for value in column] for column in table.values()), strict=True))


def _wide(path: Path, export: Export, values: Float) -> None:
    """Traces as CSV: nine digits give every value back."""
    [(head, times)] = _times(export).items()
    line = ",".join(["%.9g"] * len(values)) + "\n"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join([head, *_names(export)]) + "\n")
        for time, row in zip(times.tolist(), values.T, strict=True):
            file.write(f"{time:.12g}," + line % tuple(row.tolist()))


CSV = Exporter(
    "csv",
    "a folder of tables, .csv: ROIs, and their traces",
    write_csv,
    ours=lambda folder: ours(folder, ".csv"),
)
PARQUET = Exporter(
    "parquet",
    "the same tables as .parquet",
    write_parquet,
    ours=lambda folder: ours(folder, ".parquet"),
)
