"""The log of a project: what was done, and how it is taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from cnmf3d.batch.store import now
from cnmf3d.errors import UsageError
from cnmf3d.project import schema
from cnmf3d.project.columns import Add, Change, Config, Remove, Rename
from cnmf3d.project.patch import Patch, apply, config_of
from cnmf3d.project.planning import plan
from cnmf3d.results.curation.log import someone

DONE, UNDONE, KEPT = "done", "undone", "kept"
DROPPED = "dropped"
"""Of what was undone before something else was done: it can't be done again."""


@dataclass(frozen=True)
class Logged:
    """One thing that was done to a project.

    Attributes
    ----------
    number : int
    when : str
        ISO 8601 with time zone.
    who, what : str
    state : str
        ``done`` and ``undone`` for what can be undone and done again, ``kept`` and ``dropped`` for what can't.
    """

    number: int
    when: str
    who: str
    what: str
    state: str


def note(connection: Connection, what: str, done: Patch | None = None, undo: Patch | None = None) -> None:
    """Log what a transaction does.

    Parameters
    ----------
    connection : Connection
    what : str
        In words.
    done, undo : Patch, optional
        What it changes, and what takes that back; without them it can't be undone.
    """
    table = schema.changes
    connection.execute(update(table).where(table.c.state == UNDONE).values(state=DROPPED, done=None, undo=None))
    connection.execute(
        insert(table).values(
            when=now(),
            who=someone(),
            what=what,
            state=KEPT if undo is None else DONE,
            done=None if done is None else done.to_dict(),
            undo=None if undo is None else undo.to_dict(),
        )
    )


def logged(connection: Connection) -> list[Logged]:
    """Everything that was done, the oldest first."""
    table = schema.changes
    query = select(table.c.number, table.c.when, table.c.who, table.c.what, table.c.state).order_by(table.c.number)
    return [Logged(*row) for row in connection.execute(query)]


def undo(connection: Connection) -> str:
    """Take back the last thing that can be undone; what it was.

    Raises
    ------
    UsageError
        Where there is none, or its cells were changed since.
    """
    return _turn(connection, DONE, UNDONE, "undo")


def redo(connection: Connection) -> str:
    """Do again what was undone last; what it was.

    Raises
    ------
    UsageError
        Where there is none, or its cells were changed since.
    """
    return _turn(connection, UNDONE, DONE, "redo")


def _turn(connection: Connection, state: str, new: str, word: str) -> str:
    """Take the last ``done``, or the first ``undone`` entry to the other state."""
    table = schema.changes
    order = table.c.number.desc() if state == DONE else table.c.number
    row = connection.execute(select(table).where(table.c.state == state).order_by(order).limit(1)).mappings().first()
    if row is None:
        raise UsageError(f"there is nothing to {word}", "Saving, adding and deleting samples can't be undone.")
    target, expected = Patch.from_dict(row["undo"]), Patch.from_dict(row["done"])
    if target.config is not None:
        target, expected = _columns(connection, target.config, target, expected), Patch()
        before = apply(connection, target)
    else:
        before = apply(connection, target, expected)
    values = {"state": new, "done": target.to_dict(), "undo": before.to_dict()}
    connection.execute(update(table).where(table.c.number == row["number"]).values(**values))
    return str(row["what"])


def _columns(connection: Connection, config: Config, target: Patch, expected: Patch) -> Patch:
    """The patch that leads to earlier columns, with the samples that are there now."""
    current = config_of(connection)
    if current != expected.config:
        raise UsageError("the columns were changed since, by somebody else", "Change them by hand.")
    gone = [column.name for column in current.columns if column.name not in config_names(config)]
    came = [column for column in config.columns if column.name not in config_names(current)]
    change: Change
    if gone and came:
        change = Rename(gone[0], came[0].name)
    elif gone:
        change = Remove(gone[0])
    elif came:
        change = Add(replace(came[0], default=None))
    else:
        return Patch(config)
    planned = plan(connection, current, change)
    if not gone:  # the values that were removed
        planned = Patch(config, _there(connection, target.samples), _rois_there(connection, target.rois))
    return replace(planned, config=config)


def config_names(config: Config) -> set[str]:
    """Names of all columns."""
    return {column.name for column in config.columns}


def _there(connection: Connection, cells: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the samples that were not deleted since."""
    known = set(connection.execute(select(schema.samples.c.uuid)).scalars())
    return {uuid: fields for uuid, fields in cells.items() if uuid in known}


def _rois_there(connection: Connection, cells: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Those of the ROIs that are still there."""
    out: dict[str, Any] = {}
    for uuid, fields in cells.items():
        query = select(schema.rois.c.roi).where(schema.rois.c.sample == uuid)
        known = {str(roi) for roi in connection.execute(query).scalars()}
        kept = {name: {r: v for r, v in values.items() if r in known} for name, values in fields.items()}
        if known and any(kept.values()):
            out[uuid] = kept
    return out
