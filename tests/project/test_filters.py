"""Filters keep the rows that their own pandas query keeps, and say what they can't mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnmf3d.errors import UsageError
from cnmf3d.project.filters import And, Compare, Contains, Equals, Not, Or, kept, read_filter, read_filters

FRAME = pd.DataFrame(
    {
        "cell type": pd.array(["Pyramidal", "PV", "", "SOM|x", "pv+"], dtype="str"),
        "snr": [1.5, np.nan, 3.0, 12.0, -1.0],
        "age": pd.array([1, pd.NA, 3, 4, 5], dtype="Int64"),
        "accepted": [True, False, True, True, False],
        "awake": pd.array([True, pd.NA, False, True, pd.NA], dtype="boolean"),
        "snr.2-x%": [1, 2, 3, 4, 5],
    }
)


def rows(text):
    found = read_filters(FRAME, text)
    mine, theirs = kept(FRAME, found), FRAME.query(found.query())
    pd.testing.assert_frame_equal(mine, theirs)
    return mine.index.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cell type: pv", [1, 4]),
        ("cell type = PV", [1]),
        ("cell type: =PV", [1]),
        ("cell type: !pv", [0, 2, 3]),
        ("cell type != PV", [0, 2, 3, 4]),
        ("cell type: pyr | =PV", [0, 1]),
        ('cell type: "M|x"', [3]),
        ("cell type: =", [2]),
        ('cell type: !=""', [0, 1, 3, 4]),
        ("snr > 2.5", [2, 3]),
        ("snr: >=3 | <0", [2, 3, 4]),
        ("snr = 12", [3]),
        ("snr: !>2", [0, 4]),
        ("snr: !=3", [0, 3, 4]),
        ("snr: !!>2", [2, 3]),
        ("age<=3", [0, 2]),
        ("age: !<=3", [3, 4]),
        ("accepted = yes", [0, 2, 3]),
        ("accepted: no", [1, 4]),
        ("awake = true", [0, 3]),
        ("awake: !yes", [2]),
        ("snr.2-x% >= 4", [3, 4]),
    ],
)
def test_what_people_write_keeps_what_they_mean(text, expected):
    assert rows(text) == expected


def test_several_filters_all_hold():
    assert kept(FRAME, Compare("snr", ">", 1), Not(Contains("cell type", "pyr"))).index.tolist() == [2, 3]
    assert kept(FRAME) is FRAME


def test_what_is_not_known_is_kept_neither_by_a_filter_nor_by_its_opposite():
    low, old = Compare("snr", "<", 2), Compare("age", ">", 3)
    assert kept(FRAME, low).index.tolist() == [0, 4] and kept(FRAME, Not(low)).index.tolist() == [2, 3]
    assert kept(FRAME, Not(Or((low, old)))).index.tolist() == [2]
    assert kept(FRAME, Not(And((low, old)))).index.tolist() == [0, 2, 3]
    assert kept(FRAME, Not(Not(low))).index.tolist() == [0, 4]


texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=8)
numbers = st.floats(-1e6, 1e6) | st.integers(-10, 10).map(float)
simple = st.one_of(
    st.builds(Contains, st.just("cell type"), texts),
    st.builds(Equals, st.just("cell type"), texts),
    st.builds(Equals, st.sampled_from(["snr", "age"]), numbers),
    st.builds(Equals, st.sampled_from(["accepted", "awake"]), st.booleans()),
    st.builds(Compare, st.sampled_from(["snr", "age", "snr.2-x%"]), st.sampled_from([">", "<", ">=", "<="]), numbers),
)
filters = st.recursive(
    simple,
    lambda each: (
        st.builds(Not, each)
        | st.lists(each, min_size=1, max_size=3).map(lambda f: Or(tuple(f)))
        | st.lists(each, min_size=1, max_size=3).map(lambda f: And(tuple(f)))
    ),
)


@settings(deadline=None, max_examples=150)
@given(filters)
@example(Contains("cell type", "`@x#'\"\\{}"))
@example(Not(Contains("cell type", "\\")))
@example(And((Equals("cell type", "a'\\\""), Not(Equals("cell type", "'")))))
def test_each_filter_is_its_query(found):
    pd.testing.assert_frame_equal(kept(FRAME, found), FRAME.query(found.query()))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(list(FRAME.columns)), st.text(max_size=12))
def test_any_text_is_a_filter_or_a_usage_error(column, text):
    try:
        found = read_filter(FRAME, column, text)
    except UsageError:
        return
    pd.testing.assert_frame_equal(kept(FRAME, found), FRAME.query(found.query()))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("snr: high", "snr holds numbers, and 'high' is none"),
        ("snr > x", "snr holds numbers, and 'x' is none"),
        ("snr > inf", "snr holds numbers"),
        ("cell type > 5", "cell type doesn't hold numbers"),
        ("accepted: maybe", "accepted is yes or no, not 'maybe'"),
        ("cell type:", "nothing to look for"),
        ("cell type: |", "nothing to look for"),
        ("cell typ: x", "names no column"),
        ("", "names no column"),
    ],
)
def test_what_cannot_be_meant(text, problem):
    with pytest.raises(UsageError, match=problem):
        read_filters(FRAME, text)
    with pytest.raises(UsageError, match="no column snrr\nDid you mean snr"):
        read_filter(FRAME, "snrr", "x")
