"""Whether a movie is registered before its cells are looked for."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.engine.plausibility.motion import registered_before
from cnmf3d.engine.plausibility.sample import sample_of
from cnmf3d.engine.registering import asked_for, decide, register
from cnmf3d.errors import UsageError
from cnmf3d.events import Note, Progress
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import read_motion, write_motion
from cnmf3d.parameters import MotionParameters
from cnmf3d.simulate import Scene, draw

FIELD = {"size": (64, 64, 4), "cells": 15, "frames": 120}
STILL = Scene(**FIELD)
AUTO = MotionParameters()


def movie_of(scene, seed=0):
    """A simulated movie in memory."""
    return open_movie(np.stack(list(draw(scene, seed).frames(1))), rate=10.0)


@pytest.fixture(scope="module")
def moving():
    return movie_of(Scene(**FIELD, motion=(3, 3, 0), jitter=(0.4, 0.4, 0)))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"coactivity": 0.9, "activity_spread": 1.0, "bursts": 20.0},
        {"flicker": 0.1},
        {"neuropil": 1.3},
        {"size": (80, 80, 1), "blur": (0.8, 0.8, 0), "cell_size": (4, 4, 0.25)},
        {"size": (24, 24, 3), "cells": 4},
    ],
)
def test_what_stands_still_is_left(fields):
    decision = decide(movie_of(Scene(**{**FIELD, **fields})), "auto", AUTO)
    assert decision.does == "leave"


def test_what_moves_is_registered_and_its_motion_kept(moving, tmp_path):
    file, heard = tmp_path / "m.motion.hdf5", []
    moved = register(moving, file=file, reporter=heard.append)
    assert "motion" in moved.metadata and moved.dtype == np.float32
    texts = [event.text for event in heard if isinstance(event, Note)]
    assert texts[0].startswith("the movie moves by") and "voxels rms" in texts[0]
    assert any(isinstance(event, Progress) for event in heard)
    heard.clear()
    again = register(moving, file=file, reporter=heard.append)
    assert again.fingerprint() == moved.fingerprint()
    assert not any(isinstance(event, Progress) for event in heard)
    assert register(moved) is moved  # registered as it is read
    assert decide(moving, "auto", AUTO, (file,)).does == "reuse"
    assert decide(moving, "rigid", asked_for("rigid")[1], (file,)).does == "estimate"
    assert decide(moving, "none", AUTO, (file,)).does == "leave"
    assert decide(movie_of(STILL), "auto", AUTO, (file,)).does == "leave"  # the file is of another movie


def test_a_file_of_anyone_is_taken_unless_parameters_say_how(moving, tmp_path):
    file = tmp_path / "m.motion.hdf5"
    register(moving, {"niter_rig": 1}, file=file)
    assert read_motion(file).parameters["asked"]["niter_rig"] == 1
    assert decide(moving, "auto", AUTO, (tmp_path / "none.hdf5", file)).does == "reuse"
    assert decide(moving, "auto", MotionParameters(niter_rig=1), (file,)).does == "reuse"
    assert decide(moving, "auto", MotionParameters(niter_rig=2), (file,)).does == "estimate"


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((40, 3, 48, 48), np.uint16),
        np.full((40, 3, 48, 48), np.nan, np.float32),
        np.ones((2, 3, 48, 48), np.uint16),
        np.random.default_rng(0).poisson(2, (30, 1, 40, 40)).astype(np.uint16),
        np.random.default_rng(0).poisson(2, (30, 1, 5, 6)).astype(np.uint16),
    ],
    ids=["dark", "nan", "two volumes", "noise", "tiny"],
)
def test_movies_that_say_nothing_are_left(values):
    movie = open_movie(values, rate=5.0)
    assert register(movie) is movie


def test_borders_that_come_and_go_are_the_mark_of_registration():
    scene = Scene(**{**FIELD, "offset": 0.0}, motion=(5, 4, 0), fill="zero", jitter=(1.0, 1.0, 0))
    movie = movie_of(scene)
    assert registered_before(sample_of(movie))
    decision = decide(movie, "auto", AUTO)
    assert decision.does == "leave" and "filled by registration" in decision.why
    assert decide(movie, "rigid", asked_for("rigid")[1]).does == "estimate"
    assert not registered_before(sample_of(movie_of(STILL)))


def test_lost_volumes_are_no_mark_of_it(moving):
    values = moving.read(0, len(moving)).astype(np.float32)
    values[::3] = np.nan
    assert not registered_before(sample_of(open_movie(values, rate=10.0)))


def test_a_kind_that_there_is_not():
    with pytest.raises(UsageError, match="'rigit'") as caught:
        register(movie_of(STILL), kind="rigit")
    assert "rigid" in str(caught.value.fix)


def test_a_still_motion_in_the_file_leaves_the_movie(tmp_path):
    from cnmf3d.motion.assembling import still

    movie = movie_of(STILL)
    write_motion(still(movie, AUTO), tmp_path / "s.motion.hdf5")
    assert register(movie, file=tmp_path / "s.motion.hdf5") is movie
