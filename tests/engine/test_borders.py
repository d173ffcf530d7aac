"""Borders that registration filled are found, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d import open_movie
from cnmf3d.engine import cache as caching
from cnmf3d.engine import run
from cnmf3d.engine.borders import unseen
from cnmf3d.engine.cache import first_values, read_chunk
from cnmf3d.events import Caution, silent
from cnmf3d.simulate import load_truth, score, simulate

SHAPE = (2, 30, 40)
SIDES = {"top": (0, 4), "bottom": (0, -4), "left": (1, 4), "right": (1, -4)}


def noisy(frames=6, kind=np.uint16, shape=SHAPE):
    return np.random.default_rng(0).poisson(50, (frames, *shape)).astype(kind)


def border(shift, axis, shape=SHAPE):
    """Lines along an axis of a plane (0: rows) that a shift by so many leaves unseen, (Y, X) bool."""
    flags = np.zeros(shape[1:], bool)
    lines = flags if axis == 0 else flags.T
    if shift > 0:
        lines[:shift] = True
    elif shift < 0:
        lines[shift:] = True
    return flags


def filled(plane, flags, how):
    """A plane with its border filled: zeros, another constant, or the nearest line that was seen."""
    if how != "edge":
        plane[flags] = {"zero": 0, "constant": 37}[how]
        return
    rows, columns = np.flatnonzero(~flags.all(axis=1)), np.flatnonzero(~flags.all(axis=0))
    y = np.clip(np.arange(flags.shape[0]), rows[0], rows[-1])
    x = np.clip(np.arange(flags.shape[1]), columns[0], columns[-1])
    plane[:] = plane[np.ix_(y, x)]


@pytest.mark.parametrize("how", ["zero", "constant", "edge"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_a_filled_border_is_found_on_each_side(how, side, kind):
    movie = noisy(kind=kind)
    flags = border(SIDES[side][1], SIDES[side][0])
    filled(movie[3, 1], flags, how)
    expected = np.zeros(movie.shape, bool)
    expected[3, 1] = flags
    assert np.array_equal(unseen(movie), expected)


@pytest.mark.parametrize("how", ["zero", "constant", "edge"])
def test_borders_that_move_are_found_frame_by_frame_and_plane_by_plane(how):
    rng = np.random.default_rng(1)
    movie = noisy(30)
    expected = np.zeros(movie.shape, bool)
    for frame in range(30):
        for plane in range(2):
            dy, dx = rng.integers(-4, 5, 2)
            expected[frame, plane] = border(dy, 0) | border(dx, 1)
            filled(movie[frame, plane], expected[frame, plane], how)
    assert np.array_equal(unseen(movie), expected)


def test_a_plane_that_is_empty_altogether_and_one_that_is_whole_have_none():
    movie = noisy()
    assert unseen(movie) is None
    movie[2, 0] = 0
    assert unseen(movie) is None
    assert unseen(np.full((3, *SHAPE), np.nan, np.float32)) is None


def test_few_photons_make_no_border():
    """Nearly all values are zero, and still no line of a plane is taken for a filled one."""
    rng = np.random.default_rng(2)
    for photons, side in ((0.25, 24), (0.25, 96), (0.1, 64), (0.02, 128)):
        assert unseen(rng.poisson(photons, (300, 1, side, side)).astype(np.uint8)) is None
    few = rng.poisson(0.25, (60, 1, 96, 96)).astype(np.uint8)
    few[7, 0, :5] = 0
    expected = np.zeros(few.shape, bool)
    expected[7, 0, :5] = True
    found = unseen(few)
    assert np.array_equal(found[:, :, :4], expected[:, :, :4]) and found.sum() == expected.sum()


def test_planes_too_narrow_to_tell_are_left_alone():
    movie = noisy(shape=(2, 8, 9))
    movie[:, :, 0] = 0
    assert unseen(movie) is None


def test_what_a_chunk_does_not_show_is_filled_and_counted():
    movie = noisy(20)
    movie[4:9, :, :3] = 0
    movie[6, 1, :, -2:] = 0
    fill = np.full(movie[0].size, 50.4, np.float32)
    frames, hidden = read_chunk(open_movie(movie, rate=5), 2, 18, fill=fill)
    expected = movie[2:18].copy()
    expected[2:7, :, :3], expected[4, 1, :, -2:] = 50, 50
    assert frames.dtype == np.uint16 and np.array_equal(frames, expected.reshape(16, -1))
    count = np.zeros(SHAPE)
    count[:, :3] = 5
    count[1, 3:, -2:] += 1
    count[1, :3, -2:] = 5  # frame 6 is one of those
    assert np.array_equal(hidden.sum(axis=0), count.ravel())
    assert read_chunk(open_movie(movie, rate=5), 10, 18)[1] is None


def test_nan_and_filled_borders_add_up():
    movie = noisy(12, np.float32)
    movie[2:5, 0, -3:] = 0
    movie[7, 1, 10, 11] = np.nan
    movie[8, :, :, :2] = np.nan
    frames, hidden = read_chunk(open_movie(movie, rate=5), 0, 12, fill=np.full(movie[0].size, 50, np.float32))
    count = np.zeros(SHAPE)
    count[0, -3:] = 3
    count[1, 10, 11] = 1
    count[:, :, :2] += 1
    assert np.array_equal(hidden.sum(axis=0), count.ravel()) and np.isfinite(frames).all()
    assert (frames.reshape(movie.shape)[2:5, 0, -3:] == 50).all()


def test_first_values_are_of_frames_that_show_the_voxel():
    movie = noisy(40)
    truth = movie.astype(np.float32)
    movie[:15, :, :3] = 0
    movie[:, 0, :, :2] = 0
    value = first_values(open_movie(movie, rate=5), [0, 12, 24], 12).reshape(SHAPE)
    assert np.array_equal(value[1, 3:], truth[0, 1, 3:]) and np.array_equal(value[1, :3], truth[15, 1, :3])
    assert (value[0, :, :2] == 0).all()  # never seen


@pytest.mark.parametrize(("share", "used"), [(0.4, True), (0.6, False)])
def test_a_voxel_is_used_where_it_is_seen_in_half_of_the_frames(tmp_path, share, used):
    movie = noisy(200, shape=(1, 20, 20))
    level = movie.mean(axis=0)
    movie[: int(share * 200), :, :2] = 0
    cache = caching.ingest(open_movie(movie, rate=5), tmp_path / "c", 1, workers=1, reporter=lambda event: None)
    statistics = cache.statistics
    assert statistics.valid.reshape(20, 20)[:2].all() == used and statistics.valid.reshape(20, 20)[2:].all()
    if used:  # mean and noise are those of the frames that show it
        assert np.abs(statistics.mean.reshape(1, 20, 20) - level).max() < 4
        assert np.median(statistics.noise.reshape(20, 20)[:2]) == pytest.approx(50**0.5, rel=0.1)


# ---- a whole run


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A movie of 48 × 48 × 4 voxels with 14 cells, (frames, Z, Y, X), and its truth."""
    path = tmp_path_factory.mktemp("borders") / "m.tif"
    simulate(path, "tiny", seed=4, overrides={"size": "48,48,4", "cells": "14", "frames": "300"})
    return open_movie(path).read(0, 300).copy(), load_truth(path.with_suffix(".truth.h5"))


def accepted(values):
    """The accepted components of a movie."""
    components = run(open_movie(values, rate=10.0), reporter=silent, workers=2).components
    return components.select(components.accepted)


def test_borders_that_move_take_no_cell_and_bring_none(recording):
    """Up to three voxels at each side are zero in most of the frames: as many cells, nearly the same traces."""
    movie, truth = recording
    walk = np.clip(np.cumsum(np.random.default_rng(0).integers(-1, 2, (len(movie), 2)), axis=0), -3, 3)
    hidden = np.zeros(movie.shape, bool)
    for frame, (dy, dx) in enumerate(walk):
        hidden[frame] = border(dy, 0, movie.shape[1:]) | border(dx, 1, movie.shape[1:])
    assert 0.05 < hidden.mean() < 0.2 and hidden.mean(axis=0).max() > 0.6
    whole, ours = accepted(movie), accepted(np.where(hidden, 0, movie).astype(movie.dtype))
    found = score(ours, truth)
    assert found.accepted.recall > 0.92 and found.accepted.precision > 0.92
    assert found.trace_mean > 0.97 and np.abs(ours.raw).max() < 1.2 * np.abs(whole.raw).max()
    far = np.minimum(truth.centres[:, 1:], 47 - truth.centres[:, 1:]).min(axis=1) > 9
    before, after = (follows(truth, each)[far] for each in (whole, ours))
    assert far.sum() >= 5 and after.mean() > before.mean() - 0.03 and after.min() > 0.9


def follows(truth, components):
    """Correlation of each true cell's trace with that of the component most like it."""
    best = (truth.footprints.T @ components.footprints).toarray().argmax(axis=1)
    return np.array([np.corrcoef(truth.traces[k], components.raw[best[k]])[0, 1] for k in range(len(best))])


def test_no_footprint_reaches_into_what_is_left_out(recording):
    values = recording[0].copy()
    values[: int(0.7 * len(values)), :, :4] = 0
    components = run(open_movie(values, rate=10.0), reporter=silent, workers=2).components
    rows = np.unravel_index(components.footprints.indices, values.shape[1:])[1]
    assert components.count > 8 and rows.min() >= 4


def test_a_run_reports_borders_that_were_filled(recording):
    values = recording[0][:160].copy()
    values[:40, :, :3] = 0
    values[:, :, :, -2:] = 0
    events = []
    run(open_movie(values, rate=10.0), {"gSig": [4, 4, 1.5]}, reporter=events.append, workers=2)
    told = [event.text for event in events if isinstance(event, Caution) and "border that registration" in event.text]
    assert any(text.startswith("384 of 9216") and "too few frames" in text for text in told)
    assert any("in a part of the frames: what is expected" in text for text in told)
