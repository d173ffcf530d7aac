"""Nested values as rows of a table, and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.results.flat import flattened, nested

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    leaves | st.lists(leaves),
    lambda inner: st.dictionaries(st.text(min_size=1), inner, min_size=1),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1), values))
def test_every_mapping_comes_back(told):
    rows = list(flattened(told))
    assert nested(rows) == told
    assert len({name for name, _ in rows}) == len(rows)


def test_names_are_pointers_and_empty_mappings_are_nothing():
    assert list(flattened({"init": {"gSig": [4, 2.5]}, "a/b~": {}})) == [("init/gSig", "[4, 2.5]"), ("a~1b~0", "null")]
