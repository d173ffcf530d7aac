from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from cnmf3d import CnmfParameters, open_movie
from cnmf3d.engine import estimate, run
from cnmf3d.errors import EngineError, InputError, UsageError
from cnmf3d.events import Caution, Progress
from cnmf3d.geometry import ZYX
from cnmf3d.parameters.lengths import lengths_in_voxels
from cnmf3d.results import load_results, write_results
from cnmf3d.simulate import load_truth, score, simulate


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A movie of 40 × 40 × 8 voxels with 12 cells, as an array, with its truth."""
    path = tmp_path_factory.mktemp("movie") / "m.tif"
    simulate(path, "tiny", seed=2, overrides={"size": "40,40,8", "cells": "12", "frames": "400"})
    return open_movie(path).read(0, 400).copy(), load_truth(path.with_suffix(".truth.h5"))


def movie_of(values, **more):
    return open_movie(np.ascontiguousarray(values), **{"rate": 10.0, **more})


def accuracy(results, truth):
    return score(results.components, truth)


def test_cells_are_found_and_everything_is_told(recording, tmp_path):
    values, truth = recording
    events = []
    results = run(movie_of(values, voxel_size=(1, 1, 4)), reporter=events.append, workers=2, scratch=tmp_path)
    found = accuracy(results, truth)
    assert found.accepted.f1 > 0.9 and found.trace_mean > 0.95 and found.spikes_mean > 0.9
    stages = {event.stage for event in events if isinstance(event, Progress)}
    assert {"ingest", "blocks", "traces", "shapes"} <= stages
    assert set(results.projections) == {"mean", "max", "std", "correlation"}
    assert results.projections["mean"] == pytest.approx(values.mean(axis=0), rel=1e-3)
    assert results.parameters["init"]["gSig"] == results.provenance.estimates["gSig"]["value"]
    assert results.parameters["data"]["decay_time"] == pytest.approx(0.85, rel=0.4)
    assert results.provenance.timings["total"] > 0 and results.provenance.versions["numpy"] == np.__version__
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_said_of_a_movie_with_which_nothing_is_wrong(recording):
    assert run(movie_of(recording[0]), {"offset": 100}).provenance.warnings == ()


def test_what_is_wrong_with_a_movie_is_told(recording):
    rng = np.random.default_rng(0)
    jumping = np.stack([np.roll(volume, rng.integers(-2, 3, 2), (1, 2)) for volume in recording[0]])
    texts = run(movie_of(jumping[:140]), {"offset": 100}).provenance.warnings
    assert any("only 140 volumes" in text for text in texts)
    assert any("the movie moves by" in text and "cnmf3d run --register auto" in text for text in texts)


def test_results_survive_the_file(recording, tmp_path):
    results = run(movie_of(recording[0]))
    again = load_results(write_results(results, tmp_path / "r.hdf5"))
    assert np.allclose(again.components.traces, results.components.traces, rtol=1e-6)
    assert (again.components.footprints != results.components.footprints).nnz == 0
    assert again.parameters == results.parameters


def test_workers_change_not_one_byte(recording):
    layout = CnmfParameters.model_validate({"patch": {"rf": (12, 12, 4), "stride": (8, 8, 4)}, "refit": True})
    one, three = (run(movie_of(recording[0]), layout, workers=n).components for n in (1, 3))
    assert one.traces.tobytes() == three.traces.tobytes()
    assert one.footprints.data.tobytes() == three.footprints.data.tobytes()
    assert one.footprints.indices.tobytes() == three.footprints.indices.tobytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"refit": True},
        {"temporal": {"p": 1}},
        {"patch": {"rf": 14, "stride": 10}},
        {"patch": {"rf": None}},
        {"init": {"gSig": (4, 4, 1.5), "tsub": 2, "ssub": 2, "gSiz": (21, 21, 9)}},
        {"data": {"voxel_size": (1, 1, 4), "lengths": "um"}, "init": {"gSig": (4, 4, 6)}},
        {"background": {"nb": 5}, "merging": {"do_merge": False}},
    ],
    ids=str,
)
def test_parameters_are_honoured_and_find_the_cells(recording, changes):
    asked = CnmfParameters.model_validate(changes)
    results = run(movie_of(recording[0]), asked)
    assert accuracy(results, recording[1]).accepted.f1 > 0.85
    expected = lengths_in_voxels(asked.to_dict(), ZYX(4, 1, 1))
    for group, values in changes.items():
        for name in values if isinstance(values, dict) else ():
            assert results.parameters[group][name] == expected[group][name]


def test_k_limits_the_components(recording):
    results = run(movie_of(recording[0]), CnmfParameters.model_validate({"init": {"K": 5}}))
    assert results.components.count == 5


def test_without_deconvolution_there_are_no_spikes(recording):
    results = run(movie_of(recording[0]), CnmfParameters.model_validate({"temporal": {"p": 0}}))
    assert results.components.count > 8 and not results.components.spikes.any()


def test_thresholds_reject_and_keep(recording):
    strict = CnmfParameters.model_validate({"quality": {"min_SNR": 1e3, "rval_thr": 1.0}})
    cautions = []
    results = run(
        movie_of(recording[0]), strict, reporter=lambda e: cautions.append(e) if isinstance(e, Caution) else None
    )
    assert results.components.count > 8 and not results.components.accepted.any()
    assert any("none of" in caution.text for caution in cautions)


def labels_of(truth, order):
    volume = np.zeros(truth.shape, np.int32).ravel()
    for number, cell in enumerate(order, 1):
        column = truth.footprints[:, [cell]].toarray().ravel()
        volume[column > 0.3 * column.max()] = number
    return volume.reshape(truth.shape)


def test_seeds_are_demixed_in_their_order(recording, tmp_path):
    values, truth = recording
    order = np.random.default_rng(0).permutation(truth.count)
    np.save(tmp_path / "seeds.npy", labels_of(truth, order))
    parameters = {"init": {"seeds": str(tmp_path / "seeds.npy")}, "patch": {"rf": (16, 16, 4), "stride": (12, 12, 2)}}
    results = run(movie_of(values), CnmfParameters.model_validate(parameters))
    assert results.components.count == truth.count
    agree = [np.corrcoef(results.components.raw[i], truth.traces[cell])[0, 1] for i, cell in enumerate(order)]
    assert np.median(agree) > 0.95 and min(agree) > 0.6


@pytest.mark.parametrize(
    ("seeds", "says"),
    [
        (np.zeros((8, 40, 40), np.int32), "no cell"),
        (np.ones((4, 40, 40), np.int32), "shape"),
        (np.ones((8, 40, 40), np.float32), "float32"),
        ("absent.npy", "no seeds file"),
    ],
)
def test_seeds_that_cannot_be_used_are_an_error(recording, seeds, says):
    with pytest.raises(InputError, match=says):
        run(movie_of(recording[0]), seeds=seeds)


def test_noise_ends_well(tmp_path):
    values = np.random.default_rng(0).poisson(100, (300, 4, 40, 40)).astype(np.uint16)
    results = run(movie_of(values))
    assert results.components.count == 0
    assert any("no cells found" in text and "half-size" in text for text in results.provenance.warnings)
    again = load_results(write_results(results, tmp_path / "r.hdf5"))
    assert again.components.count == 0 and again.components.frames == 300


def test_borders_without_numbers_dead_voxels_and_a_lost_frame_are_survived(recording):
    values, truth = recording
    broken = values.astype(np.float32)
    broken[:, :, :3] = np.nan
    broken[:, 4, 20, 20] = 7
    broken[100] = np.nan
    results = run(movie_of(broken))
    told = " ".join(results.provenance.warnings)
    assert "left out" in told and "never change" in told and "1 of 400 frames have no value at all" in told
    assert accuracy(results, truth).accepted.f1 > 0.8
    assert all(np.isfinite(volume).all() for volume in results.projections.values())
    gaps = np.isnan(results.components.traces)
    assert gaps[:, 100].all() and gaps.sum() == len(gaps)
    inside = np.zeros((8, 40, 40), bool)
    inside[:, :3] = True
    assert results.components.footprints[np.flatnonzero(inside)].nnz == 0


@pytest.fixture(scope="module")
def plain(recording):
    """What is found in the movie as it is."""
    return run(movie_of(recording[0]))


@pytest.mark.parametrize(
    ("dtype", "offset"),
    [(np.int16, -1000), (np.float32, -5000), (np.float64, 0), (np.int32, -100_000), (">u2", 1000), (np.uint16, 3000)],
)
def test_neither_type_nor_offset_of_pixels_changes_the_cells(recording, plain, dtype, offset):
    results = run(movie_of((recording[0].astype(np.int32) + offset).astype(dtype)))
    one, other = plain.components, results.components
    assert results.parameters["init"] == plain.parameters["init"]
    assert np.array_equal(one.accepted, other.accepted)
    assert np.abs(one.raw - other.raw).max() < 2e-3 * one.raw.max()
    # spikes are the mean of some draws, of which rounding moves some by a few frames: more draws would take longer
    sums, others = (uniform_filter1d(each, 3) for each in (one.spikes, other.spikes))
    assert np.abs(sums - others).sum() < 0.05 * sums.sum()
    cosines = (one.footprints.multiply(other.footprints)).sum(axis=0)
    assert cosines.min() > 0.9999  # a voxel at the very threshold may come or go
    change = np.abs(other.quality["snr"] / one.quality["snr"] - 1)
    assert np.median(change) < 3e-3 and change.max() < 3e-2  # decays may differ by 1 %, so that voxels come and go


def test_saturation_is_told(recording):
    values = np.minimum(recording[0], np.percentile(recording[0], 99)).astype(np.uint16)
    full = (values * (65535 / values.max())).astype(np.uint16)
    full[full >= 65500] = 65535
    assert any("saturated" in text for text in run(movie_of(full)).provenance.warnings)


def test_first_and_last_planes_have_cells(recording):
    values, truth = recording
    found = [run(movie_of(v)) for v in (values, values[:, ::-1])]
    assert accuracy(found[0], truth).recall_ends > 0.6
    assert min(results.components.count for results in found) >= truth.count - 2


def test_one_plane_is_a_volume(recording):
    results = run(movie_of(recording[0][:, 4:5]))
    assert results.components.shape == (1, 40, 40) and results.components.accepted.sum() >= 3


@pytest.mark.parametrize(
    ("values", "opening", "parameters", "error", "says"),
    [
        (np.ones((10, 2, 8, 8), np.uint16), {}, {}, InputError, "10 volumes"),
        (np.ones((50, 2, 8, 8), np.uint16), {"rate": None}, {}, InputError, "--fps"),
        (np.ones((50, 2, 8, 8), np.uint16), {}, {"data": {"lengths": "um"}, "init": {"gSig": 3}}, UsageError, "µm"),
        (np.ones((50, 4, 90, 90), np.uint16), {}, {"patch": {"rf": 10, "stride": 20}}, UsageError, "stride"),
    ],
)
def test_what_cannot_be_meant_is_an_error(values, opening, parameters, error, says):
    with pytest.raises(error, match=says):
        run(movie_of(values, **opening), CnmfParameters.model_validate(parameters))


def test_a_constant_movie_ends_well():
    results = run(movie_of(np.full((60, 3, 20, 20), 7, np.uint16)))
    assert results.components.count == 0


def test_no_room_is_told_before_anything_is_computed(recording, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(EngineError, match="--scratch"):
        run(movie_of(recording[0]), scratch=tmp_path)


def test_an_interruption_leaves_nothing_behind(recording, tmp_path):
    def interrupt(event):
        if event.stage == "blocks":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(movie_of(recording[0]), reporter=interrupt, scratch=tmp_path)
    assert list(Path(tmp_path).iterdir()) == []


def test_the_estimate_grows_with_the_movie(recording):
    small, large = (movie_of(recording[0][:n]) for n in (100, 400))
    assert estimate(large).disk > estimate(small).disk
    assert estimate(large, workers=4).memory > estimate(large, workers=1).memory


def test_the_cells_size_is_told_by_a_bounded_number_of_bins(recording, monkeypatch):
    from cnmf3d.engine import pipeline

    seen = []
    measure = pipeline.cell_size
    monkeypatch.setattr(pipeline, "ENOUGH_BINS", 30)
    monkeypatch.setattr(pipeline, "cell_size", lambda block: seen.append(block.bins) or measure(block))
    found = run(movie_of(recording[0]))
    assert len(seen) == 1 and 15 < seen[0] <= 30
    assert accuracy(found, recording[1]).accepted.f1 > 0.9
