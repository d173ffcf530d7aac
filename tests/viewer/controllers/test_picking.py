"""Picking: every ROI under the mouse can be reached, and nothing that is hidden."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.viewer.controllers.picking import Picker, first_shown, through, voxel_of
from cnmf3d.viewer.models.roi_store import RoiStore


@pytest.fixture
def store(random_results: Callable[..., Any]) -> RoiStore:
    """Three ROIs on one another at (1, 2, 3), the strongest there is number 2; number 0 lies at (0, 0, 0) too."""
    results = random_results(count=3)
    dense = np.zeros((4 * 9 * 11, 3), np.float32)
    middle = np.ravel_multi_index((1, 2, 3), (4, 9, 11))
    dense[middle] = (0.3, 0.5, 1.0)
    dense[[0, 5, 7], [0, 1, 2]] = 1.0
    components = dataclasses.replace(
        results.components, footprints=sparse.csc_array(dense), accepted=np.array([True, False, True])
    )
    return RoiStore.from_results(dataclasses.replace(results, components=components))


SHOWN = np.ones(3, np.uint8)


def test_repeated_clicks_reach_every_roi_at_a_voxel(store: RoiStore) -> None:
    picker = Picker()
    picked = [picker.pick(store, SHOWN, (1, 2, 3)) for _ in range(5)]
    assert picked == [2, 1, 0, 2, 1]
    assert store.selection.tolist() == [1]


def test_a_click_elsewhere_begins_anew(store: RoiStore) -> None:
    picker = Picker()
    assert picker.pick(store, SHOWN, (1, 2, 3)) == 2
    assert picker.pick(store, SHOWN, (0, 0, 0)) == 0
    assert picker.pick(store, SHOWN, (1, 2, 3)) == 2


def test_what_is_hidden_is_not_picked(store: RoiStore) -> None:
    picker = Picker()
    classes = np.array([1, 1, 0], np.uint8)
    assert [picker.pick(store, classes, (1, 2, 3)) for _ in range(3)] == [1, 0, 1]


def test_a_click_on_nothing_selects_nothing(store: RoiStore) -> None:
    picker = Picker()
    picker.pick(store, SHOWN, (1, 2, 3))
    assert picker.pick(store, SHOWN, (3, 8, 10)) is None
    assert not store.selection.size


def test_adding_keeps_the_others_and_takes_away_again(store: RoiStore) -> None:
    picker = Picker()
    picker.pick(store, SHOWN, (0, 0, 0))
    picker.pick(store, SHOWN, (1, 2, 3), add=True)
    assert store.selection.tolist() == [0, 2]
    picker.pick(store, SHOWN, (1, 2, 3), add=True)
    assert store.selection.tolist() == [0, 1]
    picker.pick(store, SHOWN, (3, 8, 10), add=True)
    assert store.selection.tolist() == [0, 1]
    picker.pick(store, SHOWN, (0, 0, 0), add=True)
    assert store.selection.tolist() == [1]


@pytest.mark.parametrize(
    ("position", "voxel"),
    [
        ((5, 0, 0, 0), (0, 0, 0)),
        ((5, 4, 2.4, 4.4), (1, 2, 3)),
        ((5, 1.9, -0.4, 0.7), (0, 0, 0)),
        ((5, 2.1, 0, 0.8), (1, 0, 1)),
        ((5, 0, -0.6, 0), None),
        ((5, 0, 0, 16.0), None),
    ],
)
def test_positions_in_micrometres_become_voxels(position: tuple[float, ...], voxel: object) -> None:
    assert voxel_of(position, (4.0, 1.0, 1.5), (4, 9, 11)) == voxel


def test_a_line_through_the_volume_ends_at_the_first_colour() -> None:
    volume = np.zeros((4, 9, 11), np.uint8)
    volume[2, 4, 5] = volume[3, 4, 5] = 1
    assert first_shown(volume, (-0.5, 4, 5), (3.5, 4, 5)) == (2, 4, 5)
    assert first_shown(volume, (3.5, 4, 5), (-0.5, 4, 5)) == (3, 4, 5)
    assert first_shown(volume, (0, 0, 0), (3, 0, 0)) is None


def test_a_line_of_sight_enters_and_leaves_through_the_faces() -> None:
    scale, shape = (4.0, 1.0, 1.5), (4, 9, 11)
    ends = through((7, -50, 0, 3), (0, 1, 0, 0), scale, shape)
    assert ends is not None
    np.testing.assert_allclose(ends, [(-0.5, 0, 2), (3.5, 0, 2)], atol=1e-6)
    ends = through((7, 6, 20, 15), (0, 0, -1, -1), scale, shape)
    assert ends is not None
    np.testing.assert_allclose(ends[0], (1.5, 8.5, 3.5 / 1.5), atol=1e-6)
    assert through((7, -50, -2, 3), (0, 1, 0, 0), scale, shape) is None
