"""What is told of the parameters that were used."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cnmf3d
from cnmf3d.engine.planning import contradictions, plan_of
from cnmf3d.errors import UsageError
from cnmf3d.simulate import simulate


def test_no_auto_is_left_in_what_was_used(tmp_path):
    path = tmp_path / "m.tif"
    simulate(path, "tiny", seed=1, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    movie = cnmf3d.open_movie(path)
    found = cnmf3d.run(movie)
    assert found.components.count >= 3 and "auto" not in json.dumps(found.parameters)
    told = {"init": {name: found.parameters["init"][name] for name in ("ssub", "tsub")}}
    again = cnmf3d.run(movie, told)  # the grid of the seeds is the one that was told
    np.testing.assert_array_equal(again.components.traces, found.components.traces)


def test_what_is_no_movie_or_no_parameter_is_told_at_once(tmp_path):
    with pytest.raises(UsageError, match="open_movie"):
        cnmf3d.run("m.tif")
    movie = cnmf3d.open_movie(np.zeros((30, 3, 8, 8), np.uint16), rate=5)
    with pytest.raises(UsageError, match="Did you mean gSig"):
        cnmf3d.run(movie, {"gsig": 3})
    with pytest.raises(UsageError, match=r"no option gSig=\n.*run\(movie, \{'gSig': 3\}\)"):
        cnmf3d.run(movie, gSig=3)
    with pytest.raises(UsageError, match="Did you mean workers"):
        cnmf3d.run(movie, worker=3)


@pytest.mark.parametrize(
    ("size", "told"),
    [((100, 4, 2), "gSig is 100 voxels along x"), ((4, 21, 2), "along y"), ((4, 4, 1000), "along z"), (100, "along x")],
)
def test_a_cell_that_is_larger_than_the_movie_is_a_mistake(size, told):
    movie = cnmf3d.open_movie(np.zeros((30, 3, 40, 60), np.uint16), rate=5)
    with pytest.raises(UsageError, match=told):
        plan_of(movie, cnmf3d.read_parameters(gSig=size))


@pytest.mark.parametrize("size", [(30, 20, 1), (4, 4, 12), 4, "auto"])
def test_a_cell_that_fits_is_none(size):
    movie = cnmf3d.open_movie(np.zeros((30, 1, 40, 60), np.uint16), rate=5)
    assert plan_of(movie, cnmf3d.read_parameters(gSig=size)).rate == 5


def test_rate_and_voxel_that_contradict_the_movie_are_used_and_told():
    movie = cnmf3d.open_movie(np.zeros((30, 6, 40, 60), np.uint16), rate=5, voxel_size=(1, 1, 4))
    given = cnmf3d.read_parameters(fr=30, voxel_size=(1, 1, 2))
    rate, voxel = contradictions(movie, given)
    assert plan_of(movie, given).rate == 30
    assert "30 Hz looks like the frame rate" in rate and "6 planes" in rate
    assert "1 × 1 × 4 µm" in voxel and "1 × 1 × 2 µm is used" in voxel
    assert contradictions(movie, cnmf3d.read_parameters(fr=5, voxel_size=(1, 1, 4))) == []
    assert contradictions(movie, cnmf3d.read_parameters()) == []
