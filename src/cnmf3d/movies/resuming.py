"""A movie that is being written: what is finished of it, so that a program that was killed goes on there.

Beside the file that is to be there is a folder ``.NAME.part`` with the draft and a journal: its first line says what is
written, each further line the checksum of a chunk that has reached the disk. A journal of another movie, or one that
can't be read, counts as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import Timeout

from cnmf3d import plain_json
from cnmf3d.errors import InputError
from cnmf3d.movies.kept_times import as_text
from cnmf3d.movies.movie import Movie
from cnmf3d.stored_names import lock
from cnmf3d.written import check_name, target_of, unwritable

VERSION = 2
JOURNAL = "journal.jsonl"


class Work:
    """A draft with its journal.

    Parameters
    ----------
    folder : Path
    name : str
        Of the draft.
    about : mapping
        What is written: plain values. Empty for a movie that can't be recognised again, which begins anew.

    Attributes
    ----------
    draft : Path
    head : mapping
        What was noted when the draft was made; empty where there is none.
    sums : list of str
        Of the chunks that are finished.
    """

    def __init__(self, folder: Path, name: str, about: Mapping[str, Any]) -> None:
        self.draft = folder / name
        self.head: Mapping[str, Any] = {}
        self.sums: list[str] = []
        self._about, self._journal = about, folder / JOURNAL
        self._read()

    def _read(self) -> None:
        """Read the journal, as far as it goes."""
        try:
            lines = self._journal.read_text("utf-8").split("\n")
            head = plain_json.loads(lines[0])
        except (OSError, ValueError):
            return
        if not self._about or not isinstance(head, dict) or head.get("about") != json.loads(json.dumps(self._about)):
            return
        if not self.draft.exists():
            return
        self.head = head.get("made") or {}
        # The last entry is what follows the last line feed: nothing, or a line that was cut.
        self.sums = [line for line in lines[1:-1] if len(line) == 32]

    def begin(self, made: Mapping[str, Any]) -> None:
        """Note that an empty draft was made."""
        self.head, self.sums = made, []
        self._note(json.dumps({"about": self._about, "made": made}), "w")

    def add(self, checksum: str) -> None:
        """Note that a chunk is on the disk."""
        self.sums.append(checksum)
        self._note(checksum, "a")

    def drop_last(self) -> None:
        """Take the last chunk back."""
        kept = self.sums[:-1]
        self.begin(self.head)
        for each in kept:
            self.add(each)

    def _note(self, line: str, mode: str) -> None:
        with self._journal.open(mode, encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def at_work(path: Path, about: Mapping[str, Any]) -> Iterator[Work]:
    """What is finished of the file `path`; stays where writing is stopped, and is removed when it is complete.

    Raises
    ------
    InputError
        Where the folder can't be written, or somebody else writes the same file.
    Cnmf3dError
        Where writing fails, for example because the disk is full.
    """
    target = target_of(path)
    folder = target.parent / f".{target.name}.part"
    if target.parent.is_dir():
        check_name(path, len("..part"))
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent} can't be written to: {error.strerror}", "Choose another folder.") from error
    for each in (folder, folder / target.name, folder / JOURNAL):
        if each.is_symlink():
            raise InputError(f"{each} is a link, which cnmf3d never makes there", "Remove it.")
    held = lock(folder / ".lock")
    try:
        held.acquire()
    except Timeout:
        raise InputError(
            f"{path} is being written by another program", "Wait for it, or choose another name."
        ) from None
    work = Work(folder, target.name, about)
    complete = False
    try:
        yield work
        complete = True
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        held.release()
        if complete or not work.sums or not about:
            shutil.rmtree(folder, ignore_errors=True)


def about_movie(movie: Movie, **more: Any) -> dict[str, Any]:
    """What tells one movie from another; empty where its files can't be looked at."""
    digest = hashlib.sha256()
    for name in movie.paths:
        try:
            facts = Path(name).stat()
        except OSError:
            return {}
        digest.update(f"{Path(name).resolve()} {facts.st_size} {facts.st_mtime_ns}\n".encode("utf-8", "replace"))
    if not movie.paths:
        return {}
    size = None if movie.voxel_size is None else list(movie.voxel_size)
    times = as_text(movie.timeline, len(movie))
    entries = {"version": VERSION, "times": times, "shape": list(movie.shape), "rate": movie.rate, "voxel_size": size}
    return {**entries, "fingerprint": movie.fingerprint(), "files": digest.hexdigest(), **more}
