"""What a JSON file beside a movie says of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from files import assert_reads

from cnmf3d import open_movie
from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX


def written(tmp_path, values, entries, name="m.json"):
    np.save(tmp_path / "m.npy", values)
    (tmp_path / name).write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return tmp_path / "m.npy"


def test_the_sidecar_of_the_spec(tmp_path, values):
    entries = {"origin": "microscope A", "fps": 7.5, "date": "20260131_142500", "animal": "m3", "axes": "tzyx"}
    movie = open_movie(written(tmp_path, values, entries))
    assert movie.rate == 7.5
    assert movie.metadata["animal"] == "m3" and movie.metadata["origin"] == "microscope A"
    assert open_movie(tmp_path / "m.npy", rate=3).rate == 3


def test_a_sidecar_with_voxel_size_and_axes(tmp_path, values):
    entries = {"fps": 2, "voxel_size": [1.5, 1.2, 5], "axes": "TXYZ"}
    movie = open_movie(written(tmp_path, values.transpose(0, 3, 2, 1), entries))
    assert_reads(movie, values)
    assert movie.voxel_size == ZYX(5, 1.2, 1.5)
    assert "lacks origin, date" in " ".join(movie.warnings)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ("{", "JSON"),
        ({"fps": "5"}, "fps"),
        ({"fps": 0}, "fps"),
        ({"fps": True}, "fps"),
        ({"fps": None}, "fps"),
        ({"origin": 5}, "origin"),
        ({"date": "yesterday"}, "date"),
        ({"axes": "abc"}, "axes"),
        ({"planes": 1.5}, "planes"),
        ({"voxel_size": [1, 2, 3, 4]}, "voxel_size"),
        ({"voxel_size": "small"}, "voxel_size"),
    ],
)
def test_a_wrong_sidecar_is_named(tmp_path, values, entries, named):
    with pytest.raises(InputError) as error:
        open_movie(written(tmp_path, values, entries))
    assert named in error.value.problem and "m.json" in error.value.problem and error.value.fix


def test_a_json_that_is_no_sidecar_is_left_alone(tmp_path, values):
    movie = open_movie(written(tmp_path, values, {"something": "else"}), axes="tzyx", rate=1)
    assert "was not used" in " ".join(movie.warnings)
