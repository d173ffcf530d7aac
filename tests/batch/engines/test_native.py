"""The native engine: what items share, and how one that was stopped goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cnmf3d.batch import Batch, Job, RunFolder, Status, supervise
from cnmf3d.batch.engines.native import ENGINE
from cnmf3d.caches import Caches
from cnmf3d.errors import UsageError
from cnmf3d.results import load_results
from cnmf3d.simulate import simulate


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("movie") / "m.tif"
    simulate(path, "tiny", seed=3, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    return path


@pytest.fixture(autouse=True)
def own_caches(tmp_path, monkeypatch):
    """Caches of this test alone."""
    monkeypatch.setenv("CNMF3D_CACHE", str(tmp_path / "caches"))
    return Caches(tmp_path / "caches")


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "b") as made:
        yield made


def told(batch, item):
    """All that was told of an item, as text."""
    return "\n".join(str(event.get("text", "")) for _, event in batch.run_folder(item).events())


def test_variants_share_what_was_made_of_the_movie(batch, scene, own_caches):
    first = batch.add(scene, {"min_SNR": 2}, name="first")
    second = batch.add(scene, {"min_SNR": 3}, name="second")
    assert supervise(batch, workers=1).done == 2
    assert "used again" not in told(batch, first) and "used again" in told(batch, second)
    assert len(own_caches.entries()) == 1
    for item in (first, second):
        left = {path.name for path in batch.run_folder(item).path.iterdir()}
        assert "results.hdf5" in left and not {"scratch", "checkpoint", "worker.json"} & left


def test_a_cache_is_kept_for_who_names_it_until_the_item_is_deleted(batch, scene, own_caches):
    first = batch.add(scene, name="first", options={"keep_memmap": True})
    second = batch.add(scene, name="second", options={"use_memmap": True, "memmap_uuid": "first"})
    assert second.options["memmap_uuid"] == first.uuid
    assert supervise(batch, workers=1).done == 2
    (entry,) = own_caches.entries()
    assert entry.owners == (first.uuid,) and own_caches.prune(0) == []
    assert f"the cache of the item {first.uuid}" in told(batch, second)
    batch.delete(["first"])
    own_caches.prune(0)
    assert own_caches.entries() == []


@pytest.mark.parametrize("changes", [{}, {"tsub": 2}], ids=["never made", "other bins"])
def test_a_cache_that_cannot_be_reused_is_an_error(batch, scene, own_caches, changes):
    first = batch.add(scene, name="first", options={"keep_memmap": True})
    second = batch.add(scene, changes, name="second", options={"use_memmap": True, "memmap_uuid": first.uuid})
    if changes:
        supervise(batch, keys=["first"], workers=1)
    supervise(batch, keys=["second"], workers=1)
    failed = batch.item("second")
    assert failed.status is Status.FAILED
    assert first.uuid in failed.error and failed.last_line.startswith("use_memmap: ")
    assert second.attempts == 0 and failed.attempts == 1


def test_a_cache_that_could_not_be_kept_is_told(tmp_path, scene, monkeypatch):
    with Batch.create(tmp_path / "c") as batch:
        item = batch.add(scene, name="x", options={"keep_memmap": True})
        monkeypatch.setenv("CNMF3D_CACHE_LIMIT", "10kB")
        assert supervise(batch, workers=1).done == 1
        assert "could not be kept" in told(batch, item)


def test_a_folder_of_caches_that_cannot_be_used_costs_time_only(batch, scene, tmp_path, monkeypatch):
    file = tmp_path / "no folder"
    file.touch()
    monkeypatch.setenv("CNMF3D_CACHE", str(file))
    item = batch.add(scene, name="x", options={"keep_memmap": True})
    assert supervise(batch, workers=1).done == 1
    assert "could not be kept" in told(batch, item)
    batch.delete(["x"])
    assert batch.items() == []


def test_who_waits_for_a_cache_begins_after_its_item(batch, scene):
    class Two:
        """Two places at once."""

        def __init__(self):
            from cnmf3d.batch.processes import Local

            self.local = Local()

        def start(self, folder):
            return self.local.start(folder)

        def slots(self):
            return 2

        def threads(self):
            return 1

    first = batch.add(scene, name="first")
    batch.add(scene, name="second", options={"use_memmap": True, "memmap_uuid": first.uuid})
    batch.add(scene, name="third", options={"use_memmap": True, "memmap_uuid": first.uuid})
    order = []
    outcome = supervise(batch, starter=Two(), reporter=lambda item, event: order.append((item.name, event["kind"])))
    assert outcome.done == 3
    ends = [order.index((name, kind)) for name, kind in (("first", "end"), ("second", "start"), ("third", "start"))]
    assert ends == sorted(ends) and order.index(("third", "start")) < order.index(("second", "end"))


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_what_a_killed_item_had_finished_is_not_computed_again(tmp_path, scene, monkeypatch):
    monkeypatch.setenv("CNMF3D_CACHE_LIMIT", "10kB")  # the item's own checkpoint is all that is left
    folder = RunFolder(tmp_path / "run" / "0a1b")
    with Batch.create(tmp_path / "c") as batch:
        item = batch.add(scene, {"patch": {"rf": (8, 8, 5), "stride": (4, 4, 2)}}, name="x")
    folder.write(Job("cnmf_3d", "native", item.input, item.parameters, workers=1))
    command = [sys.executable, "-m", "cnmf3d.batch.worker", str(folder.path)]
    process = subprocess.Popen(command)
    end = time.monotonic() + 60
    while not list(folder.checkpoint.glob("*.npz")) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_ino for path in folder.checkpoint.glob("*.npz")}
    assert kept and folder.scratch.is_dir() and not folder.results.exists()
    seen = {}

    def look(event):
        seen.update({path.name: path.stat().st_ino for path in folder.checkpoint.glob("*.npz")})

    ENGINE.run(folder, folder.job, look)
    assert folder.results.exists() and not folder.checkpoint.exists()
    assert kept.items() <= seen.items()  # the same files, not written anew
    alone = RunFolder(tmp_path / "run" / "2c3d")
    alone.write(folder.job)
    ENGINE.run(alone, alone.job, lambda event: None)
    ours, theirs = (load_results(each.results).components for each in (folder, alone))
    assert np.array_equal(ours.traces, theirs.traces) and (ours.footprints != theirs.footprints).nnz == 0


def test_an_aborted_item_leaves_no_temporary_files(batch, scene):
    item = batch.add(scene, name="x")
    folder = batch.run_folder(item)

    def told_of(item, event):
        if event["kind"] == "progress":
            (folder.scratch / "half").mkdir(parents=True, exist_ok=True)
            batch.abort([item.uuid])

    assert supervise(batch, workers=1, reporter=told_of).aborted == 1
    assert folder.path.is_dir() and not folder.scratch.exists()


def test_another_module_is_refused(tmp_path):
    with Batch.create(tmp_path / "c") as batch:
        assert batch.items() == []
    job = Job("mcorr_4d", "native", None, {})
    assert "no module mcorr_4d" in ENGINE.unsuitable(job)


def test_the_cache_of_another_engine_or_movie_cannot_be_meant(batch, scene, tmp_path):
    np_movie = tmp_path / "other.npy"
    np.save(np_movie, np.zeros((30, 3, 8, 8), np.uint16))
    batch.add(scene, name="first")
    with pytest.raises(UsageError, match="another movie"):
        batch.add(np_movie, name="x", opening={"rate": 5.0}, options={"use_memmap": True, "memmap_uuid": "first"})
    with pytest.raises(UsageError, match="engine native"):
        batch.add(
            scene,
            {"gSig": (3, 3, 1), "K": 3},
            name="x",
            engine="caiman",
            options={"use_memmap": True, "memmap_uuid": "first"},
        )
