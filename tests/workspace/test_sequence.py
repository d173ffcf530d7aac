"""A movie as an array: what is read is what numpy would give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnmf3d.errors import UsageError
from cnmf3d.movies import open_movie
from cnmf3d.workspace import sequence
from cnmf3d.workspace.sequence import Opened, Sequence

VALUES = np.arange(7 * 3 * 5 * 4, dtype=np.uint16).reshape(7, 3, 5, 4)


def seq_of(values=VALUES):
    return Sequence(Opened(open_movie(values, rate=5), None, {}))


@given(arrays.basic_indices(VALUES.shape))
def test_basic_indices_are_numpys(index):
    np.testing.assert_array_equal(seq_of()[index], VALUES[index])


@given(arrays.basic_indices(VALUES.shape))
def test_pieces_give_the_same(index):
    small, sequence.CHUNK = sequence.CHUNK, 150
    try:
        np.testing.assert_array_equal(seq_of()[index], VALUES[index])
    finally:
        sequence.CHUNK = small


@given(st.lists(st.integers(-7, 6)), st.sampled_from([(), (1,), (slice(None), 2), (..., slice(1, 3))]))
def test_lists_of_times_are_numpys(times, rest):
    index = np.array(times, int)
    np.testing.assert_array_equal(seq_of()[(index, *rest)], VALUES[(index, *rest)])


def test_masks_and_arrays_along_other_axes():
    mask = VALUES[:, 0, 0, 0] % 40 == 0
    np.testing.assert_array_equal(seq_of()[mask], VALUES[mask])
    np.testing.assert_array_equal(seq_of()[2:5, [0, 2]], VALUES[2:5, [0, 2]])
    np.testing.assert_array_equal(seq_of()[3, ..., [0, 2]], VALUES[3, ..., [0, 2]])


def test_it_looks_like_an_array():
    seq = seq_of()
    assert (seq.shape, seq.ndim, seq.size, seq.nbytes, len(seq)) == (VALUES.shape, 4, VALUES.size, VALUES.nbytes, 7)
    assert seq.dtype == np.uint16 and "(7, 3, 5, 4)" in repr(seq)
    np.testing.assert_array_equal(np.asarray(seq), VALUES)
    np.testing.assert_array_equal(list(seq), VALUES)
    assert np.max(seq) == VALUES.max() and np.asarray(seq, np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(seq, copy=True), VALUES)


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (7, "range"),
        ((0, 0, 0, 0, 0), "too many"),
        ((..., ...), "only one"),
        (None, "new axes"),
        (([0], [1]), "several axes"),
        (np.ones(3, bool), "7 values"),
        ([0.5], "whole numbers"),
        ("a", "whole numbers"),
    ],
)
def test_indices_that_cannot_be(index, told):
    with pytest.raises(IndexError, match=told):
        seq_of()[index]


def test_only_what_is_asked_for_is_read(monkeypatch):
    seq, read = seq_of(), []
    frames = seq.movie.frames
    original = type(frames).read
    monkeypatch.setattr(type(frames), "read", lambda self, *a: read.append(a) or original(self, *a))
    assert seq[2:4].shape[0] == 2 and seq[5].ndim == 3
    assert read == [(2, 4, 1), (5, 6, 1)]


def test_a_closed_one_says_so():
    seq = seq_of()
    seq.close()
    assert "cleared" in repr(seq)
    with pytest.raises(UsageError, match="cleared"):
        seq[0]
