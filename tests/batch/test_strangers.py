"""Batches from anybody: what their database and files say leads nowhere but into the batch itself."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from cnmf3d.batch import Batch, supervise, sync
from cnmf3d.batch.glance import items_of
from cnmf3d.batch.lease import holder
from cnmf3d.batch.worker import work
from cnmf3d.errors import InputError
from cnmf3d.project import Project
from cnmf3d.results import write_results
from cnmf3d.results.curation.session import CurationSession
from cnmf3d.trusted import settings_file, trust


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "m.npy"
    np.save(path, np.zeros((30, 3, 8, 8), np.uint16))
    return path


@pytest.fixture
def batch(tmp_path, movie):
    with Batch.create(tmp_path / "b") as made:
        made.add(movie, name="x", opening={"rate": 5.0})
        yield made


def changed(batch, column, value):
    """Change a cell of the only item, as somebody does who means harm."""
    with closing(sqlite3.connect(batch.folder / "batch.sqlite")) as connection:
        connection.execute(f"UPDATE items SET {column} = ?", (value,))
        if column == "uuid":
            connection.execute("UPDATE changes SET item = ?", (value,))
        connection.commit()


def test_an_item_with_no_uuid_touches_nothing(batch, tmp_path):
    victim = tmp_path / "victim"
    (victim / "scratch").mkdir(parents=True)
    (victim / "thesis.txt").write_text("years")
    (victim / "events.jsonl").write_text("mine")
    for told in ("../../victim", str(victim), "..", "", "x\0y", "0A1B2C3D-0000-4000-8000-000000000000", "a/b"):
        changed(batch, "uuid", told)
        deeds = (
            lambda: batch.items(),
            lambda: items_of(batch.folder),
            lambda: batch.delete(["x"]),
            lambda: batch.retry(["x"]),
            lambda: batch.abort(["x"]),
            lambda: supervise(batch),
        )
        for deed in deeds:
            with pytest.raises(InputError, match=r"UUID .* which is none"):
                deed()
    assert sorted(each.name for each in victim.iterdir()) == ["events.jsonl", "scratch", "thesis.txt"]
    assert (victim / "events.jsonl").read_text() == "mine"


@pytest.mark.parametrize("column", ["input", "options", "parameters", "status", "warnings", "summary"])
def test_values_that_cannot_be_are_told(batch, column):
    for told in (
        "3",
        '"text"',
        "null",
        "[1]",
        "{}",
        '{"paths": [1], "relative": []}',
        '{"paths": ["a\\u0000"], "relative": []}',
    ):
        changed(batch, column, told)
        try:
            batch.items(), items_of(batch.folder)
        except InputError as error:
            assert "the item 'x'" in error.problem


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_run_folder_with_links_is_not_written_to(batch, tmp_path):
    victim = tmp_path / "bashrc"
    victim.write_text("mine")
    folder = batch.run_folder(batch.item("x"))
    folder.path.mkdir(parents=True)
    folder.events_file.symlink_to(victim)
    assert supervise(batch).failed == 1 and "is a link" in batch.item("x").error
    (folder.path / "job.json").write_text("{}")
    assert work(folder.path) == InputError.exit_code and victim.read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="a program there is no script")
def test_a_program_that_only_a_batch_names_is_not_run(batch, tmp_path, monkeypatch):
    monkeypatch.delenv("CNMF3D_CAIMAN_PYTHON", raising=False)
    ran, evil = tmp_path / "ran", batch.folder / "python"
    evil.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    evil.chmod(0o755)
    changed(batch, "engine", "caiman")
    changed(batch, "options", json.dumps({"engine_python": str(evil)}))
    parameters = batch.item("x").parameters
    init = {**parameters["init"], "gSig": [2, 2, 1], "K": 3}
    changed(batch, "parameters", json.dumps({**parameters, "init": init}))

    def said():
        batch.retry(["x"])
        assert supervise(batch).failed == 1
        return batch.item("x").error

    assert f"cnmf3d batch trust {evil}" in said() and not ran.exists()
    assert trust(str(evil)) == evil and settings_file().is_relative_to(os.environ["XDG_CONFIG_HOME"])
    assert "isn't a Python that works" in said() and ran.exists()
    ran.unlink()
    evil.write_text(f"#!/bin/sh\n\ntouch '{ran}'\n")  # another program at the same place
    assert "never named yourself" in said() and not ran.exists()


@pytest.mark.skipif(os.name == "nt", reason="a program there is no script")
def test_what_lies_where_a_batch_is_run_is_not_imported(batch, tmp_path, monkeypatch):
    (tmp_path / "h5py.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    supervise(batch, workers=1)
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_folder_of_run_folders_that_is_a_link_is_not_written_to(batch, tmp_path):
    """It may lead to that of another batch, whose items have the same UUIDs."""
    (theirs := tmp_path / "other" / batch.item("x").uuid).mkdir(parents=True)
    (theirs / "results.hdf5").write_text("mine")
    (batch.folder / "items").rename(batch.folder / "was") if (batch.folder / "items").exists() else None
    (batch.folder / "items").symlink_to(theirs.parent)
    for deed in (lambda: supervise(batch, workers=1), lambda: batch.delete(["x"])):
        with pytest.raises(InputError, match="items is a link to"):
            deed()
        assert [path.name for path in theirs.iterdir()] == ["results.hdf5"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
@pytest.mark.parametrize(
    "place", ["batch.sqlite", "batch.sqlite-wal", "{}", "{}.away", "{}/events.jsonl", "{}/job.json"]
)
@pytest.mark.timeout(60)
def test_a_pipe_keeps_nobody_waiting(batch, place):
    uuid, folder = batch.item("x").uuid, batch.folder
    batch.close()
    pipe = folder / (place if place.startswith("batch") else f"items/{place.format(uuid)}")
    pipe.parent.mkdir(parents=True, exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)

    def ran():
        with Batch.open(folder) as opened:
            supervise(opened, workers=1)
            return opened.item("x").error

    try:
        assert "is a pipe" in ran()
    except InputError as error:
        assert "is a pipe" in str(error) or "holds no batch.sqlite" in str(error)
    if place.startswith("batch"):
        with pytest.raises(InputError, match="is a pipe"):
            items_of(folder)


@pytest.mark.parametrize("told", ["[" * 100_000, '{"folder": ' * 5000 + "1" + "}" * 5000])
def test_a_pointer_that_is_nested_without_end_is_none(batch, told):
    (batch.folder / "items").mkdir(exist_ok=True)
    (batch.folder / "items" / f"{batch.item('x').uuid}.away").write_text(told)
    batch.delete(["x"])
    assert batch.items() == []


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_lock_that_is_a_link_empties_no_file(batch, tmp_path, random_results):
    victim = tmp_path / "bashrc"
    victim.write_text("mine")
    results = write_results(random_results(), tmp_path / "r.hdf5")
    (tmp_path / ".r.hdf5.curation.lock").symlink_to(victim)
    with Project.create(tmp_path / "p") as project:
        (project.folder / ".lock").symlink_to(victim)
        deeds = (
            lambda: CurationSession.open(results),
            lambda: project.add(results, animal="a", trial="1"),
        )
        for deed in deeds:
            with pytest.raises(InputError, match="is a link"):
                deed()
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("told", ["1", "{}", "no json", '{"pid": 1}'])
def test_a_supervisor_that_is_none_is_nobody(batch, told):
    with closing(sqlite3.connect(batch.folder / "batch.sqlite")) as connection:
        connection.execute("INSERT INTO about VALUES ('supervisor', ?)", (told,))
        connection.commit()
    assert holder(batch) is None and sync(batch) == []
