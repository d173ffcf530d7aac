from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from scipy import sparse

from .conftest import components_of
from .test_hard_table import benchmark


def blocks(shape, *boxes):
    """Footprints of ones in boxes (z, y, x, height, width); a list of boxes is one footprint."""
    dense = np.zeros((int(np.prod(shape)), len(boxes)), np.float32)
    for k, some in enumerate(boxes):
        image = np.zeros(shape)
        for z, y, x, height, width in some if isinstance(some, list) else [some]:
            image[z, y : y + height, x : x + width] = 1
        dense[:, k] = image.ravel()
    return sparse.csc_array(dense / np.linalg.norm(dense, axis=0))


def slow(count, frames=200, seed=0):
    """Traces that outlast a frame."""
    return np.cumsum(np.random.default_rng(seed).standard_normal((count, frames)), axis=1).astype(np.float32)


@pytest.fixture
def judging(monkeypatch):
    return benchmark("judging", monkeypatch)


def test_pieces_doubles_white_traces_and_the_border_are_counted(judging):
    shape = (1, 60, 60)
    whole, near, split = (0, 20, 20, 6, 6), (0, 20, 24, 6, 6), [(0, 40, 20, 6, 3), (0, 40, 25, 6, 3)]
    edge, white, rejected = (0, 0, 40, 5, 6), (0, 40, 40, 6, 6), (0, 50, 50, 6, 6)
    traces = slow(6)
    traces[4] = np.random.default_rng(1).standard_normal(200)
    accepted = np.array([True] * 5 + [False])
    footprints = blocks(shape, whole, near, split, edge, white, rejected)
    found = judging.judge(components_of(shape, footprints, traces, traces, accepted))
    assert (found.accepted, found.in_pieces, found.doubled, found.white, found.at_border) == (5, 1, 2, 1, 1)
    assert found.size == 36 and found.width == pytest.approx(2 * np.sqrt(36 / np.pi))
    assert found.by_chance == pytest.approx(5 * (1 - np.exp(-4 * 4 * 36 / 60**2)))
    nothing = judging.judge(components_of(shape, footprints, traces, traces, np.zeros(6, bool)))
    assert nothing.accepted == 0 and np.isnan(nothing.width)


def test_regions_are_matched_one_to_one(judging, tmp_path):
    (tmp_path / "regions.json").write_text(
        json.dumps(
            [
                {"coordinates": [[r, c] for r in range(10, 16) for c in range(20, 26)]},
                {"coordinates": [[r, c] for r in range(30, 36) for c in range(20, 26)]},
                {"coordinates": [[99, 99]]},
            ]
        )
    )
    regions = judging.regions_in(tmp_path / "regions.json", (50, 60))
    assert len(regions) == 2 and regions[0][10, 20] and not regions[0][20, 10]
    masks = [blocks((1, 50, 60), box).toarray().reshape(50, 60) > 0 for box in [(0, 10, 21, 6, 6), (0, 11, 19, 2, 2)]]
    found = judging.against(masks, regions)
    assert (found.found, found.recall, found.precision, found.f1, found.overlapping) == (1, 0.5, 0.5, 0.5, 0.5)
    assert judging.against([], regions).f1 == 0


def test_active_regions_are_those_that_outlast_noise_beyond_what_other_places_do(judging):
    rng = np.random.default_rng(0)
    movie = rng.normal(100, 5, (400, 90, 90))
    corners = [(y, x) for y in range(10, 80, 20) for x in range(10, 80, 20)]
    regions = []
    for k, (y, x) in enumerate(corners):
        mask = np.zeros((90, 90), bool)
        mask[y : y + 5, x : x + 5] = True
        regions.append(mask)
        if k % 2:
            transients = np.convolve(np.arange(400) % 99 == k, np.exp(-np.arange(40) / 12))[:400]
            movie[:, mask] += 8 * transients[:, None]
    found = judging.active_in(movie, regions, rate=10, width=19)
    assert (found.drawn, found.elsewhere, found.close) == (0.5, 0, 0) and found.share == 0.5
    assert judging.active_in(movie, regions, rate=10, width=21).close == 1
    shared = movie + 30 * np.convolve(rng.random(400) < 0.02, np.ones(8))[:400, None, None]
    assert judging.active_in(shared, regions, rate=10, width=19).drawn == 0.5  # brightness of all of it is no activity
    assert judging.Active(0.6, 0.2, 0).share == pytest.approx(0.5) and judging.Active(0.1, 0.2, 0).share == 0


def test_halves_agree_where_footprints_do(judging):
    shape, traces = (1, 40, 40), slow(2)
    first = components_of(shape, blocks(shape, (0, 5, 5, 6, 6), (0, 20, 20, 6, 6)), traces, traces)
    second = components_of(shape, blocks(shape, (0, 6, 5, 6, 6), (0, 30, 5, 6, 6)), traces, traces)
    assert judging.agreement(first, second) == (2, 2, 1)
    assert judging.agreement(first, first.select(np.zeros(2, bool))) == (2, 0, 0)


def test_all_figures_of_a_recording(judging, monkeypatch, tmp_path, capsys):
    module = benchmark("real", monkeypatch)
    movie = np.random.default_rng(0).poisson(50, (60, 64, 64)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "m.tif", movie, imagej=True, metadata={"axes": "TYX"})
    (tmp_path / "r.json").write_text(json.dumps([{"coordinates": [[r, c] for r in (10, 11) for c in (20, 21)]}]))
    runs = []

    def run(opened, parameters, reporter):
        frames, *shape = opened.shape
        runs.append((frames, opened.rate, float(opened.read(0, frames).mean())))
        traces = slow(1, frames)
        found = components_of(tuple(shape), blocks(shape, (0, 8, 18, 6, 6)), traces, traces)
        return SimpleNamespace(components=found.__class__(**{**vars(found), "quality": {"snr": np.ones(1)}}))

    monkeypatch.setattr(module.cnmf3d, "run", run)
    words = ["real.py", str(tmp_path / "m.tif"), "--rate", "7", "--halves", "--regions", str(tmp_path / "r.json")]
    words += ["--inject", "2", "--snr", "5", "9", "--cell-width", "6", "--pictures", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*words, "--json", str(tmp_path / "rows.json")])
    module.main()
    said = capsys.readouterr().out
    assert "| m | 1 | 0 | 0 | 0 | 0 | 0 | 1 | 1, 1, 1 |" in said
    assert "| m | 1 | 1.00 | 1.00 | 1.00 | 0.00 |" in said
    assert "m: 0.00 of the regions outlast noise, of the same shapes elsewhere 0.00" in said
    assert "| m | 5 | 2 | 0.000 | – |" in said and "| m | 9 | 2 |" in said
    assert [frames for frames, _, _ in runs] == [60, 60, 30, 30, 60, 60] and {rate for _, rate, _ in runs} == {7.0}
    assert runs[0][2] == pytest.approx(runs[1][2]) and runs[5][2] > runs[4][2] > runs[0][2]
    assert (tmp_path / "m.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "rows.json").read_text())[0]["judged"]["accepted"] == 1


def test_traces_that_true_footprints_give_bound_what_a_run_can_reach(monkeypatch):
    module = benchmark("real", monkeypatch)
    rng = np.random.default_rng(0)
    quiet = rng.normal(100, 1, (400, 1, 64, 64)).astype(np.float32)
    recording = module.Recording("m", quiet, 10.0, None)
    scene = module.scene_of_cells(recording, 4, 8.0)
    found = []
    for snr, movie in ((5, quiet), (20, quiet), (5, quiet + patches_of_light(rng, quiet.shape))):
        made = module.inject(movie, scene, snr=snr, seed=0)
        found.append(module.reachable(made.movie, made.truth, snr, 0))
    (white, there), (_, bright), (_, disturbed) = found
    assert abs(white - there) < 0.06 and bright > max(0.97, there) and disturbed < there


def patches_of_light(rng, shape):
    """Light that lasts and differs from place to place, as neuropil and neighbours do; (T, Z, Y, X)."""
    frames, planes, height, width = shape
    rough = rng.standard_normal((frames // 20, planes, height // 4, width // 4)).astype(np.float32)
    return 3 * rough.repeat(20, axis=0).repeat(4, axis=2).repeat(4, axis=3)


def test_a_recording_without_a_rate_is_refused(monkeypatch, tmp_path):
    module = benchmark("real", monkeypatch)
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((5, 8, 8), np.uint16), metadata={"axes": "TYX"})
    with pytest.raises(SystemExit, match="--rate"):
        module.recording_of(tmp_path / "m.tif", None)


def test_bright_cells_are_seen_whatever_a_run_makes_of_them(monkeypatch):
    module = benchmark("real", monkeypatch)
    movie = np.random.default_rng(0).normal(100, 1, (50, 1, 60, 60)).astype(np.float32)
    movie[:, 0, 20:28, 20:28] += 20
    movie[::2, 0, 40:48, 40:48] += 20
    movie[:, 0, :, 55:] = np.nan
    bright = module.bright_in(movie, 8.0)
    assert bright[0, 24, 24] and bright[0, 44, 44] and bright.mean() < 0.55
