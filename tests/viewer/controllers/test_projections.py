"""Projections: as numpy has them, in one pass, in pieces."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.movies import open_movie
from cnmf3d.viewer.controllers import projections as room
from cnmf3d.viewer.controllers.projections import projections
from cnmf3d.viewer.tasks import Cancelled


def test_all_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PIECE", 7 * 3 * 4 * 5)  # seven volumes at once, the last piece shorter
    values = (np.random.default_rng(0).random((30, 3, 4, 5)) * 50 + 5000).astype(np.float32)
    values[:, 1, 1, 1] = 5000  # a dead voxel
    told: list[tuple[int, int]] = []
    found = projections(open_movie(values, rate=1.0), lambda done, total: told.append((done, total)))
    assert told == [(0, 30), (7, 30), (14, 30), (21, 30), (28, 30), (30, 30)]
    np.testing.assert_allclose(found["mean"], values.mean(axis=0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(found["std"], values.std(axis=0, dtype=float), atol=1e-3)
    np.testing.assert_array_equal(found["max"], values.max(axis=0))
    near = [(0, 2, 3), (2, 2, 3), (1, 1, 3), (1, 3, 3), (1, 2, 2), (1, 2, 4)]
    mine = values[:, 1, 2, 3]
    expected = np.mean([np.corrcoef(mine, values[(slice(None), *place)])[0, 1] for place in near])
    assert found["correlation"][1, 2, 3] == pytest.approx(expected, abs=1e-4)
    assert found["correlation"][1, 1, 1] == 0


def test_one_plane_has_neighbours_in_the_plane_only() -> None:
    values = np.random.default_rng(1).random((20, 1, 2, 2)).astype(np.float32)
    found = projections(open_movie(values, rate=1.0), lambda done, total: None)
    mine = values[:, 0, 0, 0]
    expected = np.mean([np.corrcoef(mine, values[:, 0, y, x])[0, 1] for y, x in ((0, 1), (1, 0))])
    assert found["correlation"][0, 0, 0] == pytest.approx(expected, abs=1e-4)


def test_it_can_be_stopped() -> None:
    def stop(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        projections(open_movie(np.zeros((5, 2, 3, 4), np.uint16), rate=1.0), stop)
