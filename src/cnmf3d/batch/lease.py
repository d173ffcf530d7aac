"""One supervisor a batch: who it is stands in the database, and a dead one is replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from cnmf3d import plain_json
from cnmf3d.batch.processes import lives, signature
from cnmf3d.batch.schema import about
from cnmf3d.batch.store import Batch
from cnmf3d.database import reading
from cnmf3d.errors import UsageError

NAME = "supervisor"


def holder(batch: Batch) -> dict[str, Any] | None:
    """Who supervises the batch now (host, pid, ...); None where nobody does."""
    with reading(batch.engine) as connection:
        who = _held(connection)
    return who if lives(who) else None


def _held(connection: Connection) -> dict[str, Any] | None:
    """Who stands in the database, alive or not."""
    held = connection.execute(select(about.c.value).where(about.c.name == NAME)).scalar()
    try:
        who = plain_json.loads(held) if held else None
    except ValueError:  # somebody else than us wrote it
        return None
    return who if isinstance(who, dict) and {"host", "pid"} <= who.keys() else None


@contextmanager
def lease(batch: Batch) -> Iterator[None]:
    """Be the batch's only supervisor.

    Raises
    ------
    UsageError
        Where another one lives.
    """
    mine = signature()
    with batch.engine.begin() as connection:
        who = _held(connection)
        if who and lives(who):
            raise UsageError(
                f"{batch.folder} is being run by process {who['pid']} on {who['host']}",
                "Items that you add are computed there, too. Stop that one (Ctrl-C) to run it here.",
            )
        connection.execute(delete(about).where(about.c.name == NAME))
        connection.execute(insert(about).values(name=NAME, value=json.dumps(mine)))
    try:
        yield
    finally:
        with batch.engine.begin() as connection:
            who = _held(connection) or {}
            if all(who.get(name) == mine[name] for name in ("host", "pid")):  # of others no living one has both
                connection.execute(delete(about).where(about.c.name == NAME))


def renew(batch: Batch) -> None:
    """Give a sign of life."""
    with batch.engine.begin() as connection:
        connection.execute(update(about).where(about.c.name == NAME).values(value=json.dumps(signature())))
