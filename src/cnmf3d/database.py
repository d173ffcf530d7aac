"""SQLite files that several programs have open at once: how they are opened, and what is said of one that can't be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from cnmf3d.errors import InputError

NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "lustre", "gpfs", "beegfs", "afs", "9p", "ceph")
"""File systems on which several machines can't share a write-ahead log."""

PATIENCE = 20.0
"""Seconds that a program waits for another one's transaction."""


def engine_of(file: Path) -> Engine:
    """Reach a SQLite file; nothing is opened before the first transaction.

    Parameters
    ----------
    file : Path

    Returns
    -------
    Engine
        Every transaction takes the right to write at once, so that what it read is still so when it writes.
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

    return engine


@contextmanager
def explained(engine: Engine, file: Path, whose: str) -> Iterator[None]:
    """Let go of a database that can't be used, and say why.

    Parameters
    ----------
    engine : Engine
    file : Path
    whose : str
        ``"a batch's"``.

    Raises
    ------
    InputError
        For every error of the database, and those that name themselves.
    """
    try:
        yield
    except DatabaseError as error:
        engine.dispose()
        reason = str(error.orig).partition("\n")[0]
        raise InputError(
            f"{file} can't be used: {reason}",
            f"Is it {whose} database, and may you write there? Restore a copy of it.",
        ) from error
    except InputError:
        engine.dispose()
        raise


def version_in(found: str | None, newest: int, file: Path, whose: str) -> int:
    """Read the version that a database tells.

    Parameters
    ----------
    found : str or None
        What it tells.
    newest : int
        What this program knows.
    file : Path
    whose : str

    Raises
    ------
    InputError
        Where it tells none, or a newer one.
    """
    try:
        version = int(found or "")
    except ValueError:
        owner = whose.removesuffix("'s")
        raise InputError(f"{file} is not {whose} database", f"Name the folder of {owner}.") from None
    if version > newest:
        raise InputError(
            f"{file} was written by a newer cnmf3d (format {version}, this one knows {newest})", "Update cnmf3d."
        )
    return version


def on_network(folder: Path) -> bool:
    """Whether a folder lies on a file system that several machines share."""
    inside, kind = "", ""
    resolved = folder.resolve()
    for partition in psutil.disk_partitions(all=True):
        mount = partition.mountpoint
        if resolved.is_relative_to(mount) and len(mount) > len(inside):
            inside, kind = mount, partition.fstype.lower()
    return kind.startswith(NETWORK)
