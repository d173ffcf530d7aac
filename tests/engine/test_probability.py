from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.engine.evaluation.probability import FEATURES, WEIGHTS, cell_probability, features_of

CELL = {
    "snr": 12,
    "r_value": 0.95,
    "reliability": 0.8,
    "skewness": 2,
    "compactness": 0.92,
    "smoothness": 0.7,
    "motion_r": 0,
    "double": 0,
}
EDGE = {**CELL, "snr": 3, "r_value": 0.6, "reliability": 0.4, "compactness": 0.75, "smoothness": 0.4, "motion_r": 0.6}


UNCERTAIN = {**CELL, "snr": 4, "r_value": 0.7, "compactness": 0.85}


def columns(*rows):
    return {name: np.array([row[name] for row in rows], np.float32) for name in CELL}


def test_a_plain_cell_is_likely_and_what_motion_leaves_is_not():
    likely = cell_probability(columns(*[CELL] * 20, EDGE), 200)
    assert likely.dtype == np.float32
    assert (likely[:20] > 0.95).all() and likely[20] < 0.2


@pytest.mark.parametrize("name", ["snr", "r_value", "reliability", "compactness", "smoothness"])
def test_better_measures_are_never_less_likely(name):
    rows = [{**EDGE, name: CELL[name] * share} for share in (0.3, 0.6, 0.9, 1.0)]
    assert (np.diff(cell_probability(columns(*rows), 200)) >= 0).all()


@given(st.lists(st.tuples(*(st.floats(-1e6, 1e6) for _ in CELL)), min_size=1, max_size=5), st.integers(1, 10**6))
def test_any_measures_give_a_probability(values, bins):
    quality = {name: np.array(column, np.float32) for name, column in zip(CELL, zip(*values, strict=True), strict=True)}
    assert features_of(quality, bins).shape == (len(values), len(FEATURES))
    likely = cell_probability(quality, bins)
    assert ((likely >= 0) & (likely <= 1)).all()


def test_what_was_not_measured_has_no_probability():
    assert np.isnan(cell_probability(columns({**CELL, "compactness": np.nan}), 200)[0])
    assert cell_probability({name: np.zeros(0, np.float32) for name in CELL}, 200).shape == (0,)


def test_what_a_brighter_one_left_over_is_unlikely_and_makes_the_rest_less_likely():
    alone, beside = (cell_probability(columns(*rows), 200) for rows in ([UNCERTAIN] * 4, [UNCERTAIN] * 8))
    among = cell_probability(columns(*[UNCERTAIN] * 4, *[{**UNCERTAIN, "double": 1}] * 4), 200)
    assert (among[4:] < beside[4:]).all() and (among[:4] < beside[:4]).all()
    assert (beside[:4] > alone[:4]).all()  # more that are no doubles say more of the movie


def test_every_feature_has_a_weight():
    assert set(WEIGHTS) == {"constant", *FEATURES}
