"""Cells of unusual size: few voxels, much smaller or larger than the others, a handful in a small volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import cnmf3d
from cnmf3d.engine.background import neuropil_courses
from cnmf3d.engine.block import Fit
from cnmf3d.engine.cleaning import grow
from cnmf3d.engine.echoes import is_echo
from cnmf3d.engine.reliability import LEAST, required, threshold
from cnmf3d.engine.seeding.activity import Seeds, without_echoes
from cnmf3d.geometry import ZYX
from cnmf3d.simulate import score, simulate

SHAPE = (1, 40, 40)
BINS = 300


def gaussian(y, x, sigma):
    """A cell's footprint of unit norm, cut at three sigmas."""
    distance = (np.arange(40)[:, None] - y) ** 2 + (np.arange(40)[None, :] - x) ** 2
    image = np.where(distance < (3 * sigma) ** 2, np.exp(-0.5 * distance / sigma**2), 0).ravel()
    return (image / np.linalg.norm(image)).astype(np.float32)


def transients(rng, count):
    """Traces of some transients each, (count, BINS) float32."""
    spikes = rng.random((count, BINS)) < 0.03
    kernel = 0.64 ** np.arange(12)
    return np.stack([np.convolve(row, kernel)[:BINS] for row in spikes]).astype(np.float32)


def fit_of(footprints, traces):
    nothing = np.zeros((footprints.shape[1], 0), np.float32)
    columns = sparse.csc_array(footprints.astype(np.float32))
    return Fit(columns, traces.astype(np.float32), nothing, np.zeros((0, BINS), np.float32), nothing)


def echoes_of(fit):
    return is_echo(fit, grow(fit.footprints, SHAPE), ZYX(0.5, 4.0, 4.0))


def test_a_small_cell_beside_a_large_one_is_a_cell_if_its_trace_is_its_own():
    rng = np.random.default_rng(0)
    footprints = np.stack([gaussian(16, 16, 4.0), gaussian(16, 27, 2.0)], axis=1)
    large, own = 40 * transients(rng, 2)
    left_over = np.maximum(0.1 * large + 0.5 * rng.standard_normal(BINS), 0)
    assert not echoes_of(fit_of(footprints, np.stack([large, 0.3 * own]))).any()
    assert echoes_of(fit_of(footprints, np.stack([large, left_over]))).tolist() == [False, True]


def pools_of(image, course, rng):
    """A course on a 12 × 12 grid of pools, and noise."""
    return (np.outer(image, course) + rng.standard_normal((144, BINS))).astype(np.float32)


def blob(width):
    """A smooth image of some pools, unit norm."""
    distance = (np.arange(12)[:, None] - 5) ** 2 + (np.arange(12)[None, :] - 5) ** 2
    image = np.exp(-0.5 * distance / width**2).ravel()
    return image / np.linalg.norm(image)


def test_a_large_cell_is_not_neuropil_and_a_patch_that_goes_up_and_down_is():
    rng = np.random.default_rng(1)
    rising = transients(rng, 1)[0]
    swinging = np.sin(np.arange(BINS) / 12)
    grid = (1, 12, 12)
    for course, found in ((rising, 0), (swinging, 1)):
        pooled = pools_of(blob(1.8), 150 * course / np.linalg.norm(course), rng)
        assert len(neuropil_courses(pooled, grid, None)) - 1 == found
    everywhere = pools_of(blob(5.0), 150 * rising / np.linalg.norm(rising), rng)
    assert len(neuropil_courses(everywhere, grid, None)) - 1 == 1


@given(st.integers(0, 200), st.integers(0, 200), st.integers(60, 2000))
def test_the_more_candidates_are_cells_the_less_evidence_each_needs(sure, others, bins):
    cut_off, floor = threshold(bins, 4.5), threshold(bins, LEAST)
    scores = np.concatenate([np.full(sure, threshold(bins, 6.0)), np.zeros(others)]).astype(np.float32)
    more = np.append(scores, np.float32(threshold(bins, 6.0)))
    needed = required(scores, bins)
    assert floor - 1e-6 <= required(more, bins) <= needed <= cut_off
    if sure * 20 <= others:
        assert needed == pytest.approx(cut_off)


def test_what_is_asked_for_is_never_raised():
    scores = np.full(50, 0.9, np.float32)
    assert required(scores, 400, 2.0) == threshold(400, 2.0)
    assert required(scores, 400, 0.0) == threshold(400, 0.0)
    assert required(np.zeros(0, np.float32), 400) == threshold(400, 4.5)


def test_weak_seeds_beside_a_component_are_left_out():
    rng = np.random.default_rng(3)
    traces = transients(rng, 3)
    seeds = Seeds(np.array([[0.0, 10.0, 10.0], [0.0, 30.0, 30.0]]), traces[:2], np.array([3.5, 3.2], np.float32))
    known, nowhere = np.array([[0.0, 12.0, 11.0]]), np.zeros((0, 3))
    sigma = ZYX(0.5, 1.0, 1.0)
    assert len(without_echoes(seeds, sigma, known, traces[2:], nowhere).positions) == 2
    alone = without_echoes(seeds, sigma, known, traces[2:], nowhere, alone=True)
    assert alone.positions.tolist() == [[0.0, 30.0, 30.0]]


def scored(folder, preset, seed, **overrides):
    """What the engine finds in a simulated movie."""
    path = folder / "movie.tif"
    truth = simulate(path, preset, seed=seed, overrides=overrides)
    return score(cnmf3d.run(cnmf3d.open_movie(path), reporter=cnmf3d.silent).components, truth)


def test_cells_of_a_few_voxels_are_found(tmp_path):
    found = scored(tmp_path, "beads", 3, size=(50, 50, 5), cells=110).accepted
    assert found.recall >= 0.7 and found.precision >= 0.97


@pytest.mark.parametrize("seed", [2, 4])
def test_small_and_large_cells_of_one_volume_are_found(tmp_path, seed):
    found = scored(tmp_path, "mixed", seed, size=(96, 96, 6), cells=22, neurites=0).starred
    assert found.recall >= 0.9 and found.precision >= 0.9


@pytest.mark.parametrize(("preset", "seed"), [("toy2d", 3), ("toy3d", 2)])
def test_a_handful_of_cells_under_neuropil_is_found(tmp_path, preset, seed):
    """Neuropil that fills all of a small volume is background, not one cell more."""
    found = scored(tmp_path, preset, seed, cells=5)
    assert found.accepted.recall == 1 and found.accepted.components == 5 and found.trace_p5 > 0.9
