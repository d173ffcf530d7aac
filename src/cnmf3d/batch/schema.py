"""The batch's database: tables, their version, and how an older one is brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
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
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from cnmf3d.errors import InputError

VERSION = 1
"""Of the tables below."""

NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "lustre", "gpfs", "beegfs", "afs", "9p", "ceph")
"""File systems on which several machines can't share a write-ahead log."""

PATIENCE = 20.0
"""Seconds that a program waits for another one's transaction."""

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
    engine = create_engine(URL.create("sqlite", database=str(file)), connect_args={"timeout": PATIENCE})
    mode = "DELETE" if on_network(file.parent) else "WAL"

    @event.listens_for(engine, "connect")
    def settings(connection, record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None  # transactions begin where we say so, and at once take the right to write
        for pragma in (f"journal_mode={mode}", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            if create:
                tables.create_all(connection)
                connection.execute(insert(about).values(name="version", value=str(VERSION)))
            _upgrade(connection, file)
    except DatabaseError as error:
        engine.dispose()
        reason = str(error.orig).partition("\n")[0]
        raise InputError(
            f"{file} can't be used: {reason}",
            "Is it a batch's database, and may you write there? Restore a copy of it.",
        ) from error
    except InputError:
        engine.dispose()
        raise
    return engine


def _upgrade(connection: Connection, file: Path) -> None:
    """Bring the tables to `VERSION`."""
    found = connection.execute(select(about.c.value).where(about.c.name == "version")).scalar()
    try:
        version = int(found or "")
    except ValueError:
        raise InputError(f"{file} is not a batch's database", "Name the folder of a batch.") from None
    if version > VERSION:
        raise InputError(
            f"{file} was written by a newer cnmf3d (format {version}, this one knows {VERSION})", "Update cnmf3d."
        )
    while version < VERSION:
        UPGRADES[version](connection)
        version += 1
        connection.execute(about.update().where(about.c.name == "version").values(value=str(version)))


def on_network(folder: Path) -> bool:
    """Whether a folder lies on a file system that several machines share."""
    inside, kind = "", ""
    resolved = folder.resolve()
    for partition in psutil.disk_partitions(all=True):
        mount = partition.mountpoint
        if resolved.is_relative_to(mount) and len(mount) > len(inside):
            inside, kind = mount, partition.fstype.lower()
    return kind.startswith(NETWORK)
