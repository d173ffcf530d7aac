"""A movie behaves like an array of numpy, and reads only what is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnmf3d

VALUES = np.arange(30 * 3 * 5 * 7, dtype=np.uint16).reshape(30, 3, 5, 7)


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    import tifffile

    path = tmp_path_factory.mktemp("indexing") / "m.tif"
    tifffile.imwrite(path, VALUES, imagej=True, metadata={"axes": "TZYX"})
    return cnmf3d.open_movie(path, rate=5)


def test_the_whole_movie_as_an_array(movie):
    whole = np.asarray(movie)
    assert whole.dtype == np.uint16 and np.array_equal(whole, VALUES)
    assert np.asarray(movie, np.float32).dtype == np.float32
    assert movie.ndim == 4 and movie.size == VALUES.size and len(movie) == 30
    assert np.mean(movie) == VALUES.mean() and movie[:].flags.writeable
    with pytest.raises(ValueError, match="makes a copy"):
        np.array(movie, copy=False)


@settings(max_examples=150, deadline=None)
@given(
    time=st.one_of(st.integers(-30, 29), st.slices(30), st.just(...), st.lists(st.integers(-30, 29), max_size=4)),
    rest=st.lists(st.one_of(st.integers(-3, 2), st.slices(5)), max_size=3),
)
def test_every_index_is_as_with_numpy(movie, time, rest):
    key = (time, *rest)
    assert np.array_equal(movie[key], VALUES[key]) and movie[key].dtype == VALUES.dtype
    if not rest:
        assert np.array_equal(movie[time], VALUES[time])


def test_masks_and_empty_indices(movie):
    mask = np.arange(30) % 7 == 0
    assert np.array_equal(movie[mask, 1], VALUES[mask, 1])
    assert np.array_equal(movie[()], VALUES) and np.array_equal(movie[..., 2], VALUES[..., 2])
    assert np.array_equal(movie[3, ..., 2:], VALUES[3, ..., 2:])
    assert sum(1 for _ in movie) == 30


@pytest.mark.parametrize("key", [30, -31, (0, 3), (0, 0, 0, 0, 0), None, (0, None), [0, 99], [True, False], "a", 1.5])
def test_what_is_no_index_is_an_index_error(movie, key):
    with pytest.raises(IndexError):
        movie[key]


def test_only_what_is_asked_for_is_read(movie, monkeypatch):
    asked = []
    read = type(movie.frames).read
    monkeypatch.setattr(
        type(movie.frames),
        "read",
        lambda self, start, stop, step=1: asked.append(stop - start) or read(self, start, stop, step),
    )
    movie[5], movie[2:4, 1], movie[[7, 9]]
    assert asked == [1, 2, 1, 1]
