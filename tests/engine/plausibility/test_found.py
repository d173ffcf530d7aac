import dataclasses

import numpy as np
import pytest

from cnmf3d.engine.plausibility import Found, check_decay, check_results
from cnmf3d.geometry import ZYX

GRAIN = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]], np.float32)
USUAL = Found(
    shape=(12, 100, 100),
    voxel_size=ZYX(4, 1, 1),
    sigma=ZYX(1.2, 2.8, 2.8),
    measured=True,
    grain=GRAIN,
    accepted=80,
    rejected=20,
)


def names(**changes):
    return {check.name for check in check_results(dataclasses.replace(USUAL, **changes)) if check.caution}


def test_usual_results_have_no_caution():
    assert names() == set()
    assert names(voxel_size=None) == set()
    assert names(accepted=0, rejected=0) == set()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"sigma": ZYX(0.5, 0.6, 0.6)}, "cell size"),
        ({"voxel_size": ZYX(4, 10, 10)}, "cell size"),
        ({"voxel_size": ZYX(4, 0.1, 0.1)}, "cell size"),
        ({"accepted": 600}, "density"),
        ({"accepted": 10, "rejected": 95}, "rejected"),
    ],
)
def test_implausible_results_are_told(changes, name):
    assert names(**changes) == {name}


def test_cells_as_small_as_the_grain():
    grain = np.array([[1, 0, 0], [1, 0.75, 0.4], [1, 0.75, 0.4]], np.float32)  # a blur of one voxel
    assert names(sigma=ZYX(0.5, 1.1, 1.1), grain=grain) == {"cell size"}
    assert names(sigma=ZYX(0.5, 2.0, 2.0), grain=grain) == set()
    assert names(sigma=ZYX(0.5, 1.1, 1.1), grain=grain, measured=False) == set()  # given: used as it is


@pytest.mark.parametrize(
    ("decay", "rate", "told"), [(0.8, 10, ""), (0.03, 31, "Hz"), (20, 5, "Hz"), (0.5, 1, "shorter")]
)
def test_decay(decay, rate, told):
    caution = check_decay(decay, rate).caution
    assert bool(caution) == bool(told)
    assert told != "shorter" or "shorter than a volume" in caution
