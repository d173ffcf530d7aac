"""ROIs asked for by hand: what is demixed from the movie is the cell that is there, whatever lies around it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.components import Background, Components, Kinetics, RestingLight
from cnmf3d.engine import demix_rois
from cnmf3d.errors import EngineError, InputError, UsageError
from cnmf3d.geometry import ZYX, sigma_of
from cnmf3d.movies import open_movie
from cnmf3d.results import Results
from cnmf3d.results.curation import scene as scenes
from cnmf3d.results.curation.scene import Scene, cell_reach, ellipsoid, scene_of
from cnmf3d.results.curation.storing import rois_of
from cnmf3d.results.footprints import footprints_of, unit

SHAPE, FRAMES, NOISE = (5, 20, 24), 300, 4.0
PLACES = [(2, 6, 6), (2, 8, 9), (2, 13, 17)]  # the first two overlap


@pytest.fixture(scope="module")
def scenery():
    """A movie of three cells, two of which overlap, and the results that know all of them."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]], axis=-1)
    volumes = [np.exp(-(((grid - np.array(p)) / [1.0, 2.0, 2.0]) ** 2).sum(axis=-1) / 2) for p in PLACES]
    footprints, _ = unit(sparse.csc_array(np.stack([np.where(v > 0.1, v, 0).ravel() for v in volumes], axis=1)))
    spikes = (rng.random((3, FRAMES)) < 0.04) * rng.uniform(100, 200, (3, FRAMES))
    traces = np.zeros((3, FRAMES))
    for t in range(FRAMES):
        traces[:, t] = 0.9 * traces[:, max(t - 1, 0)] * (t > 0) + spikes[:, t]
    rest = rng.uniform(90, 110, int(np.prod(SHAPE)))
    clean = rest[:, None] + footprints @ traces
    movie = (clean + rng.normal(0, NOISE, clean.shape)).T.reshape(FRAMES, *SHAPE).astype(np.float32)
    ones, zeros = np.ones(3, np.float32), np.zeros((3, FRAMES), np.float32)
    components = Components(
        shape=SHAPE,
        footprints=sparse.csc_array(footprints, dtype=np.float32),
        traces=traces.astype(np.float32),
        residuals=zeros,
        spikes=spikes.astype(np.float32),
        background=Background(rest[:, None].astype(np.float32), np.ones((1, FRAMES), np.float32)),
        kinetics=Kinetics(np.full((3, 1), 0.9, np.float32), 0 * ones, 0 * ones, ones, ones),
        dff=zeros,
        quality={"snr": ones},
        accepted=np.ones(3, bool),
    )
    results = Results(
        components,
        {"init": {"gSig": [2.0, 2.0, 1.0]}},
        10.0,
        ZYX(2, 1, 1),
        np.full(SHAPE, NOISE, np.float32),
    )
    return movie, results


def without(results: Results, gone: int) -> Components:
    return results.components.select(np.array([k for k in range(3) if k != gone]))


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize("cell", [0, 1, 2])
def test_a_click_finds_the_cell_beside_its_neighbour(scenery, cell):
    movie, results = scenery
    near = tuple(int(p + d) for p, d in zip(PLACES[cell], (0, 1, -1), strict=True))
    start = ellipsoid(SHAPE, near, cell_reach(results))
    scene = scene_of(results, without(results, cell), start, start, fixed=False)
    found = demix_rois(open_movie(movie, rate=10.0), scene)
    truth = results.components
    assert found.count == 1
    assert alike(found.traces[0], truth.traces[cell]) > 0.95
    assert alike(found.footprints.toarray(), truth.footprints[:, [cell]].toarray()) > 0.95
    scale = found.traces[0] @ truth.traces[cell] / (truth.traces[cell] @ truth.traces[cell])
    assert scale == pytest.approx(1, abs=0.1)
    assert np.linalg.norm(found.footprints.toarray()) == pytest.approx(1, rel=1e-5)
    assert found.spikes.max() > 0
    assert found.quality["r_value"][0] > 0.8
    assert found.quality["snr"][0] > 3
    assert found.quality["compactness"][0] > 0.9
    assert found.quality["smoothness"][0] > 0.5 and found.quality["soma"][0] == 1
    assert 4 < found.quality["width"][0] < 8  # a Gaussian of sigma 2 is 6.2 wide at 30 % of its peak
    assert np.isnan(found.quality["reliability"]).all()
    level = (found.footprints.T @ np.full(int(np.prod(SHAPE)), 100.0)).item()
    assert found.dff.max() == pytest.approx(found.traces.max() / level, rel=0.2)


def test_each_segment_has_its_own_resting_level(scenery):
    movie, results = scenery
    truth = results.components
    step = np.where(np.arange(FRAMES) < FRAMES // 2, 0, 80).astype(np.float32)
    shape = truth.footprints[:, [2]].toarray().reshape(1, *SHAPE)
    brighter = movie + step[:, None, None, None] * shape
    start = ellipsoid(SHAPE, PLACES[2], cell_reach(results))
    others = dataclasses.replace(without(results, 2), resting=RestingLight(segments=(FRAMES // 2,)))
    found = demix_rois(open_movie(brighter, rate=10.0), scene_of(results, others, start, start, fixed=False))
    assert np.abs(found.traces[0] - truth.traces[2]).mean() < 6
    assert np.abs(found.raw[0] - truth.traces[2] - step).mean() < 12  # raw traces stay as they were measured
    assert found.traces_sd.shape == found.events_sd.shape == (1, FRAMES)


def test_two_parts_of_one_roi_are_told_apart(scenery):
    """A split: each half begins with both cells' light; the movie says whose it is."""
    movie, results = scenery
    truth = results.components
    pair = truth.footprints[:, [0, 1]].toarray()
    left = pair[:, 0] >= pair[:, 1]
    union = pair.sum(axis=1)
    columns = [np.flatnonzero((union > 0) & side) for side in (left, ~left)]
    voxels = np.flatnonzero(union > 0)
    start = footprints_of([(c, union[c]) for c in columns], union.size)
    support = footprints_of([(voxels, np.ones(voxels.size))] * 2, union.size)
    scene = scene_of(results, truth.select(np.array([2])), start, support, fixed=False)
    found = demix_rois(open_movie(movie, rate=10.0), scene)
    for k in (0, 1):
        assert alike(found.traces[k], truth.traces[k]) > 0.95


def test_a_drawn_mask_keeps_its_voxels(scenery):
    movie, results = scenery
    drawn = ellipsoid(SHAPE, PLACES[2], ZYX(1.5, 3, 3))
    scene = scene_of(results, without(results, 2), drawn, drawn, fixed=True)
    found = demix_rois(open_movie(movie, rate=10.0), scene)
    assert set(found.footprints.indices) <= set(drawn.indices)
    assert found.footprints.nnz > 0.8 * drawn.nnz
    assert alike(found.traces[0], results.components.traces[2]) > 0.95


def test_without_kinetics_noise_and_background(scenery):
    """Results of other programs don't have all of it."""
    movie, results = scenery
    components = without(results, 2)
    bare = dataclasses.replace(
        components,
        kinetics=dataclasses.replace(components.kinetics, g=np.zeros((2, 0), np.float32)),
        background=Background(np.zeros((int(np.prod(SHAPE)), 0), np.float32), np.zeros((0, FRAMES), np.float32)),
    )
    start = ellipsoid(SHAPE, PLACES[2], cell_reach(results))
    scene = scene_of(dataclasses.replace(results, noise=None), bare, start, start, fixed=False)
    found = demix_rois(open_movie(movie, rate=10.0), scene)
    assert found.kinetics.g.shape == (1, 0)
    assert alike(found.raw[0], results.components.traces[2]) > 0.9


def test_only_the_box_is_read_of_a_movie_on_disk(scenery, tmp_path):
    movie, results = scenery
    np.save(tmp_path / "m.npy", movie)
    start = ellipsoid(SHAPE, PLACES[2], cell_reach(results))
    scene = scene_of(results, without(results, 2), start, start, fixed=False)
    one = demix_rois(open_movie(tmp_path / "m.npy", rate=10.0), scene)
    other = demix_rois(open_movie(movie, rate=10.0), scene)
    assert np.array_equal(one.raw, other.raw)


def test_a_process_does_the_same(scenery, tmp_path):
    movie, results = scenery
    np.save(tmp_path / "m.npy", movie)
    start = ellipsoid(SHAPE, PLACES[2], cell_reach(results))
    scene = scene_of(results, without(results, 2), start, start, fixed=False)
    scene.save(tmp_path / "scene.npz")
    again = Scene.load(tmp_path / "scene.npz")
    assert all(np.array_equal(getattr(again, f.name), getattr(scene, f.name)) for f in dataclasses.fields(Scene))
    job = {"source": str(tmp_path / "m.npy"), "opening": {"rate": 10.0}}
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, "-m", "cnmf3d.engine.manual", str(tmp_path)], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["kind"] == "progress"
    with np.load(tmp_path / "rois.npz", allow_pickle=False) as file:
        found = rois_of(dict(file), results.components)
    assert np.array_equal(found.raw, demix_rois(open_movie(movie, rate=10.0), scene).raw)
    (tmp_path / "job.json").write_text(json.dumps({**job, "source": str(tmp_path / "none.npy")}))
    done = subprocess.run([sys.executable, "-m", "cnmf3d.engine.manual", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 3
    assert "none.npy" in json.loads((tmp_path / "error.json").read_text())["problem"]


def test_where_nothing_is_active_says_so(scenery):
    _, results = scenery
    start = ellipsoid(SHAPE, PLACES[2], cell_reach(results))
    scene = scene_of(results, without(results, 2), start, start, fixed=False)
    with pytest.raises(EngineError, match="active"):
        demix_rois(open_movie(np.full((FRAMES, *SHAPE), 100, np.float32), rate=10.0), scene)


def test_another_movie_is_named(scenery):
    movie, results = scenery
    start = ellipsoid(SHAPE, PLACES[2], cell_reach(results))
    scene = scene_of(results, without(results, 2), start, start, fixed=False)
    with pytest.raises(InputError, match="results are of"):
        demix_rois(open_movie(movie[:100], rate=10.0), scene)


@pytest.mark.parametrize("place", [(-1, 3, 3), (5, 3, 3), (2, 3, 24)])
def test_a_click_outside_is_named(place):
    with pytest.raises(UsageError, match="isn't in the volume"):
        ellipsoid(SHAPE, place, ZYX(2, 3, 3))


def test_reach_is_told_by_what_is_known(scenery):
    _, results = scenery
    assert cell_reach(results) == ZYX(2.5, 5.0, 5.0)  # two and a half gSig
    start = ellipsoid(SHAPE, PLACES[0], cell_reach(results))
    scene = scene_of(results, results.components, start, start, fixed=False)
    assert tuple(scene.sigma) == sigma_of(ZYX(1.0, 2.0, 2.0))  # gSig itself would be too wide for the compactness
    unknown = dataclasses.replace(results, parameters={})
    assert cell_reach(unknown) == ZYX(4.0, 8.0, 8.0)
    assert cell_reach(dataclasses.replace(unknown, voxel_size=None)) == ZYX(8.0, 8.0, 8.0)


def test_a_drawn_cell_that_is_silent_keeps_its_shape(scenery):
    movie, results = scenery
    drawn = ellipsoid(SHAPE, (2, 15, 4), ZYX(1.5, 3, 3))
    scene = scene_of(results, results.components, drawn, drawn, fixed=True)
    quiet = np.broadcast_to(movie.mean(axis=0), movie.shape).astype(np.float32)
    found = demix_rois(open_movie(quiet, rate=10.0), scene)
    shape = drawn.toarray() / np.linalg.norm(drawn.toarray())
    assert np.allclose(found.footprints.toarray(), shape, atol=1e-5)
    assert np.isfinite(found.raw).all()


def test_calcium_that_rises_slowly(scenery):
    """Kinetics of order two, as runs have them by default."""
    _, results = scenery
    truth = results.components
    slow = np.zeros_like(truth.traces)
    for t in range(FRAMES):
        slow[:, t] = 1.5 * slow[:, t - 1] - 0.54 * slow[:, t - 2] if t > 1 else 0
        slow[:, t] += truth.spikes[:, t]
    rest = truth.background.spatial
    noise = np.random.default_rng(5).normal(0, NOISE, (FRAMES, *SHAPE))
    movie = ((rest + truth.footprints @ slow).T.reshape(FRAMES, *SHAPE) + noise).astype(np.float32)
    g = np.tile(np.array([1.5, -0.54], np.float32), (3, 1))  # decays with 0.9, rises with 0.6
    components = dataclasses.replace(truth, traces=slow, kinetics=dataclasses.replace(truth.kinetics, g=g))
    changed = dataclasses.replace(results, components=components)
    start = ellipsoid(SHAPE, PLACES[0], cell_reach(results))
    scene = scene_of(changed, without(changed, 0), start, start, fixed=False)
    found = demix_rois(open_movie(movie, rate=10.0), scene)
    assert alike(found.traces[0], slow[0]) > 0.98
    assert alike(found.spikes[0], truth.spikes[0]) > 0.8
    assert alike(found.footprints.toarray(), truth.footprints[:, [0]].toarray()) > 0.95
    assert np.allclose(found.kinetics.g, g[:1], atol=1e-3)


def test_what_would_not_fit_into_memory_is_named(scenery, monkeypatch):
    _, results = scenery
    start = ellipsoid(SHAPE, PLACES[2], cell_reach(results))
    monkeypatch.setattr(scenes, "MOST", FRAMES * 10)
    with pytest.raises(UsageError, match="10 voxels can be demixed"):
        scene_of(results, without(results, 2), start, start, fixed=False)


def test_pixels_that_are_not_finite_are_left_out(scenery):
    movie, results = scenery
    broken = movie.copy()
    broken[10:20, 2, 13, 17] = np.nan
    start = ellipsoid(SHAPE, PLACES[2], cell_reach(results))
    scene = scene_of(results, without(results, 2), start, start, fixed=False)
    found = demix_rois(open_movie(broken, rate=10.0), scene)
    assert np.isfinite(found.raw).all()
    assert alike(found.traces[0], results.components.traces[2]) > 0.9
