from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.errors import UsageError
from cnmf3d.simulate import PRESETS, scene_of
from cnmf3d.simulate.cells import SOMA_RADIUS, draw_cells, inside_view


def draw(overrides, preset="small", seed=0):
    scene = scene_of(preset, overrides)
    return scene, *draw_cells(scene, np.random.default_rng(seed))


def test_footprints_are_compact_cells_of_the_size_that_was_asked_for():
    scene, columns, centres = draw({"nucleus": 0, "size_spread": 0, "blur": "0,0,0"})
    assert columns.shape == (120_000, 80)
    assert columns.data.min() > 0
    np.testing.assert_allclose(columns.max(axis=0).toarray(), 1)
    middle = np.flatnonzero(np.all((centres > [4, 10, 10]) & (centres < [8, 90, 90]), axis=1))
    volume = 4 / 3 * np.pi * np.prod(SOMA_RADIUS * np.array(scene.cell_size))
    assert len(middle) > 10
    np.testing.assert_allclose(columns[:, middle].sum(axis=0), volume, rtol=0.2)
    coordinates = np.stack(np.unravel_index(np.arange(columns.shape[0]), scene.shape), axis=1)
    centroids = (columns.T @ coordinates) / columns.sum(axis=0)[:, None]
    np.testing.assert_allclose(centroids[middle], centres[middle], atol=0.1)


def test_nuclei_are_dim():
    scene, columns, centres = draw({"nucleus": 0.45})
    volumes = columns.toarray().reshape(*scene.shape, -1)
    middle = np.flatnonzero(np.all((centres > [3, 6, 6]) & (centres < [9, 94, 94]), axis=1))
    dips = [volumes[*np.round(centres[k]).astype(int), k] for k in middle]
    assert len(dips) >= 10
    assert 0.5 < np.mean(dips) < 0.85


def test_cells_fill_the_volume_to_its_borders():
    _, _, centres = draw({}, "large")
    last = np.array(PRESETS["large"].shape) - 1
    assert (centres.min(axis=0) < [0.5, 3, 3]).all()
    assert (centres.max(axis=0) > last - [0.5, 3, 3]).all()


def test_cells_keep_their_distance():
    scene, _, centres = draw({})
    scaled = centres / (SOMA_RADIUS * np.array(scene.cell_size[::-1]))
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=2) + 10 * np.eye(len(centres))
    assert distances.min() >= scene.separation


def test_blobs_are_gaussian():
    plain = {"look": "blob", "cells": 8, "size": "90,90,21", "size_spread": 0, "blur": "0,0,0"}
    scene, columns, centres = draw(plain)
    k = int(np.argmin(np.abs(centres - [10, 45, 45]).max(axis=1)))
    profile = columns[:, [k]].toarray().reshape(scene.shape).sum(axis=(0, 1))
    offset = np.arange(90) - centres[k, 2]
    assert np.sqrt((profile * offset**2).sum() / profile.sum()) == pytest.approx(0.8 * 4, rel=0.1)
    assert offset[profile.argmax()] == pytest.approx(0, abs=0.6)


def test_a_cell_beyond_the_border_is_seen_on_the_canvas_only():
    still, _, _ = draw({"cells": 30, "size": "60,60,10"})
    scene, columns, centres = draw({"cells": 30, "size": "60,60,10", "motion": "4,4,1"})
    seen = inside_view(columns, scene)
    assert columns.shape[0] == np.prod(scene.canvas)
    assert seen.shape[0] == np.prod(still.shape)
    assert seen.sum() < columns.sum()
    np.testing.assert_allclose(seen.max(axis=0).toarray(), 1)
    volume = seen.toarray().reshape(*scene.shape, -1)
    for k, centre in enumerate(np.clip(np.round(centres).astype(int), 0, np.array(scene.shape) - 1)):
        assert volume[*centre, k] > 0.3


def test_too_many_cells_are_refused():
    with pytest.raises(UsageError, match=r"Only \d+ of 500 cells fit"):
        draw({"cells": 500, "size": "40,40,6"})
