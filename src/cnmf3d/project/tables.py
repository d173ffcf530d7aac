"""Tables of a project as files: CSV, Parquet, Excel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnmf3d.csv_cells import guarded
from cnmf3d.errors import UsageError
from cnmf3d.results.placing import new_file

if TYPE_CHECKING:
    import pandas as pd

EXCEL_ROWS = 1_048_575
"""Rows that a sheet holds below its header."""


def to_csv(frame: pd.DataFrame, path: str | Path, *, force: bool = False) -> Path:
    """Write a table as CSV (UTF-8), with texts that a spreadsheet would compute after a ' (see `cnmf3d.csv_cells`).

    Parameters
    ----------
    frame : DataFrame
    path : path
    force : bool
        Replace a file that is there.

    Raises
    ------
    UsageError
        Where there is such a file already, and it isn't to be replaced.
    Cnmf3dError
        Where it can't be written.
    """
    texts = frame.rename(columns=guarded)
    texts = texts.assign(
        **{name: texts[name].map(guarded) for name in texts.columns if texts[name].dtype.kind not in "biufc"}
    )
    return _written(path, force, lambda part: texts.to_csv(part, index=False))


def _curves(frame: pd.DataFrame) -> pd.DataFrame:
    """With the numbers of curves in place of the curves."""
    import pandas as pd

    from cnmf3d.project.curves import curves_of

    out = frame.copy(deep=False)
    for name in _curve_names(frame):
        out[name] = pd.Series(curves_of(frame[name].iloc[0].project, frame, name), index=frame.index)
    return out


def _curve_names(frame: pd.DataFrame) -> list[str]:
    """Columns that hold curves."""
    from cnmf3d.project.curves import Curve

    objects = [name for name in frame.columns if len(frame) and frame[name].dtype == object]
    return [str(name) for name in objects if isinstance(frame[name].iloc[0], Curve)]


def to_parquet(frame: pd.DataFrame, path: str | Path, *, force: bool = False) -> Path:
    """Write a table as Parquet.

    Parameters
    ----------
    frame : DataFrame
        Columns of curves become lists of numbers. The metadata of a column say its unit and what it is, where that is
        known.
    path : path
    force : bool
        Replace a file that is there.

    Raises
    ------
    UsageError
        Where pyarrow is not installed, or there is such a file already.
    Cnmf3dError
        Where it can't be written.
    """
    return _written(path, force, lambda part: _parquet(frame, part))


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a table whose columns have their unit and what they are in their metadata."""
    import pyarrow as pa
    from pyarrow import parquet

    from cnmf3d.results.exports.columns import FIXED, About, about_kind, about_measure
    from cnmf3d.results.exports.nwb.names import METRICS

    known: dict[str, About] = {name: FIXED[name] for name in ("x_um", "y_um", "z_um", "accepted")}
    known |= {name: about_kind(name) for name in _curve_names(frame)}
    for name in METRICS:
        column = f"{name} (metric)" if f"{name} (metric)" in frame else name  # a column of one's own has that name
        known[column] = about_measure(name)
    table = pa.Table.from_pandas(_curves(frame), preserve_index=False)
    fields = [
        field.with_metadata({"unit": about.unit, "description": about.text}) if about else field
        for field in table.schema
        for about in (known.get(field.name),)
    ]
    with path.open("wb") as file:  # pyarrow takes no names that aren't UTF-8
        parquet.write_table(table.cast(pa.schema(fields, metadata=table.schema.metadata)), file)


def to_excel(frame: pd.DataFrame, path: str | Path, *, force: bool = False) -> Path:
    """Write a table as an Excel sheet. A text that begins with ``=`` stays a text.

    Parameters
    ----------
    frame : DataFrame
    path : path
        Ends in ``.xlsx``.
    force : bool
        Replace a file that is there.

    Raises
    ------
    UsageError
        Where openpyxl is not installed, or the table has more rows than a sheet, or there is such a file already.
    Cnmf3dError
        Where it can't be written.
    """
    if len(frame) > EXCEL_ROWS:
        raise UsageError(f"the table has {len(frame)} rows, and a sheet holds {EXCEL_ROWS}", "Write CSV or Parquet.")

    def write(part: Path) -> None:
        import pandas as pd

        with pd.ExcelWriter(part, engine="openpyxl") as book:
            frame.to_excel(book, index=False, sheet_name="ROIs")
            for row in book.sheets["ROIs"].iter_rows():
                for cell in row:
                    if cell.data_type == "f":
                        cell.data_type = "s"

    return _written(path, force, write)


FORMATS: dict[str, Callable[..., Path]] = {
    ".csv": to_csv,
    ".parquet": to_parquet,
    ".xlsx": to_excel,
}
"""By the end of the file's name."""


def write_table(frame: pd.DataFrame, path: str | Path, *, force: bool = False) -> Path:
    """Write a table in the format that the file's name tells.

    Parameters
    ----------
    frame : DataFrame
    path : path
        Ends in ``.csv``, ``.parquet`` or ``.xlsx``.
    force : bool
        Replace a file that is there.

    Raises
    ------
    UsageError
        For another end, or a file that is there already.
    """
    writer = FORMATS.get(Path(path).suffix.lower())
    if writer is None:
        raise UsageError(f"{path} is no name of a table", f"Let it end in {', '.join(FORMATS)}.")
    return writer(frame, path, force=force)


def _written(path: str | Path, force: bool, write: Callable[[Path], Any]) -> Path:
    """Write a file that appears whole or not at all."""
    path = Path(path)
    with new_file(path, force=force) as draft:
        try:
            write(draft)
        except ImportError as error:
            reason = str(error).partition("\n")[0]
            fix = "pip install 'cnmf3d[project]'"
            raise UsageError(f"{path.suffix} files need a package: {reason}", fix) from error
    return path
