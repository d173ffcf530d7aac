"""The movie of a work environment as an array that is read where it is indexed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import UsageError
from cnmf3d.movies import Movie

CHUNK = 2**26
"""Bytes that are read at once where only a part of each volume is wanted."""


@dataclass(frozen=True)
class Opened:
    """A movie and how to open it again.

    Attributes
    ----------
    movie : Movie
    source : str, tuple of str or None
        What `open_movie` was given; None for an array, which is only in memory.
    opening : mapping
        The keywords that it was given, plain values.
    told : mapping
        What opening it so tells of it, as metadata; a file that `meta_path` named may have told more.
    """

    movie: Movie
    source: str | tuple[str, ...] | None
    opening: Mapping[str, Any]
    told: Mapping[str, Any] = field(default_factory=dict)


class Sequence:
    """A movie as an array with the axes (T, Z, Y, X): ``seq[10:20, 3]`` reads those planes only.

    ``numpy.asarray(seq)`` is the whole movie. What is read may be a read-only view of the file.

    Parameters
    ----------
    opened : Opened
    """

    def __init__(self, opened: Opened) -> None:
        self._opened: Opened | None = opened

    @property
    def opened(self) -> Opened:
        """The movie, and how to open it again."""
        if self._opened is None:
            raise UsageError("the work environment of this image sequence was cleared", "Open the movie again.")
        return self._opened

    @property
    def movie(self) -> Movie:
        """The movie itself."""
        return self.opened.movie

    def close(self) -> None:
        """Let go of the movie; reading is an error from now on."""
        self._opened = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        return self.movie.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, as in the file."""
        return self.movie.dtype

    @property
    def ndim(self) -> int:
        """Four."""
        return 4

    @property
    def size(self) -> int:
        """Number of values."""
        time, z, y, x = self.shape
        return time * z * y * x

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        """Count the volumes."""
        return self.shape[0]

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        """Read one volume after the other."""
        return (self.movie.read(time, time + 1)[0] for time in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read the whole movie."""
        values = self.movie.read(0, len(self))
        return np.array(values, dtype=dtype) if copy else np.asarray(values, dtype=dtype)

    def __getitem__(self, index: Any) -> Any:
        """Read a part, as numpy would index it; index arrays along one axis at a time."""
        time, *rest = _whole(index)
        inside = tuple(rest)
        arrays = sum(not isinstance(each, (int, np.integer, slice)) for each in (time, *rest))
        if arrays > 1:
            raise IndexError("index arrays along several axes at once: read volumes first, seq[a:b][...]")
        if isinstance(time, slice):
            return self._range(range(len(self))[time], inside)
        if isinstance(time, (int, np.integer)):
            step = range(len(self))[int(time)]
            return self.movie.read(step, step + 1)[(0, *inside)]
        chosen = np.asarray(time)
        if chosen.dtype == bool and chosen.shape != (len(self),):
            raise IndexError(f"a mask along time needs {len(self)} values, this one has the shape {chosen.shape}")
        times = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        if times.ndim != 1 or (times.size and times.dtype.kind not in "iu"):
            raise IndexError("times are whole numbers, a slice, or a list of whole numbers")
        parts = [np.asarray(self[(int(t), *inside)]) for t in times]
        return np.stack(parts) if parts else self._range(range(0), inside)

    def _range(self, times: range, inside: tuple[Any, ...]) -> npt.NDArray[Any]:
        """Read a part of each volume in `times`, in pieces where a part is all that is kept."""
        back = len(times) > 0 and times.step < 0
        forward = range(0) if not times else times[::-1] if back else times
        volume = max(1, self.nbytes // len(self))
        count = max(1, CHUNK // volume) if any(each != slice(None) for each in _slices(inside)) else max(1, len(times))
        parts = []
        for first in range(0, max(1, len(forward)), count):
            part = forward[first : first + count]
            block = self.movie.read(part.start, part.stop, part.step)[(slice(None), *inside)]
            parts.append(block if len(forward) <= count else block.copy())
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return joined[::-1] if back else joined

    def __repr__(self) -> str:
        """Tell size and type."""
        if self._opened is None:
            return "<Sequence, cleared>"
        return f"<Sequence {self.shape} (t, z, y, x) {self.dtype}, read where it is indexed>"


def _slices(inside: tuple[Any, ...]) -> list[Any]:
    """Indices that can be compared with a slice; an array counts as a number."""
    return [each if isinstance(each, slice) else 0 for each in inside]


def _whole(index: Any) -> list[Any]:
    """An index for each of the four axes."""
    entries = list(index) if isinstance(index, tuple) else [index]
    if any(each is None for each in entries):
        raise IndexError("new axes can't be made here: read first, seq[a:b][..., None]")
    dots = [place for place, each in enumerate(entries) if each is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can have only one '...'")
    if dots:
        fill = [slice(None)] * (4 - len(entries) + 1)
        entries[dots[0] : dots[0] + 1] = fill
    if len(entries) > 4:
        raise IndexError(f"too many indices: a movie has the axes (t, z, y, x), but {len(entries)} were given")
    return entries + [slice(None)] * (4 - len(entries))
