"""Reading a file at given places, with a handle of one's own."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt


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

    def into(self, offset: int, size: int) -> npt.NDArray[np.uint8]:
        """Read `size` bytes from `offset` on into memory that can be written to.

        The memory is numpy's: it asks for large pages of memory, without which taking memory costs more than reading.

        Raises
        ------
        EOFError
            Where the file ends before.
        """
        if size > self.size - offset:  # before memory is taken
            raise EOFError(f"it has {self.size} bytes, and should have {offset + size}")
        data = np.empty(size, np.uint8)
        self.fill(offset, data)
        return data

    def fill(self, offset: int, out: npt.NDArray[Any]) -> None:
        """Read from `offset` on what fills an array that is contiguous in memory.

        Raises
        ------
        EOFError
            Where the file ends before.
        """
        size = out.nbytes
        if size > self.size - offset:
            raise EOFError(f"it has {self.size} bytes, and should have {offset + size}")
        view, done = out.reshape(-1).view(np.uint8).data, 0
        self._file.seek(offset)
        while done < size:
            more = self._file.readinto(view[done:])
            if not more:
                raise EOFError(f"it ends before byte {offset + size}")
            done += more

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
