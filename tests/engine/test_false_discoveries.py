"""How many false components to expect, from traces in random order."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.engine.evaluation.false_discoveries import PLACE, SHUFFLED, expected_false
from cnmf3d.engine.lasting import persistence
from cnmf3d.geometry import ZYX

SIGMA = ZYX(1.0, 2.0, 2.0)


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential"])
def test_it_is_what_noise_that_nobody_shuffled_gives(draw):
    rng = np.random.default_rng(0)
    raw = getattr(rng, draw)((300, 400)).astype(np.float32)
    voxels = int(4 * PLACE * 1000)  # a thousand places
    expected = expected_false(raw, 1, 2.5, voxels, SIGMA)
    fresh = persistence(getattr(rng, draw)((20_000, 400)).astype(np.float32))
    assert expected == pytest.approx(1000 * (fresh > 2.5).mean(), rel=0.3)


def test_transients_of_cells_do_not_raise_it():
    rng = np.random.default_rng(1)
    raw = rng.standard_normal((50, 600)).astype(np.float32)
    active = raw.copy()
    for start in range(20, 580, 40):
        active[:, start : start + 8] += 6
    voxels = int(4 * PLACE * 1000)
    assert expected_false(active, 1, 4.5, voxels, SIGMA) <= expected_false(raw, 1, 4.5, voxels, SIGMA) + 0.3


def test_fewer_than_can_be_seen_are_not_claimed_and_nothing_gives_none():
    rng = np.random.default_rng(2)
    raw = rng.standard_normal((10, 300)).astype(np.float32)
    assert expected_false(raw, 1, 9.0, int(4 * PLACE * 50), SIGMA) == pytest.approx(50 / SHUFFLED, rel=0.01)
    assert expected_false(raw[:0], 1, 4.5, 1000, SIGMA) == 0
