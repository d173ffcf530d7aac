"""Arrays whose chunks are decoded on all cores straight into memory, whatever file they lie in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.blocks import spans_of, touched, without_single
from cnmf3d.movies.positional import fresh
from cnmf3d.movies.side_by_side import in_threads
from cnmf3d.movies.stored import Index, LazyArray, Place

LARGEST = 2**28
"""Bytes of a chunk that are decoded here: larger ones are read in parts by their library, or are a damaged length."""

Decode = Callable[[tuple[int, ...], npt.NDArray[Any]], bool]
"""``decode(number, out)`` puts the values of a chunk into contiguous memory of its shape; False for one that was never
written."""


@dataclass(frozen=True)
class Chunks:
    """An array in chunks.

    Attributes
    ----------
    place : Place
    name : str
        Of the array, for messages.
    shape : tuple of int
    dtype : numpy.dtype
    chunk : tuple of int
        Lengths of a chunk; those at the end are as large.
    fill : numpy scalar
        Value of what was never written.
    reading : callable
        Context in which one thread decodes chunks; it may keep files and memory of its own there.
    """

    place: Place
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    fill: Any
    reading: Callable[[], AbstractContextManager[Decode]]

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; only chunks that it touches are decoded. Several threads may read."""
        spans = spans_of(index, self.shape)
        out, todo = fresh([len(span) for span in spans], self.dtype), list(touched(spans, self.chunk))

        def work(part: range) -> None:
            values = np.empty(self.chunk, self.dtype)
            with self.reading() as decode:
                for number, here, there in (todo[at] for at in part):
                    target = out[here]
                    whole = target.shape == self.chunk and target.flags.c_contiguous
                    if not decode(number, target if whole else values):
                        target[...] = self.fill
                    elif not whole:
                        target[...] = values[there]

        try:
            in_threads(work, len(todo), out.nbytes)
        except (OSError, EOFError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{self.place}: a chunk of {self.name} can't be read ({error})",
                "It is damaged, cut short or was changed: copy it again.",
            ) from error
        return without_single(out, index)

    def reads_as(self, theirs: LazyArray, number: tuple[int, ...]) -> bool:
        """Whether a chunk is as the array's own library reads it, which may know more of how it is stored."""
        part = tuple(slice(n * side, (n + 1) * side) for n, side in zip(number, self.chunk, strict=True))
        try:
            one, other = self[part], np.asarray(theirs[part])
        except (InputError, OSError, RuntimeError, ValueError, TypeError, KeyError):  # the library says it better
            return False
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def see_size(found: object, out: npt.NDArray[np.uint8], name: str) -> None:
    """See that a chunk was as long as its memory.

    Raises
    ------
    ValueError
        Where it held less or more.
    """
    size = memoryview(found).nbytes  # type: ignore[arg-type]
    if size != out.nbytes:
        raise ValueError(f"{name} of {out.nbytes} bytes holds {size}")
