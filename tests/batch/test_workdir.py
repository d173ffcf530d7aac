"""Run folders on a fast disk: there and back, and whatever is stopped on the way."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from cnmf3d.batch import Batch, Status, supervise, sync, workdir
from cnmf3d.batch.workdir import MovingError, bring_back, place_of, remove, send
from cnmf3d.errors import InputError, UsageError
from cnmf3d.simulate import simulate


def nothing():
    """No sign of life is needed."""


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "items" / "0a1b"
    (path / "checkpoint").mkdir(parents=True)
    (path / "results.hdf5").write_bytes(b"r" * 1000)
    (path / "checkpoint" / "block-1.npz").write_bytes(b"b" * 10)
    return path


@pytest.fixture
def fast(tmp_path):
    path = tmp_path / "fast dïsk"
    path.mkdir()
    return path


def contents(folder):
    own = (workdir.TOKEN, ".part")  # of the move itself
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(own))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_folder_goes_there_and_back(home, fast):
    before = contents(home)
    there = send(home, fast, nothing)
    assert there == fast / "0a1b" == place_of(home) and not home.exists() and contents(there) == before
    (there / "results.hdf5").write_bytes(b"new")
    (there / "checkpoint" / "block-1.npz").unlink()
    bring_back(home, nothing)
    assert place_of(home) == home and contents(home) == {"results.hdf5": b"new"}
    assert list(fast.iterdir()) == [] and [path.name for path in home.parent.iterdir()] == ["0a1b"]
    bring_back(home, nothing)
    assert contents(home) == {"results.hdf5": b"new"}


def test_what_a_folder_on_another_disk_has_lost_is_begun_anew(home, fast):
    shutil.rmtree(send(home, fast, nothing))
    assert place_of(home) == home
    bring_back(home, nothing)
    assert not home.exists() and list(home.parent.iterdir()) == []


class Stopped(BaseException):
    """The process is killed."""


def stopped_at(monkeypatch, moment):
    """Let the process end at some call of those that change the disk."""
    calls = itertools.count()

    def counted(function):
        def call(*words, **more):
            if next(calls) == moment:
                raise Stopped
            return function(*words, **more)

        return call

    for module, name in ((shutil, "copy2"), (shutil, "rmtree"), (workdir, "write_whole")):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    for name in ("replace", "unlink", "mkdir"):
        monkeypatch.setattr(workdir.Path, name, counted(getattr(workdir.Path, name)))
    return calls


@pytest.mark.parametrize("way", ["there", "back"])
def test_whatever_is_stopped_one_copy_is_whole(home, fast, way):
    wanted = contents(home)
    for moment in range(30):
        if way == "back":
            send(home, fast, nothing)
        with pytest.MonkeyPatch.context() as patch:
            calls = stopped_at(patch, moment)
            with contextlib.suppress(Stopped):
                send(home, fast, nothing) if way == "there" else bring_back(home, nothing)
            finished = next(calls) <= moment
        assert contents(place_of(home)) == wanted
        bring_back(home, nothing)
        assert contents(home) == wanted and place_of(home) == home
        if finished:
            break
    assert finished and moment > 5
    send(home, fast, nothing)
    bring_back(home, nothing)
    assert list(fast.iterdir()) == [] and [path.name for path in home.parent.iterdir()] == ["0a1b"]


def test_a_copy_that_is_not_like_its_original_is_not_taken(home, fast, monkeypatch):
    def damaged(source, target):
        target.write_bytes(source.read_bytes()[:-1] + b"?")

    before = contents(home)
    monkeypatch.setattr(shutil, "copy2", damaged)
    with pytest.raises(MovingError, match="not like its original"):
        send(home, fast, nothing)
    assert contents(home) == before and place_of(home) == home and list(fast.iterdir()) == []


def test_a_full_disk_is_told(home, fast, monkeypatch):
    usage = shutil.disk_usage(fast)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(MovingError, match=os.strerror(errno.ENOSPC)):
        send(home, fast, nothing)
    assert place_of(home) == home


@pytest.mark.parametrize("told", ["{}", "[]", "no json", '{"folder": "relative/0a1b"}', '{"folder": "/another/name"}'])
def test_a_note_that_cannot_be_meant_is_none(home, told):
    home.with_name("0a1b.away").write_text(told)
    assert place_of(home) == home
    remove(home)
    assert list(home.parent.iterdir()) == []


def test_a_folder_of_another_name_is_never_removed(home, tmp_path):
    other = tmp_path / "valuable"
    other.mkdir()
    home.with_name("0a1b.away").write_text(json.dumps({"folder": str(other)}))
    remove(home)
    assert other.is_dir() and not home.exists()


# ---- with a supervisor -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("movie") / "m.tif"
    simulate(path, "tiny", seed=3, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    return path


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "b") as made:
        yield made


def test_an_item_is_computed_there_and_comes_back(batch, scene, fast):
    item = batch.add(scene, name="x")
    seen, heard = set(), []

    def told(item, event):
        heard.append(event)
        seen.add(batch.run_folder(item).path.parent)

    assert supervise(batch, workers=1, work_dir=fast, reporter=told).done == 1
    statuses = [change.status.value for change in batch.history("x")]
    assert statuses == ["pending", "moving", "running", "moving", "done"]
    assert fast in seen and [event["to"] for event in heard if event["kind"] == "moving"] == [
        str(fast),
        str(batch.folder / "items"),
    ]
    assert batch.run_folder(item).complete() and batch.run_folder(item).path == batch.folder / "items" / item.uuid
    assert list(fast.iterdir()) == []


def test_an_abort_reaches_an_item_that_is_away(batch, scene, fast):
    batch.add(scene, name="x")

    def told(item, event):
        if event["kind"] == "progress":
            batch.abort(["x"])

    assert supervise(batch, workers=1, work_dir=fast, reporter=told).aborted == 1
    assert list(fast.iterdir()) == [] and not list(batch.folder.glob("items/*.away"))


def test_what_cannot_be_moved_fails_and_goes_on_after_a_retry(batch, scene, fast, monkeypatch):
    item = batch.add(scene, name="x")
    copied = workdir._copy

    def full(source, target, beat):
        if source.parent == fast:
            raise MovingError("no room", "Free some.")
        copied(source, target, beat)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workdir, "_copy", full)
        assert supervise(batch, workers=1, work_dir=fast).failed == 1
    assert "no room" in batch.item("x").error and batch.run_folder(item).path == fast / item.uuid
    assert batch.run_folder(item).complete()
    batch.retry(["x"])
    assert supervise(batch, workers=1).done == 1
    assert batch.run_folder(item).path.parent == batch.folder / "items" and list(fast.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_item_whose_supervisor_was_killed_comes_back(batch, scene, fast):
    item = batch.add(scene, name="x")
    code = "import sys; from cnmf3d.batch import *\nsupervise(Batch.open(sys.argv[1]), work_dir=sys.argv[2])"
    process = subprocess.Popen([sys.executable, "-c", code, str(batch.folder), str(fast)])
    end = time.monotonic() + 60
    while batch.run_folder(item).worker() is None and time.monotonic() < end:
        time.sleep(0.02)
    assert batch.run_folder(item).path == fast / item.uuid
    process.send_signal(signal.SIGKILL)
    process.wait()
    while batch.run_folder(item).worker() is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert batch.item("x").status is Status.RUNNING
    assert [found.status for found in sync(batch)] == [Status.DONE]
    assert batch.run_folder(item).complete() and list(fast.iterdir()) == []


def test_an_item_that_is_away_is_deleted_there(batch, scene, fast):
    item = batch.add(scene, name="x")
    batch.run_folder(item).path.mkdir(parents=True)
    there = send(batch.home(item), fast, nothing)
    batch.delete(["x"])
    assert not there.exists() and list((batch.folder / "items").iterdir()) == []


def test_a_work_directory_that_cannot_be_used_is_told_before_anything_runs(batch, tmp_path, fast):
    with pytest.raises(UsageError, match="no folder"):
        supervise(batch, work_dir=tmp_path / "none")
    with pytest.raises(UsageError, match="in the batch itself"):
        supervise(batch, work_dir=batch.folder / "items")
    with pytest.raises(UsageError, match="this machine"):
        supervise(batch, work_dir=fast, scheduler="tcp://127.0.0.1:1")


def test_a_pointer_from_a_stranger_moves_and_removes_nothing(home, fast, tmp_path):
    victim = tmp_path / "documents" / home.name
    victim.mkdir(parents=True)
    (victim / "thesis.txt").write_text("years")
    pointer = home.with_name(home.name + workdir.AWAY)
    for told in ({"folder": str(victim)}, {"folder": str(victim), "token": ""}, {"folder": str(victim), "token": "a"}):
        pointer.write_text(json.dumps(told))
        assert place_of(home) == home
        for move in (lambda: bring_back(home, nothing), lambda: send(home, fast, nothing)):
            with pytest.raises(MovingError, match="none of this item's"):
                move()
    (home / workdir.TOKEN).write_text("a")
    remove(home)
    assert (victim / "thesis.txt").read_text() == "years" and not home.exists() and not pointer.exists()


def test_what_is_in_the_work_directory_already_stays(home, fast):
    (fast / home.name).mkdir()
    (fast / home.name / "thesis.txt").write_text("years")
    with pytest.raises(MovingError, match="something else is there"):
        send(home, fast, nothing)
    assert (fast / home.name / "thesis.txt").read_text() == "years" and (home / "results.hdf5").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_nothing_is_moved_or_written_through_a_link(home, fast, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (home / "scratch").symlink_to(outside)
    with pytest.raises(InputError, match="is a link"):
        send(home, fast, nothing)
    moved = home.rename(outside / home.name)
    home.symlink_to(moved)
    with pytest.raises(InputError, match="is a link"):
        place_of(home)
