"""Frames that are marked by hand, and taken back."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("psygnal")

from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.viewer.models.bad_frames import BadFrames

steps = st.lists(st.tuples(st.integers(-3, 25), st.integers(-3, 25), st.booleans()), max_size=12)


def begun(count=20, bad=()):
    made = BadFrames()
    marked = np.zeros(count, bool)
    marked[list(bad)] = True
    made.begin(marked)
    return made


@given(steps)
def test_all_steps_can_be_taken_back_and_done_again(marks):
    frames, seen = begun(bad=(3, 4)), []
    for start, stop, bad in marks:
        before = frames.marked
        frames.mark(start, stop, bad)
        if frames.marked is not before:
            seen.append(before)
    last = frames.marked
    for before in reversed(seen):
        frames.undo()
        np.testing.assert_array_equal(frames.marked, before)
    assert not frames.can_undo
    while frames.can_redo:
        frames.redo()
    np.testing.assert_array_equal(frames.marked, last)


@given(st.lists(st.booleans(), max_size=30))
def test_stretches_are_the_marked_frames(marked):
    frames = BadFrames()
    frames.begin(np.array(marked, bool))
    again = np.zeros(len(marked), bool)
    for start, stop in frames.stretches():
        assert not again[start:stop].any() and not again[max(start - 1, 0) : start].any()
        again[start:stop] = True
    assert again.tolist() == marked


def test_what_changes_nothing_is_no_step_and_is_not_told():
    frames, told = begun(bad=(3,)), []
    frames.changed.connect(lambda: told.append(frames.marked.sum()))
    frames.mark(3, 4)
    frames.mark(30, 40)
    frames.toggle(20)
    assert not told and not frames.can_undo
    frames.toggle(3)
    frames.toggle(0)
    assert told == [0, 1] and frames.can_undo


def test_a_step_after_undo_forgets_what_was_taken_back():
    frames = begun()
    frames.mark(2, 5)
    frames.undo()
    frames.mark(7, 8)
    assert not frames.can_redo and frames.stretches() == [(7, 8)]
