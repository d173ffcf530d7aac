"""Previews: computed in a process of their own, ended by a new wish, and what the data say."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip("psygnal")

from cnmf3d.errors import EngineError
from cnmf3d.movies import open_movie
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.simulate import simulate
from cnmf3d.viewer import preview_worker
from cnmf3d.viewer.controllers.preview import Answer, Preview, Wish, components_in_patch, doubts, estimated
from cnmf3d.viewer.models.region import Region
from cnmf3d.viewer.tasks import Tasks

SCENE = {"size": (32, 32, 5), "cells": 6, "frames": 200}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("a möuse") / "m.tif"
    simulate(path, "tiny", seed=3, overrides=SCENE)
    return path


@pytest.fixture(scope="module")
def movie(path):
    return open_movie(path)


@pytest.fixture(scope="module")
def tasks():
    made = Tasks()
    yield made
    made.close()


class Heard:
    """A preview, and what it said."""

    def __init__(self, tasks):
        self.tasks, self.preview = tasks, Preview(tasks)
        self.answers, self.errors, self.stages = [], [], []
        self.preview.answered.connect(self.answers.append)
        self.preview.failed.connect(self.errors.append)
        self.preview.stage.connect(self.stages.append)

    def wait(self, seconds=60):
        until = time.monotonic() + seconds
        while self.preview.busy:
            self.tasks.deliver()
            time.sleep(0.01)
            assert time.monotonic() < until, "no answer"


@pytest.fixture(scope="module")
def shared(tasks):
    made = Heard(tasks)
    yield made
    made.preview.close()


@pytest.fixture
def heard(shared):
    """The same process for all tests: it takes a second to start."""
    shared.answers.clear(), shared.errors.clear(), shared.stages.clear()
    return shared


def whole(movie):
    t, z, y, x = movie.shape
    return Region((0, t), (0, z), (0, y), (0, x))


def wish(movie, path, parameters=None, region=None, kind="preview"):
    return Wish(movie, str(path) if path else None, {}, region or whole(movie), parameters or CnmfParameters(), kind)


def test_components_of_a_part_of_the_movie_and_again_with_other_parameters(heard, movie, path):
    part = Region((20, 200), (0, 5), (0, 32), (4, 32))
    heard.preview.ask(wish(movie, path, region=part))
    heard.wait()
    (first,) = heard.answers
    assert first.results.components.shape == (5, 32, 28) and first.results.components.frames == 180
    assert first.results.components.accepted.sum() >= 3 and first.results.rate == movie.rate
    assert not heard.errors and heard.stages[-1] == "" and len(set(heard.stages)) > 2
    pid = heard.preview._process._child.pid
    heard.preview.ask(wish(movie, path, read_parameters({"min_SNR": 1000, "rval_thr": 1, "K": 2}), part))
    heard.wait()
    assert heard.answers[1].results.components.accepted.sum() == 0
    assert heard.preview._process._child.pid == pid


def test_a_new_wish_ends_the_one_before(heard, movie, path):
    for least in (5, 4, 3):
        heard.preview.ask(wish(movie, path, read_parameters({"min_SNR": least})))
        time.sleep(0.1)
    heard.wait()
    assert [answer.wish.parameters.quality.min_SNR for answer in heard.answers] == [3]


def test_it_can_be_cancelled_and_asked_again(heard, movie, path):
    heard.preview.ask(wish(movie, path))
    time.sleep(0.3)
    heard.preview.cancel()
    assert not heard.preview.busy
    heard.preview.ask(wish(movie, path))
    heard.wait()
    assert len(heard.answers) == 1 and not heard.errors


def test_a_movie_in_memory_is_handed_over(heard, movie):
    held = open_movie(movie.read(0, movie.shape[0]), rate=movie.rate)
    heard.preview.ask(wish(held, None, region=Region((0, 150), (1, 5), (0, 32), (0, 32))))
    heard.wait()
    assert heard.answers[0].results.components.shape == (4, 32, 32)


def test_what_is_wrong_with_the_movie_is_told_but_not_that_a_part_is_short(heard, movie):
    values, rng = movie.read(0, movie.shape[0]).copy(), np.random.default_rng(0)
    held = open_movie(values, rate=movie.rate)
    heard.preview.ask(wish(held, None, region=Region((0, 120), (0, 5), (0, 32), (0, 32))))
    heard.wait()
    assert "volumes" not in doubts(heard.answers[0])
    jumping = np.stack([np.roll(volume, rng.integers(-2, 3, 2), (1, 2)) for volume in values])
    heard.preview.ask(wish(open_movie(jumping, rate=movie.rate), None))
    heard.wait()
    assert "cnmf3d run --register auto" in doubts(heard.answers[1])


def test_what_cannot_be_computed_is_told(heard, movie, path):
    heard.preview.ask(wish(movie, path, region=Region((0, 5), (0, 5), (0, 32), (0, 32))))
    heard.wait()
    assert "too few" in heard.errors[0].problem and not heard.answers
    heard.preview.ask(wish(movie, path, read_parameters({"seeds": "no such file"})))
    heard.wait()
    assert len(heard.answers) == 1  # seeds of the whole volume don't fit a part


def test_a_process_that_dies_is_told_and_replaced(heard, movie, path):
    heard.preview.ask(wish(movie, path))
    while heard.preview._process is None:
        time.sleep(0.01)
    psutil.Process(heard.preview._process._child.pid).kill()
    heard.wait()
    assert "ended by itself" in heard.errors[0].problem
    heard.preview.ask(wish(movie, path))
    heard.wait()
    assert len(heard.answers) == 1


def test_nothing_is_left_behind(heard):
    heard.preview.warm_up()
    process = heard.preview._process
    child, folder = psutil.Process(process._child.pid), Path(process._folder.name)
    heard.preview.close()
    assert not child.is_running() and not folder.exists()
    heard.preview.close()


def test_parameters_from_the_data(heard, movie, path):
    heard.preview.ask(wish(movie, path, read_parameters({"gSig": 9, "K": 1, "rf": 8}), kind="estimate"))
    heard.wait()
    found = estimated(heard.answers[0], movie.shape)
    assert set(found) == {"init.gSig", "init.K", "data.decay_time"}
    assert 2 < found["init.gSig"][0] < 6 and found["init.K"] >= 1 and 0.1 < found["data.decay_time"] < 5


def test_components_in_a_patch_follow_its_size(movie, path):
    asked = wish(movie, path, read_parameters({"rf": 8, "stride": 2}))
    assert components_in_patch(10, asked, movie.shape) == int(np.ceil(1.5 * 10 * (16 * 16 * 5) / (32 * 32 * 5)))
    asked = wish(movie, path, read_parameters({"rf": None}))
    assert components_in_patch(10, asked, (200, 5, 64, 64)) == 60
    um = read_parameters({"rf": (16, 16, 40), "lengths": "um", "voxel_size": (2, 2, 8)})
    assert components_in_patch(10, wish(movie, path, um), movie.shape) == components_in_patch(
        10, wish(movie, path, read_parameters({"rf": (8, 8, 5)})), movie.shape
    )


def test_a_size_from_the_data_is_in_the_unit_of_the_form(random_results, movie, path):
    from dataclasses import replace

    used = {"init": {"gSig": [4.0, 4.0, 1.5]}, "data": {"decay_time": 0.8, "lengths": "voxels"}}
    results = replace(random_results(), parameters=used)
    results = replace(results, components=replace(results.components, accepted=np.ones(results.components.count, bool)))
    for given, size in (({}, [4, 4, 1.5]), ({"lengths": "um", "voxel_size": (2, 2, 8)}, [8, 8, 12])):
        asked = wish(movie, path, read_parameters(given))
        assert estimated(Answer(asked, results, 1.0), movie.shape)["init.gSig"] == size


def test_a_process_that_compiles_says_so(monkeypatch):
    told = []
    monkeypatch.setattr(preview_worker, "tell", lambda number, **values: told.append((number, values)))
    monkeypatch.setattr("cnmf3d.engine.warmup.kernels_cached", lambda dtype: False)
    preview_worker.warm()
    assert {number for number, _ in told} == {0} and any(values.get("stage") == "compile" for _, values in told)


def test_nothing_is_estimated_where_nothing_was_found(random_results, movie, path):
    from dataclasses import replace

    results = random_results()
    none = replace(results.components, accepted=np.zeros(results.components.count, bool))
    with pytest.raises(EngineError, match="no cells in this part"):
        estimated(Answer(wish(movie, path), replace(results, components=none), 1.0), movie.shape)


def test_bad_frames_that_are_given_are_those_of_the_stretch():
    given = read_parameters({"data": {"bad_frames": [3, 40, 55, 90]}})
    assert preview_worker.of_stretch(given, 40, 90).data.bad_frames == (0, 15)
    assert preview_worker.of_stretch(given, 10, 20).data.bad_frames == ()
    assert preview_worker.of_stretch(CnmfParameters(), 40, 90).data.bad_frames == "auto"
