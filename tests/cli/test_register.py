"""Registration on the command line: register, motion, run with a motion file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from cnmf3d.cli.app import call
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, read_motion, write_motion
from cnmf3d.results import load_results
from cnmf3d.simulate import load_truth, score, simulate

SCENE = {"size": (40, 40, 5), "cells": 8, "frames": 160, "motion": (2.0, 2.0, 0.0), "jitter": (0.4, 0.4, 0.1)}


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A movie that moves."""
    folder = tmp_path_factory.mktemp("moving")
    simulate(folder / "m.tif", "tiny", seed=3, overrides=SCENE)
    return folder


def true_motion(folder):
    """The simulator's own shifts."""
    truth, movie = load_truth(folder / "m.truth.h5"), open_movie(folder / "m.tif")
    frames = movie.shape[0]
    return Motion(
        rigid=truth.shifts,
        confidence=np.ones(frames, np.float32),
        planes=np.zeros((movie.shape[1], 2), np.float32),
        bad_frames=np.zeros(frames, bool),
        template=np.full(movie.shape[1:], np.nan, np.float32),
        fingerprint=movie.fingerprint(),
    )


@pytest.fixture
def here(moving, tmp_path, monkeypatch):
    for name in ("m.tif", "m.json", "m.truth.h5"):
        (tmp_path / name).write_bytes((moving / name).read_bytes())
    write_motion(true_motion(tmp_path), tmp_path / "true.motion.hdf5")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stand_in(here, monkeypatch, **values):
    """Let the estimation find the simulator's shifts, and keep what it was asked."""
    asked = {}

    def estimate(movie, parameters, *, reporter, workers):
        asked.update(parameters=parameters, fingerprint=movie.fingerprint(), workers=workers)
        true = true_motion(here)
        return Motion(**{**{name: getattr(true, name) for name in true.__dataclass_fields__}, **values})

    for room in ("cnmf3d.motion", "cnmf3d.engine.registering"):
        monkeypatch.setattr(f"{room}.estimate_motion", estimate)
    return asked


def test_register_writes_a_motion_file(here, monkeypatch, capsys):
    asked = stand_in(here, monkeypatch)
    words = ["register", "m.tif", "--kind", "rigid", "--max-shifts", "6,6,1", "--bad-frames", "3,5", "--workers", "2"]
    assert call(words) == 0
    shown = capsys.readouterr().out
    assert "m.motion.hdf5" in shown and "rigid" in shown
    parameters = asked["parameters"]
    assert (parameters.pw_rigid, parameters.max_shifts, parameters.bad_frames) == (False, (6, 6, 1), (3, 5))
    assert asked["workers"] == 2
    found = read_motion("m.motion.hdf5")
    np.testing.assert_array_equal(found.rigid, true_motion(here).rigid)
    assert found.parameters["movie"]["paths"] == [str(here / "m.tif")]
    assert call(["register", "m.tif", "-q", "--json"]) == 0  # in the place of the last one
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["output"] == "m.motion.hdf5"


def test_lengths_in_micrometres(here, monkeypatch):
    asked = stand_in(here, monkeypatch)
    assert call(["register", "m.tif", "-q", "--um", "--max-shifts", "8", "--voxel-size", "2,2,4"]) == 0
    assert asked["parameters"].max_shifts == (4, 4, 2)


def test_register_on_one_channel_is_for_another(here, monkeypatch):
    values = np.stack([tifffile.imread("m.tif")] * 2, axis=2)
    values[:, :, 1] += 7
    tifffile.imwrite("two.tif", values, imagej=True, metadata={"axes": "TZCYX"})
    asked = stand_in(here, monkeypatch)
    assert call(["register", "two.tif", "-q", "--channel", "0", "--register-on", "1"]) == 0
    green, red = (open_movie("two.tif", channel=channel) for channel in (0, 1))
    assert asked["fingerprint"] == red.fingerprint()
    found = read_motion("two.motion.hdf5")
    assert found.fingerprint == green.fingerprint()
    for channel in (0, 1):
        assert open_movie("two.tif", channel=channel, motion="two.motion.hdf5").dtype == np.float32


@pytest.mark.parametrize("name", ["out.tif", "out.ome.zarr"])
def test_a_registered_movie_for_other_programs(here, name):
    assert call(["register", "m.tif", "--motion", "true.motion.hdf5", "-q", "--write", name]) == 0
    moved, read = open_movie("m.tif", motion="true.motion.hdf5"), open_movie(name)
    assert read.dtype == np.uint16 and read.shape == moved.shape
    assert read.rate == pytest.approx(moved.rate) and read.voxel_size == pytest.approx(moved.voxel_size)
    values, expected = read.read(0, 40), moved.read(0, 40)
    seen = np.isfinite(expected)
    assert 0.5 < seen.mean() < 1
    np.testing.assert_array_equal(values[seen], np.rint(expected[seen]))
    assert (values[~seen] > 50).all()  # the nearest voxels
    assert call(["register", "m.tif", "--motion", "true.motion.hdf5", "-q", "--write", name]) == 2


@pytest.mark.parametrize("border", ["nan", "min", "zero"])
def test_borders_as_asked(here, border):
    words = ["register", "m.tif", "--motion", "true.motion.hdf5", "-q", "--write", "out.tif", "--border", border]
    assert call(words) == 0
    read, moved = open_movie("out.tif"), open_movie("m.tif", motion="true.motion.hdf5").read(0, 30)
    values, hidden = read.read(0, 30), ~np.isfinite(moved)
    if border == "nan":
        np.testing.assert_array_equal(values, moved)
        return
    assert read.dtype == np.uint16
    for frame, gone, seen in zip(values, hidden, moved, strict=True):
        lowest = np.rint(np.nanmin(seen)) if border == "min" else 0
        assert (frame[gone] == lowest).all()


def test_borders_as_a_parameter_file_says(here):
    (here / "p.json").write_text(json.dumps({"motion": {"border_nan": True, "max_shifts": [4, 4, 2], "lengths": "um"}}))
    words = ["register", "m.tif", "--motion", "true.motion.hdf5", "-q", "--write", "out.tif", "--params", "p.json"]
    assert call(words) == 0
    assert open_movie("out.tif").dtype == np.float32


def test_shifts_of_caiman_become_a_motion_file(here):
    np.save("shifts.npy", -true_motion(here).rigid)
    assert call(["register", "m.tif", "--motion", "shifts.npy", "-q", "-o", "own.hdf5", "--bad-frames", "7"]) == 0
    found = read_motion("own.hdf5")
    np.testing.assert_allclose(found.rigid, true_motion(here).rigid)
    assert np.flatnonzero(found.bad_frames).tolist() == [7]


def test_a_page_about_a_motion(here, capsys):
    assert call(["register", "m.tif", "--motion", "true.motion.hdf5", "-q", "-o", "m.motion.hdf5"]) == 0
    capsys.readouterr()
    assert call(["motion", "m.motion.hdf5"]) == 0
    told = capsys.readouterr().out
    assert "largest shift" in told and "not where it was" not in told
    page = (here / "m.motion.html").read_text()
    assert "Before and after" in page and 'src="http' not in page and page.count("data:image/webp") == 4
    sharp = float(page.split("× ")[1].split("<")[0])
    assert sharp > 1.02
    assert call(["motion", "true.motion.hdf5", "-o", "other.html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["volumes"] == 160
    assert "Before and after" not in (here / "other.html").read_text()
    assert call(["motion", "true.motion.hdf5", "--movie", "m.tif"]) == 0
    assert "Before and after" in (here / "true.motion.html").read_text()
    capsys.readouterr()
    assert call(["info", "m.motion.hdf5"]) == 0
    assert "largest shift" in capsys.readouterr().out
    assert call(["motion", "m.tif"]) == 3
    assert call(["motion", "m.motion.hdf5", "-o", "page.txt"]) == 2


def test_run_with_a_motion_file_says_so(here, capsys):
    assert call(["run", "m.tif", "--motion", "true.motion.hdf5", "-q"]) == 0
    source = load_results("m.cnmf3d.hdf5").provenance
    assert source.estimates["registration"]["value"] == "rigid"
    assert source.fingerprint == open_movie("m.tif", motion="true.motion.hdf5").fingerprint()
    assert call(["info", "m.tif", "--motion", "true.motion.hdf5"]) == 0
    assert "float32" in capsys.readouterr().out


def test_a_flash_that_is_named_costs_no_cell(here):
    values = tifffile.imread("m.tif")
    values[77] = 65000
    tifffile.imwrite("flash.tif", values, imagej=True, metadata={"axes": "TZYX"})
    np.save("shifts.npy", -true_motion(here).rigid)
    for name, bad in (("m", []), ("flash", ["--bad-frames", "77"])):
        assert call(["register", f"{name}.tif", "--motion", "shifts.npy", "-q", *bad]) == 0
        assert call(["run", f"{name}.tif", "--fps", "10", "--motion", f"{name}.motion.hdf5", "-q"]) == 0
    truth = load_truth("m.truth.h5")
    clean, flashed = (score(load_results(f"{name}.cnmf3d.hdf5").components, truth) for name in ("m", "flash"))
    assert clean.accepted.matches >= 5
    assert flashed.accepted.matches == clean.accepted.matches


def test_run_registers_first(here, monkeypatch, capsys):
    asked = stand_in(here, monkeypatch)
    (here / "p.json").write_text(json.dumps({"motion": {"niter_rig": 2}, "init": {"K": 30}}))
    words = ["run", "m.tif", "--register", "piecewise", "--params", "p.json", "-q"]
    assert call([*words, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "registered (piecewise)" in told and "m.motion.hdf5" in told and not asked
    assert call(words) == 0
    assert asked["parameters"].pw_rigid is True and asked["parameters"].niter_rig == 2
    results = load_results("m.cnmf3d.hdf5")
    assert "shifts up to" in results.provenance.estimates["registration"]["why"]
    assert results.parameters["init"]["K"] == 30
    assert read_motion("m.motion.hdf5").fingerprint == open_movie("m.tif").fingerprint()


def test_a_movie_that_moves_is_registered_without_being_told_and_once(here, monkeypatch, capsys):
    asked = stand_in(here, monkeypatch)
    assert call(["run", "m.tif"]) == 0
    assert "the movie moves by" in capsys.readouterr().err and asked
    results = load_results("m.cnmf3d.hdf5")
    assert "the movie moves by" in results.provenance.estimates["registration"]["why"]
    assert not any("register it" in text for text in results.provenance.warnings)
    asked.clear()
    (here / "again").mkdir()
    assert call(["run", "m.tif", "--dry-run"]) == 0
    assert "m.motion.hdf5 says how the movie moves" in capsys.readouterr().out
    assert call(["run", "m.tif", "-o", "again/out.hdf5"]) == 0  # the file beside the movie
    assert "m.motion.hdf5 says how the movie moves" in capsys.readouterr().err and not asked
    assert load_results("again/out.hdf5").provenance.fingerprint == results.provenance.fingerprint
    assert call(["run", "m.tif", "-o", "again/out.hdf5", "-q", "--register", "rigid"]) == 0
    assert asked["parameters"].pw_rigid is False  # what another kind found is of no use
    assert (here / "again" / "m.motion.hdf5").exists()


def test_none_leaves_a_movie_that_moves(here, monkeypatch, capsys):
    asked = stand_in(here, monkeypatch)
    assert call(["run", "m.tif", "--register", "none", "-q"]) == 0
    assert not asked and not (here / "m.motion.hdf5").exists()
    source = load_results("m.cnmf3d.hdf5").provenance
    assert source.fingerprint == open_movie("m.tif").fingerprint() and "registration" not in source.estimates
    assert any("register it" in text for text in source.warnings)


def test_what_is_no_motion_file_is_not_overwritten(here, monkeypatch, capsys):
    stand_in(here, monkeypatch)
    (here / "m.motion.hdf5").write_text("mine")
    assert call(["run", "m.tif", "-q"]) == 2
    assert "no motion file" in capsys.readouterr().err
    assert (here / "m.motion.hdf5").read_text() == "mine"


def test_a_still_movie_gives_the_same_bytes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    simulate("still.tif", "tiny", seed=4, overrides={"frames": 150})
    kept = []
    for kind in ("auto", "none"):
        assert call(["run", "still.tif", "-q", "--register", kind, "-o", f"{kind}.hdf5"]) == 0
        kept.append(load_results(f"{kind}.hdf5"))
    one, other = kept
    assert one.components.traces.tobytes() == other.components.traces.tobytes()
    assert (one.components.footprints != other.components.footprints).nnz == 0
    assert one.provenance.estimates == other.provenance.estimates
    assert one.provenance.warnings == other.provenance.warnings
    assert sorted(path.name for path in tmp_path.glob("*.motion.hdf5")) == []
    assert call(["run", "still.tif", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["register"] == "leave" and "nothing moves that matters" in told["why"]


def test_where_the_estimation_finds_nothing_the_movie_is_run_as_it_is(here, monkeypatch):
    stand_in(here, monkeypatch, rigid=np.zeros((160, 3), np.float32))
    assert call(["run", "m.tif", "-q"]) == 0
    source = load_results("m.cnmf3d.hdf5").provenance
    assert source.estimates["registration"]["value"] == "none"
    assert source.fingerprint == open_movie("m.tif").fingerprint()


def test_what_cannot_be_meant(here, capsys):
    def says(words, code, *texts):
        assert call(words) == code
        err = capsys.readouterr().err
        assert all(text in err for text in texts), err

    says(["run", "m.tif", "--motion", "true.motion.hdf5", "--register", "rigid"], 2, "Choose one")
    says(["run", "m.tif", "--motion", "none.hdf5"], 3, "not there")
    says(["register", "m.tif", "-o", "m.tif"], 2, "the movie itself")
    says(["register", "m.tif", "-o", "m.truth.h5"], 2, "no motion file", "--force")
    says(["register", "m.tif", "-o", "no/where.hdf5"], 2, "no folder")
    says(["register", "m.tif", "--bad-frames", "500"], 2, "from 0 to 159")
    says(["register", "m.tif", "--max-shifts", "6,6"], 2, "max_shifts")
    says(["register", "m.tif", "--motion", "true.motion.hdf5", "--write", "out.avi"], 2, ".ome.zarr")
    simulate("still.tif", "tiny", seed=9, overrides=SCENE)
    says(["run", "still.tif", "--motion", "true.motion.hdf5"], 3, "another movie")
