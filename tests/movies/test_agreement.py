"""Where what is given, the sidecar and the file contradict one another, what is given is used and the user warned."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from files import write_scanimage

from cnmf3d import open_movie
from cnmf3d.geometry import ZYX
from cnmf3d.movies.timing import contradiction


@pytest.fixture
def entries(tmp_path, values):
    """A file that says 4 Hz, 1.5 × 1.2 × 5 µm and tzyx, with three planes."""
    labels = {"axes": "TZYX", "finterval": 0.25, "spacing": 5.0, "unit": "um"}
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, values, imagej=True, resolution=(1 / 1.5, 1 / 1.2), metadata=labels)
    return path


def test_what_agrees_is_no_matter(entries):
    movie = open_movie(entries, rate=4.03, voxel_size=(1.5, 1.2, 5.05), axes="tzyx")
    assert movie.rate == 4.03 and movie.warnings == ()


def test_a_rate_that_contradicts_the_file(entries):
    movie = open_movie(entries, rate=30)
    (text,) = movie.warnings
    assert movie.rate == 30
    assert str(entries) in text and "says 4 Hz" in text and "30 Hz is used" in text and "frame rate" not in text


def test_a_rate_that_is_that_of_frames(entries):
    movie = open_movie(entries, rate=12)
    (text,) = movie.warnings
    assert movie.rate == 12
    assert "3 planes" in text and "12 Hz looks like the frame rate" in text and "rate=4 (--fps 4)" in text


def test_a_rate_of_frames_where_some_are_flyback():
    (text,) = contradiction(30, 6, 4, "the file", flyback=1)
    assert "4 planes and 1 of flyback: 30 Hz looks like the frame rate" in text
    (text,) = contradiction(30, 7.5, 4, "the file", flyback=1)
    assert "a volume has 4 planes: 30 Hz looks" in text
    assert "frame rate" not in contradiction(30, 6, 4, "the file")[0]


def test_the_frame_rate_of_scanimage(tmp_path):
    state = {
        "SI.hChannels.channelSave": [1],
        "SI.hStackManager.enable": True,
        "SI.hStackManager.numSlices": 3,
        "SI.hStackManager.numFramesPerVolumeWithFlyback": 5,
        "SI.hStackManager.numFramesPerVolume": 3,
        "SI.hRoiManager.scanFrameRate": 30.0,
        "SI.hRoiManager.scanVolumeRate": 6.0,
    }
    write_scanimage(tmp_path / "m.tif", np.zeros((20, 5, 7), np.int16), state)
    movie = open_movie(tmp_path / "m.tif", rate=30)
    assert movie.shape == (4, 3, 5, 7)
    assert "3 planes and 2 of flyback: 30 Hz looks like the frame rate" in " ".join(movie.warnings)


def test_a_file_that_has_the_rate_of_frames(entries):
    (text,) = open_movie(entries, rate=4 / 3).warnings
    assert "4 Hz looks like the frame rate: a volume has 3 planes" in text


def test_a_sidecar_that_contradicts_the_file(entries):
    entries.with_suffix(".json").write_text(json.dumps({"origin": "a", "fps": 8, "date": "20260131_142500"}))
    movie = open_movie(entries)
    assert movie.rate == 8 and "says 4 Hz" in " ".join(movie.warnings)
    both = open_movie(entries, rate=4)
    assert both.rate == 4 and len(both.warnings) == 1 and "the sidecar of" in both.warnings[0]


def test_a_voxel_that_contradicts_the_file(entries):
    movie = open_movie(entries, voxel_size=(1.5, 1.2, 10))
    (text,) = movie.warnings
    assert movie.voxel_size == ZYX(10, 1.2, 1.5)
    assert "1.5 × 1.2 × 5 µm" in text and "1.5 × 1.2 × 10 µm is used" in text


def test_a_voxel_in_a_unit_that_was_mistaken(values):
    assert "unit may be wrong" in " ".join(open_movie(values, rate=1, voxel_size=(1.5e6, 1.2e6, 5e6)).warnings)
    assert open_movie(values, rate=1, voxel_size=(0.1, 0.1, 500)).warnings == ()


def test_axes_and_planes_that_contradict_the_file(entries, values):
    movie = open_movie(entries, axes="ztyx")
    assert movie.shape == (3, 6, 5, 7)
    assert "names its axes tzyx; they are read as ztyx" in " ".join(movie.warnings)
    cut = open_movie(entries, planes=2)
    assert cut.shape == (9, 2, 5, 7)
    assert "a volume has 3 planes; it is cut into volumes of 2" in " ".join(cut.warnings)
    assert np.array_equal(open_movie(entries, planes=3).read(0, 6), values)
