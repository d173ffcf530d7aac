"""SQLite files that several programs have open at once: how they are opened, and what is said of one that can't be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from cnmf3d.errors import InputError

NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "lustre", "gpfs", "beegfs", "afs", "9p", "ceph")
"""File systems on which several machines can't share a write-ahead log."""

PATIENCE = 20.0
"""Seconds that a program waits for another one's transaction."""

TRANSACTION = "cnmf3d_transaction"
"""Option of a connection: how SQLite begins its transactions."""

Upgrades = Mapping[int, Callable[[Connection], None]]
"""From a version to the next one."""


def opened(
    file: Path,
    whose: str,
    about: Table,
    newest: int,
    upgrades: Upgrades,
    *,
    first: Mapping[str, Any] | None = None,
    before: Callable[[int], object] | None = None,
) -> Engine:
    """Open a database at its newest version, in one transaction with all that upgrades change.

    Parameters
    ----------
    file : Path
    whose : str
        ``"a batch's"``.
    about : Table
        With names and values, of which ``version`` is one.
    newest : int
        Version that this program knows.
    upgrades : mapping
    first : mapping, optional
        Make the tables, with these names and values beside the version.
    before : callable, optional
        Called with an older version before it is upgraded.

    Raises
    ------
    InputError
        Where it isn't such a database, is damaged, or of a newer version.
    """
    engine = _engine(file)
    mine = about.c.name == "version"

    def told(connection: Connection) -> int:
        return _version(connection.execute(select(about.c.value).where(mine)).scalar(), newest, file, whose)

    with _explained(engine, file, whose):
        if first is None:
            with reading(engine) as connection:
                if told(connection) == newest:
                    return engine
        with engine.begin() as connection:
            if first is not None:
                about.metadata.create_all(connection)
                rows = [{"name": name, "value": value} for name, value in {"version": newest, **first}.items()]
                connection.execute(insert(about), rows)
            version = told(connection)  # another program may have upgraded it since
            if version < newest and before is not None:
                before(version)
            for older in range(version, newest):
                upgrades[older](connection)
                connection.execute(update(about).where(mine).values(value=older + 1))
    return engine


def reader(engine: Engine) -> Engine:
    """The same database for transactions that only read, each as of one moment, while others read and write.

    Those of `engine` itself are for what writes: they wait for the right to write, which one program has at a time.
    """
    return engine.execution_options(**{TRANSACTION: "DEFERRED"})


def reading(engine: Engine) -> AbstractContextManager[Connection]:
    """One transaction that only reads; see `reader`."""
    return reader(engine).begin()


def _engine(file: Path) -> Engine:
    """Whose transactions take the right to write at once, so that what one read is still so when it writes.

    Those of `reading` don't take it.
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
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(TRANSACTION, 'IMMEDIATE')}")

    return engine


@contextmanager
def _explained(engine: Engine, file: Path, whose: str) -> Iterator[None]:
    """Let go of a database that can't be used, and say why."""
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


def _version(found: object, newest: int, file: Path, whose: str) -> int:
    """The version that a database tells, as a number or as text; refused where it tells none, or a newer one."""
    try:
        version = int(str(found))
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
