"""Cropped movies: the same values as the part of the array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.errors import UsageError
from cnmf3d.movies import open_movie
from cnmf3d.movies.cropped import cropped

SHAPE = (8, 4, 6, 5)
VALUES = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


@st.composite
def spans(draw: st.DrawFn) -> list[tuple[int, int]]:
    out = []
    for length, least in zip(SHAPE, (2, 1, 1, 1), strict=True):
        start = draw(st.integers(0, length - least))
        out.append((start, draw(st.integers(start + least, length))))
    return out


@given(spans=spans(), start=st.integers(-9, 9), stop=st.integers(-9, 9), step=st.integers(1, 3))
def test_the_values_are_those_of_the_part(spans: list[tuple[int, int]], start: int, stop: int, step: int) -> None:
    expected = VALUES[tuple(slice(*span) for span in spans)]
    movie = cropped(open_movie(VALUES, rate=2.0), *spans)
    assert movie.shape == expected.shape
    assert movie.rate == 2.0
    np.testing.assert_array_equal(movie.read(start, stop, step), expected[slice(start, stop, step)])
    rows = slice(0, 1 + expected.shape[2] // 2)
    np.testing.assert_array_equal(movie.frames.read_rows(1, 0, rows), expected[1, 0, rows])


@given(outer=spans())
def test_a_part_of_a_part(outer: list[tuple[int, int]]) -> None:
    once = cropped(open_movie(VALUES, rate=2.0), *outer)
    whole = [(0, length) for length in once.shape]
    twice = cropped(once, *whole)
    np.testing.assert_array_equal(twice.read(0, 99), once.read(0, 99))


@pytest.mark.parametrize(
    ("axis", "span"), [(0, (0, 1)), (0, (0, 9)), (1, (2, 2)), (2, (-1, 3)), (3, (4, 2))], ids=lambda value: str(value)
)
def test_what_is_no_part_is_an_error(axis: int, span: tuple[int, int]) -> None:
    wanted = [(0, length) for length in SHAPE]
    wanted[axis] = span
    with pytest.raises(UsageError):
        cropped(open_movie(VALUES, rate=2.0), *wanted)
