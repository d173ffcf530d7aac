"""A cell's own part of an image: what has the shape of its footprint beside a smooth surround."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.components import RestingLight
from cnmf3d.dff import delta_f_over_f, whose_light
from cnmf3d.own_light import own_light, own_part

SHAPE = (5, 40, 44)


def cells(centres=((2, 14, 15), (2, 20, 22), (1, 28, 33))):
    """Ball-like footprints of unit norm; the first two overlap."""
    z, y, x = np.indices(SHAPE)
    columns = []
    for centre in centres:
        distance = ((z - centre[0]) / 1.5) ** 2 + ((y - centre[1]) / 5) ** 2 + ((x - centre[2]) / 5) ** 2
        values = np.clip(1.3 - distance, 0, 1).ravel()
        columns.append(values / np.linalg.norm(values))
    return sparse.csc_array(np.array(columns, np.float32).T)


def tissue(texture=0.0, seed=0):
    """A surround that bends, and varies from voxel to voxel."""
    z, y, x = np.indices(SHAPE)
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    return (100 + 0.5 * y - 0.01 * (x - 20) ** 2 + 2 * z + texture * noise).ravel()


def test_each_cell_has_its_own_light_whatever_is_added():
    footprints, light = cells(), np.array([300.0, 0.0, -120.0])
    for constant in (0.0, 500.0, -1000.0):
        level = (tissue() + footprints @ light + constant).astype(np.float32)
        found = own_light(level, footprints, SHAPE)
        assert found.value == pytest.approx(light, abs=2)
        assert (found.error < 2).all()
        assert found.behind == pytest.approx(footprints.T @ (tissue() + constant), rel=0.01, abs=2)


def test_its_error_is_what_the_tissue_scatters_it_by():
    footprints, light = cells(), np.array([300.0, 100.0, 200.0])
    found = [
        own_light((tissue(8, seed) + footprints @ light).astype(np.float32), footprints, SHAPE) for seed in range(40)
    ]
    scatter = np.std([each.value for each in found], axis=0)
    assert np.mean([each.error for each in found], axis=0) == pytest.approx(scatter, rel=0.5)


def test_voxels_that_are_not_seen_have_no_say():
    footprints, light = cells(), np.array([300.0, 100.0, 200.0])
    level = (tissue() + footprints @ light).astype(np.float32)
    level.reshape(SHAPE)[:, :, :6] = np.nan
    assert own_light(level, footprints, SHAPE).value == pytest.approx(light, abs=2)
    level[:] = np.nan
    assert np.isnan(own_light(level, footprints, SHAPE).value).all()


def test_only_those_asked_for_are_sought():
    footprints = cells()
    images = np.stack([tissue() + footprints @ np.array(w) for w in ([1.0, 2.0, 3.0], [50.0, 0.0, -7.0])])
    seen = np.ones(images.shape[1], bool)
    found, error = own_part(images.astype(np.float32), footprints, SHAPE, seen, np.array([2, 0]))
    assert found == pytest.approx(np.array([[3, 1], [-7, 50]]), abs=1)
    alone = own_light(images[0].astype(np.float32), footprints, SHAPE)
    assert found[0] == pytest.approx(alone.value[[2, 0]], rel=1e-4)
    assert error[0] == pytest.approx(alone.error[[2, 0]], rel=1e-3)


def ratio(rule, light=(300.0, 250.0, 200.0), texture=0.0):
    footprints = cells()
    level = (tissue(texture) + footprints @ np.array(light)).astype(np.float32)
    raw = np.outer(light, [0.0, 1.0, 2.0]).astype(np.float32)
    none = np.zeros(3, np.float32)
    return delta_f_over_f(raw, none, none + 1, footprints, level, rule, SHAPE), footprints, level


def test_dff_of_own_light_needs_no_offset():
    for offset in (0.0, 90.0):
        (dff, f0), _, _ = ratio(RestingLight(offset=offset, light="own"))
        assert dff == pytest.approx(np.tile([0, 1, 2], (3, 1)), abs=0.03)
        assert f0 == pytest.approx([300, 250, 200], rel=0.03)


def test_a_share_of_the_surround_is_taken_out():
    everything = ratio(RestingLight(offset=20.0))[0][1]
    (_, most), footprints, _ = ratio(RestingLight(offset=20.0, light="surround", factor=0.7))
    weight = np.asarray(footprints.sum(axis=0)).ravel()
    behind = footprints.T @ tissue() - 20 * weight
    assert most == pytest.approx(everything - 0.7 * behind, rel=0.01)


def test_a_window_is_the_median_of_its_frames():
    footprints = cells()
    raw = np.tile(np.arange(10, dtype=np.float32), (3, 1))
    level, none = np.full(footprints.shape[0], 50, np.float32), np.zeros(3, np.float32)
    dff, _ = delta_f_over_f(raw, none, none, footprints, level, RestingLight(begin=4, window=3), SHAPE)
    assert dff[:, 5] == pytest.approx(0, abs=1e-6) and (dff[:, 6] > 0).all()


def test_whose_light_is_decided_by_whether_it_is_clear():
    auto, none = RestingLight(light="auto"), np.zeros(3, np.float32)
    _, footprints, level = ratio(RestingLight())
    rule, why = whose_light(auto, footprints, none, level, SHAPE)
    assert rule.light == "own" and "3 of 3" in why
    _, footprints, level = ratio(RestingLight(), light=(0.0, 1.0, -60.0), texture=20.0)
    rule, why = whose_light(auto, footprints, none, level, SHAPE)
    assert rule.light == "all" and "of 3" in why
    _, footprints, level = ratio(RestingLight(), light=(300.0, 250.0, 0.0), texture=5.0)
    rule, why = whose_light(auto, footprints, none, level, SHAPE)
    assert rule.light == "all" and "2 of 3" in why  # nine in ten must be clear
    given = RestingLight(light="surround")
    assert whose_light(given, footprints, none, level, SHAPE)[0] == given
