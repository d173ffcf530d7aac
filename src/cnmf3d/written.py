"""What a program has written, so that one that is stopped can say so.

All that appears under a name that a user gave is announced here, right before it is renamed into its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

Identity = tuple[int, int, int] | None
"""What tells a file or folder from another one of its name; None where there is none."""


class Record:
    """Places that were announced, in order."""

    def __init__(self) -> None:
        self._before: dict[Path, Identity] = {}

    def add(self, place: Path) -> None:
        """Remember what is at a place now."""
        self._before.setdefault(place, _identity(place))

    def paths(self) -> tuple[Path, ...]:
        """Places at which something else is than before."""
        return tuple(place for place, before in self._before.items() if _identity(place) not in (None, before))


_RECORD: ContextVar[Record | None] = ContextVar("record", default=None)


def announce(place: Path) -> None:
    """Say that something is about to appear at `place`, in the place of what may be there."""
    record = _RECORD.get()
    if record is not None:
        record.add(place)


@contextmanager
def recorded() -> Iterator[Record]:
    """Keep a record of what is announced within."""
    record = Record()
    token = _RECORD.set(record)
    try:
        yield record
    finally:
        _RECORD.reset(token)


def _identity(place: Path) -> Identity:
    try:
        facts = place.lstat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns
