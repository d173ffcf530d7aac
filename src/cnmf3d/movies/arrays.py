"""Lazy arrays that formats share: a mapped file, pages put in order, another order of dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.positional import Reader
from cnmf3d.movies.side_by_side import empty, fill, is_whole, runs
from cnmf3d.movies.stored import Index, LazyArray

PIECE_BYTES = 64 * 2**20
"""A file whose first dimension isn't time is read in pieces of this size, to bound the memory in use."""

SMALL, WASTE = 2**16, 8
"""Bytes that are read at once whatever is wanted of them, and how many more than are wanted may be: one read of them
takes as long as several of parts."""


@dataclass(frozen=True)
class Mapped:
    """An array that lies uncompressed in a file.

    Parts are read, not mapped: a file that somebody cuts short meanwhile ends a process that has it mapped.

    Attributes
    ----------
    path : Path
    dtype : numpy.dtype
    shape : tuple of int
    offset : int
        Bytes before the first value.
    stride : int
        Bytes from one item of the first dimension to the next; 0 for items without gaps.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int = 0
    stride: int = 0

    @property
    def item_bytes(self) -> int:
        """Bytes of one item of the first dimension."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def gapless(self) -> bool:
        """Whether the items follow one another without gaps."""
        return self.stride in (0, self.item_bytes)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part.

        Raises
        ------
        InputError
            Where the file is gone, or ends before.
        """
        try:
            with Reader(self.path) as file:
                whole = (*index, *(slice(None),) * (len(self.shape) - len(index)))
                return self._part(file, 0, self.offset, whole)
        except (EOFError, OSError) as error:
            raise self._fault(error) from error

    def fill_from(self, numbers: npt.NDArray[np.intp], rest: Index, out: npt.NDArray[Any]) -> None:
        """Read parts of items into memory; see `side_by_side.fill`."""
        pitch = self.stride or self.item_bytes
        whole = is_whole(rest, self.shape[1:]) and out.dtype == self.dtype
        alone = whole and self.item_bytes > SMALL and out[0].flags.c_contiguous
        try:
            with Reader(self.path) as file:
                for start, stop in runs(numbers):
                    at = self.offset + int(numbers[start]) * pitch
                    if whole and self.gapless and out.flags.c_contiguous:
                        file.fill(at, out[start:stop])
                    elif alone:
                        for number in range(start, stop):
                            file.fill(self.offset + int(numbers[number]) * pitch, out[number])
                    else:
                        span = slice(int(numbers[start]), int(numbers[stop - 1]) + 1)
                        out[start:stop] = self._part(file, 0, self.offset, (span, *rest))
        except (EOFError, OSError) as error:
            raise self._fault(error) from error

    def _fault(self, error: EOFError | OSError) -> InputError:
        """What is said where the file is gone, or ends before."""
        if isinstance(error, EOFError):
            return InputError(f"{self.path} was cut short: {error}", "Copy it again from where it was saved.")
        return InputError(f"{self.path} can't be read: {error.strerror}", "Is it still there?")

    def _part(self, file: Reader, axis: int, at: int, index: Index) -> npt.NDArray[Any]:
        """Read what `index` says of the dimensions from `axis` on, of the item that begins at the byte `at`."""
        if axis == len(self.shape):
            return np.asarray(np.frombuffer(file.exactly(at, self.dtype.itemsize), self.dtype)[0])
        chosen, rest = index[axis], index[axis + 1 :]
        inner = math.prod(self.shape[axis + 1 :]) * self.dtype.itemsize
        pitch = self.stride if axis == 0 and self.stride else inner
        if not isinstance(chosen, slice):
            return self._part(file, axis + 1, at + chosen * pitch, index)
        numbers = range(*chosen.indices(self.shape[axis]))
        if not numbers or not inner:
            lengths = [
                len(range(*part.indices(n)))
                for part, n in zip(rest, self.shape[axis + 1 :], strict=True)
                if isinstance(part, slice)
            ]
            return np.empty((len(numbers), *lengths), self.dtype)
        wanted = len(numbers) * self._wanted(axis + 1, rest)
        span = (numbers[-1] - numbers[0]) * pitch + inner
        if span <= max(SMALL, WASTE * wanted) and (span <= PIECE_BYTES or span == wanted):
            return self._span(file, axis, at + numbers[0] * pitch, numbers, pitch, rest)
        if pitch > SMALL or len(numbers) == 1:
            return np.stack([self._part(file, axis + 1, at + number * pitch, index) for number in numbers])
        length = max(1, PIECE_BYTES // (pitch * numbers.step))
        parts = [numbers[first : first + length] for first in range(0, len(numbers), length)]
        return np.concatenate([self._span(file, axis, at + part[0] * pitch, part, pitch, rest) for part in parts])

    def _span(self, file: Reader, axis: int, at: int, numbers: range, pitch: int, rest: Index) -> npt.NDArray[Any]:
        """Read all bytes from the first to the last of some items, and take what is wanted of them."""
        inner = self.shape[axis + 1 :]
        count = numbers[-1] - numbers[0] + 1
        span = (count - 1) * pitch + math.prod(inner) * self.dtype.itemsize
        raw = file.into(at, span)
        sizes = [math.prod(inner[place + 1 :]) * self.dtype.itemsize for place in range(len(inner))]
        whole = np.ndarray((count, *inner), self.dtype, raw.data, 0, (pitch, *sizes))
        part = np.asarray(whole[(slice(None, None, numbers.step), *rest)])
        return part.copy() if 2 * part.nbytes < span else part

    def _wanted(self, axis: int, rest: Index) -> int:
        """Bytes that are wanted of an item."""
        counts = [
            len(range(*part.indices(n))) if isinstance(part, slice) else 1
            for part, n in zip(rest, self.shape[axis:], strict=True)
        ]
        return math.prod(counts) * self.dtype.itemsize


@dataclass(frozen=True)
class Stacked:
    """Pages of a flat list, in the order of their numbers.

    Attributes
    ----------
    pages : LazyArray
        (pages, Y, X, ...) in the file's order.
    numbers : integer array
        Number of the page at each position along the leading dimensions, e.g. (T, Z) or (T, Z, C).
    """

    pages: LazyArray
    numbers: npt.NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading dimensions, then those of a page."""
        return (*self.numbers.shape, *self.pages.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.pages.dtype

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part: runs of pages at once, in the order of the file, and no page that isn't asked for."""
        lead = self.numbers.ndim
        chosen, rest = np.asarray(self.numbers[index[:lead]]), index[lead:]
        flat = chosen.ravel()
        if len(runs(flat)) == 1:  # as they lie
            block = np.asarray(self.pages[(slice(int(flat[0]), int(flat[-1]) + 1), *rest)])
            return block.reshape(chosen.shape + block.shape[1:])
        out = empty(flat, tuple(self.pages.shape[1:]), rest, np.dtype(self.pages.dtype))
        if flat.size:
            fill(self.pages, flat, rest, out)
        return out.reshape(chosen.shape + out.shape[1:])


@dataclass(frozen=True)
class Transposed:
    """Another order of the dimensions: dimension i is dimension ``order[i]`` of the source."""

    source: LazyArray
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths in the new order."""
        return tuple(self.source.shape[axis] for axis in self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.source.dtype

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part."""
        there = [0] * len(self.order)
        for here, axis in enumerate(self.order):
            there[axis] = here
        block = np.asarray(self.source[tuple(index[here] for here in there)])
        kept = [here for here in there if isinstance(index[here], slice)]
        return block.transpose([kept.index(here) for here in sorted(kept)])


@dataclass(frozen=True)
class Averaged:
    """Mean along one dimension, which vanishes; float32.

    Attributes
    ----------
    source : LazyArray
    axis : int
        Which dimension of the source, from 0.
    """

    source: LazyArray
    axis: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the other dimensions."""
        shape = tuple(self.source.shape)
        return shape[: self.axis] + shape[self.axis + 1 :]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(np.float32)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part."""
        before = index[: self.axis]
        block = np.asarray(self.source[(*before, slice(None), *index[self.axis :])])
        along = sum(isinstance(part, slice) for part in before)
        mean = np.asarray(block.mean(axis=along, dtype=np.float32))
        if block.dtype.kind == "f" and not np.isfinite(mean).all():  # some are missing: the mean of the others
            there = np.isfinite(block)
            count = there.sum(axis=along)
            known = np.where(there, block, 0).sum(axis=along, dtype=np.float32)
            mean = np.divide(known, count, out=np.full(known.shape, np.nan, np.float32), where=count > 0)
        return mean


@dataclass(frozen=True)
class Rows:
    """Some rows of every image: a range of the last dimension but one.

    Attributes
    ----------
    source : LazyArray
        (..., Y, X).
    start, stop : int
    """

    source: LazyArray
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths, with the rows that are kept."""
        shape = tuple(self.source.shape)
        return (*shape[:-2], self.stop - self.start, shape[-1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.source.dtype

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part."""
        rows = index[-2]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(self.stop - self.start)
            inner: int | slice = slice(self.start + start, self.start + stop, step)
        else:
            inner = self.start + rows
        return np.asarray(self.source[(*index[:-2], inner, index[-1])])


def folded(data: LazyArray, leading: tuple[int, ...], count: int = 1) -> LazyArray | None:
    """Cut the first `count` dimensions of `data`, taken as one flat list of pages, into others.

    Parameters
    ----------
    data : LazyArray
    leading : tuple of int
        Lengths, the slowest first; their product is the number of pages.
    count : int
        At least 1.

    Returns
    -------
    LazyArray or None
        None where the dimensions of `data` can't be taken as one list without reading it.
    """
    shape = leading + tuple(data.shape[count:])
    if isinstance(data, np.ndarray):
        return data.reshape(shape)
    if isinstance(data, Mapped) and data.gapless:
        return replace(data, shape=shape, stride=0)
    if isinstance(data, Stacked) and count <= data.numbers.ndim:
        return Stacked(data.pages, data.numbers.reshape(leading + data.numbers.shape[count:]))
    if count == 1:
        return Stacked(data, np.arange(data.shape[0], dtype=np.intp).reshape(leading))
    return None
