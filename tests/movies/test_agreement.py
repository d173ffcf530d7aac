"""Where what is given, the sidecar and the file contradict one another, what is given is used and the user warned."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from cnmf3d import open_movie
from cnmf3d.geometry import ZYX


@pytest.fixture
def told(tmp_path, values):
    """A file that says 4 Hz, 1.5 × 1.2 × 5 µm and tzyx, with three planes."""
    labels = {"axes": "TZYX", "finterval": 0.25, "spacing": 5.0, "unit": "um"}
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, values, imagej=True, resolution=(1 / 1.5, 1 / 1.2), metadata=labels)
    return path


def test_what_agrees_is_no_matter(told):
    movie = open_movie(told, rate=4.03, voxel_size=(1.5, 1.2, 5.05), axes="tzyx")
    assert movie.rate == 4.03 and movie.warnings == ()


def test_a_rate_that_contradicts_the_file(told):
    movie = open_movie(told, rate=30)
    (text,) = movie.warnings
    assert movie.rate == 30
    assert str(told) in text and "says 4 Hz" in text and "30 Hz is used" in text and "frame rate" not in text


def test_a_rate_that_is_that_of_frames(told):
    movie = open_movie(told, rate=12)
    (text,) = movie.warnings
    assert movie.rate == 12
    assert "3 planes" in text and "12 Hz looks like the frame rate" in text and "rate=4 (--fps 4)" in text


def test_a_file_that_has_the_rate_of_frames(told):
    (text,) = open_movie(told, rate=4 / 3).warnings
    assert "4 Hz looks like the frame rate: a volume has 3 planes" in text


def test_a_sidecar_that_contradicts_the_file(told):
    told.with_suffix(".json").write_text(json.dumps({"origin": "a", "fps": 8, "date": "20260131_142500"}))
    movie = open_movie(told)
    assert movie.rate == 8 and "says 4 Hz" in " ".join(movie.warnings)
    both = open_movie(told, rate=4)
    assert both.rate == 4 and len(both.warnings) == 1 and "the sidecar of" in both.warnings[0]


def test_a_voxel_that_contradicts_the_file(told):
    movie = open_movie(told, voxel_size=(1.5, 1.2, 10))
    (text,) = movie.warnings
    assert movie.voxel_size == ZYX(10, 1.2, 1.5)
    assert "1.5 × 1.2 × 5 µm" in text and "1.5 × 1.2 × 10 µm is used" in text


def test_a_voxel_in_a_unit_that_was_mistaken(values):
    assert "unit may be wrong" in " ".join(open_movie(values, rate=1, voxel_size=(1.5e6, 1.2e6, 5e6)).warnings)
    assert open_movie(values, rate=1, voxel_size=(0.1, 0.1, 500)).warnings == ()


def test_axes_and_planes_that_contradict_the_file(told, values):
    movie = open_movie(told, axes="ztyx")
    assert movie.shape == (3, 6, 5, 7)
    assert "names its axes tzyx; they are read as ztyx" in " ".join(movie.warnings)
    cut = open_movie(told, planes=2)
    assert cut.shape == (9, 2, 5, 7)
    assert "a volume has 3 planes; it is cut into volumes of 2" in " ".join(cut.warnings)
    assert np.array_equal(open_movie(told, planes=3).read(0, 6), values)
