"""A movie some of whose frames show nothing that can be used: they are read as not-a-number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.movie import Frames, Movie

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Blanked:
    """Frames of which some are NaN as a whole; float32.

    Attributes
    ----------
    source : Frames
    bad : (T,) bool
    """

    source: Frames
    bad: Bool

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values: float32."""
        return np.dtype(np.float32)

    def read(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        """Read the volumes ``start:stop:step`` as (t, Z, Y, X)."""
        out = np.array(self.source.read(start, stop, step), np.float32)
        out[self.bad[start:stop:step]] = np.nan
        return out

    def read_rows(self, time: int, plane: int, rows: slice) -> npt.NDArray[Any]:
        """Read some rows of one plane of one volume as (rows, X)."""
        out = np.array(self.source.read_rows(time, plane, rows), np.float32)
        return np.full_like(out, np.nan) if self.bad[time] else out

    def contiguous(self) -> None:
        """Map nothing: no file holds the movie so."""
        return None


def without_frames(movie: Movie, bad: Bool) -> Movie:
    """The movie with some frames read as NaN; the movie itself where none is bad.

    Parameters
    ----------
    movie : Movie
    bad : (T,) bool
    """
    return replace(movie, frames=Blanked(movie.frames, bad)) if bad.any() else movie
