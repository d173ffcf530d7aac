"""SQLite files that several programs have open at once: how they are opened, and what is said of one that can't be."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select, update
from sqlalchemy.engine import URL, ExceptionContext

from cnmf3d import plain_json
from cnmf3d.column_types import COPY, PLACE
from cnmf3d.errors import InputError
from cnmf3d.regular import see_files
from cnmf3d.written import sweep, temporary_name, to_disk, unwritable

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
    see_files(file)
    if first is not None:
        _make(file, whose, about, {"version": newest, **first})
    engine = _engine(file, whose)
    mine = about.c.name == "version"

    def told(connection: Connection) -> int:
        version = _version(connection.execute(select(about.c.value).where(mine)).scalar(), newest, file, whose)
        if version < newest and version not in upgrades:
            raise InputError(f"{file} is damaged: there is no format {version}", COPY)
        return version

    with _let_go(engine):
        with reading(engine) as connection:
            if told(connection) == newest:
                return engine
        with engine.begin() as connection:
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


def _make(file: Path, whose: str, about: Table, values: Mapping[str, Any]) -> None:
    """Make a database whole or not at all: one that is being made has another name."""
    sweep(file.parent)
    part = file.with_name(temporary_name())
    engine = _engine(part, whose, shown=file, mode="DELETE")
    try:
        with engine.begin() as connection:
            about.metadata.create_all(connection)
            connection.execute(insert(about), [{"name": name, "value": value} for name, value in values.items()])
        engine.dispose()
        part.replace(file)
        to_disk(file.parent)
    except OSError as error:
        raise unwritable(file, error) from error
    finally:
        engine.dispose()
        part.unlink(missing_ok=True)


def is_made(file: Path) -> bool:
    """Whether there is a database: an empty file, which older versions left where they were killed, is none."""
    try:
        return file.stat().st_size > 0
    except OSError:
        return False


def _engine(file: Path, whose: str, *, shown: Path | None = None, mode: str = "") -> Engine:
    """Whose transactions take the right to write at once, so that what one read is still so when it writes.

    Those of `reading` don't take it. A database that can't be written to is read all the same.
    """
    fixed = shown is None and not writable(file)
    address = f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1" if fixed else str(file)
    url = URL.create("sqlite", database=address, query={"uri": "true"} if fixed else {})

    def parsed(text: str | bytes) -> Any:
        try:
            return plain_json.loads(text)  # of a number SQLAlchemy wants the TypeError
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{shown or file} is damaged: it holds {str(text)[:40]!r} where JSON belongs", COPY
            ) from error

    engine = create_engine(url, connect_args={"timeout": PATIENCE}, json_deserializer=parsed)
    setattr(engine.dialect, PLACE, shown or file)
    mode = mode or ("DELETE" if on_network(file.parent) else "WAL")

    @event.listens_for(engine, "connect")
    def settings(connection, record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None  # transactions begin where we say so, and at once take the right to write
        pragmas = () if fixed else (f"journal_mode={mode}", "synchronous=FULL")
        for pragma in (*pragmas, "foreign_keys=ON"):
            try:
                connection.execute(f"PRAGMA {pragma}")
            except UnicodeDecodeError as error:
                raise _explained(error, shown or file, whose) from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        kind = "DEFERRED" if fixed else connection.get_execution_options().get(TRANSACTION, "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {kind}")

    @event.listens_for(engine, "handle_error")
    def explain(context: ExceptionContext) -> None:
        error = context.original_exception
        # SQLite's own messages quote what is damaged: then they are no text
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError)
        if damaged or isinstance(error, UnicodeDecodeError):
            raise _explained(error, shown or file, whose) from error

    return engine


def writable(file: Path) -> bool:
    """Whether a database, and the folder in which SQLite keeps its journal, can be written to."""
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK | os.X_OK)


@contextmanager
def _let_go(engine: Engine) -> Iterator[None]:
    """Let go of a database that can't be used."""
    try:
        yield
    except InputError:
        engine.dispose()
        raise


def _explained(error: BaseException, file: Path, whose: str) -> InputError:
    """What is wrong with a database, and what helps."""
    reason = "it is damaged" if isinstance(error, UnicodeDecodeError) else str(error).partition("\n")[0]
    fixes = {
        "full": "Free some space on its disk; it is as it was before.",
        "readonly": "It is somebody else's, or in a folder that can't be written to: copy the folder to have your own.",
        "locked": "Another program is writing there. Try again once it has ended.",
        "disk I/O": "Is its disk full, or has it a fault? Look there first; then restore a copy if it needs one.",
    }
    fix = next((text for word, text in fixes.items() if word in reason), "")
    return InputError(
        f"{file} can't be used: {reason}",
        fix or f"Is it {whose} database, and may you write there? Restore a copy of it.",
    )


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
