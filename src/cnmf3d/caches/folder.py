"""A folder of caches that several programs share: whole entries or none, none removed in use, within a limit."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cnmf3d.caches.held import Held
from cnmf3d.caches.listing import (
    BUILDING,
    RESERVED,
    TRASH,
    USED,
    Entry,
    entries_of,
    pin_path,
    pins_of,
    size_of,
    trash_of,
    unfinished_of,
)
from cnmf3d.caches.markers import USERS, in_use, mark
from cnmf3d.caches.room import limit_for, readable

PATIENCE = 60.0
"""Seconds to wait for the lock: it is held for a few milliseconds at a time."""


class Caches:
    """Entries by key. All that changes the folder happens under one lock, held briefly.

    Parameters
    ----------
    folder : path
        Made where it doesn't exist.
    limit : int, optional
        Bytes that all entries may take; ``CNMF3D_CACHE_LIMIT``, or a share of the disk's free space by default.
    """

    def __init__(self, folder: str | Path, limit: int | None = None) -> None:
        self.folder = Path(folder)
        self._limit = limit

    @contextmanager
    def hold(self, key: str, need: int) -> Iterator[Held]:
        """Use an entry: as it was found, or to be built; it can't be removed meanwhile.

        Parameters
        ----------
        key : str
            A file's name.
        need : int
            Bytes that it takes where it has to be built; entries used least recently go for that.

        Raises
        ------
        OSError
            Where there is no room, or the folder can't be used.
        UsageError
            Where ``CNMF3D_CACHE_LIMIT`` is no size.
        """
        self.limit()  # before anything is computed
        with self._locked():
            self._sweep()
            place = self.folder / key
            held = Held(self, key, place, mark(place), True, need) if place.is_dir() else self._begin(key, need)
        try:
            yield held
        finally:
            self._let_go(held)

    def publish(self, held: Held) -> None:
        """See `Held.publish`."""
        place = self.folder / held.key
        (held.folder / RESERVED).unlink(missing_ok=True)
        (held.folder / USED).touch()
        with self._locked():
            if place.exists():
                return
            held.folder.rename(place)
            held.folder, held.marker = place, place / USERS / held.marker.name

    def renew(self, held: Held) -> None:
        """See `Held.renew`."""
        with self._locked():
            if not in_use(held.folder, but=held.marker):
                self._discard(held.folder)
            else:  # others are at work on it: they keep what they have
                held.marker.unlink(missing_ok=True)
            self._empty_trash()
            fresh = self._begin(held.key, held.need)
        held.folder, held.marker, held.found = fresh.folder, fresh.marker, False

    def entries(self) -> list[Entry]:
        """All entries, the one used last first."""
        return entries_of(self.folder)

    def limit(self) -> int:
        """Bytes that all entries may take."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self._limit if self._limit is not None else limit_for(self.folder, self.size())

    def size(self) -> int:
        """Bytes that all entries take, those being built included."""
        return sum(entry.size for entry in self.entries()) + sum(map(size_of, unfinished_of(self.folder)))

    def pin(self, key: str, owner: str) -> None:
        """Keep an entry, there already or not yet, until its owner releases it."""
        path = pin_path(self.folder, key, owner)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{uuid.uuid4().hex[:8]}")
        part.write_text(json.dumps({"key": key, "owner": owner}), encoding="utf-8")
        part.replace(path)

    def release(self, owner: str) -> None:
        """Drop all pins of an owner."""
        for key, name in list(pins_of(self.folder)):
            if name == owner:
                pin_path(self.folder, key, owner).unlink(missing_ok=True)

    def has(self, key: str) -> bool:
        """Whether there is a whole entry of that key."""
        return (self.folder / key).is_dir()

    def kept_by(self, owner: str) -> list[str]:
        """Keys of the entries that an owner keeps and that are there."""
        return [key for key, name in pins_of(self.folder) if name == owner and (self.folder / key).is_dir()]

    def prune(self, limit: int | None = None, *, everything: bool = False, dry: bool = False) -> list[Entry]:
        """Remove entries, those used least recently first; never one in use.

        Parameters
        ----------
        limit : int, optional
            Bytes that may stay; this folder's limit by default.
        everything : bool
            Remove all that isn't in use, kept ones (pins) included.
        dry : bool
            Remove nothing.

        Returns
        -------
        list of Entry
            What was removed, or would have been.
        """
        if not self.folder.is_dir():
            return []
        with self._locked():
            self._sweep()
            if everything:
                chosen = [entry for entry in self.entries() if not entry.in_use]
            else:
                chosen = self._to_go(self.limit() if limit is None else limit)
            if not dry:
                self._remove(chosen)
        self._empty_trash()
        return chosen

    # ---- under the lock -------------------------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock", timeout=PATIENCE)
            lock.acquire()
        except (Timeout, NotImplementedError) as error:
            raise OSError(errno.ENOLCK, "its lock can't be had", str(self.folder)) from error
        try:
            yield
        finally:
            lock.release()

    def _begin(self, key: str, need: int) -> Held:
        """A folder to build an entry in, with room made for it."""
        limit, free = self.limit(), shutil.disk_usage(self.folder).free
        chosen = self._to_go(max(0, limit - need))
        left = self.size() - sum(entry.size for entry in chosen)
        free += sum(entry.size for entry in chosen)
        if left + need > limit or need > free:
            what = f"{readable(need)} are needed, {readable(max(0, min(limit - left, free)))} can be had"
            raise OSError(errno.ENOSPC, f"no room: {what}", str(self.folder))
        self._remove(chosen)
        self._empty_trash()
        folder = self.folder / f"{BUILDING}{key}-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        (folder / RESERVED).write_text(str(need), encoding="utf-8")
        return Held(self, key, folder, mark(folder), False, need)

    def _to_go(self, limit: int) -> list[Entry]:
        """Entries whose removal brings the folder within a limit, or as near as can be."""
        over = self.size() - limit
        chosen = []
        for entry in reversed(self.entries()):
            if over <= 0:
                break
            if entry.removable:
                chosen.append(entry)
                over -= entry.size
        return chosen

    def _remove(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._discard(entry.folder)

    def _discard(self, folder: Path) -> None:
        """Take an entry away at once; its files go with the trash."""
        folder.rename(self.folder / f"{TRASH}{uuid.uuid4().hex}")

    def _sweep(self) -> None:
        """Take away what ended processes left unfinished."""
        for folder in unfinished_of(self.folder):
            if not in_use(folder):
                self._discard(folder)

    # ---- without it -----------------------------------------------------------------------------------------------

    def _empty_trash(self) -> None:
        for folder in trash_of(self.folder):
            shutil.rmtree(folder, ignore_errors=True)

    def _let_go(self, held: Held) -> None:
        """The end of a use: an entry that wasn't published goes, others are brought within the limit."""
        with suppress(OSError):
            if held.folder.name.startswith(BUILDING):
                shutil.rmtree(held.folder, ignore_errors=True)
                return
            os.utime(held.folder / USED)
        with suppress(OSError):
            held.marker.unlink(missing_ok=True)
        with suppress(OSError):
            self.prune()
