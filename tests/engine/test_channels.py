"""Other channels and frames that are left out: a label, a second functional channel, rules, a shutter's signal."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import sparse

import cnmf3d
from cnmf3d.engine.left_out import excluded
from cnmf3d.engine.planning import plan_of
from cnmf3d.engine.structural import labelled, mean_image
from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.parameters import read_parameters
from cnmf3d.simulate import draw, scene_of

SHAPE = (3, 60, 60)


def balls(centres, radius=4.0):
    """Round footprints of unit norm."""
    z, y, x = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    columns = []
    for cz, cy, cx in centres:
        ball = np.exp(-((y - cy) ** 2 + (x - cx) ** 2 + 4 * (z - cz) ** 2) / radius**2)
        ball[ball < 0.05] = 0
        columns.append(ball.ravel() / np.linalg.norm(ball))
    return sparse.csc_array(np.stack(columns, axis=1).astype(np.float32))


def test_labelled_cells_are_told_from_their_neighbours_and_from_nothing():
    rng = np.random.default_rng(0)
    centres = [(1, 15, 15), (1, 15, 22), (1, 40, 20), (1, 30, 45), (1, 50, 50)]
    footprints = balls(centres)
    label = np.array([True, False, False, True, False])
    frames = np.empty((40, *SHAPE), np.uint16)
    texture = 100 + 4 * rng.standard_normal(SHAPE)
    image = texture.ravel() + np.asarray(footprints @ (300.0 * label))
    frames[:] = rng.poisson(np.maximum(image, 0), (40, image.size)).reshape(frames.shape)
    mean, halves = mean_image(cnmf3d.open_movie(frames, rate=5), 1)
    np.testing.assert_allclose(mean, frames.mean(axis=0).ravel())
    red, sure = labelled(mean, halves, footprints, SHAPE)
    weights = np.asarray(footprints.sum(axis=0)).ravel()
    np.testing.assert_allclose(red, footprints.T @ mean / weights, rtol=1e-4)
    assert red[1] > 102  # its neighbour's light is in it, and no label of its own
    assert (sure[label] > 6).all() and (sure[~label] < 3).all()
    nothing = rng.normal(100, 3, (40, *SHAPE))
    _, chance = labelled(*mean_image(cnmf3d.open_movie(nothing, rate=5), 1), footprints, SHAPE)
    assert (np.abs(chance) < 4).all()


def test_a_label_is_not_known_where_nothing_is_seen():
    footprints = balls([(1, 30, 30), (1, 45, 10)])
    mean = np.full(SHAPE, 50.0)
    mean[:, :, :20] = np.nan
    red, sure = labelled(mean.ravel(), np.zeros(mean.size), footprints, SHAPE)
    assert np.isfinite(red[0]) and np.isnan(red[1]) and np.isnan(sure[1])


@pytest.fixture(scope="module")
def recording():
    """(T, Z, C, Y, X): cells, the same cells with other courses, a label of some, a shutter's signal."""
    scene = scene_of("tiny", {"cells": 8, "size": (48, 48, 6), "frames": 240})
    drawn = draw(scene, 3)
    first = np.stack(list(drawn.frames(1))).astype(np.float32)
    truth = drawn.truth
    footprints, courses = truth.footprints, np.roll(truth.traces, 1, axis=0)
    rng = np.random.default_rng(0)
    noise = np.sqrt(np.median(first.var(axis=0)))
    second = truth.resting.ravel() + np.asarray(footprints @ courses).T
    second = second.reshape(first.shape) + noise * rng.standard_normal(first.shape)
    label = np.arange(footprints.shape[1]) % 2 == 0
    red = 100 + np.asarray(footprints @ (label * 300.0 / footprints.max(axis=0).toarray().ravel())).reshape(
        first.shape[1:]
    )
    third = rng.poisson(np.broadcast_to(red, first.shape))
    shutter = np.zeros_like(first)
    shutter[50:54] = 900
    stack = np.stack([first, second, third, shutter], axis=2).clip(0, 65535).astype(np.uint16)
    return stack, truth, courses, label


def test_a_label_and_a_second_channel_on_the_same_cells(recording, tmp_path):
    stack, truth, courses, label = recording
    movie = cnmf3d.open_movie(stack, axes="tzcyx", channel=0, rate=10)
    asked = {"data": {"structural": 2, "functional": [0, 1], "exclude": "channel3 > 500"}}
    found = cnmf3d.run(movie, asked, reporter=cnmf3d.silent, workers=1)
    parts = found.components
    assert found.timeline.left_out == {"channel3 > 500": (50, 51, 52, 53)} and list(parts.channels) == ["channel1"]
    assert np.isnan(parts.raw[:, 50:54]).all() and np.isnan(parts.channels["channel1"].raw[:, 50:54]).all()
    unit = truth.footprints / np.sqrt(truth.footprints.multiply(truth.footprints).sum(axis=0))
    likeness = np.asarray((sparse.csc_array(unit).T @ parts.footprints).todense())
    good = np.flatnonzero(parts.accepted & (likeness.max(axis=0) > 0.9))
    assert good.size >= 7
    kept = np.r_[0:50, 54:240]
    for k in good:
        cell = int(likeness[:, k].argmax())
        own, other = (
            np.corrcoef(parts.channels["channel1"].traces[k, kept], c[cell, kept])[0, 1]
            for c in (courses, truth.traces)
        )
        assert own > 0.95 and own > other + 0.2
        assert (parts.quality["red_z"][k] > 5) == label[cell]
    with pytest.raises(UsageError, match="channel is 7"):
        cnmf3d.run(movie, {"data": {"structural": 7}}, reporter=cnmf3d.silent, workers=1)
    alone = cnmf3d.open_movie(stack[:, :, 0], rate=10)
    with pytest.raises(UsageError, match="channel is 1, but the array has only one"):
        cnmf3d.run(alone, {"data": {"functional": [1]}}, reporter=cnmf3d.silent, workers=1)


def test_rules_and_files_name_frames(tmp_path):
    values = np.full((30, 2, 8, 9), 100, np.uint16)
    values[7] = 3000
    values[20, 0, 0, 0] = 60000
    movie, seconds = cnmf3d.open_movie(values, rate=5), np.arange(30) / 5

    def named(what):
        return np.flatnonzero(excluded(movie, what, seconds, 1)).tolist()

    assert named("mean > 2000") == [7] and named("highest >= 60000 or frame == 3") == [3, 20]
    assert named("seconds < 0.5 and not lowest > 100") == [0, 1, 2]
    np.save(tmp_path / "mask.npy", np.arange(30) == 11)
    (tmp_path / "list.txt").write_text("4, 9")
    assert named(str(tmp_path / "mask.npy")) == [11] and named(str(tmp_path / "list.txt")) == [4, 9]
    with pytest.raises(UsageError, match="unknown name 'brightness'"):
        named("brightness > 3")
    with pytest.raises(UsageError, match="can't be understood"):
        named("__import__('os') == 1")
    with pytest.raises(UsageError, match="channel 1"):
        excluded(dataclasses.replace(movie, other=None), "channel1 > 3", seconds, 1)
    with pytest.raises(InputError, match=r"there\.npy"):
        named(str(tmp_path / "there.npy"))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"structural": 3}, "no channel 3"),
        ({"functional": [0, 1]}, "no channel [01]"),
        ({"exclude": "mean >> 3"}, "can't be understood"),
        ({"exclude": "average > 3"}, "unknown name 'average'"),
        ({"exclude": "channel4 > 3"}, "no channel 4"),
        ({"exclude": "nowhere.npy"}, "can't be read"),
    ],
    ids=str,
)
def test_what_cant_be_had_is_known_before_anything_is_computed(data, problem):
    movie = cnmf3d.open_movie(np.zeros((30, *SHAPE), np.uint16), rate=10)
    with pytest.raises(Cnmf3dError, match=problem):
        plan_of(movie, read_parameters({"data": data}))
