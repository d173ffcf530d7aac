"""Reading a file at given places, with a handle of one's own."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

PAGE = 4096
"""Bytes of a page of memory. Several generations of AMD's processors copy at less than half their speed into memory
that begins 1 to 31 bytes further into its page than what is copied into its own. Large arrays of numpy begin at
byte 16, and the values of many files at byte 0."""

LARGE = 2**16
"""Bytes from which memory begins at a page: it takes one page more, which small arrays would not be worth."""

HUGE, HUGE_PAGE = 2**22, 2**21
"""Bytes from which numpy asks for large pages of memory, and their size: memory that begins within one is handed out in
hundreds of small ones there."""


def fresh(shape: Sequence[int], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Memory to read into, which begins at a page where it is large; its values are not set.

    It is numpy's, which asks for large pages of memory: without them taking memory costs more than reading.

    Parameters
    ----------
    shape : sequence of int
    dtype : numpy.dtype
    """
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    page = HUGE_PAGE if size >= HUGE else PAGE
    raw = np.empty(size + page, np.uint8)
    start = -raw.ctypes.data % page
    return raw[start : start + size].view(dtype).reshape(shape)


class Scratch:
    """Memory that one thread uses again for each thing that it reads: new memory costs more than what is put there."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.uint8)

    def of(self, size: int) -> npt.NDArray[np.uint8]:
        """Give `size` bytes; what was in those that were given before is lost."""
        if size > self._room.size:
            self._room = fresh((size + size // 4,), np.dtype(np.uint8))  # a little more: sizes of chunks differ
        return self._room[:size]


class Reader:
    """An open file of which parts are read.

    Each read of a movie opens its own and closes it: opening takes microseconds, and no two threads ever move
    the same handle.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    size : int
        Bytes of the file.

    Raises
    ------
    OSError
        Where it can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> Self:
        """Begin to read."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def upto(self, offset: int, size: int) -> bytes:
        """Read `size` bytes from `offset` on; fewer where the file ends before."""
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        self._file.seek(offset)
        data = self._file.read(size) or b""
        while len(data) < size:
            more = self._file.read(size - len(data))
            if not more:
                break
            data += more
        return data

    def _see_bytes(self, offset: int, size: int) -> None:
        if size > self.size - offset:
            raise EOFError(f"it has {self.size} bytes, and should have {offset + size}")

    def into(self, offset: int, size: int) -> npt.NDArray[np.uint8]:
        """Read `size` bytes from `offset` on into memory that can be written to.

        Raises
        ------
        EOFError
            Where the file ends before.
        """
        self._see_bytes(offset, size)  # before memory is taken
        data = fresh((size,), np.dtype(np.uint8))
        self.fill(offset, data)
        return data

    def lent(self, offset: int, size: int, room: Scratch) -> memoryview:
        """Read `size` bytes from `offset` on into memory that the next one who asks `room` for some gets again.

        Raises
        ------
        EOFError
            Where the file ends before.
        """
        self._see_bytes(offset, size)  # before memory is taken
        data = room.of(size)
        self.fill(offset, data)
        return data.data

    def fill(self, offset: int, out: npt.NDArray[Any]) -> None:
        """Read from `offset` on what fills an array that is contiguous in memory.

        Raises
        ------
        EOFError
            Where the file ends before.
        """
        size = out.nbytes
        self._see_bytes(offset, size)
        view, done = out.reshape(-1).view(np.uint8).data, 0
        self._file.seek(offset)
        while done < size:
            more = self._file.readinto(view[done:])
            if not more:
                raise EOFError(f"it ends before byte {offset + size}")
            done += more

    def fill_each(self, offsets: Sequence[int], out: npt.NDArray[Any]) -> None:
        """Read what fills each item of an array that is contiguous in memory, from a place of its own.

        Parameters
        ----------
        offsets : sequence of int
        out : (n, ...) array

        Raises
        ------
        EOFError
            Where the file ends before.
        """
        size = out.nbytes // max(1, len(offsets))
        if len(offsets) and max(offsets) > self.size - size:
            raise EOFError(f"it has {self.size} bytes, and should have {max(offsets) + size}")
        view, seek, read = out.reshape(-1).view(np.uint8).data, self._file.seek, self._file.readinto
        for number, offset in enumerate(offsets):  # as little as can be: images are read in some ten microseconds
            seek(offset)
            if read(view[number * size : (number + 1) * size]) != size:
                self.fill(offset, out[number])

    def exactly(self, offset: int, size: int) -> bytes:
        """Read `size` bytes from `offset` on.

        Raises
        ------
        EOFError
            Where the file ends before.
        """
        data = self.upto(offset, size)
        if len(data) < size:
            raise EOFError(f"it ends before byte {offset + size}")
        return data
