"""Autosave: each step of curation as a line of a journal beside the results file, merged into it when it is saved.

Why a journal: HDF5 written in place is lost if the program dies halfway, and a results file is too large to be copied
at every click. A line that is cut short is the only damage that a crash can do, and it is one step. A line tells its
place in the log and has a checksum: of a journal that a disk has damaged, whole lines are kept, whatever comes before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import json
import os
import shutil
import time
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from cnmf3d.components import Components
from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.results.curation.curation import found_of, with_log
from cnmf3d.results.curation.journal_lines import Step, line_of, log_of, read_journal, with_steps
from cnmf3d.results.curation.log import Entry
from cnmf3d.results.curation.storing import FORMAT, fingerprint_of, stored_log
from cnmf3d.stored_names import lock
from cnmf3d.written import whole_file

if TYPE_CHECKING:
    from cnmf3d.results.model import Results


STALE = 600.0
"""Seconds after which a file that nobody writes to any more is taken for left over."""


def journal_path(path: str | Path) -> Path:
    """Where the journal of a results file lies: ``NAME.curation.jsonl`` beside it."""
    return Path(path).with_name(Path(path).name + ".curation.jsonl")


def with_journal(results: Results, path: str | Path) -> Results:
    """Results of the file `path`, with the steps that its journal has beyond the file.

    A journal of other results, or one that another program's saved steps contradict, is left where it is. What is
    damaged in it is told among the warnings of the results.
    """
    found = read_journal(journal_path(path), results)
    if found is None:
        return results
    if found.lost:
        warnings = (*results.provenance.warnings, f"{found.told}: {journal_path(path)}")
        provenance = dataclasses.replace(results.provenance, warnings=warnings)
        results = dataclasses.replace(results, provenance=provenance)
    return with_steps(results, found)


class Journal:
    """The journal of one results file, open for writing; only one program has it at a time.

    Get one from `Journal.begin`, close it when done.

    Attributes
    ----------
    path : Path
        The results file.
    aside : Path or None
        Where a journal was put that was there but doesn't belong to this file any more, or a copy of a damaged one.
    notice : str
        What the user should know of it; empty where all is well.
    """

    def __init__(self, path: Path, held: FileLock) -> None:
        self.path = path
        self.aside: Path | None = None
        self.notice = ""
        self._identity = _identity(path)
        self._lines: list[bytes] = []
        self._of: Components | None = None
        self._entries = 0
        self._closed = False
        self._lock = held
        self._file: IO[bytes] | None = None

    @property
    def unsaved(self) -> int:
        """Number of steps that the file doesn't have yet."""
        return len(self._lines)

    @classmethod
    def begin(cls, path: str | Path, results: Results) -> Journal:
        """Go on with the journal of the file `path`, or start one.

        Parameters
        ----------
        path : str or Path
        results : Results
            As `load_results` gives them, journal included.

        Raises
        ------
        UsageError
            Where another program curates this file.
        Cnmf3dError
            Where the folder can't be written to.
        """
        path = Path(path)
        held = lock(_lock_of(path))
        try:
            held.acquire()
        except Timeout as error:
            raise UsageError(
                f"{path} is being curated in another program", "Close it there first, or work on a copy of the file."
            ) from error
        except OSError as error:
            raise _unwritable(path, error) from error
        journal = cls(path, held)
        try:
            journal._continue(results)
        except OSError as error:
            journal.close()
            raise _unwritable(path, error) from error
        except BaseException:
            journal.close()
            raise
        return journal

    def _continue(self, results: Results) -> None:
        """Go on with the journal that is there where `results` have its steps; set it aside otherwise.

        A copy of one that is damaged is set aside, too, and its whole lines are written anew.
        """
        _sweep(self.path)
        place, log = journal_path(self.path), log_of(results)
        original, stored = found_of(results), stored_log(self.path)
        self._of, self._entries = original, len(stored)
        if log[: len(stored)] != stored:
            raise _other_steps(self.path)
        found = read_journal(place, _as_stored(results, len(stored)))
        if found is not None and found.steps and (*stored, *(step.entry for step in found.steps)) == log:
            self._lines = [line_of(step, self.digest) for step in found.steps]
            if found.lost:
                self.aside = _free(place)
                shutil.copyfile(place, self.aside)
                self.notice = f"{found.told}, a copy of it is {self.aside}."
            if found.whole:
                os.truncate(place, found.whole)
            else:
                self._rewrite()
            self._file = place.open("ab")
            return
        if stored != log:
            raise _other_steps(self.path)
        if place.exists() and (found is None or found.steps or found.lost):
            self.aside = _free(place)
            place.replace(self.aside)
            if self.aside.stat().st_size:
                self.notice = f"The journal {place} isn't of these results, or is damaged; it was put to {self.aside}."
        place.unlink(missing_ok=True)

    def _rewrite(self) -> None:
        """Write all lines anew, whole or not at all."""
        with whole_file(journal_path(self.path)) as temporary:
            temporary.write_bytes(self._head() + b"".join(self._lines))

    @cached_property
    def digest(self) -> str:
        """What tells the components that are curated from others; takes as long as reading their traces."""
        assert self._of is not None
        return fingerprint_of(self._of)

    def _head(self) -> bytes:
        """The first line."""
        told = {"format": FORMAT, "results": self.digest, "entries": self._entries}
        return json.dumps(told).encode() + b"\n"

    def add(self, entry: Entry, made: Components | None = None) -> None:
        """One more step, with the ROIs that it made; it is on disk when this returns.

        Raises
        ------
        Cnmf3dError
            Where it can't be written.
        """
        line = line_of(Step(self._total(), entry, made), self.digest)
        place = journal_path(self.path)
        before = place.stat().st_size if self._file is not None else 0
        try:
            if self._file is None:
                self._file = place.open("wb")
                self._file.write(self._head())
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            self._back_to(before)
            raise _unwritable(self.path, error) from error
        self._lines.append(line)

    def _back_to(self, size: int) -> None:
        """Take a line away that could only be written in part, so that the next one begins where it ought to."""
        place, file = journal_path(self.path), self._file
        self._file = None
        with contextlib.suppress(OSError):  # of what was buffered: it can't be written now either
            if file is not None:
                file.close()
        with contextlib.suppress(OSError):
            if size:
                os.truncate(place, size)
                self._file = place.open("ab")
            else:
                place.unlink(missing_ok=True)

    def check_same(self) -> None:
        """See that the file still holds the results that are curated here, before a curation is put into it.

        Raises
        ------
        UsageError
            Where other results have taken their place.
        """
        from cnmf3d.results.reading import read_file

        if _identity(self.path) == self._identity:
            return
        same = False
        with contextlib.suppress(InputError):
            same = fingerprint_of(found_of(read_file(self.path))) == self.digest
        if not same:
            raise UsageError(
                f"{self.path} holds other results now than those that are curated here",
                f"It is left as it is; every step is in {journal_path(self.path)}, which is put aside, not lost, where "
                "the file is opened again. Put the old results back to have them, or curate the new ones.",
            )
        self._identity = _identity(self.path)

    def forget(self, results: Results) -> None:
        """Keep only steps that `results`, which are in the file now, don't have; nothing once it is closed.

        Raises
        ------
        Cnmf3dError
            Where the journal can't be written; all of it is there still, which does no harm.
        """
        if self._closed:
            return
        self._identity = _identity(self.path)
        entries = 0 if results.curation is None else len(results.curation.log)
        kept = self._lines[len(self._lines) - (self._total() - entries) :] if self._total() > entries else []
        place = journal_path(self.path)
        try:
            if self._file is not None:
                self._file.close()
                self._file = None
            self._entries, self._lines = entries, kept
            if not kept:
                place.unlink(missing_ok=True)
                return
            self._rewrite()
            self._file = place.open("ab")
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _total(self) -> int:
        """Steps in file and journal."""
        return self._entries + len(self._lines)

    def close(self) -> None:
        """Let others have it. Steps that weren't saved stay in the journal."""
        self._closed = True
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.release()


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from another one that took its place; None where there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _other_steps(path: Path) -> UsageError:
    return UsageError(f"{path} has other steps of curation than what is on the screen", "Open the file again.")


def _as_stored(results: Results, entries: int) -> Results:
    """Results with as much of their curation as is in their file."""
    if results.curation is None or len(results.curation.log) == entries:
        return results
    log = results.curation.log[:entries]
    rows = [row for entry in log if entry.what in ("replace", "edit") for row in entry.values.get("rows", ())]
    base = found_of(results)
    count = sum(row >= base.count for row in set(rows))
    return with_log(results, log, results.curation.made.select(np.arange(count, dtype=np.int64)))


def refuse_curated_elsewhere(path: Path) -> None:
    """See that no program curates a results file now, before another one replaces it.

    Raises
    ------
    UsageError
        Where one does.
    """
    place = _lock_of(path)
    if not place.exists():
        return
    try:
        with lock(place):
            return
    except Timeout as error:
        raise UsageError(
            f"{path} is being curated in another program", "Close it there first, or write to another name (-o)."
        ) from error
    except OSError:  # a folder that can't be written to, which is told elsewhere
        return


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.curation.lock")


def _unwritable(path: Path, error: OSError) -> Cnmf3dError:
    return Cnmf3dError(
        f"the curation journal beside {path} could not be written: {error}",
        "Is the disk full, or the folder read-only? Work on a copy of the file elsewhere.",
    )


def _sweep(path: Path) -> None:
    """Remove copies of a results file that a killed program was writing."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()


def _free(place: Path) -> Path:
    """A name that is free for a journal that doesn't belong here any more."""
    number = 1
    while (other := place.with_suffix(f".{number}.old")).exists():
        number += 1
    return other
