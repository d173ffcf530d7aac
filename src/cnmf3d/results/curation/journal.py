"""Autosave: each step of curation as a line of a journal beside the results file, merged into it when it is saved.

Why a journal: HDF5 written in place is lost if the program dies halfway, and a results file is too large to be copied
at every click. A line that is cut short is the only damage that a crash can do, and it is one step.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import glob
import json
import os
import time
import zlib
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from cnmf3d.components import Components
from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.results.curation.curation import found_of, state_of, with_log
from cnmf3d.results.curation.log import Entry
from cnmf3d.results.curation.rois import joined, no_rois
from cnmf3d.results.curation.storing import FORMAT, arrays_of, fingerprint_of, rois_of, stored_log

if TYPE_CHECKING:
    from cnmf3d.results.model import Results


STALE = 600.0
"""Seconds after which a file that nobody writes to any more is taken for left over."""


def journal_path(path: str | Path) -> Path:
    """Where the journal of a results file lies: ``NAME.curation.jsonl`` beside it."""
    return Path(path).with_name(Path(path).name + ".curation.jsonl")


def with_journal(results: Results, path: str | Path) -> Results:
    """Results of the file `path`, with the steps that its journal has beyond the file.

    A journal of other results, or one that another program's saved steps contradict, is left where it is.
    """
    saved = () if results.curation is None else results.curation.log
    found = _read(journal_path(path), found_of(results), saved)
    return results if found is None else _with_steps(results, found)


@dataclasses.dataclass(frozen=True)
class _Found:
    """A journal that belongs to the results: steps that are not in the file, each with the ROIs that it made."""

    steps: tuple[tuple[Entry, Components | None], ...]
    whole: int
    """Length of its lines that can be read, in bytes."""


def _read(path: Path, components: Components, saved: tuple[Entry, ...]) -> _Found | None:
    """Read a journal; None where there is none that fits original components and a log that is in their file."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"the curation journal {path} can't be read: {error}", "See to its permissions.") from error
    told = [_parsed(line) for line in lines]
    head = told[0] if told else None
    if head is None or head.get("format") != FORMAT or type(head.get("entries")) is not int:
        return None
    if head.get("results") != fingerprint_of(components):
        return None
    steps: list[tuple[Entry, Components | None]] = []
    whole = len(lines[0]) + 1
    for line, step in zip(lines[1:], told[1:], strict=True):
        try:
            if step is None:
                break
            made = step.get("made")
            rois = None if made is None else rois_of({n: _array(a) for n, a in made.items()}, components)
            steps.append((Entry.from_dict(step["entry"]), rois))
        except (KeyError, TypeError, ValueError, AttributeError, zlib.error, InputError):
            break
        whole += len(line) + 1
    already = len(saved) - head["entries"]
    same = already >= 0 and tuple(e for e, _ in steps[:already]) == saved[head["entries"] :]
    return _Found(tuple(steps[already:]), whole) if same else None


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _with_steps(results: Results, found: _Found) -> Results:
    if not found.steps:
        return results
    curation = results.curation
    log, made = ([], no_rois(found_of(results))) if curation is None else (list(curation.log), curation.made)
    for entry, rois in found.steps:
        log.append(entry)
        made = made if rois is None else joined(made, rois)
    grown = with_log(results, log, made)
    try:
        state_of(grown)
    except InputError:
        return results
    return grown


class Journal:
    """The journal of one results file, open for writing; only one program has it at a time.

    Get one from `Journal.begin`, close it when done.

    Attributes
    ----------
    path : Path
        The results file.
    aside : Path or None
        Where a journal was put that was there but doesn't belong to this file any more.
    """

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self.aside: Path | None = None
        self._lines: list[bytes] = []
        self._of: Components | None = None
        self._entries = 0
        self._closed = False
        self._lock = lock
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
        lock = FileLock(path.with_name(f".{path.name}.curation.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UsageError(
                f"{path} is being curated in another program", "Close it there first, or work on a copy of the file."
            ) from error
        except OSError as error:
            raise _unwritable(path, error) from error
        journal = cls(path, lock)
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
        """Go on with the journal that is there where `results` have its steps; set it aside otherwise."""
        _sweep(self.path)
        place, log = journal_path(self.path), () if results.curation is None else results.curation.log
        original, stored = found_of(results), stored_log(self.path)
        found = _read(place, original, stored)
        if found is not None and found.steps and (*stored, *(e for e, _ in found.steps)) == log:
            os.truncate(place, found.whole)
            self._lines = place.read_bytes().splitlines(keepends=True)[-len(found.steps) :]
            self._file = place.open("ab")
            self._of, self._entries = original, len(stored)
            return
        if stored != log:
            raise UsageError(
                f"{self.path} has other steps of curation than what is on the screen", "Open the file again."
            )
        if place.exists() and (found is None or found.steps):
            self.aside = _free(place)
            place.replace(self.aside)
        place.unlink(missing_ok=True)
        self._of, self._entries = original, len(log)

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
        step: dict[str, Any] = {"entry": json.loads(entry.to_json())}
        if made is not None:
            step["made"] = {name: _text(array) for name, array in arrays_of(made).items()}
        line = json.dumps(step, ensure_ascii=False).encode() + b"\n"
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

    def forget(self, results: Results) -> None:
        """Keep only steps that `results`, which are in the file now, don't have; nothing once it is closed.

        Raises
        ------
        Cnmf3dError
            Where the journal can't be written; all of it is there still, which does no harm.
        """
        if self._closed:
            return
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
            temporary = place.with_suffix(".part")
            temporary.write_bytes(self._head() + b"".join(kept))
            temporary.replace(place)
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


def _text(array: npt.NDArray[Any]) -> list[Any]:
    """An array as JSON: type, shape, and its bytes, compressed, in base 64."""
    plain = np.ascontiguousarray(array)
    plain = plain.astype(plain.dtype.newbyteorder("<"))
    return [plain.dtype.str, list(plain.shape), base64.b64encode(zlib.compress(plain.tobytes(), 1)).decode("ascii")]


def _array(told: Any) -> npt.NDArray[Any]:
    kind, shape, text = told
    dtype = np.dtype(kind)
    if dtype.kind not in "biuf":
        raise ValueError(f"{kind} is no type of numbers")
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype).reshape(shape).copy()
