"""What users say of a movie when they open it: mistakes have an answer in their words, never a traceback."""

from __future__ import annotations

import numpy as np
import pytest

import cnmf3d
from cnmf3d.errors import UsageError
from cnmf3d.geometry import ZYX

MOVIE = np.zeros((8, 3, 5, 7), np.uint16)


@pytest.mark.parametrize("rate", [5, 5.0, "5", "5 Hz", "5hz", "5.0 volumes/s", "5 vol/s", np.float32(5), np.int64(5)])
def test_rates(rate):
    assert cnmf3d.open_movie(MOVIE, rate=rate).rate == 5


@pytest.mark.parametrize("rate", ["fast", "5 kHz", "", "1e", 0, -1, True, float("nan"), "0 Hz", (5,), "1.2.3"])
def test_what_is_no_rate(rate):
    with pytest.raises(UsageError, match=r"rate is .*\n.*volumes a second"):
        cnmf3d.open_movie(MOVIE, rate=rate)


@pytest.mark.parametrize("size", [(1, 1, 5), "1,1,5", "1, 1, 5 um", {"x": 1, "y": 1, "z": 5}])
def test_voxel_sizes(size):
    assert cnmf3d.open_movie(MOVIE, voxel_size=size).voxel_size == ZYX(5, 1, 1)


@pytest.mark.parametrize("size", ["a", (1, 5), (1, 1, 0), (1, 1, "z"), object()])
def test_what_is_no_voxel_size(size):
    with pytest.raises(UsageError, match="voxel_size"):
        cnmf3d.open_movie(MOVIE, voxel_size=size)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("fps", "rate"), ("FR", "rate"), ("pixel_size", "voxel_size"), ("plane", "planes"), ("axis", "axes")],
)
def test_names_of_other_programs_lead_to_ours(name, meant):
    with pytest.raises(
        UsageError, match=rf"can't be opened with {name}=\n.*Did you mean {meant}\?.*There are axes, rate"
    ):
        cnmf3d.open_movie(MOVIE, **{name: 5})


def test_numbers_that_are_no_numbers():
    assert cnmf3d.open_movie(np.zeros((12, 5, 7), np.uint16), planes="3").shape == (4, 3, 5, 7)
    for given in ({"planes": "three"}, {"channel": 1.5}, {"channels": True}, {"axes": 5}):
        with pytest.raises(UsageError, match=next(iter(given))):
            cnmf3d.open_movie(MOVIE, **given)
