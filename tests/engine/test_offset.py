"""The detector's offset is found from the noise, whatever the detector is, or said to be unknown."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from cnmf3d import open_movie
from cnmf3d.engine import offset as offsets
from cnmf3d.engine import run
from cnmf3d.engine.cache import ingest
from cnmf3d.engine.offset import measured_offset
from cnmf3d.engine.run import lowest_light
from cnmf3d.errors import UsageError
from cnmf3d.events import Caution, silent
from cnmf3d.movies.registered import Motion, registered
from cnmf3d.results import load_results, write_results
from cnmf3d.simulate import load_truth, simulate


def detector(offset, gain=2.0, read=6.0, light=100.0, frames=400, dtype=np.float32, seed=0):
    """Frames of a field that is three times brighter on one side than on the other."""
    rng = np.random.default_rng(seed)
    mean = np.broadcast_to(np.linspace(0.5, 1.5, 48) * light, (4, 48, 48))
    values = gain * rng.poisson(mean / gain, (frames, 4, 48, 48)) + read * rng.standard_normal((frames, 4, 48, 48))
    values += offset + 10 * rng.standard_normal((4, 48, 48))  # pixels' own offsets
    return np.rint(values).astype(dtype) if np.dtype(dtype).kind in "iu" else values.astype(dtype)


def offset_of(values, workers=1):
    movie = open_movie(values, rate=10.0)
    with tempfile.TemporaryDirectory() as folder:
        statistics = ingest(movie, Path(folder) / "bins", 2, workers=1, reporter=silent).statistics
    return measured_offset(movie, statistics, workers)


@pytest.mark.parametrize(
    ("offset", "more"),
    [
        (100, {}),
        (40, {"dtype": np.uint16, "read": 2.0}),
        (-350, {"dtype": np.int16}),
        (100, {"read": 25.0, "gain": 8.0}),
        (1000, {"gain": 30.0, "light": 600.0}),
    ],
    ids=str,
)
def test_it_is_found_with_its_error(offset, more):
    found = offset_of(detector(offset, **more))
    light = more.get("light", 100.0)
    assert found.found and found.error < 0.15 * light
    assert abs(found.value - offset) < max(3.5 * found.error, 0.02 * light)
    assert abs(found.value - offset) < 0.2 * light


def test_flicker_and_bleaching_of_whole_frames_do_not_move_it():
    values = detector(100, gain=6.0)
    share = (1 + 0.1 * np.random.default_rng(1).standard_normal(len(values))) * np.linspace(1, 0.8, len(values))
    moving = 100 + (values - 100) * share[:, None, None, None].astype(np.float32)
    found = offset_of(moving)
    assert found.found and abs(found.value - 100) < max(3.5 * found.error, 5)


def test_workers_change_nothing():
    values = detector(100)
    assert offset_of(values, 1) == offset_of(values, 3)


def test_large_volumes_are_looked_at_in_part(monkeypatch):
    monkeypatch.setattr(offsets, "VALUES", 200_000)
    monkeypatch.setattr(offsets, "LEAST_STRETCH", 50)
    found = offset_of(detector(100, gain=30.0, light=300.0))
    assert found.found and abs(found.value - 100) < max(3.5 * found.error, 5)


def test_pixels_that_are_not_numbers_now_and_then_do_not_matter():
    values = detector(100, gain=8.0)
    values[:, :, :, :5] = np.nan
    values[50] = np.nan
    values[200:203, 1] = np.nan
    found = offset_of(values)
    assert found.found and abs(found.value - 100) < max(3.5 * found.error, 5)


def test_noise_that_light_does_not_make_tells_nothing():
    rng = np.random.default_rng(0)
    values = np.linspace(50, 150, 48) + 5 * rng.standard_normal((300, 4, 48, 48))
    found = offset_of(values.astype(np.float32))
    assert not found.found and found.value == 0 and "not known" in found.why
    few = offset_of(values[:, :, :4, :4].astype(np.float32))
    assert not few.found and "too few" in few.why


# ---- in a run


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A movie with an offset of 100 counts, as int32, and its truth."""
    path = tmp_path_factory.mktemp("movie") / "m.tif"
    simulate(path, "tiny", seed=2, overrides={"size": "48,48,8", "cells": "12", "frames": "400"})
    return open_movie(path).read(0, 400).astype(np.int32), load_truth(path.with_suffix(".truth.h5"))


def run_with(values, **parameters):
    """Results with F0 of all light, which needs the offset, and the cautions."""
    told, parameters = [], {"temporal": {"f0_light": "all"}, **parameters}
    movie = open_movie(np.ascontiguousarray(values), rate=10.0)
    results = run(
        movie, parameters, workers=1, reporter=lambda e: told.append(e.text) if isinstance(e, Caution) else None
    )
    return results, told


def slopes(results, truth):
    """Slope of each cell's ΔF/F on the true one of the light through its footprint."""
    components = results.components
    cosine = np.asarray((components.footprints.T @ truth.footprints).todense())
    neuropil = truth.neuropil_courses.mean(axis=1) @ truth.neuropil_images.reshape(len(truth.neuropil_courses), -1)
    rest = components.footprints.T @ (truth.resting.ravel() + neuropil)
    out = []
    for row, cell in zip(*np.nonzero(cosine > 0.8), strict=True):
        true = cosine[row, cell] * truth.traces[cell] / rest[row]
        true = true - true.mean()
        out.append(float(true @ (components.dff[row] - components.dff[row].mean()) / (true @ true)))
    return np.array(out)


@pytest.mark.parametrize("shift", [0, -250, -400])
def test_dff_is_that_of_the_light_whatever_is_subtracted(recording, shift):
    values, truth = recording
    results, told = run_with(values + shift)
    found = slopes(results, truth)
    assert found.size >= 9 and 0.8 < np.median(found) < 1.2
    assert results.parameters["data"]["offset"] == pytest.approx(100 + shift, abs=30)
    assert results.provenance.estimates["offset"]["value"] == results.parameters["data"]["offset"]
    signed = [text for text in told if "below zero" in text]
    assert bool(signed) == bool(shift) and all("dF/F takes" in text and "--offset" in text for text in signed)


def test_interpolation_below_zero_says_nothing_of_the_detector(recording):
    values, _ = recording
    dark = np.maximum(values.astype(np.int64) - 170, 0).astype(np.uint16)  # dark places, no value below zero
    rng = np.random.default_rng(0)
    motion = Motion(
        rigid=rng.normal(0, 0.5, (len(dark), 3)).astype(np.float32),
        confidence=np.ones(len(dark), np.float32),
        planes=np.zeros((dark.shape[1], 2), np.float32),
        bad_frames=np.zeros(len(dark), bool),
        template=np.full(dark.shape[1:], np.nan, np.float32),
    )
    movie = registered(open_movie(dark, rate=10.0), motion)
    statistics = ingested(movie)
    assert statistics.minimum[statistics.valid].min() < 0 <= lowest_light(movie, statistics)
    plain = open_movie(movie.read(0, len(dark)), rate=10.0)
    assert lowest_light(plain, statistics) < 0


def ingested(movie):
    """Statistics of a movie."""
    with tempfile.TemporaryDirectory() as folder:
        return ingest(movie, Path(folder) / "bins.i16", 2, workers=1, reporter=silent).statistics


def test_bad_frames_leave_the_offset_as_it_is(recording):
    values, _ = recording
    _, told = run_with(values)
    bad = values.copy()
    bad[[20, 90, 150, 151, 152]] += 3000
    results, _ = run_with(bad)
    assert results.parameters["data"]["offset"] == pytest.approx(100, abs=30)
    assert not any("dF/F" in text for text in told)


def test_an_offset_that_is_given_is_used_and_survives_the_file(recording, tmp_path):
    values, truth = recording
    results, told = run_with(values, data={"offset": 100})
    assert 0.85 < np.median(slopes(results, truth)) < 1.1 and not told
    f0 = results.components.quality["f0"]
    rest = results.components.footprints.T @ (results.components.background.spatial[:, 0] - 100)
    assert f0 == pytest.approx(rest + results.components.kinetics.baseline, rel=1e-3)
    again = load_results(write_results(results, tmp_path / "r.hdf5")).components
    assert again.quality["f0"] == pytest.approx(f0) and again.resting == results.components.resting
    assert again.resting.offset == 100 and again.resting.error == 0


def test_cells_without_resting_light_are_named(recording):
    values, _ = recording
    results, told = run_with(values, data={"offset": float(np.quantile(values.mean(axis=0), 0.6))})
    dark, good = np.isnan(results.components.dff).all(axis=1), results.components.accepted
    dark &= good
    assert 0 < dark.sum() < good.sum()
    [text] = [text for text in told if "dF/F of" in text]
    assert f"{dark.sum()} of {good.sum()}" in text and str(int(np.flatnonzero(dark)[0])) in text
    assert (results.components.quality["f0"][dark] < results.components.quality["f0"][good & ~dark].max()).all()


def test_where_nothing_tells_the_offset_zero_is_a_caution():
    rng = np.random.default_rng(0)
    trace = 40 * np.convolve(rng.random(300) < 0.05, np.exp(-np.arange(30) / 6))[:300]
    values = 100 + 4 * rng.standard_normal((300, 2, 30, 30))
    values[:, :, 10:17, 10:17] += trace[:, None, None, None]
    results, told = run_with(values.astype(np.float32))
    assert results.components.count
    assert any("dF/F takes 0 for no light" in text and "not known" in text for text in told)


def test_a_segment_beyond_the_movie_is_an_error(recording):
    with pytest.raises(UsageError, match="segments has frame 400"):
        run_with(recording[0], data={"segments": (200, 400)})
