"""CSV files that people write by hand or with a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

from cnmf3d.csv_cells import unguarded
from cnmf3d.errors import InputError
from cnmf3d.regular import refuse_special


def read_rows(path: Path, header: str) -> tuple[list[str], list[dict[str, str]]]:
    """Read a CSV file, whatever separates its columns.

    Parameters
    ----------
    path : Path
    header : str
        What its header should be, in words.

    Returns
    -------
    tuple
        Names of the columns, and rows by these names; empty lines are left out, cells that a line lacks are empty.

    Raises
    ------
    InputError
        Where it can't be read.
    """
    refuse_special(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"{path} can't be read: {reason}", f"Give a CSV file. {header}") from error
    lines = text.splitlines()
    head = lines[0] if lines else ""
    reader = csv.DictReader(lines, delimiter=max(",;\t", key=head.count), skipinitialspace=True, restval="")
    names = [unguarded(name.strip()) for name in reader.fieldnames or ()]
    reader.fieldnames = names
    rows = [{name: unguarded(row[name]) for name in names} for row in reader]
    return names, [row for row in rows if any(cell.strip() for cell in row.values())]
