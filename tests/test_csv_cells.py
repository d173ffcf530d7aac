"""Cells of CSV files that a spreadsheet would compute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.csv_cells import guarded, unguarded

TEXTS = st.text(st.sampled_from("='+-@\t\r1.e ab") | st.characters(), max_size=8)


@given(TEXTS)
def test_every_text_comes_back_and_none_begins_like_a_formula(text):
    cell = guarded(text)
    assert unguarded(cell) == text
    if cell.startswith(("=", "@", "\t", "\r", "+", "-")):
        float(cell)  # a number


@pytest.mark.parametrize("value", [1, -2.5, None, True, "PV", "-2.5", "+3", "-inf", "it's", "'quoted'", ""])
def test_what_is_no_formula_stays_as_it_is(value):
    assert guarded(value) == value


@pytest.mark.parametrize("text", ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1+1", "-", "'=1"])
def test_formulas_are_guarded(text):
    assert guarded(text) == "'" + text
