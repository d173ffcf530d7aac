"""Several files as one movie: one volume a file, or stretches of time."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.layout import LaidOut
from cnmf3d.movies.positional import fresh

OPEN_FILES = 32
"""Files that are kept open at once."""


@dataclass(frozen=True)
class Part:
    """One file of a movie.

    Attributes
    ----------
    name : str
        Path or address.
    volumes : int
    """

    name: str
    volumes: int


@dataclass(frozen=True)
class Joined:
    """Volumes of several files, one after the other.

    Attributes
    ----------
    parts : sequence of Part
    volume : (Z, Y, X)
    dtype : numpy.dtype
    opener : callable
        ``opener(i)`` opens file i. Files are opened when they are read and the last few stay open.
    """

    parts: Sequence[Part]
    volume: tuple[int, int, int]
    dtype: np.dtype[Any]
    opener: Callable[[int], LaidOut] = field(repr=False)

    @cached_property
    def ends(self) -> list[int]:
        """Volumes up to and with each file."""
        return list(accumulate(part.volumes for part in self.parts))

    @cached_property
    def _opened(self) -> Callable[[int], LaidOut]:
        return lru_cache(OPEN_FILES)(self._open)

    def _open(self, number: int) -> LaidOut:
        """Open a file, and see that it is still what it was."""
        frames, part = self.opener(number), self.parts[number]
        if frames.shape != (part.volumes, *self.volume) or frames.dtype != self.dtype:
            promised = (part.volumes, *self.volume)
            raise InputError(
                f"{part.name} is {frames.shape} {frames.dtype}, not {promised} {self.dtype}",
                "All files of a movie must have volumes of one shape and type, and stay as they are.",
            )
        return frames

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        return (self.ends[-1], *self.volume)

    def read(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        """Read the volumes ``start:stop:step`` as (t, Z, Y, X)."""
        inside = bisect.bisect_right(self.ends, start)
        if start < stop <= self.ends[inside]:
            before = self.ends[inside] - self.parts[inside].volumes
            return self._opened(inside).read(start - before, stop - before, step)
        out, at, done = fresh((len(range(start, stop, step)), *self.volume), self.dtype), start, 0
        while at < stop:
            number = bisect.bisect_right(self.ends, at)
            before = self.ends[number] - self.parts[number].volumes
            last = min(stop, self.ends[number])
            count = len(range(at, last, step))
            self._opened(number).read_into(at - before, last - before, step, out[done : done + count])
            done += count
            at += -(-(last - at) // step) * step
        return out

    def read_rows(self, time: int, plane: int, rows: slice) -> npt.NDArray[Any]:
        """Read rows of one plane of one volume as (rows, X)."""
        number = bisect.bisect_right(self.ends, time)
        before = self.ends[number] - self.parts[number].volumes
        return self._opened(number).read_rows(time - before, plane, rows)

    def contiguous(self) -> None:
        """Several files are not one memory map."""
        return None
