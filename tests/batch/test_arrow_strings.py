"""Texts in tables that pyarrow holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.batch import arrow_strings

ENDS = np.array([0, 2, 5], np.int64).tobytes()


@given(
    st.lists(st.none() | st.text(max_size=6), max_size=20), st.integers(0, 5), st.sampled_from(["utf8", "large_utf8"])
)
def test_they_are_what_pyarrow_reads(texts, skipped, kind):
    pyarrow = pytest.importorskip("pyarrow")
    whole = pyarrow.array(texts, getattr(pyarrow, kind)())[skipped:]
    _, ((name, *numbers, buffers, _, _),) = whole.__reduce__()
    parts = (str(name), *numbers, [None if each is None else each.to_pybytes() for each in buffers], [], None)
    assert arrow_strings.array(parts) == whole.to_pylist()


@pytest.mark.parametrize(
    ("kind", "length", "buffers"),
    [
        ("large_string", 3, [None, ENDS, b"abcde"]),
        ("large_string", 2, [None, ENDS, b"abcd"]),
        ("large_string", 2, [None, None, b"abcd"]),
        ("large_string", 2, [b"", ENDS, b"abcde"]),
        ("large_string", 1, [None, np.array([-4, 2]).tobytes(), b"abcde"]),
        ("int64", 2, [None, ENDS, b"abcde"]),
    ],
)
def test_what_a_file_claims_is_not_believed(kind, length, buffers):
    with pytest.raises((ValueError, KeyError)):
        arrow_strings.array((kind, length, 0, 0, buffers, [], None))


def test_a_buffer_is_bytes():
    with pytest.raises(ValueError, match="bytes"):
        arrow_strings.data(10**12)
