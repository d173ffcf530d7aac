"""Movie: anything on disk as a lazy (T, Z, Y, X) array with voxel size, rate and metadata."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.movies.fingerprint import fingerprint_of
from cnmf3d.movies.indexing import indexed
from cnmf3d.movies.stored import LazyArray
from cnmf3d.timeline import Timeline


class Frames(Protocol):
    """Volumes that are read where they are asked for."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        ...

    def read(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        """Read the volumes ``start:stop:step`` as (t, Z, Y, X)."""
        ...

    def read_rows(self, time: int, plane: int, rows: slice) -> npt.NDArray[Any]:
        """Read some rows of one plane of one volume as (rows, X)."""
        ...

    def contiguous(self) -> LazyArray | None:
        """The whole in TZYX order, where one file holds it so."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Movie:
    """A volumetric movie that is read where it is asked for; get one from `open_movie`.

    Attributes
    ----------
    frames : Frames
        The volumes, read lazily.
    rate : float or None
        Volumes a second (Hz); None where nobody said.
    voxel_size : ZYX or None
        µm; None where nobody said.
    paths : tuple of str
        Files or addresses, in the order of time; empty for an array in memory.
    metadata : mapping
        What files and sidecar say beside that, plain values; ``format`` and ``axes`` are always there.
    warnings : tuple of str
        What the user should know about this input.
    sources : mapping
        Where the lengths of its axes, rate and voxel size were read, for people: ``time``, ``z``, ..., ``rate``.
    timeline : Timeline
        When volumes, planes and segments were taken.
    other : callable or None
        ``other(c)`` opens channel c of the same recording in the same way; see `channel`.
    """

    frames: Frames
    rate: float | None = None
    voxel_size: ZYX | None = None
    paths: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    other: Callable[[int], Movie] | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X): volumes, planes, rows, columns."""
        return self.frames.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, as in the file."""
        return self.frames.dtype

    def read(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        """Read volumes ``start:stop:step``. Several threads may read at once.

        Parameters
        ----------
        start, stop : int
            Time range; cut to the movie's length, negative numbers count from its end as in a slice.
        step : int
            Positive.

        Returns
        -------
        (t, Z, Y, X) array of `dtype`
            Need not be contiguous.

        Raises
        ------
        InputError
            Where the file can't be decoded there.
        """
        if step < 1:
            raise ValueError(f"step is {step}; it must be positive")
        first, last, _ = slice(start, stop).indices(self.shape[0])
        return self.frames.read(first, max(first, last), step)

    def fingerprint(self) -> str:
        """Fingerprint of the content: shape, type and sampled values, never path, format or time of change.

        Returns
        -------
        str
            32 hexadecimal digits. The same movie in another format or byte order has the same one.
        """
        return fingerprint_of(self)

    def contiguous(self) -> LazyArray | None:
        """The whole movie as one array, where one file holds it uncompressed in this machine's byte order.

        Returns
        -------
        (T, Z, Y, X) array whose parts are read where it is indexed, or None
            Any part can be had without reading what is around it. It isn't mapped: a file that somebody cuts short
            would end the process.
        """
        return self.frames.contiguous()

    def channel(self, number: int) -> Movie:
        """Another channel of the same recording, opened, cropped and registered as this one.

        Raises
        ------
        UsageError
            Where there is none.
        """
        if self.other is None:
            where = self.paths[0] if self.paths else "the array"
            raise UsageError(
                f"{where} has no channel {number} beside the one that is read",
                "Open the file that holds all channels, with cnmf3d.open_movie(path, channel=...).",
            )
        try:
            movie = self.other(number)
        except UsageError as error:
            fix = "Give one of the channels that `cnmf3d info` lists, counted from 0."
            raise UsageError(f"there is no channel {number}: {error.problem}", fix) from error
        if movie.shape != self.shape:
            raise UsageError(
                f"channel {number} is {movie.shape} (t, z, y, x), the movie {self.shape}", "They must be of one size."
            )
        return movie

    @property
    def plane_times(self) -> npt.NDArray[np.float64]:
        """Seconds of each plane since its volume began, (Z,); zeros where they are taken at once, or it isn't known."""
        planes = self.shape[1]
        known = self.timeline.planes
        return np.array(known if len(known) == planes else np.zeros(planes), np.float64)

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """Seconds of each volume since the first, (T,); numbers of volumes where the rate isn't known."""
        return self.timeline.seconds(self.shape[0], self.rate or 0.0)

    @property
    def ndim(self) -> int:
        """Number of axes: four."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        """Count the volumes."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Read ``movie[3]``, ``movie[10:20, 2]``, ``movie[..., :50]``: a copy of that part, read where it lies.

        Raises
        ------
        IndexError
            Outside of the movie.
        InputError
            Where the file can't be decoded there.
        """
        return indexed(self.frames, key)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read the whole movie into memory, for ``numpy.asarray(movie)``.

        Raises
        ------
        ValueError
            For ``copy=False``: values come from a file.
        """
        if copy is False:
            raise ValueError("a movie is read from its file, which always makes a copy")
        return np.array(self.frames.read(0, self.shape[0], 1), dtype=dtype)

    def __repr__(self) -> str:
        """Tell shape, type, rate and voxel size."""
        time, z, y, x = self.shape
        rate = "rate unknown" if self.rate is None else f"{self.rate:g} Hz"
        size = "voxel size unknown" if self.voxel_size is None else f"{self.voxel_size} µm"
        return f"<Movie of {time} volumes of {x} × {y} × {z} (x, y, z) {self.dtype}, {rate}, {size}>"
