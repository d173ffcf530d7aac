"""Pages read into memory that is there already, and decoded on all processor cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.positional import fresh
from cnmf3d.movies.stored import Index, LazyArray

LEAST = 2**18
"""Bytes for which another thread is used: decoding fewer takes no longer than handing them over."""


class Pages(Protocol):
    """A list of pages that can be read into memory."""

    def fill_from(self, numbers: npt.NDArray[np.intp], rest: Index, out: npt.NDArray[Any]) -> None:
        """Read `rest` of the pages of these numbers into `out`, page by page."""
        ...


def fill(pages: LazyArray, numbers: npt.NDArray[np.intp], rest: Index, out: npt.NDArray[Any]) -> None:
    """Read parts of pages into memory.

    Parameters
    ----------
    pages : LazyArray
        (pages, ...); one with a method ``fill_from`` does it without a copy.
    numbers : (n,) int
        In any order.
    rest : Index
        What is wanted of each page.
    out : (n, ...) array
    """
    own: Callable[..., None] | None = getattr(pages, "fill_from", None)
    if own is not None:
        own(numbers, rest, out)
        return
    order = np.argsort(numbers, kind="stable")
    for start, stop in runs(numbers[order]):
        run = order[start:stop]
        out[run] = pages[(slice(int(numbers[run[0]]), int(numbers[run[-1]]) + 1), *rest)]


def runs(numbers: npt.NDArray[np.intp]) -> list[tuple[int, int]]:
    """Find (start, stop) of the stretches in which numbers follow one another by 1; none for no numbers."""
    if not numbers.size:
        return []
    breaks = np.flatnonzero(numbers[1:] - numbers[:-1] != 1) + 1
    return list(pairwise([0, *breaks.tolist(), len(numbers)]))


def empty(numbers: npt.NDArray[np.intp], inner: Sequence[int], rest: Index, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Memory for `rest` of pages of the shape `inner`."""
    lengths = [len(range(*part.indices(n))) for part, n in zip(rest, inner, strict=True) if isinstance(part, slice)]
    return fresh((*numbers.shape, *lengths), dtype)


def is_whole(rest: Index, inner: Sequence[int]) -> bool:
    """Whether all of a page is wanted, as it lies."""
    return all(isinstance(part, slice) and part.indices(n) == (0, n, 1) for part, n in zip(rest, inner, strict=True))


def in_threads(work: Callable[[range], None], count: int, size: int) -> None:
    """Do work for the items of a range, in as many threads as there are cores.

    Parameters
    ----------
    work : callable
        ``work(range)``, which lets go of Python's lock for most of its time.
    count : int
        Items.
    size : int
        Bytes of all of them.
    """
    threads = min(cores(), count, 1 + size // LEAST)
    if threads <= 1:
        work(range(count))
        return
    parts = [range(count * number // threads, count * (number + 1) // threads) for number in range(threads)]
    list(_pool().map(work, parts))


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that all reads of this process share, so that there are never more than cores."""
    return ThreadPoolExecutor(cores(), thread_name_prefix="decoding")


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
