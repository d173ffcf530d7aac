"""A movie as the array that an image layer slices: one plane of one volume is read as just that."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies import Movie

KEPT = 2**28
"""Bytes of the last volume that are kept for looking at its other planes and directions."""


class MovieArray:
    """(T, Z, Y, X), read from its files where it is indexed.

    Parameters
    ----------
    movie : Movie
    """

    ndim = 4

    def __init__(self, movie: Movie) -> None:
        self.movie = movie
        self.shape = movie.shape
        self.dtype = movie.dtype
        self._last: tuple[int, npt.NDArray[Any]] | None = None

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        """Count the volumes."""
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read the whole movie."""
        values = self.movie.read(0, len(self))
        return np.array(values, dtype=dtype) if copy else np.asarray(values, dtype=dtype)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Read a part: numbers and slices along t, z, y and x."""
        entries = list(index) if isinstance(index, tuple) else [index]
        if Ellipsis in entries:
            at = entries.index(Ellipsis)
            entries[at : at + 1] = [slice(None)] * (5 - len(entries))
        entries += [slice(None)] * (4 - len(entries))
        times, planes = _range(entries[0], self.shape[0]), _range(entries[1], self.shape[1])
        if len(planes) * 2 < self.shape[1]:
            block = self._planes(times, planes)
        else:
            block = self._volumes(times)[:, planes.start : planes.stop : planes.step]
        lead = tuple(0 if not isinstance(entry, slice) else slice(None) for entry in entries[:2])
        return block[(*lead, *entries[2:])]

    def _planes(self, times: range, planes: range) -> npt.NDArray[Any]:
        """Read single planes, those of the last volume from memory."""
        last = self._last  # looked at once: another thread may replace it meanwhile
        if last is not None and list(times) == [last[0]]:
            return last[1][None, planes.start : planes.stop : planes.step]
        rows = slice(0, self.shape[2])
        read = self.movie.frames.read_rows
        if len(times) == len(planes) == 1:
            return read(times[0], planes[0], rows)[None, None]
        out = np.empty((len(times), len(planes), *self.shape[2:]), self.dtype)
        for t, time in enumerate(times):
            for z, plane in enumerate(planes):
                out[t, z] = read(time, plane, rows)
        return out

    def _volumes(self, times: range) -> npt.NDArray[Any]:
        """Read whole volumes; a single one is kept."""
        if len(times) != 1:
            return self.movie.read(times.start, times.stop, times.step)
        last = self._last  # looked at once: another thread may replace it meanwhile
        if last is None or last[0] != times[0]:
            block: npt.NDArray[Any] = self.movie.read(times[0], times[0] + 1)
            last = (times[0], block[0])
            if last[1].nbytes > KEPT:
                return block
            self._last = last
        return last[1][None]


def _range(entry: Any, length: int) -> range:
    """Positions that a number or slice means."""
    if isinstance(entry, slice):
        if entry.step is not None and entry.step < 0:
            raise IndexError("a movie is read forwards: no negative steps")
        return range(length)[entry]
    position = range(length)[int(entry)]
    return range(position, position + 1)


def contrast_of(movie: Movie, planes: int = 12) -> tuple[float, float]:
    """Black and white that show a movie well, from a few planes spread over time and depth.

    Parameters
    ----------
    movie : Movie
    planes : int
        How many are read.

    Returns
    -------
    (float, float)
        Almost all values lie between them; the second is larger.
    """
    frames, depth, height, _ = movie.shape
    count = min(planes, frames * depth)
    times = np.linspace(0, frames - 1, count).astype(int)
    depths = (np.arange(count) * max(1, round(depth * 0.618))) % depth
    read = movie.frames.read_rows
    values = np.concatenate(
        [
            np.asarray(read(int(t), int(z), slice(0, height)), np.float32).ravel()
            for t, z in zip(times, depths, strict=True)
        ]
    )
    values = values[np.isfinite(values)]
    if not values.size:
        return (0.0, 1.0)
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.8)))
    return (low, high) if high > low else (low, low + 1.0)
