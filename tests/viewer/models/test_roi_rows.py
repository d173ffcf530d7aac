"""Rows of the table: order, filter, text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnmf3d.viewer.models.roi_rows import Column, columns_of, matching
from cnmf3d.viewer.models.roi_store import RoiStore


@pytest.fixture
def store(random_results: Callable[..., Any]) -> RoiStore:
    made = RoiStore.from_results(random_results(count=8), who="me")
    made.tag([2, 3], "type", "Neuron")
    made.tag([5], "type", "glia")
    made.tag([5], "layer", 3)
    return made


def test_every_measure_and_tag_has_a_column(store: RoiStore) -> None:
    titles = [column.title for column in columns_of(store, True)]
    assert titles[:5] == ["id", "ok", "z", "x (µm)", "y (µm)"]
    assert titles[5:9] == ["SNR", "r", "rel.", "size"] and {"type", "layer"} <= set(titles)
    assert "x (voxels)" in [column.title for column in columns_of(store, False)]


def test_empty_cells_come_last_in_both_orders() -> None:
    numbers = Column("n", np.array([2.0, np.nan, 1.0]), 1)
    assert numbers.order(False).tolist() == [2, 0, 1]
    assert numbers.order(True).tolist() == [0, 2, 1]
    tags = Column("t", np.array([None, "b", "A"], object), tag="t")
    assert tags.order(False).tolist() == [2, 1, 0]
    assert [numbers.text(at) for at in range(3)] == ["2.0", "", "1.0"]
    assert [tags.text(at) for at in range(3)] == ["", "b", "A"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", range(8)),
        ("5", [5]),
        ("neur", [2, 3]),
        ("NEUR", [2, 3]),
        ("glia 5", [5]),
        ("glia 4", []),
        ("3", [3, 5]),
        ("nonsense", []),
    ],
)
def test_filters(store: RoiStore, text: str, ids: Any) -> None:
    assert store.ids[matching(store, columns_of(store, True), text)].tolist() == list(ids)


def test_verdicts_can_be_filtered(store: RoiStore) -> None:
    columns = columns_of(store, True)
    np.testing.assert_array_equal(matching(store, columns, "accepted"), store.accepted)
    both = ~store.accepted & np.isin(store.ids, (2, 3))
    np.testing.assert_array_equal(matching(store, columns, "rejected neuron"), both)


def test_a_rule_filters_and_an_incomplete_one_lets_all_through(store: RoiStore) -> None:
    columns = columns_of(store, True)
    snr = store.metrics["snr"]
    np.testing.assert_array_equal(matching(store, columns, "snr < 5 and id != 2"), (snr < 5) & (store.ids != 2))
    np.testing.assert_array_equal(matching(store, columns, "type == 'Neuron'"), np.isin(store.ids, [2, 3]))
    assert matching(store, columns, "snr <").all()
    assert matching(store, columns, "snrr < 5").all()
