"""Rules and thresholds: what is written is what is chosen; nothing that is written is ever run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.errors import UsageError
from cnmf3d.results.curation.rules import matching
from cnmf3d.results.curation.thresholds import Limits, counts, passing, spread

VALUES = {
    "snr": np.array([1.0, 2.0, 3.0, np.nan]),
    "size": np.array([10, 20, 30, 40]),
    "accepted": np.array([True, False, True, False]),
    "cell type": np.array(["PV", None, "SOM", "pv"], object),
    "layer": np.array([1, 2.5, True, None], object),
}


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        ("snr < 3", [0, 1]),
        ("snr>=2", [1, 2]),
        ("snr != 2", [0, 2]),
        ("not snr >= 2", [0]),
        ("not snr < 3", [2]),
        ("not not snr < 3", [0, 1]),
        ("not (snr < 3 and size > 0)", [2]),
        ("not (snr < 3 and size > 50)", [0, 1, 2, 3]),
        ("not (snr < 3 or size > 30)", [2]),
        ("snr < 3 or size > 30", [0, 1, 3]),
        ("not 1 < snr < 3", [0, 2]),
        ("1 < snr <= 3 and size > 10", [1, 2]),
        ("snr < 2 or (size >= 30 and not accepted)", [0, 3]),
        ("accepted", [0, 2]),
        ("not accepted", [1, 3]),
        ("accepted == False", [1, 3]),
        ("`cell type` == 'PV'", [0]),
        ('`cell type` != "PV"', [2, 3]),
        ("`cell type` == '`snr`'", []),
        ("`cell type` == 'a\\d'", []),
        ("`cell type` == 3", []),
        ("`cell type` != 3", []),
        ("not `cell type` == 3", []),
        ("not `cell type` == 'PV'", [2, 3]),
        ("snr != 'a'", []),
        ("`cell type` != layer", []),
        ("layer > 1", [1]),
        ("layer != 1", [1]),
        ("layer", [2]),
        ("not layer", []),
        ("size > -1", [0, 1, 2, 3]),
        ("snr * 1 < 2", None),
        ("snr", None),
        ("", None),
        ("snr <", None),
        ("1", None),
        ("snr in size", None),
        ("snr is size", None),
        ("snr < nope", None),
        ("`no such` < 1", None),
        ("snr < 1e999 and snr < 1" + "0" * 400, [0, 1, 2]),
        ("__import__('os').system('true')", None),
        ("snr.size < 3", None),
        ("snr[0] < 3", None),
        ("(lambda: 1)() < 3", None),
        ("f'{snr}' < 'a'", None),
        ("snr < 3; size", None),
        ("(" * 3000 + "snr", None),
        ("(" * 900 + "snr < 3" + ")" * 900, None),
        ("snr < 3\x00", None),
    ],
)
def test_rules(rule, chosen):
    if chosen is None:
        with pytest.raises(UsageError):
            matching(rule, VALUES)
    else:
        assert np.flatnonzero(matching(rule, VALUES)).tolist() == chosen


@given(text=st.text(max_size=60))
def test_any_text_is_a_rule_or_an_error_that_says_so(text):
    try:
        assert matching(text, VALUES).shape == (4,)
    except UsageError as error:
        assert error.fix


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["snr", "size"]),
            st.sampled_from(["<", "<=", ">", ">=", "=="]),
            st.floats(-50, 50, allow_nan=False),
        ),
        min_size=1,
        max_size=4,
    ),
    joined=st.sampled_from(["and", "or"]),
)
def test_a_rule_says_what_python_would(parts, joined):
    rule = f" {joined} ".join(f"{name} {sign} {value!r}" for name, sign, value in parts)
    functions = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal}
    each = [functions[sign](VALUES[name], value) for name, sign, value in parts]
    wanted = np.logical_and.reduce(each) if joined == "and" else np.logical_or.reduce(each)
    assert np.array_equal(matching(rule, VALUES), wanted)


@given(
    signs=st.lists(st.sampled_from(["snr < 2", "snr > 2", "size >= 20", "`cell type` == 'PV'", "layer"]), min_size=2),
    joined=st.sampled_from([" and ", " or "]),
)
def test_nothing_is_chosen_by_a_rule_and_by_its_opposite(signs, joined):
    rule = joined.join(signs)
    yes, no = matching(rule, VALUES), matching(f"not ({rule})", VALUES)
    assert not (yes & no).any()
    other = " or ".join if joined == " and " else " and ".join
    assert np.array_equal(no, matching(other(f"not {each}" for each in signs), VALUES))


def test_a_name_that_is_nearly_right_is_suggested():
    with pytest.raises(UsageError, match="Did you mean snr"):
        matching("snrr < 3", VALUES)


def test_thresholds_let_through_what_was_not_measured():
    limits = {"snr": Limits(low=2), "size": Limits(10, 30)}
    assert passing(VALUES, limits).tolist() == [False, True, True, False]
    assert passing(VALUES, {"snr": Limits(low=2)}).tolist() == [False, True, True, True]
    told = counts(VALUES, limits, VALUES["accepted"])
    assert (told.passed, told.failed, told.gained, told.lost) == (2, 2, 1, 1)
    assert told.failed_by == {"snr": 1, "size": 1}
    assert passing({}, {}).shape == (0,)


@given(low=st.floats(-5, 50), high=st.floats(-5, 50))
def test_limits_include_both_ends(low, high):
    if low > high:
        with pytest.raises(UsageError):
            Limits(low, high)
        return
    size = VALUES["size"]
    assert np.array_equal(Limits(low, high).allow(size), (size >= low) & (size <= high))
    assert Limits(float(size[1]), float(size[1])).allow(size).tolist() == [False, True, False, False]


def test_a_measure_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="no measure 'nope'"):
        passing(VALUES, {"nope": Limits(1)})


def test_sliders_span_what_is_there():
    assert spread(VALUES["snr"]) == (1.0, 3.0)
    assert spread(np.array([2.0, 2.0])) is None
    assert spread(np.array([np.nan])) is None
