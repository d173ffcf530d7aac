"""The batch as the Batch Manager shows it: rows, their columns, what changed since the last look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psygnal import Signal
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cnmf3d.batch import Batch, Item, Status
from cnmf3d.batch.differences import differing
from cnmf3d.batch.lease import holder
from cnmf3d.database import reader
from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.viewer.models.batch_progress import Follower, Progress, clock, seconds_since

COLOURS: dict[Status, str] = {
    Status.PENDING: "#e8e8e8",
    Status.MOVING: "#5aa2ff",
    Status.RUNNING: "#ffd84d",
    Status.DONE: "#4dc66b",
    Status.FAILED: "#ff5c57",
    Status.ABORTED: "#ff9a3d",
    Status.INTERRUPTED: "#d98cff",
}
"""Of the Batch Manager: white, blue, yellow, green, red, orange; interrupted, which it hasn't, magenta."""


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes
    ----------
    title, tip : str
    text : callable
        What is written for an item.
    order : callable
        What it is sorted by.
    """

    title: str
    tip: str
    text: Callable[[Item], str]
    order: Callable[[Item], Any]


def seconds_of(item: Item) -> float:
    """How long an item took, or has taken so far."""
    if item.status is Status.RUNNING:
        return seconds_since(item.started)
    told = item.summary.get("seconds")
    if told is not None and item.status is Status.DONE:
        return float(told)
    try:
        return (datetime.fromisoformat(item.finished) - datetime.fromisoformat(item.started)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def components_of(item: Item) -> str:
    """Accepted and rejected components."""
    if "accepted" not in item.summary or item.status is not Status.DONE:
        return ""
    return f"{item.summary['accepted']} + {item.summary.get('rejected', 0)}"


def movie_name(item: Item) -> str:
    """The movie's file name."""
    paths = item.input.paths
    return (Path(paths[0]).name + (f" +{len(paths) - 1}" if len(paths) > 1 else "")) if paths else ""


def _duration(item: Item) -> str:
    seconds = seconds_of(item)
    return clock(seconds) if seconds else ""


COLUMNS: tuple[Column, ...] = (
    Column("Name", "Name of the item", lambda item: item.name, lambda item: item.name.lower()),
    Column(
        "Module",
        "What is computed, and by which engine",
        lambda item: item.module if item.engine == "native" else f"{item.module} ({item.engine})",
        lambda item: (item.module, item.engine),
    ),
    Column("Status", "Where it stands", lambda item: item.status.value, lambda item: list(Status).index(item.status)),
    Column("Duration", "How long it took, or has taken so far", _duration, seconds_of),
    Column(
        "Components",
        "Accepted + rejected",
        components_of,
        lambda item: int(item.summary.get("accepted", -1)),
    ),
    Column(
        "Warnings",
        "How many; they are below, in Output information",
        lambda item: str(len(item.warnings) or ""),
        lambda item: len(item.warnings),
    ),
    Column("Movie", "File of the movie", movie_name, movie_name),
)


class BatchModel:
    """What the Batch Manager shows. `poll` looks again; call it now and then.

    Attributes
    ----------
    reset : Signal
        Items came or went, or another batch is open: everything is to be shown anew.
    updated : Signal
        Rows that changed, a list of their numbers.
    progressed : Signal
        How the running item stands: ``(item, Progress)``; ``(None, None)`` once none runs.
    output : Signal
        New lines of output: ``(uuid, lines)``.
    supervised : Signal
        Whether a supervisor runs the batch.
    failed : Signal
        A `Cnmf3dError`: the batch can't be read.
    items : list of Item
    """

    reset = Signal()
    updated = Signal(list)
    progressed = Signal(object, object)
    output = Signal(str, list)
    supervised = Signal(bool)
    failed = Signal(object)

    def __init__(self) -> None:
        self.batch: Batch | None = None
        self.items: list[Item] = []
        self.running: Item | None = None
        self.progress: Progress | None = None
        self.supervisor: dict[str, Any] | None = None
        self._watch: Connection | None = None
        self._version: int | None = None
        self._follower: Follower | None = None
        self._told = False

    def open(self, batch: Batch | None) -> None:
        """Show another batch, or none."""
        self.close()
        self.batch = batch
        self.items, self.running, self.progress, self.supervisor = [], None, None, None
        if batch is not None:
            self._watch = reader(batch.engine).connect()
        self.reset.emit()
        self.poll()

    def close(self) -> None:
        """Let go of the database."""
        if self._watch is not None:
            self._watch.close()
        self._watch = self._version = self._follower = None
        self.batch, self._told = None, False

    def poll(self, *, now: bool = False) -> None:
        """Look what is new.

        Parameters
        ----------
        now : bool
            Whether to read all items though the database is as it was.
        """
        if self.batch is None:
            return
        try:
            if self._is_new() or now:
                self._take(self.batch.items())
            self._look_for_supervisor(self.batch)
        except (SQLAlchemyError, OSError, Cnmf3dError) as error:
            if not self._told:
                self._told = True
                fix = "Is its disk there? It is looked for again and again."
                self.failed.emit(InputError(f"the batch {self.batch.folder} can't be read: {error}", fix))
            return
        self._told = False
        self._follow()

    def row(self, uuid: str) -> int:
        """Number of an item's row; -1 where it isn't there."""
        return next((row for row, item in enumerate(self.items) if item.uuid == uuid), -1)

    def find(self, uuid: str) -> Item | None:
        """An item."""
        return next((item for item in self.items if item.uuid == uuid), None)

    def count(self) -> dict[Status, int]:
        """How many items stand where."""
        return {status: n for status in Status if (n := sum(item.status is status for item in self.items))}

    def differences(self, uuids: Sequence[str]) -> tuple[list[str], dict[str, list[Any]]]:
        """Names of items, and the settings in which they differ, a value for each."""
        chosen = [item for item in self.items if item.uuid in set(uuids)]
        return [item.name for item in chosen], differing(chosen) if len(chosen) > 1 else {}

    def reusable(self, paths: Sequence[str] = ()) -> list[Item]:
        """Items whose cache another can use: those of the same movie where it is known, the newest first."""
        wanted = {str(path) for path in paths}
        fitting = [item for item in self.items if not wanted or wanted == set(item.input.paths)]
        return fitting[::-1]

    def _is_new(self) -> bool:
        """Whether anybody, we too, has written to the database since the last look."""
        assert self._watch is not None
        version = int(self._watch.exec_driver_sql("PRAGMA data_version").scalar() or 0)
        self._watch.rollback()
        new, self._version = version != self._version, version
        return new

    def _take(self, items: list[Item]) -> None:
        """Take over what was read."""
        before, self.items = self.items, items
        if [item.uuid for item in before] != [item.uuid for item in items]:
            self.reset.emit()
        else:
            changed = [row for row, item in enumerate(items) if item != before[row]]
            if changed:
                self.updated.emit(changed)
        running = next((item for item in items if item.status.active), None)
        if running is None or self.running is None or running.uuid != self.running.uuid:
            self._finish()
            if running is not None and self.batch is not None:
                self._follower = Follower(self.batch.run_folder(running), running.started)
        self.running = running
        if self._follower is not None and running is not None:
            self._follower.started = running.started

    def _finish(self) -> None:
        """Tell the rest of the output of the item that ran."""
        if self._follower is not None and self.running is not None:
            self._tell_output(self.running.uuid, self._lines(self._follower, self.running))
            self._follower = self.progress = None
            self.progressed.emit(None, None)

    def _follow(self) -> None:
        """Tell how the running item stands."""
        if self._follower is None or self.running is None:
            return
        self._tell_output(self.running.uuid, self._lines(self._follower, self.running))
        self.progress = self._follower.progress()
        self.progressed.emit(self.running, self.progress)

    def _lines(self, follower: Follower, item: Item) -> list[str]:
        """What is new, wherever the item's folder lies now: it may be moved to a work directory and back."""
        if self.batch is not None:
            follower.folder = self.batch.run_folder(item)
        return follower.lines()

    def _tell_output(self, uuid: str, lines: list[str]) -> None:
        if lines:
            self.output.emit(uuid, lines)

    def _look_for_supervisor(self, batch: Batch) -> None:
        found = holder(batch)
        if (found is None) != (self.supervisor is None):
            self.supervisor = found
            self.supervised.emit(found is not None)
        self.supervisor = found
