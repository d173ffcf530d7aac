"""What a program has written, so that one that is stopped can say so.

All that appears under a name that a user gave is announced here, right before it is renamed into its place.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from cnmf3d.errors import Cnmf3dError, InputError

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


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place once all is written: a reader sees the old one or the new.

    Raises
    ------
    InputError
        Where the folder doesn't exist or can't be written.
    Cnmf3dError
        Where writing fails halfway, for example because the disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise InputError(f"{path.parent} can't be written to: {error.strerror}", "Choose another folder.") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        announce(path)
        temporary.replace(path)
    except OSError as error:
        raise Cnmf3dError(
            f"{path} could not be written: {error}", "Is the disk full? Free some space, or choose another disk."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _identity(place: Path) -> Identity:
    try:
        facts = place.lstat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns
