from __future__ import annotations

import numpy as np
import pytest

import cnmf3d
from cnmf3d.cli.simulate import simulate as command
from cnmf3d.simulate import HARD, PRESETS, draw, load_truth, scene_of, simulate

FEW = {"frames": 16}
SMALLER = {"beads": {"cells": 60, "size": "40,40,6"}, "zebrafish": {"cells": 60, "size": "40,40,6"}}


@pytest.mark.parametrize("name", HARD)
def test_a_hard_movie_opens_as_it_was_drawn(tmp_path, name):
    truth = simulate(tmp_path / "m.tif", name, overrides=FEW | SMALLER.get(name, {}), workers=1)
    movie = cnmf3d.open_movie(tmp_path / "m.tif")
    assert movie.shape == (16, *truth.shape) and movie.rate == pytest.approx(truth.rate)
    assert movie.dtype == np.dtype(HARD[name].dtype)
    read = load_truth(tmp_path / "m.truth.h5")
    assert read.others.kinds == truth.others.kinds
    np.testing.assert_array_equal(read.others.active, truth.others.active)
    np.testing.assert_array_equal(read.undone, truth.undone)
    assert (read.others.footprints != truth.others.footprints).nnz == 0


def test_every_preset_is_named_by_the_command():
    import inspect
    import re

    said = inspect.signature(command, eval_str=True).parameters["preset"].annotation.__metadata__[0].help
    assert set(PRESETS) <= set(re.findall(r"\w+", said))


def test_hard_presets_are_small_enough_to_develop_against():
    assert all(np.prod(scene.shape) * scene.frames <= 6e7 for scene in HARD.values())
    assert scene_of("beads", {"cells": 30}).cells == 30


@pytest.mark.parametrize(
    ("name", "total", "some"),
    [
        ("tiny", 8073048, [201, 205, 179, 199]),
        ("lightsheet", 238042794, [698, 689, 632, 599]),
        ("motion", 28664124, [230, 244, 269, 231]),
        ("noise", 201028742, [186, 184, 200, 198]),
    ],
)
def test_kind_movies_stay_what_they_were(name, total, some):
    frame = draw(scene_of(name, {"frames": 30}), 1).frame(7)
    # Sums of products may differ in their last bit from one processor to another, and round to another count.
    assert frame.sum(dtype=int) == pytest.approx(total, rel=1e-6)
    np.testing.assert_allclose(frame[2, 5, :4].astype(int), some, atol=1)
