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
    Integer,
    MetaData,
    String,
    Table,
)

from cnmf3d.batch.glance import VERSION
from cnmf3d.database import opened

tables = MetaData()

about = Table("about", tables, Column("name", String, primary_key=True), Column("value", String, nullable=False))

items = Table(
    "items",
    tables,
    Column("position", Integer, primary_key=True),
    Column("uuid", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("module", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("input", JSON, nullable=False),
    Column("options", JSON, nullable=False),
    Column("status", String, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("added", String, nullable=False),
    Column("started", String, nullable=False, default=""),
    Column("finished", String, nullable=False, default=""),
    Column("summary", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("error", String, nullable=False, default=""),
    Column("abort", Integer, nullable=False, default=0),
)
"""One row an item; `abort` is set by whoever wants a running one to end."""

changes = Table(
    "changes",
    tables,
    Column("number", Integer, primary_key=True),
    Column("item", ForeignKey("items.uuid", ondelete="CASCADE"), nullable=False, index=True),
    Column("when", String, nullable=False),
    Column("status", String, nullable=False),
    Column("why", String, nullable=False, default=""),
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
