"""The project's database: tables, their version, and how an older one is backed up and brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    ForeignKey,
    MetaData,
    Table,
    UniqueConstraint,
)

from cnmf3d.column_types import Real, Text, Whole
from cnmf3d.database import opened

VERSION = 1
"""Of the tables below."""

FILE = "project.sqlite"

BACKUPS = "backups"

tables = MetaData()

about = Table("about", tables, Column("name", Text, primary_key=True), Column("value", JSON, nullable=False))
"""``version`` and ``columns``."""

samples = Table(
    "samples",
    tables,
    Column("position", Whole, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("animal", Text, nullable=False),
    Column("trial", Text, nullable=False),
    Column("date", Text, nullable=False),
    Column("comments", Text, nullable=False),
    Column("custom", JSON, nullable=False),
    Column("stimuli", JSON, nullable=False),
    Column("meta", JSON, nullable=False),
    Column("history", JSON, nullable=False),
    Column("movie", JSON, nullable=False),
    Column("frames", Whole, nullable=False),
    Column("rate", Real, nullable=False),
    Column("revision", Whole, nullable=False),
    Column("file", Text, nullable=False),
    Column("size", Whole, nullable=False),
    Column("hash", Text, nullable=False),
    Column("added", Text, nullable=False),
    Column("changed", Text, nullable=False),
    UniqueConstraint("animal", "trial"),
)
"""One row a sample; `file` lies in its folder, and `hash` is of its bytes."""

rois = Table(
    "rois",
    tables,
    Column("sample", ForeignKey("samples.uuid", ondelete="CASCADE"), primary_key=True),
    Column("roi", Whole, primary_key=True),
    Column("row", Whole, nullable=False),
    Column("accepted", Whole, nullable=False),
    Column("x_um", Real),
    Column("y_um", Real),
    Column("z_um", Real),
    Column("metrics", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
    sqlite_with_rowid=False,
)
"""One row an ROI; `row` is where its curves lie in the sample's file."""

changes = Table(
    "changes",
    tables,
    Column("number", Whole, primary_key=True),
    Column("when", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("done", JSON),
    Column("undo", JSON),
)
"""What was done to the project; `state` is ``done``, ``undone``, or ``kept`` for what can't be undone."""

UPGRADES: dict[int, Callable[[Connection], None]] = {}
"""From a version to the next one."""


def connect(file: Path, *, create: bool = False) -> Engine:
    """Open the database, at the newest version; an older one is backed up first.

    Raises
    ------
    InputError
        Where it isn't a project's, is damaged, or of a newer version than this.
    """
    first: dict[str, Any] | None = {"columns": {"columns": [], "visible": []}} if create else None

    def before(version: int) -> None:
        backup(file, f"version {version}")

    return opened(file, "a project's", about, VERSION, UPGRADES, first=first, before=before)


def backup(file: Path, why: str) -> Path:
    """Copy the database, as it was before the transaction that is under way.

    Parameters
    ----------
    file : Path
    why : str
        Part of the copy's name.

    Returns
    -------
    Path
        ``backups/project (WHY) TIME.sqlite``.
    """
    folder = file.parent / BACKUPS
    folder.mkdir(exist_ok=True)
    moment = datetime.now().strftime("%Y-%m-%d %H.%M.%S.%f")
    path = folder / f"{file.stem} ({why}) {moment}.sqlite"
    part = path.with_suffix(".part")
    source, target = sqlite3.connect(file), sqlite3.connect(part)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    part.replace(path)
    return path
