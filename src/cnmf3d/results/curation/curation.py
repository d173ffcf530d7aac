"""A curation: the log, and the data of the ROIs that were found and made. And results as it leaves them.

The components of `Results` are always those that curation left, so that whoever reads them has what people decided.
What the run found is in the curation beside the log, and is what files keep.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.errors import InputError, UsageError
from cnmf3d.results.curation.log import Entry, Value
from cnmf3d.results.curation.rois import no_rois, rows_of
from cnmf3d.results.curation.state import State, replay
from cnmf3d.results.stored import Later

if TYPE_CHECKING:
    from cnmf3d.results.model import Results


@dataclass(frozen=True)
class Curation:
    """What people did to the ROIs of a results file; `with_log` makes one.

    Attributes
    ----------
    log : tuple of Entry
    made : Components
        ROIs that were merged, split, added or edited; the log names them by their row, counted on from those that were
        found.
    found : Components
        The components that the log begins with.
    left : Components
        Those that it ends with: the components of the results.
    """

    log: tuple[Entry, ...]
    made: Components
    found: Components
    left: Components


@dataclass(frozen=True)
class Curated:
    """Results as curation left them.

    Attributes
    ----------
    results : Results
        With the ROIs that are there, in the order of `ids`, and no log.
    ids : (n,) int64
        ROI numbers, which never change: an original component's place in the file, from 0; new ones count on.
    tags : mapping of column to mapping of id to value
        Every column is there, also an empty one; only ROIs that are there.
    """

    results: Results
    ids: npt.NDArray[np.int64]
    tags: Mapping[str, Mapping[int, Value]]


class LeftComponents(Later, Components):
    """Components that curation left, put together at the first use of one of their fields; get them from `of`.

    One that `dataclasses.replace` makes is put together.
    """

    @classmethod
    def of(cls, found: Components, read: Callable[[], Components]) -> LeftComponents:
        """What `read` gives, not before it is needed; volume, frames and background are those of `found`."""
        out = object.__new__(cls)
        out.__dict__.update(shape=found.shape, background=found.background, _found=found)

        def field(name: str) -> Any:
            whole = read()
            for each in dataclasses.fields(Components):
                out.__dict__.setdefault(each.name, getattr(whole, each.name))
            return out.__dict__[name]

        names = [each.name for each in dataclasses.fields(Components)]
        out.__dict__["_later"] = {name: lambda name=name: field(name) for name in names}
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied and pickled as plain components."""
        return Components, tuple(getattr(self, each.name) for each in dataclasses.fields(Components))

    @property
    def frames(self) -> int:
        """Number of time points."""
        found: Components | None = self.__dict__.get("_found")
        return super().frames if found is None else found.frames


def found_of(results: Results) -> Components:
    """The components as the run found them, before any curation.

    Raises
    ------
    UsageError
        Where the components were replaced, so that the log isn't theirs any more.
    """
    curation = results.curation
    if curation is None:
        return results.components
    if results.components is not curation.left:
        raise UsageError(
            "the components of these results were replaced, and their curation log is still that of the old ones",
            "Replace both: dataclasses.replace(results, components=..., curation=None).",
        )
    return curation.found


def as_found(results: Results) -> Results:
    """The same without curation: the components as the run found them."""
    return dataclasses.replace(results, components=found_of(results), curation=None)


def with_log(results: Results, log: Iterable[Entry], made: Components | None = None) -> Results:
    """The same with another log of curation, from what the run found on.

    Parameters
    ----------
    results : Results
        What its own log says isn't kept.
    log : iterable of Entry
    made : Components, optional
        See `Curation`; none if not given.

    Returns
    -------
    Results
        Whose components are those that the log leaves. A log that doesn't fit ends in an `InputError` at the first use
        of them, and in `state_of`.
    """
    found, log = found_of(results), tuple(log)
    if not log:
        return dataclasses.replace(results, components=found, curation=None)
    rois = no_rois(found) if made is None else made
    left = LeftComponents.of(found, lambda: _left(found, rois, _state(found, rois, log)))
    return dataclasses.replace(results, components=left, curation=Curation(log, rois, found, left))


def _left(found: Components, made: Components, state: State) -> Components:
    return dataclasses.replace(rows_of(found, made, state.row[state.ids]), accepted=state.accepted[state.ids])


def _state(found: Components, made: Components, log: tuple[Entry, ...]) -> State:
    """The log replayed, seen to fit the components."""
    state = replay(State.first(found.accepted), log)
    if state.known and state.row.max() >= found.count + made.count:
        raise InputError(
            "the curation log doesn't fit these results: it names ROIs whose data are missing",
            "Take the log that belongs to this file.",
        )
    return state


def state_of(results: Results) -> State:
    """What the ROIs of `results` are after its curation.

    Raises
    ------
    InputError
        Where the log doesn't fit the components.
    """
    curation, found = results.curation, found_of(results)
    return State.first(found.accepted) if curation is None else _state(found, curation.made, curation.log)


def curated(results: Results) -> Curated:
    """Results as their curation leaves them, with the numbers and tags of the ROIs.

    Parameters
    ----------
    results : Results
        As `load_results` gives them.

    Returns
    -------
    Curated

    Raises
    ------
    InputError
        Where the log doesn't fit the components.
    """
    state = state_of(results)
    tags = {column: {i: v for i, v in values.items() if state.alive[i]} for column, values in state.tags.items()}
    return Curated(dataclasses.replace(results, curation=None), state.ids, tags)
