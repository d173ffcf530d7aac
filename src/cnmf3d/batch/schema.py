"""The batch's database: tables, their version, and how an older one is brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    ForeignKey,
    MetaData,
    Table,
)

from cnmf3d.batch.glance import VERSION
from cnmf3d.column_types import Text, Whole
from cnmf3d.database import opened

tables = MetaData()

about = Table("about", tables, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

items = Table(
    "items",
    tables,
    Column("position", Whole, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("input", JSON, nullable=False),
    Column("options", JSON, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Whole, nullable=False, default=0),
    Column("added", Text, nullable=False),
    Column("started", Text, nullable=False, default=""),
    Column("finished", Text, nullable=False, default=""),
    Column("summary", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("error", Text, nullable=False, default=""),
    Column("abort", Whole, nullable=False, default=0),
)
"""One row an item; `abort` is set by whoever wants a running one to end."""

changes = Table(
    "changes",
    tables,
    Column("number", Whole, primary_key=True),
    Column("item", ForeignKey("items.uuid", ondelete="CASCADE"), nullable=False, index=True),
    Column("when", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("why", Text, nullable=False, default=""),
)
"""History of statuses, append-only."""

UPGRADES: dict[int, Callable[[Connection], None]] = {}
"""From a version to the next one."""


def connect(file: Path, *, create: bool = False) -> Engine:
    """Open the database, at the newest version.

    Raises
    ------
    InputError
        Where it isn't a batch's, is damaged, or of a newer version than this.
    """
    return opened(file, "a batch's", about, VERSION, UPGRADES, first={} if create else None)
