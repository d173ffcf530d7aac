"""MovieArray: the same values as the movie, and no more read than is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.movies import open_movie
from cnmf3d.movies.movie import Movie
from cnmf3d.viewer.models.movie_array import MovieArray, contrast_of

SHAPE = (7, 5, 6, 4)
VALUES = np.random.default_rng(0).integers(0, 60000, SHAPE).astype(np.uint16)


def axis(length: int) -> st.SearchStrategy[Any]:
    slices = st.slices(length).filter(lambda s: s.step is None or s.step > 0)
    return st.one_of(st.integers(-length, length - 1), slices)


@given(index=st.tuples(*(axis(n) for n in SHAPE)), count=st.integers(1, 4))
def test_every_index_gives_what_numpy_gives(index: tuple[Any, ...], count: int) -> None:
    array = MovieArray(open_movie(VALUES, rate=1.0))
    for part in (index[:count], (*index[: count - 1], ...)):
        np.testing.assert_array_equal(array[part], VALUES[part])
        np.testing.assert_array_equal(array[part], VALUES[part])  # from what was kept


class Counting:
    """Frames that count what is read."""

    shape, dtype = SHAPE, VALUES.dtype

    def __init__(self) -> None:
        self.planes = self.volumes = 0

    def read(self, start: int, stop: int, step: int = 1) -> Any:
        self.volumes += len(range(start, stop, step))
        return VALUES[start:stop:step]

    def read_rows(self, time: int, plane: int, rows: slice) -> Any:
        self.planes += 1
        return VALUES[time, plane, rows]

    def contiguous(self) -> None:
        return None


def test_a_plane_is_read_as_a_plane_and_a_volume_once() -> None:
    frames = Counting()
    array = MovieArray(Movie(frames))
    _ = array[slice(3, 4), slice(2, 3)]
    assert (frames.planes, frames.volumes) == (1, 0)
    _ = array[3]
    _ = array[3, :, 2]
    _ = array[3, 1]
    assert (frames.planes, frames.volumes) == (1, 1)


def test_backwards_is_an_error() -> None:
    with pytest.raises(IndexError, match="negative"):
        MovieArray(open_movie(VALUES, rate=1.0))[::-1]


def test_contrast_shows_almost_all_values() -> None:
    low, high = contrast_of(open_movie(VALUES, rate=1.0))
    assert np.mean((low <= VALUES) & (high >= VALUES)) > 0.95


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf])
def test_a_flat_movie_has_a_contrast_too(fill: float) -> None:
    low, high = contrast_of(open_movie(np.full(SHAPE, fill, np.float32), rate=1.0))
    assert np.isfinite(low)
    assert low < high
