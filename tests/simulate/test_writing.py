from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from cnmf3d.errors import EngineError, UsageError
from cnmf3d.simulate import Recording, load_truth, simulate, writing

TINY = {"frames": 12, "size": "30,24,5", "cells": 4}


@pytest.mark.parametrize("limit", [writing.IMAGEJ_LIMIT, 0])
def test_the_movie_is_contiguous_and_labelled(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(writing, "IMAGEJ_LIMIT", limit)
    path = tmp_path / "a movie.tif"
    simulate(path, "tiny", overrides=TINY)
    movie = tifffile.memmap(path, mode="r")
    assert movie.shape == (12, 5, 24, 30) and movie.dtype == np.uint16
    assert 100 < movie.mean() < 400
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes == "TZYX"
        assert file.is_bigtiff == (limit == 0)
        labels = file.imagej_metadata if limit else file.shaped_metadata[0]
        assert labels["finterval"] == pytest.approx(0.1)
        assert labels["spacing"] == 4
    assert json.loads((tmp_path / "a movie.json").read_text())["fps"] == 10
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a movie.json", "a movie.tif", "a movie.truth.h5"]


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name, seed, workers in (("a", 3, 1), ("b", 3, 4), ("c", 4, 1)):
        simulate(tmp_path / f"{name}.tif", "tiny", seed=seed, overrides=TINY, workers=workers)
    for suffix in (".tif", ".truth.h5"):
        a, b, c = ((tmp_path / name).with_suffix(suffix).read_bytes() for name in "abc")
        assert a == b != c


def test_progress_is_told_frame_by_frame(tmp_path):
    events = []
    simulate(tmp_path / "deep" / "folder" / "m.tiff", "tiny", overrides=TINY, reporter=events.append)
    assert [event.done for event in events] == list(range(1, 13))
    assert events[-1].voxel_frames == 12 * 5 * 24 * 30


def test_the_truth_comes_back_as_it_was(tmp_path):
    made = simulate(tmp_path / "m.tif", "tiny", seed=5, overrides=TINY | {"motion": "1,1,0.5"})
    read = load_truth(tmp_path / "m.truth.h5")
    assert (read.shape, read.rate, read.scene["seed"], read.count) == (made.shape, 10, 5, 4)
    assert (read.footprints != made.footprints).nnz == 0
    for name in (
        "traces",
        "spikes",
        "centres",
        "decay",
        "rise",
        "snr",
        "resting",
        "neuropil_images",
        "bleach",
        "shifts",
    ):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    assert np.abs(read.shifts).max() == 1


def test_nothing_is_left_of_a_movie_that_failed(tmp_path, monkeypatch):
    def fail(self, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(Recording, "frame", fail)
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "m.tif", "tiny", overrides=TINY)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_and_a_wrong_name_are_told_first(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"\.tif"):
        simulate(tmp_path / "m.h5", "tiny")
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(EngineError, match="GB free"):
        simulate(tmp_path / "m.tif", "tiny", overrides=TINY)


def test_nobodys_data_are_overwritten(tmp_path):
    (tmp_path / "mine.tif").write_bytes(b"years of work")
    with pytest.raises(UsageError, match="no truth file"):
        simulate(tmp_path / "mine.tif", "tiny", overrides=TINY)
    assert (tmp_path / "mine.tif").read_bytes() == b"years of work"
    with pytest.raises(UsageError, match=r"mine\.tif"):
        simulate(tmp_path / "mine.tif" / "m.tif", "tiny", overrides=TINY)
    first = simulate(tmp_path / "m.tif", "tiny", overrides=TINY)
    second = simulate(tmp_path / "m.tif", "tiny", seed=1, overrides=TINY)
    assert not np.array_equal(first.traces, second.traces)
