"""Traces as tables: CSV for spreadsheets and R, Parquet for pandas, polars and R."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.errors import UsageError
from cnmf3d.results.exports.exporter import Export, Exporter
from cnmf3d.results.exports.roi_table import Column, roi_table

KINDS: Mapping[str, Callable[[Export], Float]] = {
    "raw": lambda export: export.results.components.raw,
    "dff": lambda export: export.results.components.dff,
    "denoised": lambda export: export.results.components.traces,
    "spikes": lambda export: export.results.components.spikes,
}
"""Name of a table of traces, and what is in it."""


def write_csv(export: Export, folder: Path) -> tuple[str, ...]:
    """Write ``rois.csv`` and a table for each kind of trace: a row a volume, a column a ROI.

    Parameters
    ----------
    export : Export
    folder : Path
        Made here.
    """
    folder.mkdir()
    _rows(folder / "rois.csv", roi_table(export))
    for name, values in KINDS.items():
        _wide(folder / f"{name}.csv", export, values(export))
    return ()


def write_parquet(export: Export, folder: Path) -> tuple[str, ...]:
    """Write ``rois.parquet`` and a table for each kind of trace: a row a volume, a column a ROI.

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
    parquet.write_table(pyarrow.table(roi_table(export)), folder / "rois.parquet")
    for name, values in KINDS.items():
        columns = dict(zip(_names(export), np.ascontiguousarray(values(export)), strict=True))
        table = pyarrow.table({**_times(export), **columns})
        parquet.write_table(table, folder / f"{name}.parquet", use_dictionary=False)
    return ()


def ours(folder: Path, suffix: str) -> bool:
    """Whether a folder holds nothing but what an export to these tables writes."""
    names = {f"{name}{suffix}" for name in ("rois", *KINDS)}
    return {path.name for path in folder.iterdir()} <= names


def _names(export: Export) -> list[str]:
    """Column names of the ROIs."""
    return [f"roi_{i}" for i in export.ids]


def _times(export: Export) -> dict[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]:
    """The first column: seconds; numbers of volumes where the rate isn't known."""
    frames = np.arange(export.results.components.frames)
    return {"seconds": frames / export.results.rate} if export.results.rate else {"volume": frames}


def _rows(path: Path, table: Mapping[str, Column]) -> None:
    """A table of columns as CSV; numbers in the fewest digits that give them back."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*([str(value) for value in column] for column in table.values()), strict=True))


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
