"""One supervisor a batch: who it is stands in the database, and a dead one is replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, insert, select, update

from cnmf3d.batch.processes import lives, signature
from cnmf3d.batch.schema import about
from cnmf3d.batch.store import Batch
from cnmf3d.errors import UsageError

NAME = "supervisor"


def holder(batch: Batch) -> dict[str, Any] | None:
    """Who supervises the batch now (host, pid, ...); None where nobody does."""
    with batch.engine.connect() as connection:
        held = connection.execute(select(about.c.value).where(about.c.name == NAME)).scalar()
    who: dict[str, Any] | None = json.loads(held) if held else None
    return who if lives(who) else None


@contextmanager
def lease(batch: Batch) -> Iterator[None]:
    """Be the batch's only supervisor.

    Raises
    ------
    UsageError
        Where another one lives.
    """
    mine = json.dumps(signature())
    with batch.engine.begin() as connection:
        held = connection.execute(select(about.c.value).where(about.c.name == NAME)).scalar()
        who = json.loads(held) if held else None
        if who and lives(who):
            raise UsageError(
                f"{batch.folder} is being run by process {who['pid']} on {who['host']}",
                "Items that you add are computed there, too. Stop that one (Ctrl-C) to run it here.",
            )
        connection.execute(delete(about).where(about.c.name == NAME))
        connection.execute(insert(about).values(name=NAME, value=mine))
    try:
        yield
    finally:
        with batch.engine.begin() as connection:
            connection.execute(delete(about).where(about.c.name == NAME, about.c.value.contains(_pid(mine))))


def renew(batch: Batch) -> None:
    """Give a sign of life."""
    with batch.engine.begin() as connection:
        connection.execute(update(about).where(about.c.name == NAME).values(value=json.dumps(signature())))


def _pid(mine: str) -> str:
    facts = json.loads(mine)
    return f'"pid": {facts["pid"]}, "created": {facts["created"]}'
