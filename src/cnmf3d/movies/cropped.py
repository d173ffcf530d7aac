"""Cropped: a part of a movie, read where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import UsageError
from cnmf3d.movies.movie import Frames, Movie

Span = tuple[int, int]


@dataclass(frozen=True)
class Cropped:
    """Frames of which only a box is there.

    Attributes
    ----------
    source : Frames
    spans : four (start, stop)
        Along t, z, y, x.
    """

    source: Frames
    spans: tuple[Span, Span, Span, Span]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        t, z, y, x = (stop - start for start, stop in self.spans)
        return (t, z, y, x)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.source.dtype

    def read(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        """Read the volumes ``start:stop:step`` as (t, Z, Y, X)."""
        first = self.spans[0][0]
        box = tuple(slice(*span) for span in self.spans[1:])
        return self.source.read(first + start, first + stop, step)[(slice(None), *box)]

    def read_rows(self, time: int, plane: int, rows: slice) -> npt.NDArray[Any]:
        """Read rows of one plane of one volume as (rows, X)."""
        (t, _), (z, _), (y, bottom), (left, right) = self.spans
        start, stop, step = rows.indices(bottom - y)
        return self.source.read_rows(t + time, z + plane, slice(y + start, y + stop, step))[:, left:right]

    def contiguous(self) -> None:
        """A part of a file is no memory map of its own."""
        return None


def cropped(movie: Movie, t: Span, z: Span, y: Span, x: Span) -> Movie:
    """A part of a movie.

    Parameters
    ----------
    movie : Movie
    t, z, y, x : (start, stop)
        What is kept along each axis.

    Raises
    ------
    UsageError
        Where a span is empty or reaches beyond the movie, or fewer than two volumes are left.
    """
    for name, (start, stop), length in zip("tzyx", (t, z, y, x), movie.shape, strict=True):
        if not 0 <= start < stop <= length:
            raise UsageError(
                f"{name} from {start} to {stop} is no part of the movie", f"It has {name} from 0 to {length}."
            )
    if t[1] - t[0] < 2:
        raise UsageError("one volume is no movie", "Keep at least two.")
    metadata = {**movie.metadata, "cropped": {"t": list(t), "z": list(z), "y": list(y), "x": list(x)}}
    timeline = movie.timeline.within(*t, z)
    frames, other = Cropped(movie.frames, (t, z, y, x)), movie.other
    of_channel = None if other is None else lambda number: cropped(other(number), t, z, y, x)
    return replace(movie, frames=frames, metadata=metadata, timeline=timeline, other=of_channel)
