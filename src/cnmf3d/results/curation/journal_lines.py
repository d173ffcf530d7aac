"""Lines of a curation journal: how a step is written and read, and which steps of a damaged journal can be made."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xxhash

from cnmf3d import plain_json
from cnmf3d.components import Components
from cnmf3d.errors import InputError
from cnmf3d.regular import refuse_special
from cnmf3d.results.curation.curation import found_of, state_of, with_log
from cnmf3d.results.curation.log import Entry
from cnmf3d.results.curation.rois import joined, no_rois
from cnmf3d.results.curation.state import State, after
from cnmf3d.results.curation.storing import FORMAT, arrays_of, fingerprint_of, rois_of

if TYPE_CHECKING:
    from cnmf3d.results.model import Results


@dataclasses.dataclass(frozen=True)
class Step:
    """A line: a step, its place in the log, and the ROIs that it made."""

    number: int
    entry: Entry
    made: Components | None


@dataclasses.dataclass(frozen=True)
class Found:
    """A journal that belongs to the results: steps that are not in the file."""

    steps: tuple[Step, ...]
    lost: int
    """Steps that are damaged, missing, or need one that is."""
    whole: int
    """Length of the file up to the end of the last line; 0 where lines have to be written anew."""

    @property
    def told(self) -> str:
        """What was lost, in words."""
        steps = "1 step" if self.lost == 1 else f"{self.lost} steps"
        return f"{steps} of curation can't be read or need one that can't; the others are kept. The journal is damaged"


def read_journal(path: Path, results: Results) -> Found | None:
    """Read a journal; None where there is none that fits the components and the log that is in their file."""
    components, saved = found_of(results), log_of(results)
    refuse_special(path)
    try:
        *lines, _ = path.read_bytes().split(b"\n")  # what follows the last line end was being written
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"the curation journal {path} can't be read: {error}", "See to its permissions.") from error
    if not lines:
        return None
    digest, head = fingerprint_of(components), _parsed(lines[0])
    known = head is not None and (head.get("format"), head.get("results")) == (FORMAT, digest)
    good = known and head is not None and type(head.get("entries")) is int
    first = head["entries"] if head is not None and good else None
    places = [(line, None if first is None else first + n) for n, line in enumerate(lines[1:]) if line.strip()]
    read = [_step(line, components, digest, number) for line, number in places]
    steps: dict[int, Step] = {}
    for step in read:
        if step is not None:
            steps.setdefault(step.number, step)  # a line that is there twice says nothing new
    if first is None and not steps:
        return None
    numbers = sorted(steps)
    if any(number < len(saved) and steps[number].entry != saved[number] for number in numbers):
        return None
    if first is not None and first > len(saved):
        return None
    start = len(saved)
    new = [steps[number] for number in numbers if number >= start]
    end = new[-1].number + 1 if new else start
    damaged = sum(each is None for each in read)
    inside = end - start - len(new)  # of the numbers that should be there
    kept = _fitting(results, new)
    before = 0 if first is None else start - first  # lines of steps that the file has already: they may be damaged
    unread = max(0, len(steps) + damaged - max(before, len(steps)))
    lost = max(inside, unread) + len(new) - len(kept)
    tidy = [each and each.number for each in read] == [number for _, number in places] and len(places) == len(lines) - 1
    whole = sum(len(line) + 1 for line in lines) if tidy and good and len(kept) == len(new) else 0
    return Found(tuple(kept), lost, whole)


def _fitting(results: Results, steps: list[Step]) -> list[Step]:
    """Those of the steps that can be made: after one that is lost, others may need it."""
    state, after_loss = state_of(results), False
    rows = found_of(results).count + (0 if results.curation is None else results.curation.made.count)
    number = len(log_of(results))
    kept: list[Step] = []
    for step in steps:
        after_loss = after_loss or step.number != number
        number = step.number + 1
        if after_loss and not _independent(state, step, rows):
            continue
        try:
            state = after(state, step.entry)
        except InputError:
            after_loss = True
            continue
        rows += 0 if step.made is None else step.made.count
        kept.append(dataclasses.replace(step, number=len(log_of(results)) + len(kept)))
    return kept


def _independent(state: State, step: Step, rows: int) -> bool:
    """Whether a step says the same without one before it that is lost."""
    entry = step.entry
    if entry.what in ("undo", "redo"):  # it takes back what it was meant for, or isn't done
        stack = state.past if entry.what == "undo" else state.future
        return stack is not None and tuple(int(i) for i in stack[0].touched()) == entry.ids
    if step.made is None:
        return True
    return list(entry.values.get("rows", ())) == list(range(rows, rows + step.made.count))


def log_of(results: Results) -> tuple[Entry, ...]:
    """The log of results; empty where there is no curation."""
    return () if results.curation is None else tuple(results.curation.log)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        told = plain_json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def line_of(step: Step, digest: str) -> bytes:
    """A step as a line that tells its place in the log, and whether it is whole and of these results."""
    told: dict[str, Any] = {"number": step.number, "entry": plain_json.loads(step.entry.to_json())}
    if step.made is not None:
        told["made"] = {name: _text(array) for name, array in arrays_of(step.made).items()}
    text = json.dumps(told, ensure_ascii=False)
    return f'{text[:-1]}{SUM}{_sum(text, digest)}"}}'.encode() + b"\n"


SUM = ', "sum": "'


def _sum(text: str, digest: str) -> str:
    return str(xxhash.xxh3_64_hexdigest((digest + text).encode("utf-8", "surrogatepass")))


def _step(line: bytes, like: Components, digest: str, number: int | None) -> Step | None:
    """Read a line; None where it is damaged. One of an older version has no sum, and the place in which it stands."""
    try:
        text = line.decode().rstrip("\r")
        told = plain_json.loads(text)
        if "sum" in told:
            body, _, given = text.rpartition(SUM)
            if given != _sum(body + "}", digest) + '"}':
                return None
            number = told["number"]
        if type(number) is not int or number < 0:
            return None
        made = told.get("made")
        rois = None if made is None else rois_of({n: _array(a) for n, a in made.items()}, like)
        return Step(number, Entry.from_dict(told["entry"]), rois)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, zlib.error, InputError):
        return None


def with_steps(results: Results, found: Found) -> Results:
    """Results with the steps that a journal has beyond their file."""
    if not found.steps:
        return results
    curation = results.curation
    log, made = ([], no_rois(found_of(results))) if curation is None else (list(curation.log), curation.made)
    for step in found.steps:
        log.append(step.entry)
        made = made if step.made is None else joined(made, step.made)
    return with_log(results, log, made)


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
