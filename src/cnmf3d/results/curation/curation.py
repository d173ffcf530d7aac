"""A curation: the log, and the data of the ROIs that it made. And results as it leaves them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.errors import InputError
from cnmf3d.results.curation.log import Entry, Value
from cnmf3d.results.curation.rois import no_rois, rows_of
from cnmf3d.results.curation.state import State, replay

if TYPE_CHECKING:
    from cnmf3d.results.model import Results


@dataclass(frozen=True)
class Curation:
    """What people did to the ROIs of a results file.

    Attributes
    ----------
    log : tuple of Entry
    made : Components
        ROIs that were merged, split, added or edited; the log names them by their row, counted on from the original
        components.
    """

    log: tuple[Entry, ...]
    made: Components


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


def state_of(results: Results) -> State:
    """What the ROIs of `results` are after its curation.

    Raises
    ------
    InputError
        Where the log doesn't fit the components.
    """
    start = State.first(results.components.accepted)
    if results.curation is None:
        return start
    state = replay(start, results.curation.log)
    rows = results.components.count + results.curation.made.count
    if state.known and state.row.max() >= rows:
        raise InputError(
            "the curation log doesn't fit these results: it names ROIs whose data are missing",
            "Take the log that belongs to this file.",
        )
    return state


def curated(results: Results) -> Curated:
    """Results as their curation leaves them: with merged, split, added and without deleted ROIs.

    Parameters
    ----------
    results : Results
        As `load_results` gives them, with the original components and the log.

    Returns
    -------
    Curated

    Raises
    ------
    InputError
        Where the log doesn't fit the components.
    """
    state, base = state_of(results), results.components
    made = no_rois(base) if results.curation is None else results.curation.made
    ids = state.ids
    components = dataclasses.replace(rows_of(base, made, state.row[ids]), accepted=state.accepted[ids])
    tags = {column: {i: v for i, v in values.items() if state.alive[i]} for column, values in state.tags.items()}
    return Curated(dataclasses.replace(results, components=components, curation=None), ids, tags)
