"""Items that register a movie, and items that work on what those found."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from cnmf3d.batch import Batch, Job, RunFolder, Status, supervise, worker
from cnmf3d.batch.cluster.ready import foretold, prepare
from cnmf3d.batch.differences import differing
from cnmf3d.batch.engines.native import ENGINE
from cnmf3d.batch.glance import items_of
from cnmf3d.batch.item import Input
from cnmf3d.batch.jobs import job_of
from cnmf3d.batch.outcome import told_by
from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, read_motion, write_motion
from cnmf3d.results import load_results
from cnmf3d.simulate import load_truth, simulate

SCENE = {"size": (32, 32, 5), "cells": 6, "frames": 160, "motion": (2.0, 2.0, 0.0), "jitter": (0.4, 0.4, 0.1)}


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    path = tmp_path_factory.mktemp("a möuse") / "m.tif"
    simulate(path, "tiny", seed=3, overrides=SCENE)
    return path


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "b") as made:
        yield made


@pytest.fixture
def noise(tmp_path):
    path = tmp_path / "noise.npy"
    np.save(path, np.random.default_rng(0).poisson(100, (30, 3, 8, 9)).astype(np.uint16))
    return path


def of(path, **values):
    """A motion of a movie."""
    movie = open_movie(path, **({} if path.suffix == ".tif" else {"rate": 5.0}))
    frames, planes = movie.shape[:2]
    rigid = np.zeros((frames, 3), np.float32)
    rigid[:, 2] = np.linspace(-2, 2, frames)
    given = {
        "rigid": rigid,
        "confidence": np.ones(frames, np.float32),
        "planes": np.zeros((planes, 2), np.float32),
        "bad_frames": np.arange(frames) == 7,
        "template": np.full(movie.shape[1:], np.nan, np.float32),
        "fingerprint": movie.fingerprint(),
    }
    return Motion(**given | values)


def settle(batch, item, status, motion=None, error=""):
    """End an item without computing it."""
    folder = batch.run_folder(item)
    folder.path.mkdir(parents=True, exist_ok=True)
    if motion is not None:
        write_motion(motion, folder.motion)
    assert batch.change(item.uuid, Status.PENDING, status, error=error)
    return batch.item(item.uuid)


def test_an_item_registers_and_another_one_works_on_what_it_found(batch, moving, tmp_path):
    moved = batch.add(moving, {"pw_rigid": False, "max_shifts": (8, 8, 1)}, name="moved", module="mcorr_3d")
    cells = batch.add(moved, {"min_SNR": 3}, name="cells")
    plain = batch.add(moving, {"min_SNR": 3}, name="plain")
    assert cells.input == dataclasses.replace(plain.input, item=moved.uuid)
    outcome = supervise(batch, keys=["cells"], workers=2)  # computes what it needs, and nothing else
    assert (outcome.done, batch.item("plain").status) == (2, Status.PENDING), [item.error for item in batch.items()]
    moved, cells = batch.item("moved"), batch.item("cells")
    folder = batch.run_folder(moved)
    assert "<!doctype html>" in folder.motion_page.read_text(encoding="utf-8") and not folder.results.exists()
    motion = read_motion(folder.motion)
    shifts = load_truth(moving.with_name("m.truth.h5")).shifts
    error = motion.rigid - shifts
    assert np.all((error - np.median(error, axis=0)).std(axis=0) < 0.3)
    assert motion.parameters["movie"]["paths"] == [str(moving.resolve())]
    assert motion.parameters["asked"]["max_shifts"] == [8, 8, 1]
    assert moved.summary["kind"] == "rigid" and moved.summary["shape"] == [32, 32, 5] and moved.summary["frames"] == 160
    assert moved.summary["largest"] == [round(value, 3) for value in reversed(motion.largest)]
    assert moved.summary["seconds"] > 0
    found = load_results(batch.run_folder(cells).results)
    assert found.provenance.estimates["registration"]["value"] == "rigid"
    assert found.provenance.fingerprint == open_movie(moving, motion=folder.motion).fingerprint()
    assert cells.summary["accepted"] >= 4
    assert differing([cells, batch.item("plain")])["registered by"] == [moved.uuid, None]
    assert items_of(batch.folder) == batch.items()

    from cnmf3d.project import Project

    with Project.create(tmp_path / "p") as project:
        sample = project.add(batch.run_folder(cells).results, animal="m1", trial="1")
        assert project.movie(sample.uuid).fingerprint() == found.provenance.fingerprint
        assert not sample.movie.item


def test_a_movie_in_which_nothing_moves_is_used_as_it_was_recorded(batch, noise):
    moved = batch.add(noise, name="moved", module="mcorr_3d", opening={"rate": 5.0})
    cells = batch.add(moved, name="cells", opening={"rate": 4.0})
    assert cells.input.opening == {"rate": 4.0} and moved.input.opening == {"rate": 5.0}
    still = of(noise)
    still = dataclasses.replace(still, rigid=0 * still.rigid, bad_frames=np.zeros(30, bool))
    settle(batch, moved, Status.DONE, still)
    assert job_of(batch, cells).input.opening == {"rate": 4.0}
    write_motion(of(noise), batch.run_folder(moved).motion)
    assert job_of(batch, cells).input.opening == {"rate": 4.0, "motion": str(batch.run_folder(moved).motion)}


@pytest.mark.parametrize(
    ("status", "text", "fix"),
    [
        (Status.FAILED, "moved, which registers its movie, failed: the movie is odd", "retry both"),
        (Status.ABORTED, "moved, which registers its movie, is aborted", "first"),
    ],
)
def test_an_item_fails_with_the_one_that_it_builds_on(batch, noise, status, text, fix):
    moved = batch.add(noise, name="moved", module="mcorr_3d", opening={"rate": 5.0})
    batch.add(moved, name="cells")
    settle(batch, moved, status, error="the movie is odd")
    assert supervise(batch, workers=1).failed == 1
    error = batch.item("cells").error
    assert text in error and fix in error and "Traceback" not in error


def test_one_that_waits_for_another_is_not_exported(batch, noise):
    cells = batch.add(batch.add(noise, name="moved", module="mcorr_3d", opening={"rate": 5.0}), name="cells")
    with pytest.raises(InputError, match="moved, which registers its movie, is pending"):
        prepare(batch, [cells], [1])
    with pytest.raises(UsageError, match="what the module mcorr_3d needs can't be foretold"):
        foretold(batch, batch.item("moved"))


def test_an_item_that_others_need_is_deleted_with_them_or_by_force(batch, noise):
    moved = batch.add(noise, name="moved", module="mcorr_3d", opening={"rate": 5.0})
    cells = batch.add(moved, name="cells")
    other = batch.add(moved, name="other")
    assert batch.users([moved.uuid, other.uuid]) == [cells]
    with pytest.raises(UsageError, match="moved registers the movie of cells, other"):
        batch.delete(["moved"])
    batch.delete(["other"])
    batch.delete(["moved"], force=True)
    assert batch.items() == [cells]
    assert supervise(batch).failed == 1 and "was deleted" in batch.item("cells").error
    moved = batch.add(noise, name="moved", module="mcorr_3d", opening={"rate": 5.0})
    cells = batch.add(moved, name="again")
    batch.delete(["moved", "again"])
    assert [item.name for item in batch.items()] == ["cells"]


def test_a_motion_file_of_the_batch_is_known_as_its_items(batch, noise, tmp_path):
    moved = batch.add(noise, name="moved", module="mcorr_3d", opening={"rate": 5.0})
    moved = settle(batch, moved, Status.DONE, of(noise))
    motion = batch.run_folder(moved).motion
    cells = batch.add(noise, name="cells", opening={"rate": 5.0, "motion": str(motion)})
    assert cells.input == dataclasses.replace(moved.input, item=moved.uuid)
    copied = shutil.copy(motion, tmp_path / "copied.hdf5")
    alone = batch.add(noise, name="alone", opening={"rate": 5.0, "motion": str(copied)})
    assert not alone.input.item and alone.input.opening["motion"] == str(copied)
    assert alone.input.fingerprint != cells.input.fingerprint
    for options, source in (({"motion": str(copied), "rate": 5.0}, noise), ({}, moved)):
        with pytest.raises(UsageError, match="is registered already"):
            batch.add(source, name="twice", module="mcorr_3d", opening=options)


def test_what_cannot_be_is_refused_when_it_is_added(batch, noise):
    moved = batch.add(noise, name="moved", module="mcorr_3d", opening={"rate": 5.0})
    plain = batch.add(noise, name="plain", opening={"rate": 5.0})
    for source, given, text in (
        (plain, {}, "plain is of the module cnmf_3d"),
        (moved, {"opening": {"axes": "tzyx"}}, "axes can't be another"),
        (noise, {"module": "mcorr_4d"}, "native has no module mcorr_4d"),
        (noise, {"module": "mcorr_3d", "parameters": {"max_shift": 3}}, "no parameter max_shift"),
        (noise, {"module": "mcorr_3d", "parameters": {"motion": {"strides": 3, "lengths": "um"}}}, "voxel size"),
        (moved, {"options": {"use_memmap": True, "memmap_uuid": "plain"}}, "another movie"),
    ):
        with pytest.raises(Cnmf3dError, match=text):
            batch.add(source, name="x", **({"opening": {"rate": 5.0}} | given))
    assert len(batch.items()) == 2
    um = {"motion": {"max_shifts": (6, 6, 10), "lengths": "um"}}
    opening = {"rate": 5.0, "voxel_size": [1.5, 2.0, 5.0]}
    item = batch.add(noise, um, name="um", module="mcorr_3d", opening=opening)
    assert item.parameters["motion"]["max_shifts"] == [4, 3, 2]


def test_a_movie_that_was_moved_is_found_for_all_that_need_it(batch, noise, tmp_path):
    moved = batch.add(noise, name="moved", module="mcorr_3d", opening={"rate": 5.0})
    batch.add(moved, name="cells")
    (tmp_path / "elsewhere").mkdir()
    noise.rename(tmp_path / "elsewhere" / noise.name)
    mended = batch.relink([tmp_path / "elsewhere"])
    assert [item.input.item for item in mended] == ["", moved.uuid]
    assert {item.input.paths for item in mended} == {(str(tmp_path / "elsewhere" / noise.name),)}


def test_a_run_folder_knows_what_its_module_makes(tmp_path, noise):
    folder = RunFolder(tmp_path / "x")
    folder.write(Job("mcorr_3d", "native", Input((str(noise),)), {}))
    write_motion(of(noise), folder.results)
    assert not folder.complete() and not folder.fresh()
    write_motion(of(noise), folder.motion)
    assert folder.complete() and folder.fresh()
    folder.events_file.write_text('{"kind": "caution", "stage": "register", "text": "it jumps"}\n')
    told = told_by(folder, "mcorr_3d")
    assert told["warnings"] == ["it jumps"] and told["summary"]["bad_frames"] == 1
    assert told["summary"]["kind"] == "rigid" and told["summary"]["largest"][0] > 1.5


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({}, "in the group motion, and there is none"),
        ({"motion": {"niter_rig": -1}}, "niter_rig should be greater than 0"),
        ({"motion": 3}, "job.json is damaged"),
    ],
)
@pytest.mark.parametrize("engine", ["native", "caiman"])
def test_a_job_with_parameters_that_cannot_be_ends_with_a_sentence(tmp_path, noise, parameters, problem, engine):
    folder = RunFolder(tmp_path / "x")
    folder.write(Job("mcorr_3d", engine, Input((str(noise),)), parameters))
    assert worker.work(folder.path) == InputError.exit_code
    said = folder.ended()["text"]
    assert problem in said and "Traceback" not in said and "Export the item again" in said


def test_a_job_that_finds_cells_with_parameters_that_cannot_be(tmp_path, noise):
    folder = RunFolder(tmp_path / "x")
    folder.write(Job("cnmf_3d", "native", Input((str(noise),)), {"quality": {"rval_thr": 7}}))
    assert worker.work(folder.path) == InputError.exit_code
    assert "quality.rval_thr should be" in folder.ended()["text"]


def test_a_channel_is_registered_on_another_one(tmp_path):
    values = np.random.default_rng(0).poisson(100, (20, 3, 2, 12, 13)).astype(np.uint16)
    np.save(tmp_path / "two.npy", values)
    opening = {"axes": "tzcyx", "channel": 0, "rate": 5.0}
    with Batch.create(tmp_path / "b") as batch:
        batch.add(tmp_path / "two.npy", name="a", module="mcorr_3d", opening=opening, options={"register_on": 1})
        batch.add(tmp_path / "two.npy", name="b", module="mcorr_3d", opening=opening, options={"register_on": 7})
        assert supervise(batch, workers=1).done == 1, batch.item("a").error
        motion = read_motion(batch.run_folder(batch.item("a")).motion)
        one, other = (open_movie(tmp_path / "two.npy", **opening | {"channel": channel}) for channel in (0, 1))
        assert motion.fingerprint == one.fingerprint()
        assert motion.parameters["registered_on"] == {"channel": 1, "fingerprint": other.fingerprint()}
        error = batch.item("b").error
        assert "channel" in error and "Traceback" not in error


def test_channels_of_a_file_are_different_movies(batch, tmp_path):
    np.save(tmp_path / "two.npy", np.random.default_rng(0).poisson(100, (20, 3, 2, 12, 13)).astype(np.uint16))
    opening = {"axes": "tzcyx", "rate": 5.0}
    one, other = (batch.add(tmp_path / "two.npy", name="x", opening={**opening, "channel": n}) for n in (0, 1))
    assert one.input.fingerprint != other.input.fingerprint


def test_modules_of_the_native_engine():
    assert ENGINE.unsuitable(Job("mcorr_3d", "native", None, {})) is None
