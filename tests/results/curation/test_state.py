"""A log from anywhere is replayed or named as what doesn't fit; nothing else comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d.errors import InputError
from cnmf3d.results import curated
from cnmf3d.results.curation import Entry, State, replay, with_log
from cnmf3d.results.curation.log import KINDS
from cnmf3d.results.curation.wording import said

NAMES = st.sampled_from(["made", "rows", "accepted", "tags", "column", "values", "how", "x"])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.just(10**30) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.builds(
    Entry,
    st.sampled_from(KINDS),
    st.lists(st.integers(0, 6), max_size=3).map(tuple),
    st.dictionaries(NAMES, PLAIN, max_size=4),
)


@settings(max_examples=400, deadline=None)
@given(log=st.lists(ENTRIES, max_size=5))
def test_any_log_is_replayed_or_named(log):
    try:
        state = replay(State.first(np.ones(5, bool)), log)
    except InputError as error:
        assert error.fix
        return
    assert len(state.accepted) == len(state.alive) == len(state.row) >= 5
    assert state.accepted.dtype == state.alive.dtype == bool
    assert all(isinstance(said(entry), str) for entry in log)


def test_rows_that_are_not_there_are_named(random_results):
    results = random_results()
    entry = Entry("edit", (1,), {"rows": [9]})
    broken = with_log(results, [entry])
    with pytest.raises(InputError, match="data are missing"):
        curated(broken)


def test_steps_are_said_in_words():
    told = [
        said(entry)
        for entry in (
            Entry("accept", (1, 2)),
            Entry("delete", tuple(range(20))),
            Entry("replace", (1, 2), {"made": [7], "how": {"way": "merge"}}),
            Entry("replace", (), {"made": [8], "how": {"way": "add"}}),
            Entry("edit", (3,), {"rows": [9]}),
            Entry("tag", (3, 4), {"column": "type", "values": ["PV", None]}),
            Entry("judge", (1, 2, 3), {"accepted": [True, False, True]}),
            Entry("drop column", (), {"column": "type"}),
            Entry("undo", (3,)),
        )
    ]
    assert told == [
        "accepted 1, 2",
        "deleted 0, 1, 2, 3, 4, 5, 6, 7, ... (20 ROIs)",
        "merged 1, 2 into 7",
        "added 8",
        "reshaped 3",
        "tagged 3, 4: type = PV, no tag",
        "accepted 2 and rejected 1 ROIs",
        "dropped the tag column type",
        "undid a step (3)",
    ]
