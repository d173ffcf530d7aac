"""Bad frames that are plain are left out, and what tissue does is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import cnmf3d
from cnmf3d.engine.bad_frames import plain_bad_frames
from cnmf3d.errors import UsageError
from cnmf3d.events import Caution, Note
from cnmf3d.motion.bad_frames import at_once, odd_levels
from cnmf3d.movies.blanked import without_frames
from cnmf3d.movies.registered import Motion, registered
from cnmf3d.simulate import draw, scene_of, score

RATE = 10.0


@pytest.fixture(scope="module")
def recording():
    """A movie of 24 cells, and the truth."""
    drawn = draw(scene_of("tiny", {"cells": 24}), 1)
    return np.stack(list(drawn.frames(2))), drawn.truth


def found(values):
    return np.flatnonzero(plain_bad_frames(cnmf3d.open_movie(values, rate=RATE), 2)).tolist()


def flashed(values, frames, more):
    out = values.astype(np.int64)
    out[frames] += more
    return np.clip(out, 0, 65535).astype(np.uint16)


def test_flashes_blank_and_saturated_frames_are_found_also_at_the_ends(recording):
    values, _ = recording
    assert found(values) == []
    bad = flashed(values, [0, 60, 61, 299], 2000)
    bad[120], bad[180] = values.min(), 65535
    bad[240, 3] += 1500  # light that falls into one plane
    assert found(bad) == [0, 60, 61, 120, 180, 240, 299]


def test_frames_without_a_value_and_filled_borders_are_not_called_bad(recording):
    values = recording[0].astype(np.float32)
    values[50] = np.nan
    for t in range(100, 140):
        values[t, :, : t % 7] = 0 if t % 2 else np.nan
    assert found(values) == []


def test_a_burst_of_activity_is_no_flash():
    rng = np.random.default_rng(0)
    dark = rng.normal(100, 5, (200, 3, 40, 40))
    y, x = np.mgrid[:40, :40]
    for t, height in zip(range(80, 88), 900 * np.exp(-np.arange(8) / 3), strict=True):
        dark[t] += height * (np.hypot(y - 20, x - 20) < 12)  # most light of the movie, and gone within a second
    assert found(dark.astype(np.uint16)) == []
    decaying = np.zeros(100)
    decaying[50:60] = 100 * np.exp(-np.arange(10) / 2.5)
    assert not odd_levels(decaying + rng.normal(0, 1, 100), 5).any()
    assert odd_levels(np.where(np.arange(100) == 50, 100.0, 0.0) + rng.normal(0, 1, 100), 5).sum() == 1


def test_a_stretch_counts_where_both_its_ends_are_steep():
    odd = np.array([0, 0, 1, 1, 0, 0, 1, 1, 1, 0], bool)
    apart = np.array([0, 0, 9, 9, 0, 0, 9, 5, 3, 2], float)
    assert at_once(apart, odd).tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
    assert at_once(-apart, odd)[2:4].all() and at_once(np.full(4, 9.0), np.ones(4, bool)).all()


def test_what_happens_in_every_third_frame_is_no_accident(recording):
    values, _ = recording
    assert found(flashed(values, slice(0, None, 3), 2000)) == []


def test_of_a_registered_movie_the_recording_is_looked_at(recording):
    values, _ = recording
    rng = np.random.default_rng(1)
    known = np.zeros(len(values), bool)
    known[10] = True
    motion = Motion(
        rigid=rng.normal(0, 1, (len(values), 3)).astype(np.float32),
        confidence=np.ones(len(values), np.float32),
        planes=np.zeros((values.shape[1], 2), np.float32),
        bad_frames=known,
        template=np.full(values.shape[1:], np.nan, np.float32),
    )
    movie = registered(cnmf3d.open_movie(flashed(values, [10, 20], 3000), rate=RATE), motion)
    assert np.flatnonzero(plain_bad_frames(movie, 2)).tolist() == [20]


@pytest.mark.parametrize(("frames", "more"), [([150], 65000), ([30, 90, 150, 151, 222], 2000)])
def test_all_cells_remain(recording, frames, more):
    values, truth = recording
    told = []
    movie = cnmf3d.open_movie(flashed(values, frames, more), rate=RATE, voxel_size=(1, 1, 4))
    results = cnmf3d.run(movie, reporter=told.append)
    figures = score(results.components, truth)
    assert figures.accepted.matches == 24 and figures.false_positives == 0 and figures.trace_mean > 0.98
    cells = results.components
    assert np.isnan(cells.traces[:, frames]).all() and np.isnan(cells.dff[:, frames]).all()
    assert np.isnan(cells.traces).sum() == cells.count * len(frames)
    assert (cells.seen[:, frames] == 0).all() and np.allclose(cells.quality["seen"], 1 - len(frames) / 300)
    [caution] = [text for text in results.provenance.warnings if "left out" in text]
    assert f"{len(frames)} of 300 frames are left out ({', '.join(map(str, frames))})" in caution
    assert not any("voxels" in text and "in a part of the frames" in text for text in results.provenance.warnings)
    assert results.provenance.fingerprint == movie.fingerprint()
    assert [event.text for event in told if isinstance(event, Caution)] == list(results.provenance.warnings)


def test_frames_that_are_given_are_left_out_and_no_others(recording):
    values, _ = recording
    movie = cnmf3d.open_movie(flashed(values[:150], [60], 3000), rate=RATE)
    told = []
    asked = {"data": {"bad_frames": [7, 60]}, "temporal": {"unseen": "interpolate", "f0_light": "all"}}
    cells = cnmf3d.run(movie, asked, reporter=told.append).components
    assert [np.flatnonzero(row < 0.1).tolist() for row in cells.seen] == [[7, 60]] * cells.count
    assert np.isfinite(cells.traces).all() and np.isfinite(cells.dff).all() and cells.count > 15
    assert any(isinstance(each, Note) and "2 of 150 frames are left out (7, 60)" in each.text for each in told)
    none = cnmf3d.run(movie, {"data": {"bad_frames": []}}, reporter=cnmf3d.silent).components
    assert none.seen is None
    with pytest.raises(UsageError, match="no frame 150 to leave out: the movie has 150"):
        cnmf3d.run(movie, {"data": {"bad_frames": "3,150"}})
    with pytest.raises(UsageError, match="all frames"):
        cnmf3d.run(dataclasses.replace(movie), {"data": {"bad_frames": list(range(150))}})


def test_blanked_frames_are_read_as_nan_anywhere(recording):
    values, _ = recording
    bad = np.zeros(len(values), bool)
    bad[[3, 8]] = True
    movie = cnmf3d.open_movie(values, rate=RATE)
    part = without_frames(movie, bad)
    assert without_frames(movie, ~np.ones(len(values), bool)) is movie
    expected = values.astype(np.float32)
    expected[bad] = np.nan
    assert np.array_equal(part.read(0, 12, 2), expected[0:12:2], equal_nan=True)
    assert np.isnan(part.frames.read_rows(3, 1, slice(2, 5))).all() and part.contiguous() is None
    assert np.array_equal(part.frames.read_rows(4, 1, slice(2, 5)), expected[4, 1, 2:5])
