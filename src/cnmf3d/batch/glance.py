"""All items of a batch at a glance, without SQLAlchemy: its import takes longer than reading thousands of them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from cnmf3d import plain_json
from cnmf3d.batch.item import Item, item_of
from cnmf3d.regular import see_files

FILE, VERSION = "batch.sqlite", 1
"""Name of the database in a batch's folder, and the version of its tables (see `cnmf3d.batch.schema`)."""

PATIENCE = 5.0
"""Seconds to wait for another program's transaction."""

VALUES = ("parameters", "input", "options", "summary", "warnings")
"""Columns that hold JSON."""


def items_of(folder: str | Path) -> list[Item]:
    """All items in the order of adding.

    Parameters
    ----------
    folder : path
        Of a batch.

    Raises
    ------
    InputError
        Where there is none, or its database can't be used.
    """
    try:
        return _read(Path(folder) / FILE)
    except (sqlite3.Error, ValueError, LookupError, TypeError):  # the store knows what is wrong, or how to mend it
        from cnmf3d.batch.store import Batch

        with Batch.open(folder) as batch:
            return batch.items()


def _read(file: Path) -> list[Item]:
    """What is there, as of one moment."""
    see_files(file)
    fixed = "" if os.access(file.parent, os.W_OK) else "&immutable=1"  # SQLite can't keep its lock there
    address = f"file:{quote(str(file.absolute()))}?mode=ro{fixed}"
    with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as connection:
        connection.row_factory = sqlite3.Row
        (version,) = connection.execute("SELECT value FROM about WHERE name = 'version'").fetchone()
        if version != str(VERSION):
            raise ValueError(version)
        rows = connection.execute("SELECT * FROM items ORDER BY position").fetchall()
    return [item_of(dict(row) | {name: plain_json.loads(row[name]) for name in VALUES}) for row in rows]
