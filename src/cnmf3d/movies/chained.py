"""Pages of several files as one list, for recordings that were cut into files anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.positional import fresh
from cnmf3d.movies.side_by_side import empty, fill
from cnmf3d.movies.stored import Index, LazyArray

OPEN_FILES = 32
"""Files that are kept open at once: enough for several threads that read stretches far apart, few beside what a
system allows a process."""


@dataclass(frozen=True)
class Chained:
    """Arrays of several files, joined along their first dimension.

    Attributes
    ----------
    names : sequence of str
        Paths or addresses, for messages.
    lengths : sequence of int
        Items of the first dimension in each file.
    inner : tuple of int
        The other dimensions, e.g. (Y, X).
    dtype : numpy.dtype
    opener : callable
        ``opener(i)`` opens file i. Files are opened when they are read; the last few that need it stay open.
    """

    names: Sequence[str]
    lengths: Sequence[int]
    inner: tuple[int, ...]
    dtype: np.dtype[Any]
    opener: Callable[[int], LazyArray] = field(repr=False)

    @cached_property
    def _starts(self) -> npt.NDArray[np.intp]:
        """First item of each file, and the end of the last one."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.intp)

    @property
    def shape(self) -> tuple[int, ...]:
        """Items of all files, then the inner dimensions."""
        return (int(self._starts[-1]), *self.inner)

    @cached_property
    def _held(self) -> Callable[[int], LazyArray]:
        return lru_cache(OPEN_FILES)(self._open)

    @cached_property
    def _mapped(self) -> dict[int, Mapped]:
        """Files that were opened and are only open while they are read: all of them may be kept."""
        return {}

    def _opened(self, number: int) -> LazyArray:
        """Open a file, or take it as it was opened before."""
        known = self._mapped.get(number)
        if known is not None:
            return known
        found = self._held(number)
        if isinstance(found, Mapped):
            self._mapped[number] = found
        return found

    def _open(self, number: int) -> LazyArray:
        """Open a file, and see that it is still what it was."""
        found, promised = self.opener(number), (self.lengths[number], *self.inner)
        if tuple(found.shape) != promised or not _same(found.dtype, self.dtype):
            raise InputError(
                f"{self.names[number]} is {tuple(found.shape)} {found.dtype}, not {promised} {self.dtype}",
                "All files of a movie must have pages of one shape and type, and stay as they are.",
            )
        return found

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; only the files that it touches are opened."""
        first, rest = index[0], index[1:]
        if not isinstance(first, slice):
            number = int(np.searchsorted(self._starts, first, "right")) - 1
            return np.asarray(self._opened(number)[(int(first) - int(self._starts[number]), *rest)])
        start, stop, step = first.indices(self.shape[0])
        number = int(np.searchsorted(self._starts, start, "right")) - 1
        if start < stop <= self._starts[number + 1]:
            before = int(self._starts[number])
            return np.asarray(self._opened(number)[(slice(start - before, stop - before, step), *rest)])
        numbers = np.arange(start, stop, step, dtype=np.intp)
        out = empty(numbers, self.inner, rest, self.dtype)
        self.fill_from(numbers, rest, out)
        return out

    def fill_from(self, numbers: npt.NDArray[np.intp], rest: Index, out: npt.NDArray[Any]) -> None:
        """Read parts of items into memory, file by file; see `side_by_side.fill`."""
        if not numbers.size:
            return
        files = np.searchsorted(self._starts, numbers, "right") - 1
        turns = np.diff(files)
        if turns.min(initial=0) >= 0:  # file after file
            for start, stop in pairwise([0, *(np.flatnonzero(turns) + 1).tolist(), len(files)]):
                number = int(files[start])
                fill(self._opened(number), numbers[start:stop] - self._starts[number], rest, out[start:stop])
            return
        order = np.argsort(files, kind="stable")
        ends = [0, *(np.flatnonzero(np.diff(files[order])) + 1).tolist(), len(order)]
        for start, stop in pairwise(ends):
            part, number = order[start:stop], int(files[order[start]])
            inside, source = numbers[part] - self._starts[number], self._opened(number)
            step = int(part[1] - part[0]) if len(part) > 1 else 1
            if (np.diff(part) == step).all():  # also planes that each have a file of their own
                fill(source, inside, rest, out[part[0] : part[-1] + 1 : step])
            else:
                block = fresh((len(part), *out.shape[1:]), out.dtype)
                fill(source, inside, rest, block)
                out[part] = block


def _same(one: np.dtype[Any], other: np.dtype[Any]) -> bool:
    """Whether two types hold the same values; their order of bytes may differ."""
    return one.newbyteorder("=") == other.newbyteorder("=")
