"""Registration of the open movie: estimated in another process, taken out, marked and kept."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import psutil
import pytest
import tifffile

pytest.importorskip("psygnal")

from cnmf3d.batch import Batch
from cnmf3d.motion.stretch import stretch_of
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, read_motion, write_motion
from cnmf3d.movies.registered.frames import Registered
from cnmf3d.movies.registered.origin import of_movie
from cnmf3d.results import load_results, write_results
from cnmf3d.simulate import simulate
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.controllers.motions import EDITED, ENTRY
from cnmf3d.viewer.controllers.preview import motion_in
from cnmf3d.viewer.controllers.registration import registration_of

SHIFT = (0, 1, 2)
"""z, y, x of the odd frames of `moving`."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A movie that moves, and its true shifts."""
    path = tmp_path_factory.mktemp("a möuse") / "moving.tif"
    scene = {"size": (64, 64, 5), "frames": 60, "cells": 15, "motion": (3, 3, 0.5), "jitter": (0.4, 0.4, 0.1)}
    return path, simulate(path, "tiny", seed=3, overrides=scene).shifts


@pytest.fixture
def moving(tmp_path):
    """A structure that jumps between two places, and its motion, not written yet."""
    still = np.random.default_rng(1).integers(90, 400, (3, 12, 14)).astype(np.uint16)
    frames = np.stack([np.roll(still, SHIFT if t % 2 else (0, 0, 0), (0, 1, 2)) for t in range(30)])
    path = tmp_path / "jumps.tif"
    tifffile.imwrite(path, frames, metadata={"axes": "TZYX"}, photometric="minisblack")
    path.with_suffix(".json").write_text('{"fps": 5.0, "voxel_size": [1.5, 1.0, 4.0]}')
    rigid = np.zeros((30, 3), np.float32)
    rigid[1::2] = SHIFT
    ones = np.ones(30, np.float32)
    planes = np.zeros((3, 2), np.float32)
    mark = open_movie(path).fingerprint()
    return path, Motion(rigid, ones, planes, np.zeros(30, bool), still.astype(np.float32), fingerprint=mark)


@pytest.fixture
def opened(app, finish, moving):
    """The movie with its motion beside it, and both read."""
    path, motion = moving
    registration = registration_of(app)
    write_motion(motion, path.with_name("jumps.motion.hdf5"))
    app.open(path)
    finish(app)
    return registration


@pytest.fixture
def failed(app):
    heard = []
    app.failed.connect(lambda problem, fix: heard.append(f"{problem} {fix}"))
    return heard


def names(app):
    return [layer.name for layer in app.viewer.layers]


def seen(app):
    return {layer.name: layer.visible for layer in app.viewer.layers}


def test_motion_is_estimated_and_taken_out(app, finish, recording, failed):
    path, shifts = recording
    registration = registration_of(app)
    app.open(path)
    finish(app)
    heard = []
    app.tasks.changed.connect(lambda running: heard.extend((task.name, task.total) for task in running))
    registration.form.set("motion.pw_rigid", False)
    registration.estimate()
    assert registration.busy
    finish(app, 200)
    assert not failed and ("Estimating motion", 180) in heard
    found = read_motion(path.with_name("moving.motion.hdf5"))
    error = (found.rigid - shifts)[:, 1:]
    assert (error - error.mean(axis=0)).std() < 0.5 < shifts[:, 1:].std()
    assert found.parameters["movie"]["paths"] == [str(path)] and found.parameters["asked"]["pw_rigid"] is False
    assert registration.used and isinstance(app.movie.frames, Registered)
    assert app.environment.history_trace[-1][ENTRY]["kind"] == "rigid"
    assert registration.view == "registered" and seen(app) == {"movie": True, "as recorded": False}


def test_a_preview_shows_a_stretch_and_keeps_nothing(app, finish, recording, failed, monkeypatch):
    path, shifts = recording
    monkeypatch.setattr("cnmf3d.viewer.controllers.registration.STRETCH", 40)
    for left in path.parent.glob("*.motion.hdf5"):
        left.unlink()
    registration = registration_of(app)
    app.open(path)
    finish(app)
    app.viewer.dims.set_current_step(0, 58)
    told = []
    app.told.connect(told.append)
    registration.preview()
    assert registration.busy
    finish(app, 200)
    assert not failed and registration.found is None and registration.trial is not None
    motion = registration.trial.motion
    assert stretch_of(motion) == (20, 60) and motion.frames == 40
    error = (motion.rigid - shifts[20:])[:, 1:]
    assert (error - error.mean(axis=0)).std() < 0.5 < shifts[:, 1:].std()
    assert not list(path.parent.glob("*.motion.hdf5"))
    assert not registration.used and app.movie.dtype == np.uint16
    assert registration.view == "side by side" and seen(app) == {"movie": True, "registered": True}
    assert any("frames 20 to 59" in text for text in told)
    moved = registration.trial.moved
    np.testing.assert_array_equal(moved.read(3, 4), app.movie.read(3, 4).astype(np.float32))  # beyond the stretch
    registration.estimate()
    finish(app, 200)
    assert registration.trial is None and registration.found is not None and registration.used


def test_what_is_run_is_the_registered_movie(app, opened, tmp_path, failed):
    opened.use(True)
    actions = actions_of(app)
    actions.open_batch(tmp_path / "b")
    actions.form.set_name("one")
    actions.form.fill({"patch.rf": None, "init.gSig": [2.0, 2.0, 1.0]})
    item = actions.add_item()
    assert not failed and item is not None
    with Batch.open(tmp_path / "b") as batch:
        kept = batch.item("one").input
    again = open_movie(list(kept.paths), **kept.opening)
    np.testing.assert_array_equal(again.read(3, 5), app.movie.read(3, 5))
    assert kept.fingerprint == again.fingerprint() != opened.recorded.fingerprint()
    assert motion_in(app.movie) and motion_in(opened.recorded) is None


def test_a_motion_file_beside_the_movie_is_read_but_not_used(app, opened):
    assert opened.found is not None and not opened.used
    assert seen(app) == {"movie": True, "registered": False} and app.environment.history_trace == []


def test_taken_out_it_stays_in_place_and_back_again_nothing_is_left(app, opened):
    app.viewer.dims.set_current_step((0, 1), (7, 2))
    app.viewer.scene.camera.zoom = 11.0
    meta = dict(app.environment.imgdata.meta)
    opened.use(True)
    assert tuple(app.viewer.dims.current_step[:2]) == (7, 2) and app.viewer.scene.camera.zoom == 11.0
    first, second = app.movie.read(4, 6)[:, :, 2:-2, 3:-3]
    np.testing.assert_allclose(first, second, rtol=1e-4)
    assert app.environment.imgdata.source()[1]["motion"].endswith("jumps.motion.hdf5")
    opened.use(False)
    assert app.environment.imgdata.meta == meta and "motion" not in app.environment.imgdata.source()[1]
    assert app.movie.dtype == np.uint16 and names(app) == ["movie", "registered"]


def test_rois_stay_and_are_demixed_from_the_movie_in_use(app, finish, results_file, movie_file, moving):
    app.open(results_file)
    finish(app)
    registration, store = registration_of(app), app.rois
    shape = app.movie.shape
    still = Motion(
        np.zeros((shape[0], 3), np.float32),
        np.ones(shape[0], np.float32),
        np.zeros((shape[1], 2), np.float32),
        np.zeros(shape[0], bool),
        np.zeros(shape[1:], np.float32),
        fingerprint=app.movie.fingerprint(),
    )
    path = write_motion(still, movie_file.with_name("given.hdf5"))
    registration.open(path)
    finish(app)
    assert registration.used and app.rois is store
    assert app.curator.footage.movie is app.movie and app.curator.footage.opening["motion"] == str(path)
    assert app.results_path == results_file


def test_before_and_after_share_place_and_contrast(app, opened):
    opened.use(True)
    opened.show("side by side")
    movie, other = (app.viewer.layers[name] for name in ("movie", "as recorded"))
    assert movie.visible and other.visible and other.translate[-1] < -13 * 1.5
    movie.contrast_limits = (100, 200)
    assert tuple(other.contrast_limits) == (100, 200)
    other.contrast_limits = (120, 220)
    assert tuple(movie.contrast_limits) == (120, 220)
    opened.show("as recorded")
    assert seen(app) == {"movie": False, "as recorded": True} and not other.translate.any()


def test_marked_frames_are_kept_in_the_file_and_left_out(app, finish, opened):
    opened.use(True)
    opened.show("side by side")
    other, camera = app.viewer.layers["as recorded"], app.viewer.scene.camera
    camera.zoom = 9.0
    opened.bad.mark(2, 5)
    assert app.unsaved == ("bad frames",)
    opened.bad.toggle(8)  # while the first step is written
    finish(app)
    path = opened.found.path
    kept = read_motion(path)
    assert np.flatnonzero(kept.bad_frames).tolist() == [2, 3, 4, 8] and kept.parameters[EDITED]
    assert app.unsaved == () and np.isnan(app.movie.read(2, 5)).all() and not np.isnan(app.movie.read(5, 6)).all()
    assert app.viewer.layers["as recorded"] is other and camera.zoom == 9.0 and opened.view == "side by side"
    assert app.environment.history_trace == [app.environment.history_trace[-1]]
    assert app.environment.history_trace[-1][ENTRY]["bad_frames"] == 4
    opened.bad.undo()
    opened.bad.undo()
    finish(app)
    assert not read_motion(path).bad_frames.any() and not np.isnan(app.movie.read(2, 3)).all()


def test_marks_in_shifts_of_others_become_a_file_of_ours(app, finish, moving, tmp_path, failed):
    path, motion = moving
    shifts = tmp_path / "theirs.npy"
    np.save(shifts, -motion.rigid)  # CaImAn's sign and (T, 3), in the order of the file's axes
    registration = registration_of(app)
    app.open(path)
    finish(app)
    registration.open(shifts)
    finish(app)
    assert not failed and registration.used and app.environment.imgdata.source()[1]["motion"] == str(shifts)
    registration.bad.mark(0, 1)
    finish(app)
    ours = path.with_name("jumps.motion.hdf5")
    assert read_motion(ours).bad_frames[0] and registration.found.path == ours
    assert app.environment.imgdata.source()[1]["motion"] == str(ours)
    np.testing.assert_array_equal(open_movie(path, motion=ours).read(1, 2), app.movie.read(1, 2))


def test_a_registered_movie_comes_with_its_motion(app, finish, opened, moving):
    path, motion = moving
    app.open(path, motion=str(path.with_name("jumps.motion.hdf5")))
    finish(app)
    assert opened.used and opened.found.motion.digest() == motion.digest()
    assert opened.recorded.dtype == np.uint16 and names(app) == ["movie", "as recorded"]


def test_another_movie_of_the_same_size_has_no_motion(app, finish, opened):
    app.open(np.zeros(opened.recorded.shape, np.uint16))
    finish(app)
    assert opened.found is None and names(app) == ["movie"]


def test_another_movie_has_no_motion(app, finish, opened, movie_file):
    opened.use(True)
    app.open(movie_file)
    finish(app)
    assert opened.found is None and not opened.used and names(app) == ["movie"] and not len(opened.bad.marked)
    assert app.clear()
    assert opened.recorded is None


def test_a_motion_of_another_movie_is_refused(app, finish, opened, movie_file, failed):
    path = opened.found.path
    app.open(movie_file)
    finish(app)
    opened.open(path)
    finish(app)
    assert "30 volumes, the movie 12" in failed[-1] and opened.found is None


def test_what_cannot_be_estimated_is_told_before(app, opened, finish, movie_file, failed):
    opened.form.set("motion.niter_rig", 0)
    assert opened.estimate() is None and "Rounds" in failed[-1]
    opened.form.reset()
    app.open(np.zeros((4, 3, 8, 8), np.uint16))
    finish(app)
    assert opened.estimate() is None and "only in memory" in failed[-1]
    movie_file.with_name("movie.motion.hdf5").write_text("notes")
    app.open(movie_file)
    finish(app)
    assert opened.estimate() is None and "no motion file" in failed[-1]


def test_marks_by_hand_are_not_lost_without_a_question(app, finish, opened):
    opened.bad.mark(1, 2)
    finish(app)
    asked = []
    app.confirm = lambda question: asked.append(question) or "cancel"
    assert opened.estimate() is None and "marked by hand" in asked[0]


def test_cancel_ends_the_process_and_changes_nothing(app, finish, recording, tmp_path):
    path = tmp_path / "copy.tif"
    path.write_bytes(recording[0].read_bytes())
    path.with_suffix(".json").write_bytes(recording[0].with_suffix(".json").read_bytes())
    registration = registration_of(app)
    app.open(path)
    finish(app)
    before = set(psutil.Process().children())
    registration.estimate()
    until = time.monotonic() + 20
    while not (children := set(psutil.Process().children()) - before):
        time.sleep(0.01)
        assert time.monotonic() < until
    registration.cancel()
    finish(app)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    assert registration.found is None and not path.with_name("copy.motion.hdf5").exists()


def test_what_the_process_complains_of_is_told(app, finish, opened, failed):
    opened.channel = 5
    opened.estimate()
    finish(app, 60)
    assert "channel" in failed[-1] and opened.found is not None


def test_a_motion_file_opens_its_movie(app, finish, moving, tmp_path, failed):
    path, motion = moving
    file = write_motion(of_movie(motion, open_movie(path), {"rate": 3.0}), tmp_path / "kept.hdf5")
    app.open(file)
    finish(app)
    registration = registration_of(app)
    assert registration.used and app.movie.rate == 3.0 and registration.found.path == file
    app.clear()
    path.unlink()
    app.open(file)
    assert "not where it was" in failed[-1] and app.movie is None


def test_a_motion_file_is_taken_for_the_open_movie(app, finish, moving, tmp_path):
    path, motion = moving
    registration = registration_of(app)
    app.open(path)
    finish(app)
    app.open(write_motion(motion, tmp_path / "elsewhere.h5"))
    finish(app)
    assert registration.used and registration.found.path.name == "elsewhere.h5"


def test_results_of_a_registered_movie_are_shown_on_it(app, finish, results_file, movie_file):
    recorded = open_movie(movie_file)
    shape = recorded.shape
    rigid = np.zeros((shape[0], 3), np.float32)
    rigid[3] = (0, 1, 0)
    ones, none = np.ones(shape[0], np.float32), np.zeros(shape[0], bool)
    planes, template = np.zeros((shape[1], 2), np.float32), np.zeros(shape[1:], np.float32)
    motion = Motion(rigid, ones, planes, none, template, fingerprint=recorded.fingerprint())
    file = write_motion(motion, movie_file.with_name("movie.motion.hdf5"))
    results = load_results(results_file)
    for movie, used in ((recorded, False), (open_movie(movie_file, motion=file), True)):
        told = replace(results.provenance, fingerprint=movie.fingerprint())
        write_results(replace(results, provenance=told), results_file)
        app.open(results_file)
        finish(app)
        assert registration_of(app).used is used and app.rois is not None
