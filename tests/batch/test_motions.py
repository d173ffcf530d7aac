"""Items that find cells register their movie by themselves, once for all that have it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from cnmf3d.batch import Batch, Status, supervise
from cnmf3d.batch.jobs import job_of, opening_of
from cnmf3d.batch.motions import FOLDER, ready
from cnmf3d.errors import InputError, UsageError
from cnmf3d.events import silent
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import read_motion, write_motion
from cnmf3d.movies.registered.frames import Registered
from cnmf3d.results import load_results
from cnmf3d.simulate import simulate

MOVES = {"size": (40, 40, 5), "cells": 8, "frames": 160, "motion": (2.0, 2.0, 0.0), "jitter": (0.5, 0.5, 0.0)}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A movie that moves, and one that doesn't."""
    folder = tmp_path_factory.mktemp("möuse")
    simulate(folder / "moves.tif", "tiny", seed=3, overrides=MOVES)
    simulate(folder / "still.tif", "tiny", seed=3, overrides={**MOVES, "motion": (0.0,) * 3, "jitter": (0.0,) * 3})
    return folder


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "b") as made:
        yield made


def notes(batch, item):
    """What an item said of registration."""
    return [event.get("text") for _, event in batch.run_folder(item).events() if event.get("stage") == "register"]


def folder_of(batch, item):
    """The run folder of an item that was never started."""
    folder = batch.run_folder(item)
    folder.write(job_of(batch, item, 1))
    return folder


def prepared(batch, item, events):
    """What an item's engine gets."""
    folder = folder_of(batch, item)
    movie = open_movie(item.input.paths[0], **item.input.opening)
    return folder, ready(folder, folder.job, movie, events.append)


def test_one_registration_serves_all_variants(batch, scenes):
    one = batch.add(scenes / "moves.tif", {"min_SNR": 2}, name="one")
    two = batch.add(scenes / "moves.tif", {"min_SNR": 3}, name="two")
    raw = batch.add(scenes / "moves.tif", {"min_SNR": 3}, name="raw", options={"register": "none"})
    assert supervise(batch, workers=2).done == 3, [item.error for item in batch.items()]
    assert not (scenes / "moves.motion.hdf5").exists()
    (kept,) = (batch.folder / FOLDER).glob("*.motion.hdf5")
    told = {item.name: load_results(batch.run_folder(item).results).provenance for item in (one, two, raw)}
    assert told["one"].estimates["registration"]["value"] == "rigid"
    assert "the movie moves by" in told["one"].estimates["registration"]["why"]
    assert str(kept) in told["two"].estimates["registration"]["why"]
    assert "registration" not in told["raw"].estimates
    assert any("moves" in text for text in notes(batch, one)) and len(notes(batch, two)) == 1
    registered = open_movie(scenes / "moves.tif", motion=kept).fingerprint()
    assert told["one"].fingerprint == told["two"].fingerprint == registered
    assert told["raw"].fingerprint == open_movie(scenes / "moves.tif").fingerprint()
    opening = opening_of(batch, batch.item("two"))
    assert open_movie(scenes / "moves.tif", **opening).fingerprint() == registered
    assert not batch.run_folder(raw).motion.exists() and opening_of(batch, batch.item("raw")) == {}
    batch.delete(["one", "raw"])
    assert kept.exists()
    batch.retry(["two"])  # and is opened as it was recorded, to be decided anew
    assert opening_of(batch, batch.item("two")) == {}
    batch.delete(["two"])
    assert not list((batch.folder / FOLDER).iterdir())


def test_what_stands_still_is_used_as_it_was_recorded(batch, scenes):
    auto = batch.add(scenes / "still.tif", name="auto")
    events = []
    folder, found = prepared(batch, auto, events)
    assert found.asked is None and found.why.startswith("nothing moves that matters") and not events
    assert not isinstance(found.movie.frames, Registered)
    assert not folder.motion.exists() and not (batch.folder / FOLDER).exists()


def test_a_motion_beside_the_movie_is_used(batch, scenes, tmp_path):
    movie = shutil.copy(scenes / "moves.tif", tmp_path / "m.tif")
    first = batch.add(movie, name="first", options={"register": "rigid"})
    folder, found = prepared(batch, first, [])
    assert found.asked == "register: rigid" and isinstance(found.movie.frames, Registered)
    (kept,) = (batch.folder / FOLDER).glob("*.motion.hdf5")
    shutil.move(kept, tmp_path / "m.motion.hdf5")
    auto = batch.add(movie, name="auto")
    folder, found = prepared(batch, auto, [])
    assert str(tmp_path / "m.motion.hdf5") in found.why
    assert read_motion(folder.motion).digest() == read_motion(tmp_path / "m.motion.hdf5").digest()
    assert not list((batch.folder / FOLDER).glob("*.motion.hdf5"))
    none = batch.add(movie, name="none", options={"register": "none"})
    folder, found = prepared(batch, none, [])
    assert found.why == "registration is turned off" and not folder.motion.exists()


def test_parameters_of_registration_are_an_option(batch, scenes):
    asked = {"register": "rigid", "motion": {"max_shifts": (1, 1, 0)}}
    folder, _ = prepared(batch, batch.add(scenes / "moves.tif", name="x", options=asked), [])
    motion = read_motion(folder.motion)
    assert motion.parameters["asked"]["max_shifts"] == [1, 1, 0]
    assert np.abs(motion.rigid).max() < 2


def test_parameters_of_registration_are_kept_as_plain_values(batch, scenes):
    um = {"lengths": "um", "max_shifts": 4, "niter_rig": "auto"}
    for source in (um, {"motion": um}):
        item = batch.add(scenes / "moves.tif", name="x", opening={"voxel_size": (2, 2, 4)}, options={"motion": source})
        assert item.options == {"motion": {"max_shifts": [2.0, 2.0, 1.0]}}
    assert batch.add(scenes / "moves.tif", name="y", options={"motion": {"pw_rigid": "auto"}}).options == {}


def test_a_file_of_frames_to_leave_out_is_found_from_any_folder(batch, scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"shutter.txt does not exist"):
        batch.add(scenes / "still.tif", {"exclude": "shutter.txt"}, name="x")
    (tmp_path / "shutter.txt").write_text("3 4")
    item = batch.add(scenes / "still.tif", {"exclude": "shutter.txt"}, name="x")
    assert item.parameters["data"]["exclude"] == str(tmp_path / "shutter.txt")
    rule = batch.add(scenes / "still.tif", {"exclude": "mean > 3000"}, name="rule")
    assert rule.parameters["data"]["exclude"] == "mean > 3000"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"register": "riggid"}, "register is 'riggid'"),
        ({"register": "auto", "motion": {"max_shift": 3}}, "no parameter max_shift"),
    ],
)
def test_what_cannot_be_asked_is_refused_when_it_is_added(batch, scenes, options, text):
    with pytest.raises(UsageError, match=text):
        batch.add(scenes / "still.tif", name="x", options=options)
    assert not batch.items()


def test_a_movie_that_comes_registered_is_left(batch, scenes):
    moved = batch.add(scenes / "moves.tif", name="moved", module="mcorr_3d")
    with pytest.raises(UsageError, match="is registered already"):
        batch.add(moved, name="x", options={"register": "rigid"})
    with pytest.raises(UsageError, match="caiman doesn't register movies by itself"):
        batch.add(
            scenes / "moves.tif",
            {"K": 3, "gSig": 3},
            name="x",
            engine="caiman",
            options={"register": "rigid"},
        )


def test_a_second_item_waits_for_the_one_that_registers(batch, scenes):
    one = batch.add(scenes / "moves.tif", name="one")
    two = batch.add(scenes / "moves.tif", name="two")
    command = [sys.executable, "-m", "cnmf3d.batch.worker", str(folder_of(batch, one).path)]
    folder = folder_of(batch, two)
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    kept = batch.folder / FOLDER
    try:
        while not list(kept.glob("*.lock")):
            time.sleep(0.02)
        events = []
        found = ready(folder, folder.job, open_movie(scenes / "moves.tif"), events.append)
    finally:
        first.kill()
        first.wait()
    assert isinstance(found.movie.frames, Registered)
    assert "another item registers this movie: waiting for it" in [getattr(event, "text", "") for event in events]
    (file,) = kept.glob("*.motion.hdf5")
    assert folder.motion.samefile(file) and str(file) in found.why


def test_one_that_is_killed_while_it_registers_leaves_nothing_in_the_way(batch, scenes):
    one = batch.add(scenes / "moves.tif", name="one")
    folder = folder_of(batch, one)
    command = [sys.executable, "-m", "cnmf3d.batch.worker", str(folder.path)]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not list((batch.folder / FOLDER).glob("*.lock")):
        time.sleep(0.02)
    first.kill()
    first.wait()
    assert not folder.motion.exists()
    found = ready(folder, folder.job, open_movie(scenes / "moves.tif"), silent)
    assert isinstance(found.movie.frames, Registered) and folder.motion.exists()


def test_a_place_that_leads_elsewhere_is_refused(batch, scenes, tmp_path):
    item = batch.add(scenes / "moves.tif", name="x")
    (batch.folder / FOLDER).symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(InputError, match="link"):
        prepared(batch, item, [])


def test_a_project_knows_how_a_movie_was_registered(batch, scenes, tmp_path):
    from cnmf3d.project import Project

    batch.add(scenes / "moves.tif", {"min_SNR": 2}, name="one")
    assert supervise(batch, workers=2).done == 1
    folder = batch.run_folder(batch.item("one"))
    with Project.create(tmp_path / "p") as project:
        sample = project.add(folder.results, animal="m1", trial="1")
        assert project.movie(sample.uuid).fingerprint() == load_results(folder.results).provenance.fingerprint
    from cnmf3d.workspace.output import output_of

    env = output_of(batch, batch.item("one"))
    assert [*map(list, env.history_trace)] == [["mcorr_3d"], ["cnmf_3d"]]
    assert isinstance(env.imgdata.movie.frames, Registered)
    assert batch.item("one").status is Status.DONE
    source, opening = env.imgdata.source()
    assert opening["motion"] == str(folder.motion.absolute())
    again = batch.add(source, name="again", opening=opening)  # registers by itself, too: "one" may be deleted
    assert "motion" not in again.input.opening and not again.input.item
    assert again.input.fingerprint == batch.item("one").input.fingerprint


def test_a_motion_that_is_damaged_is_made_again(batch, scenes):
    item = batch.add(scenes / "moves.tif", name="x")
    prepared(batch, item, [])
    (kept,) = (batch.folder / FOLDER).glob("*.motion.hdf5")
    motion = read_motion(kept)
    write_motion(motion.__class__(**{**motion.__dict__, "fingerprint": "0" * 32}), kept)
    prepared(batch, item, [])
    assert read_motion(kept).fingerprint == motion.fingerprint
