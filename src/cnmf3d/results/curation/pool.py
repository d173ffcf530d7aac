"""Data of all ROIs that ever were: the original components and those that curation made, and the part that is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Components
from cnmf3d.results.curation import State, joined
from cnmf3d.results.curation.shapes import Shapes, edges_of, shapes_of
from cnmf3d.results.curation.voxels import VoxelIndex

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Components with what is worked out of them once.

    Attributes
    ----------
    components : Components
    """

    components: Components

    @cached_property
    def shapes(self) -> Shapes:
        """Where the footprints lie."""
        return shapes_of(self.components.footprints, self.components.shape)

    @cached_property
    def index(self) -> VoxelIndex:
        """Which columns lie at each voxel."""
        return VoxelIndex(self.components.footprints)

    @cached_property
    def edges(self) -> VoxelIndex:
        """Which columns have their edge at each voxel."""
        return VoxelIndex(edges_of(self.components.footprints, self.components.shape))


@dataclass(frozen=True)
class Pool:
    """Rows of data: first the original components, then those that curation made. Rows only ever come.

    Attributes
    ----------
    base, made : Part
    """

    base: Part
    made: Part

    @classmethod
    def of(cls, base: Components, made: Components) -> Pool:
        """The rows of both."""
        return cls(Part(base), Part(made))

    def with_more(self, made: Components) -> Pool:
        """These rows and some more."""
        return dataclasses.replace(self, made=Part(joined(self.made.components, made)))

    @property
    def split(self) -> int:
        """The first row that curation made."""
        return self.base.components.count

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.split + self.made.components.count

    @property
    def parts(self) -> tuple[tuple[Part, int], ...]:
        """Both parts, each with its first row."""
        return ((self.base, 0), (self.made, self.split))

    def among(self, rows: Ints) -> Iterator[tuple[Part, Ints, Ints]]:
        """Which of `rows` lie in which part: the part, their places in `rows`, and their columns there."""
        for part, first in self.parts:
            mine = np.flatnonzero((rows >= first) & (rows < first + part.components.count))
            if mine.size:
                yield part, mine, rows[mine] - first


@dataclass(frozen=True)
class View:
    """The ROIs that are there, in the order of their ids.

    Attributes
    ----------
    pool : Pool
    ids, rows : (n,) int64
    """

    pool: Pool
    ids: Ints
    rows: Ints
    _id_of_row: Ints = field(repr=False)

    @classmethod
    def of(cls, pool: Pool, state: State) -> View:
        """What `state` leaves of the pool."""
        ids = state.ids
        rows = state.row[ids]
        id_of_row = np.full(pool.count, -1, np.int64)
        id_of_row[rows] = ids
        return cls(pool, ids, rows, id_of_row)

    @property
    def untouched(self) -> bool:
        """Whether these are just the original components."""
        return len(self.rows) == self.pool.split and bool((self.rows == np.arange(len(self.rows))).all())

    def id_of(self, rows: Ints) -> Ints:
        """Ids of the ROIs whose data these rows are; -1 where that is none."""
        return self._id_of_row[rows]

    def by_row(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of the ROIs that are there as values of all rows, 0 elsewhere."""
        out = np.zeros(self.pool.count, values.dtype)
        out[self.rows] = values
        return out

    @cached_property
    def shapes(self) -> Shapes:
        """Where the ROIs lie."""
        base, made = self.pool.base.shapes, self.pool.made
        if self.untouched:
            return base
        return (base.joined(made.shapes) if made.components.count else base).take(self.rows)

    @cached_property
    def footprints(self) -> sparse.csc_array[Any]:
        """(voxels, n) footprints."""
        base = self.pool.base.components.footprints
        if self.untouched:
            return base
        made = self.pool.made.components.footprints
        both = base if not made.shape[1] else sparse.csc_array(sparse.hstack([base, made], format="csc"))
        return sparse.csc_array(both[:, self.rows])

    @cached_property
    def metrics(self) -> Mapping[str, npt.NDArray[Any]]:
        """Name to (n,) values."""
        base, made = self.pool.base.components, self.pool.made.components
        out: dict[str, npt.NDArray[Any]] = {}
        for name in dict.fromkeys([*base.quality, *made.quality]):
            values = [c.quality.get(name, np.full(c.count, np.nan, np.float32)) for c in (base, made)]
            out[name] = np.concatenate(values)[self.rows]
        out["size"] = self.shapes.size
        return out
