"""Items run in processes of their own, and survive the death of any of them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from cnmf3d.batch import Batch, Status, supervise, sync
from cnmf3d.batch.jobs import job_of
from cnmf3d.batch.processes import Local, lives, signature
from cnmf3d.batch.worker import BUSY, work
from cnmf3d.caches import Caches
from cnmf3d.errors import Cnmf3dError
from cnmf3d.results import load_results
from cnmf3d.simulate import simulate

SCENE = {"size": (32, 32, 5), "cells": 6, "frames": 200}
KILLS, MOST_SECONDS = 50, 240


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("a möuse") / "m.tif"
    simulate(path, "tiny", seed=3, overrides=SCENE)
    return path


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "b") as made:
        yield made


def bytes_of(batch, item):
    components = load_results(batch.run_folder(item).results).components
    return components.footprints.data.tobytes() + components.traces.tobytes()


def test_items_run_one_after_the_other_and_tell_how_it_went(batch, movie, tmp_path):
    batch.add(movie, name="good")
    lost = tmp_path / "lost.npy"
    np.save(lost, np.zeros((30, 3, 8, 8), np.uint16))
    batch.add(lost, name="lost", opening={"rate": 5.0})
    lost.unlink()
    short = tmp_path / "short.npy"
    np.save(short, np.zeros((5, 3, 8, 8), np.uint16))
    batch.add(short, name="short", opening={"rate": 5.0})
    heard = []
    outcome = supervise(batch, workers=1, reporter=lambda item, event: heard.append((item.name, event["kind"])))
    assert (outcome.done, outcome.failed, outcome.aborted) == (1, 2, 0)
    good = batch.item("good")
    assert good.status is Status.DONE and good.summary["accepted"] >= 4 and good.summary["shape"] == [32, 32, 5]
    assert [change.status for change in batch.history("good")] == [Status.PENDING, Status.RUNNING, Status.DONE]
    assert {("good", "start"), ("good", "progress"), ("good", "done"), ("good", "end")} <= set(heard)
    assert "relink" in batch.item("lost").error and "too few" in batch.item("short").error
    assert [path.name for path in batch.run_folder(good).path.iterdir() if "scratch" in path.name] in ([], ["scratch"])


def test_a_worker_knows_whether_another_one_is_at_work(batch, movie):
    item = batch.add(movie, name="x")
    supervise(batch, workers=1)
    from filelock import FileLock

    folder = batch.run_folder(item)
    with FileLock(folder.path / "worker.lock"):
        assert work(folder.path) == BUSY
    assert work(batch.folder / "nowhere") == 3


def supervisor_of(batch, work_dir=None):
    """A supervisor in a process of its own."""
    code = "import sys; from cnmf3d.batch import *\nwith Batch.open(sys.argv[1]) as b:\n"
    code += " supervise(b, workers=1, work_dir=sys.argv[2] or None)"
    command = [sys.executable, "-c", code, str(batch.folder), str(work_dir or "")]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it never happened")


def test_a_running_item_is_aborted_and_only_one_supervisor_runs(batch, movie):
    item = batch.add(movie, name="x")
    process = supervisor_of(batch)
    wait_for(lambda: batch.run_folder(item).worker() is not None)
    with pytest.raises(Cnmf3dError, match=f"process {process.pid}"):
        supervise(batch)
    worker = batch.run_folder(item).worker()
    batch.abort(["x"])
    assert process.communicate(timeout=60)[1] == "" and process.returncode == 0
    assert batch.item("x").status is Status.ABORTED and not psutil.pid_exists(worker["pid"])


@pytest.mark.parametrize("work_dir", [False, True])
def test_ctrl_c_while_an_item_is_being_started(batch, movie, tmp_path, work_dir):
    batch.add(movie, name="x")
    fast = tmp_path / "fast"
    fast.mkdir()

    def stop(item, event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        supervise(batch, workers=1, reporter=stop, work_dir=fast if work_dir else None)
    assert batch.item("x").status is Status.INTERRUPTED
    assert supervise(batch, workers=1).done == 1


def test_what_was_computed_elsewhere_is_picked_up(batch, movie):
    item = batch.add(movie, name="x")
    process = supervisor_of(batch)
    wait_for(lambda: batch.run_folder(item).worker() is not None)
    process.kill()
    process.communicate()
    worker = batch.run_folder(item).worker()
    wait_for(lambda: not psutil.pid_exists(worker["pid"]))
    assert batch.item("x").status is Status.RUNNING
    assert [found.status for found in sync(batch)] == [Status.DONE] and sync(batch) == []


def test_results_of_an_earlier_attempt_are_not_taken_for_those_of_this_one(batch, movie):
    item = batch.add(movie, name="x")
    assert supervise(batch, workers=1).done == 1
    folder = batch.run_folder(item)
    batch.retry(["x"])
    batch.change(item.uuid, Status.PENDING, Status.RUNNING, attempts=1)
    time.sleep(0.02)
    folder.write(folder.job)  # and the worker is killed at once
    assert folder.complete() and [found.status for found in sync(batch)] == [Status.INTERRUPTED]
    assert supervise(batch, workers=1).done == 1


def test_what_a_job_of_a_cluster_computes_is_neither_deleted_nor_tried_again(batch, movie):
    item = batch.add(movie, name="x")
    folder = batch.run_folder(item)
    folder.path.mkdir(parents=True)
    (folder.path / "worker.json").write_text(json.dumps(signature()))
    for change in (batch.delete, batch.retry):
        with pytest.raises(Cnmf3dError, match="running"):
            change(["x"])
    assert folder.path.is_dir()


class Dying:
    """Starts nothing: each run is a process that dies at once."""

    def __init__(self):
        self.starts = 0

    def start(self, folder):
        self.starts += 1
        return self

    def poll(self):
        return -signal.SIGKILL

    def kill(self):
        pass

    def slots(self):
        return 1

    def threads(self):
        return None


def test_an_item_whose_process_dies_again_and_again_under_a_supervisor_fails(batch, movie):
    batch.add(movie, name="x")
    dying = Dying()
    assert supervise(batch, starter=dying).failed == 1
    assert dying.starts == 3 and "3 times" in batch.item("x").error
    batch.retry(["x"])
    assert supervise(batch, starter=dying).failed == 1 and dying.starts == 6


def test_deaths_together_with_the_supervisor_do_not_count_against_an_item(batch, movie):
    item = batch.add(movie, name="x")
    for attempt in range(1, 6):  # five power cuts
        assert batch.change(item.uuid, batch.item("x").status, Status.RUNNING, attempts=attempt)
        assert [found.status for found in sync(batch)] == [Status.INTERRUPTED]
    dying = Dying()
    assert supervise(batch, starter=dying).failed == 1 and dying.starts == 3


def test_a_worker_that_has_not_signed_yet_is_known(batch, movie):
    item = batch.add(movie, name="x")
    folder = batch.run_folder(item)
    folder.write(job_of(batch, item, 1))
    handle = Local().start(folder)
    assert not folder.worker_file.exists() and lives(folder.worker())
    assert supervise(batch, workers=1).done == 1  # follows it
    assert handle.poll() == 0 and batch.history("x")[1].why == "runs elsewhere"
    assert folder.worker() is None


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(batch, movie, caches, tmp_path):
    fast = tmp_path / "fast"
    fast.mkdir()
    rng = random.Random(1)
    items = [batch.add(movie, {"min_SNR": 2 + 0.1 * number}, name=f"n{number}") for number in range(2)]
    alone = batch.add(movie, {"min_SNR": 2.0}, name="undisturbed")
    supervise(batch, keys=["undisturbed"], workers=1)
    wanted = bytes_of(batch, alone)
    kills, end = 0, time.monotonic() + MOST_SECONDS
    while kills < KILLS and (time.monotonic() < end or kills < KILLS / 5):
        if all(item.status.over for item in batch.items()):
            batch.retry([item.uuid for item in items])
            for item in items:
                batch.run_folder(item).results.unlink()
            Caches(caches).prune(everything=True)  # or there is nothing left to compute
        process = supervisor_of(batch, rng.choice([None, fast]))
        time.sleep(rng.uniform(0.3, 2.5))
        victims = [child.pid for child in psutil.Process(process.pid).children()] if process.poll() is None else []
        for pid in rng.sample([process.pid, *victims], k=rng.randint(1, 1 + len(victims))):
            try:
                os.kill(pid, signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                continue
        told = None if process.poll() in (None, -signal.SIGKILL) else process.returncode
        process.kill()
        errors = process.communicate()[1]
        assert told in (None, 0), errors
        assert {item.uuid for item in batch.items()} == {*(item.uuid for item in items), alone.uuid}
        for item in batch.items():
            assert item.status is not Status.DONE or batch.run_folder(item).complete()
        batch.retry([item.uuid for item in batch.items() if item.status is Status.FAILED])
    supervise(batch, workers=1)
    assert [(item.status, item.error) for item in batch.items()] == [(Status.DONE, "")] * 3
    assert all(bytes_of(batch, item) == wanted for item in items)
