"""Who is who: components that are given keep their identity through demixing, blocks, refit and K."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from cnmf3d import open_movie
from cnmf3d.engine import run
from cnmf3d.engine.block import STEP, Block, Fit
from cnmf3d.engine.blocks import cut
from cnmf3d.engine.demix import living, unit_norm
from cnmf3d.engine.solve import Settings, solve_seeded
from cnmf3d.engine.stages import Start, anchors_of
from cnmf3d.events import Caution
from cnmf3d.geometry import ZYX

SHAPE, FRAMES = (3, 32, 32), 200
CELLS = [(1, 7, 7), (1, 7, 24), (1, 24, 8), (1, 24, 24), (1, 16, 16)]
MARGIN = [(1, 1, 30), (0, 30, 1)]
"""Places in a margin that never changes."""


def ball(place, radius=2):
    """Voxels around a place, within the volume."""
    grid = np.indices(SHAPE)
    inside = sum((axis - p) ** 2 for axis, p in zip(grid[1:], place[1:], strict=True)) <= radius**2
    return (inside & (abs(grid[0] - place[0]) <= 1)).ravel()


def made():
    """A movie of five cells, with a margin of three voxels that never changes, and the cells' traces."""
    rng = np.random.default_rng(3)
    kernel = np.exp(-np.arange(30) / 6)
    spikes = (rng.random((len(CELLS), FRAMES)) < 0.03) * rng.uniform(0.7, 1.3, (len(CELLS), FRAMES))
    traces = np.stack([np.convolve(s, kernel)[:FRAMES] for s in spikes])
    values = 200 + 8 * rng.standard_normal((FRAMES, *SHAPE))
    for place, trace in zip(CELLS, traces, strict=True):
        values += 60 * trace[:, None, None, None] * ball(place).reshape(SHAPE)
    edge = np.ones(SHAPE, bool)
    edge[:, 3:-3, 3:-3] = False
    values[:, edge] = 100
    return values.astype(np.float32), edge, traces


VALUES, EDGE, TRACES = made()
QUICK = {"init": {"gSig": (2.5, 2.5, 1.2), "tsub": 2}}


def matrix(places):
    """Seeds as the columns of a matrix."""
    return sparse.csc_array(np.stack([ball(p) for p in places], axis=1).astype(np.float32))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.lists(st.sampled_from([*CELLS, *MARGIN]), min_size=1, max_size=7, unique=True),
    hole=st.sampled_from(["constant", "nan"]),
    refit=st.booleans(),
    limit=st.sampled_from(["auto", 1, 3]),
    patches=st.booleans(),
)
def test_every_seed_is_itself_or_named(order, hole, refit, limit, patches):
    values = np.where(EDGE, np.float32(np.nan), VALUES) if hole == "nan" else VALUES
    parameters = {**QUICK, "init": {**QUICK["init"], "K": limit}, "refit": refit}
    if patches:
        parameters["patch"] = {"rf": (14, 14, 3), "stride": (8, 8, 2)}
    cautions = []
    results = run(
        open_movie(values, rate=10.0),
        parameters,
        seeds=matrix(order),
        workers=1,
        reporter=lambda e: cautions.append(e.text) if isinstance(e, Caution) else None,
    )
    components = results.components
    kept = components.quality["seed"].astype(int)
    assert kept.tolist() == [n for n, place in enumerate(order) if place in CELLS]
    for column, number in enumerate(kept):
        cell = CELLS.index(order[number])
        assert np.corrcoef(components.raw[column], TRACES[cell])[0, 1] > 0.9
    told = " ".join(cautions)
    lost = sorted(set(range(len(order))) - set(kept.tolist()))
    assert all(f"column {n} (" in told for n in lost)
    assert ("vanished" in told) == bool(lost)
    assert (f"K = {limit} is not applied" in told) == (limit not in ("auto", len(order)))


def test_labels_keep_their_numbers():
    labels = np.zeros(SHAPE, np.uint16).ravel()
    for number, place in ((40, MARGIN[0]), (7, CELLS[1]), (12, CELLS[3])):
        labels[ball(place)] = number
    results = run(open_movie(VALUES, rate=10.0), QUICK, seeds=labels.reshape(SHAPE), workers=1)
    assert results.components.quality["seed"].tolist() == [7, 12]
    assert any("label 40 (x 30, y 1, z 1)" in text for text in results.provenance.warnings)
    assert results.provenance.estimates["K"]["value"] == 2


def test_a_refit_names_the_seeds_that_it_leaves_out():
    strict = {**QUICK, "refit": True, "quality": {"compact_thr": 0.9, "min_SNR": 3.0}}
    nothing = (1, 16, 8)  # a place without a cell
    results = run(open_movie(VALUES, rate=10.0), strict, seeds=matrix([CELLS[0], nothing, CELLS[2]]), workers=1)
    assert results.components.quality["seed"].tolist() == [0, 2]
    assert any("refit leaves out 1 of 3 seeds" in text and "column 1 (" in text for text in results.provenance.warnings)


def test_nothing_but_seeds_without_light_is_an_empty_result():
    results = run(open_movie(VALUES, rate=10.0), QUICK, seeds=matrix(MARGIN), workers=1)
    assert results.components.count == 0
    told = " ".join(results.provenance.warnings)
    assert "column 0 (" in told and "column 1 (" in told


@given(dark=st.lists(st.booleans(), min_size=1, max_size=6), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_demixing_leaves_every_component_in_its_place(dark, seed):
    rng = np.random.default_rng(seed)
    shape, bins = (1, 10, 60), 40
    footprints = np.zeros((600, len(dark)), np.float32)
    for k in range(len(dark)):
        footprints.reshape(*shape, -1)[0, 2:8, 10 * k + 2 : 10 * k + 8, k] = 1 / 6
    traces = rng.gamma(0.5, 20, (len(dark), bins)).astype(np.float32)
    values = footprints @ (traces * ~np.array(dark)[:, None]) + rng.standard_normal((600, bins))
    values[footprints[:, dark].any(axis=1)] = 0
    block = Block(np.rint(STEP * values).clip(-32767, 32767).astype(np.int16), shape)
    fit = solve_seeded(block, sparse.csc_array(footprints), Settings(ZYX(1, 2.5, 2.5), rank=0))
    assert fit.count == len(dark)
    assert living(fit).tolist() == np.flatnonzero(~np.array(dark)).tolist()
    for k in living(fit):
        assert np.corrcoef(fit.traces[k], traces[k])[0, 1] > 0.9


def test_what_vanished_is_zero_and_stays_so():
    footprints = sparse.csc_array(np.array([[3, 0, 1], [4, 0, 0]], np.float32))
    none = np.zeros((1, 4), np.float32)
    fit = Fit(footprints, np.array([[1, 2], [3, 4], [0, 0]], np.float32), none[:, :0].T, none[:0], none[:, :0])
    again = unit_norm(fit)
    assert again.footprints.toarray().tolist() == [[pytest.approx(0.6), 0, 0], [pytest.approx(0.8), 0, 0]]
    assert again.traces.tolist() == [[5, 10], [0, 0], [0, 0]]
    assert living(again).tolist() == [0]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 31), st.integers(0, 31)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_seed_in_parts_has_one_owner_that_sees_it(places):
    column = np.zeros(np.prod(SHAPE), np.float32)
    column[[np.ravel_multi_index(p, SHAPE) for p in places]] = 1
    start = Start(sparse.csc_array(column[:, None]), seeds=np.array([0]), kind="column")
    anchors = anchors_of(start.footprints, SHAPE)
    owned = [start.within(box, SHAPE, anchors).mine.size for box in cut(SHAPE, (3, 8, 8), (0, 1, 1))]
    assert sum(owned) == 1
