"""Batches on disk: items, statuses, several programs at once, bad input."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from cnmf3d import database
from cnmf3d.batch import Batch, Job, RunFolder, Status, lease, schema
from cnmf3d.errors import Cnmf3dError


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "a mövie (1)?.tif"
    values = np.random.default_rng(0).poisson(100, (30, 3, 8, 9)).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="minisblack", metadata={"axes": "TZYX"})
    return path


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "my bätch #1?") as made:
        yield made


def test_an_item_comes_back_as_it_was_added(batch, movie):
    made = batch.add(movie, {"gSig": (4, 4, 2)}, name="first", opening={"rate": 5.0}, options={"keep_memmap": True})
    with Batch.open(batch.folder) as again:
        assert again.items() == [made] and again.item("first") == made == again.item(made.uuid[:8])
        assert again.item("first").parameters["init"]["gSig"] == [4, 4, 2]
    assert made.input.relative == (f"../{movie.name}",) and made.input.fingerprint
    assert [change.status for change in batch.history("first")] == [Status.PENDING]


def test_a_moved_batch_finds_its_movie_and_a_moved_movie_is_found_again(batch, movie, tmp_path):
    item = batch.add(movie, name="x", opening={"rate": 5.0})
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / movie.name
    movie.rename(moved)
    assert item.input.found(batch.folder) == ()
    other = tmp_path / "wrong" / movie.name
    other.parent.mkdir()
    tifffile.imwrite(other, np.zeros((30, 3, 8, 9), np.uint16), photometric="minisblack", metadata={"axes": "TZYX"})
    assert batch.relink([other.parent]) == []
    (mended,) = batch.relink([other.parent, moved.parent])
    assert mended.input.found(batch.folder) == (str(moved),)
    shutil.copytree(tmp_path, tmp_path.with_name("copy"))
    copy = tmp_path.with_name("copy")
    assert mended.input.found(copy / batch.folder.name) == (str(copy / "elsewhere" / movie.name),)


def test_a_status_changes_only_from_what_was_seen(batch, movie):
    item = batch.add(movie, name="x", opening={"rate": 5.0})
    assert batch.change(item.uuid, Status.PENDING, Status.RUNNING, why="one", attempts=1)
    assert not batch.change(item.uuid, Status.PENDING, Status.RUNNING, why="two")
    assert batch.item("x").attempts == 1
    assert [change.why for change in batch.history("x")] == ["added", "one"]
    with pytest.raises(Cnmf3dError, match="running"):
        batch.delete(["x"])
    assert batch.abort(["x"])[0].status is Status.RUNNING and batch.abort_asked(item.uuid)
    told = {"error": "Traceback\nValueError: no", "started": "2026-01-01T00:00:00+00:00", "summary": {"accepted": 3}}
    batch.change(item.uuid, Status.RUNNING, Status.FAILED, warnings=["odd"], **told)
    assert batch.item("x").last_line == "ValueError: no"
    assert batch.retry(["x"]) == [item] and not batch.abort_asked(item.uuid)
    assert batch.abort(["x"])[0].status is Status.ABORTED


def test_deleting_takes_the_run_folder_and_nothing_else(batch, movie):
    items = [batch.add(movie, name=name, opening={"rate": 5.0}) for name in "ab"]
    for item in items:
        batch.run_folder(item).write(Job("cnmf_3d", "native", item.input, item.parameters))
    batch.delete(["a"])
    assert [item.name for item in batch.items()] == ["b"] and movie.exists()
    assert [path.name for path in (batch.folder / "items").iterdir()] == [items[1].uuid]


def test_run_folders_hold_jobs_and_whole_lines(batch, movie):
    item = batch.add(movie, name="x", opening={"rate": 5.0})
    folder = batch.run_folder(item)
    job = Job("cnmf_3d", "native", item.input, item.parameters, {"a": 1}, workers=2)
    folder.write(job)
    assert folder.job == job and not folder.complete() and folder.worker() is None and folder.ended() is None
    folder.events_file.write_bytes(b'{"kind": "note"}\nnonsense\n{"kind": "done"}\n{"kind": "hal')
    events = list(folder.events())
    assert [event["kind"] for _, event in events] == ["note", "done"] and folder.ended() == {"kind": "done"}
    assert list(folder.events(events[0][0])) == events[1:]
    (folder.path / "job.json").write_text("{}")
    with pytest.raises(Cnmf3dError, match="damaged"):
        _ = folder.job
    with pytest.raises(Cnmf3dError, match="no run folder"):
        _ = RunFolder(batch.folder / "nowhere").job


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": " "}, "needs a name"),
        ({"parameters": {"gsig": 3}}, "gSig"),
        ({"options": {"keep_memmap": True, "use_memmap": True}}, "exclude"),
        ({"options": {"use_memmap": True}}, "memmap_uuid"),
        ({"options": {"use_memmap": True, "memmap_uuid": "nobody"}}, "no item nobody"),
        ({"source": "none.tif"}, "none.tif"),
        ({"source": np.zeros((30, 3, 8, 9), np.uint16)}, "array"),
    ],
)
def test_what_cannot_be_added(batch, movie, changes, says):
    given = {"source": movie, "name": "x", "opening": {"rate": 5.0}, **changes}
    with pytest.raises(Cnmf3dError, match=says):
        batch.add(given.pop("source"), **given)
    assert batch.items() == []


def test_keys_that_mean_nothing_or_several(batch, movie):
    for name in ("same", "same", "other"):
        batch.add(movie, name=name, opening={"rate": 5.0})
    with pytest.raises(Cnmf3dError, match="means 2 items"):
        batch.item("same")
    with pytest.raises(Cnmf3dError, match="Did you mean other"):
        batch.item("othr")


def test_what_is_no_batch_is_told(tmp_path, batch):
    with pytest.raises(Cnmf3dError, match="no batch"):
        Batch.open(tmp_path)
    with pytest.raises(Cnmf3dError, match="already"):
        Batch.create(batch.folder)
    for name, content in (("damaged", b"nonsense" * 100), ("empty", b"")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "batch.sqlite").write_bytes(content)
        with pytest.raises(Cnmf3dError, match="can't be used"):
            Batch.open(tmp_path / name)


def test_newer_batches_are_refused_and_older_ones_upgraded(batch, monkeypatch):
    batch.close()
    with sqlite3.connect(batch.folder / "batch.sqlite") as file:
        file.execute("UPDATE about SET value = '2'")
    file.close()
    with pytest.raises(Cnmf3dError, match="newer"):
        Batch.open(batch.folder)
    monkeypatch.setattr(schema, "VERSION", 3)
    monkeypatch.setitem(schema.UPGRADES, 2, lambda connection: connection.exec_driver_sql("CREATE TABLE more (a)"))
    Batch.open(batch.folder).close()
    Batch.open(batch.folder).close()


def test_the_lease_is_given_back_though_the_clock_was_set_meanwhile(batch, monkeypatch):
    mine = lease.signature()
    with lease.lease(batch):
        assert lease.holder(batch)["pid"] == mine["pid"]
        monkeypatch.setattr(lease, "signature", lambda: mine | {"created": mine["created"] + 0.5})
        lease.renew(batch)
    assert lease.holder(batch) is None


def test_network_file_systems_have_no_shared_log(tmp_path, monkeypatch, movie):
    monkeypatch.setattr(database, "on_network", lambda folder: True)
    with Batch.create(tmp_path / "b") as made:
        made.add(movie, name="x", opening={"rate": 5.0})
        assert not list((tmp_path / "b").glob("*-wal"))


ADDER = """
import sys
from cnmf3d.batch import Batch
with Batch.open(sys.argv[1]) as batch:
    for number in range(25):
        batch.add(sys.argv[2], name=f"{sys.argv[3]}{number}", opening={"rate": 5.0})
        batch.items()
"""


def test_programs_that_add_at_once_lose_nothing(batch, movie):
    command = [sys.executable, "-c", ADDER, str(batch.folder), str(movie)]
    running = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in "pq"]
    while any(process.poll() is None for process in running):
        batch.items()
    assert [(process.communicate()[1], process.returncode) for process in running] == [("", 0), ("", 0)]
    assert {item.name for item in batch.items()} == {f"{name}{number}" for name in "pq" for number in range(25)}
    assert all(len(batch.history(item.uuid)) == 1 for item in batch.items())


ADDING = """
import sys, time
from cnmf3d.batch import Batch
folder, movie, who, seconds = sys.argv[1:]
end, number = time.monotonic() + float(seconds), 0
with Batch.open(folder) as batch:
    while time.monotonic() < end:
        made = batch.add(movie, name=f"{who} {number}", opening={"rate": 5.0})
        number += 1
        assert batch.item(made.uuid) == made
        names = [item.name for item in batch.items() if item.name.startswith(who)]
        assert names == [f"{who} {each}" for each in range(number)], names
print(number)
"""
"""Adds items and reads all of them, as fast as it can."""


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_two_programs_add_and_read_at_once_and_no_item_is_lost(batch, movie, seconds):
    command = [sys.executable, "-c", ADDING, str(batch.folder), str(movie)]
    programs = [
        subprocess.Popen([*command, who, str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for who in ("a", "b")
    ]
    told = [program.communicate(timeout=seconds + 120) for program in programs]
    assert [program.returncode for program in programs] == [0, 0], told
    counts = [int(out) for out, _ in told]
    items = batch.items()
    assert min(counts) > 0 and len(items) == sum(counts) == len({item.uuid for item in items})
    assert all(len(batch.history(item.uuid)) == 1 for item in items)
