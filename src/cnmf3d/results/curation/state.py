"""What the ROIs are after some steps of curation: a frozen state, and the one function that moves it on.

The state of a results file is the log replayed over it. Nothing of the original is ever changed: ROIs that are
taken away are only marked so, and ROIs that are made have their data beside the original ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Bool
from cnmf3d.errors import InputError
from cnmf3d.results.curation.log import Entry, Value

Ints = npt.NDArray[np.int64]
Tags = Mapping[str, Mapping[int, Value]]


class Marks(NamedTuple):
    """What is known of some ROIs beside tags: one value each."""

    accepted: Bool
    alive: Bool
    row: Ints


@dataclass(frozen=True)
class Change:
    """What one entry changed, so that it can be taken back.

    Attributes
    ----------
    ids : (k,) int64
    before, after : Marks of (k,)
    tags : tuple of (column, id, value before, value after)
        None: no tag.
    columns : tuple of str before, and after
    """

    ids: Ints
    before: Marks
    after: Marks
    tags: tuple[tuple[str, int, Value | None, Value | None], ...]
    columns: tuple[tuple[str, ...], tuple[str, ...]]

    def reversed(self) -> Change:
        """The change that takes this one back."""
        tags = tuple((column, i, after, before) for column, i, before, after in self.tags)
        return Change(self.ids, self.after, self.before, tags, (self.columns[1], self.columns[0]))

    def touched(self) -> Ints:
        """Every ROI that it concerns, (m,) int64."""
        return np.union1d(self.ids, np.array([i for _, i, _, _ in self.tags], np.int64))


Stack = tuple[Change, "Stack"] | None
"""Changes, the last one first."""


@dataclass(frozen=True)
class State:
    """Everything that curation says of the ROIs.

    Attributes
    ----------
    accepted, alive : (known,) bool
        By id, of all ROIs that ever were. One that isn't alive was deleted, merged or split.
    row : (known,) int64
        Where each ROI's data lie: below the number of original components in these, from there on in the curation's
        own.
    tags : mapping of column to mapping of id to value
        Every column is there, also an empty one, in the order in which they were made.
    past, future : Stack
        What can be undone, and redone.
    """

    accepted: Bool
    alive: Bool
    row: Ints
    tags: Tags = field(default_factory=dict)
    past: Stack = None
    future: Stack = None

    @classmethod
    def first(cls, accepted: Bool) -> State:
        """The state before any curation, from the original components' verdicts."""
        count = len(accepted)
        return cls(np.array(accepted, bool), np.ones(count, bool), np.arange(count))

    @property
    def known(self) -> int:
        """Number of ROIs that ever were; the next new one has this id."""
        return len(self.row)

    @property
    def ids(self) -> Ints:
        """ROIs that are there, ascending."""
        return np.flatnonzero(self.alive)

    def same(self, other: State) -> bool:
        """Whether both say the same of the ROIs that are there, whatever led to it."""
        ids = self.ids
        return (
            np.array_equal(ids, other.ids)
            and np.array_equal(self.accepted[ids], other.accepted[ids])
            and np.array_equal(self.row[ids], other.row[ids])
            and _living(self.tags, self.alive) == _living(other.tags, other.alive)
        )


def _living(tags: Tags, alive: Bool) -> dict[str, dict[int, Value]]:
    return {column: {i: v for i, v in values.items() if alive[i]} for column, values in tags.items()}


def replay(start: State, log: Iterable[Entry]) -> State:
    """The state after all entries of `log`.

    Raises
    ------
    InputError
        Where an entry doesn't fit: the log belongs to other results.
    """
    for entry in log:
        start = after(start, entry)
    return start


def after(state: State, entry: Entry) -> State:
    """The state after one more entry.

    Raises
    ------
    InputError
        Where the entry names ROIs or columns that aren't there.
    """
    if entry.what == "undo":
        if state.past is None:
            raise _misfit(entry, "there is nothing to undo")
        change, past = state.past
        return dataclasses.replace(_applied(state, change.reversed()), past=past, future=(change, state.future))
    if entry.what == "redo":
        if state.future is None:
            raise _misfit(entry, "there is nothing to redo")
        change, future = state.future
        return dataclasses.replace(_applied(state, change), past=(change, state.past), future=future)
    wrong = [i for i in entry.ids if i >= state.known]
    if wrong:
        raise _misfit(entry, f"there is no ROI {wrong[0]}")
    try:
        state, change = _change_of(state, entry)
    except (KeyError, TypeError, ValueError, OverflowError, IndexError, AttributeError) as error:
        raise _misfit(entry, f"{type(error).__name__} {error}") from error
    return dataclasses.replace(_applied(state, change), past=(change, state.past), future=None)


def _misfit(entry: Entry, why: str) -> InputError:
    return InputError(
        f"the curation log doesn't fit these results: {entry.what!r} of {entry.time or 'an unknown time'}: {why}",
        "Take the log that belongs to this file.",
    )


def _change_of(state: State, entry: Entry) -> tuple[State, Change]:
    """What an entry changes; and the state with room for the ROIs that it makes."""
    ids, values = np.array(entry.ids, np.int64), entry.values
    match entry.what:
        case "accept" | "reject":
            return state, _marks(state, ids, accepted=np.full(len(ids), entry.what == "accept"))
        case "judge":
            return state, _marks(state, ids, accepted=_verdicts(values["accepted"], len(ids)))
        case "delete" | "restore":
            return state, _marks(state, ids, alive=np.full(len(ids), entry.what == "restore"))
        case "edit":
            return state, _marks(state, ids, row=_whole(values["rows"], len(ids)))
        case "replace":
            return _replaced(state, ids, values)
        case "tag":
            return state, _tagged(state, entry.ids, values)
        case "add column" | "drop column":
            return state, _columns(state, str(values["column"]), entry.what == "add column")
        case _:  # pragma: no cover
            raise ValueError("unknown")


def _whole(values: Any, count: int) -> Ints:
    numbers = np.asarray(values, np.int64)
    if numbers.shape != (count,) or (numbers < 0).any():
        raise ValueError(f"{values} are not {count} numbers")
    return numbers


def _verdicts(values: Any, count: int) -> Bool:
    if len(values) != count or not all(isinstance(v, bool) for v in values):
        raise ValueError(f"{values} are not {count} verdicts")
    return np.array(values, bool)


def _marks(
    state: State, ids: Ints, accepted: Bool | None = None, alive: Bool | None = None, row: Ints | None = None
) -> Change:
    before = Marks(state.accepted[ids], state.alive[ids], state.row[ids])
    changed = Marks(
        before.accepted if accepted is None else accepted,
        before.alive if alive is None else alive,
        before.row if row is None else row,
    )
    return Change(ids, before, changed, (), (tuple(state.tags), tuple(state.tags)))


def _replaced(state: State, gone: Ints, values: Mapping[str, Any]) -> tuple[State, Change]:
    made = _whole(values["made"], len(values["made"]))
    rows, verdicts = _whole(values["rows"], len(made)), _verdicts(values["accepted"], len(made))
    if not np.array_equal(made, state.known + np.arange(len(made))):
        raise ValueError(f"the new ROIs {made.tolist()} don't follow on {state.known - 1}")
    none = np.zeros(len(made), bool)
    state = dataclasses.replace(
        state,
        accepted=np.concatenate([state.accepted, verdicts]),
        alive=np.concatenate([state.alive, none]),
        row=np.concatenate([state.row, rows]),
    )
    ids = np.concatenate([gone, made])
    change = _marks(state, ids, alive=np.concatenate([np.zeros(len(gone), bool), ~none]))
    tags = tuple((str(c), int(made[k]), None, _tag(v)) for c, k, v in values.get("tags", ()) if c in state.tags)
    return state, dataclasses.replace(change, tags=tags)


def _tag(value: Any) -> Value:
    if not isinstance(value, Value):
        raise TypeError(f"{value!r} is no tag")
    return value


def _tagged(state: State, ids: tuple[int, ...], values: Mapping[str, Any]) -> Change:
    column, new = str(values["column"]), values["values"]
    known = state.tags.get(column, {})
    changes = tuple((column, i, known.get(i), None if v is None else _tag(v)) for i, v in zip(ids, new, strict=True))
    columns = tuple(state.tags)
    more = columns if column in state.tags else (*columns, column)
    return dataclasses.replace(_marks(state, np.zeros(0, np.int64)), tags=changes, columns=(columns, more))


def _columns(state: State, column: str, add: bool) -> Change:
    columns = tuple(state.tags)
    if add == (column in columns):
        raise ValueError(f"there is {'already a' if add else 'no'} column {column!r}")
    changes = () if add else tuple((column, i, v, None) for i, v in state.tags[column].items())
    kept = (*columns, column) if add else tuple(c for c in columns if c != column)
    return dataclasses.replace(_marks(state, np.zeros(0, np.int64)), tags=changes, columns=(columns, kept))


def _applied(state: State, change: Change) -> State:
    """The state with a change made; arrays that stay the same are shared."""

    def put(values: npt.NDArray[Any], before: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if np.array_equal(before, now):
            return values
        values = values.copy()
        values[change.ids] = now
        return values

    return dataclasses.replace(
        state,
        accepted=put(state.accepted, change.before.accepted, change.after.accepted),
        alive=put(state.alive, change.before.alive, change.after.alive),
        row=put(state.row, change.before.row, change.after.row),
        tags=_retagged(state.tags, change),
    )


def _retagged(tags: Tags, change: Change) -> Tags:
    """The tags with a change made; columns that stay the same are shared."""
    if not change.tags and change.columns[0] == change.columns[1]:
        return tags
    mine = {column: dict(tags.get(column, {})) for column in {column for column, *_ in change.tags}}
    for column, i, _, value in change.tags:
        if value is None:
            mine[column].pop(i, None)
        else:
            mine[column][i] = value
    return {column: mine.get(column, tags.get(column, {})) for column in change.columns[1]}
