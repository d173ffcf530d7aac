"""What is told of the parameters that were used."""

from __future__ import annotations

import json

import numpy as np

import cnmf3d
from cnmf3d.simulate import simulate


def test_no_auto_is_left_in_what_was_used(tmp_path):
    path = tmp_path / "m.tif"
    simulate(path, "tiny", seed=1, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    movie = cnmf3d.open_movie(path)
    found = cnmf3d.run(movie)
    assert found.components.count > 3 and "auto" not in json.dumps(found.parameters)
    told = {"init": {name: found.parameters["init"][name] for name in ("ssub", "tsub")}}
    again = cnmf3d.run(movie, told)  # the grid of the seeds is the one that was told
    np.testing.assert_array_equal(again.components.traces, found.components.traces)
