"""Databases: whoever reads waits for nobody who writes, sees one moment, and is never in a writer's way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from cnmf3d import database
from cnmf3d.batch import Batch, Status
from cnmf3d.batch.lease import holder
from cnmf3d.database import reader, reading
from cnmf3d.errors import InputError, UsageError
from cnmf3d.project import Add, Column, Kind, Project
from cnmf3d.project.checking import check
from cnmf3d.viewer.models.batch import BatchModel


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)


def writing(file: Path) -> sqlite3.Connection:
    """Another program in the middle of a change."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_a_batch_is_read_while_another_program_writes(tmp_path):
    Batch.create(tmp_path / "b").close()
    file = tmp_path / "b/batch.sqlite"
    with closing(writing(file)), Batch.open(tmp_path / "b") as batch:
        assert batch.items() == [] and holder(batch) is None
        model = BatchModel()
        model.open(batch)
        model.poll()
        assert model.items == []
        model.close()
        with pytest.raises(InputError, match="locked"), batch.engine.begin():
            pass


def test_a_project_is_read_while_another_program_writes(tmp_path, random_results):
    with Project.create(tmp_path / "p") as project:
        project.add(random_results(2), animal="a", trial="1")
    file = next((tmp_path / "p").glob("*.sqlite"))
    with closing(writing(file)), Project.open(tmp_path / "p") as project:
        assert [sample.id for sample in project.samples()] == [project.sample("a/1").id] == ["a/1"]
        assert project.config.columns == () and project.tags("a/1") == {}
        assert project.results("a/1").components.count == 2
        assert len(project.dataframe(curves=["dff"])) == 2 and len(project.sample_dataframe()) == 1
        assert list(project.log()) and [each for each in check(project) if each.what != "movie"] == []


def test_nobody_who_reads_keeps_another_from_writing(tmp_path):
    with Batch.create(tmp_path / "b") as batch, reading(batch.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM about")).scalar() == 1
        with Batch.open(tmp_path / "b") as other, other.engine.begin() as theirs:
            theirs.execute(text("INSERT INTO about VALUES ('more', '1')"))
        assert connection.execute(text("SELECT count(*) FROM about")).scalar() == 1  # as of one moment


def test_what_writes_takes_the_right_to_it_at_once(tmp_path):
    with Batch.create(tmp_path / "b") as batch, batch.engine.begin():
        with Batch.open(tmp_path / "b") as other, pytest.raises(InputError, match="locked"), other.engine.begin():
            pass
        with Batch.open(tmp_path / "b") as other, reader(other.engine).connect() as connection:
            assert connection.exec_driver_sql("PRAGMA data_version").scalar() >= 0


@pytest.mark.parametrize("kind", [Batch, Project])
def test_one_that_was_killed_while_it_was_made_blocks_nothing(tmp_path, kind, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(database.Path, "replace", killed)
        kind.create(tmp_path / "x")
    name = "batch.sqlite" if kind is Batch else "project.sqlite"
    assert not (tmp_path / "x" / name).exists()
    (tmp_path / "x" / name).touch()  # as an older version left it
    kind.create(tmp_path / "x").close()
    with kind.open(tmp_path / "x"), pytest.raises(UsageError, match="already"):
        kind.create(tmp_path / "x")
    assert [each.name for each in (tmp_path / "x").iterdir() if each.name.startswith(".cnmf3d")] == []


def test_a_batch_that_cannot_be_written_to_is_read(tmp_path, monkeypatch):
    Batch.create(tmp_path / "b").close()
    Project.create(tmp_path / "p").close()
    monkeypatch.setattr(database, "writable", lambda file: False)
    with Batch.open(tmp_path / "b") as batch, Project.open(tmp_path / "p") as project:
        assert batch.items() == [] and project.samples() == []
        with pytest.raises(InputError, match=r"readonly.*\n.*copy the folder"):
            batch.change("x", Status.DONE, Status.FAILED)
        with pytest.raises(InputError, match="readonly"):
            project.configure(Add(Column("c", Kind.ROI)))
    assert list((tmp_path / "b").glob("*-wal")) == []


def test_what_a_full_disk_says_is_not_restore_a_copy(tmp_path):
    with Batch.create(tmp_path / "b") as batch, batch.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(InputError, match=r"full.*\n.*Free some space"):
            for number in range(200):
                connection.exec_driver_sql("INSERT INTO about VALUES (?, ?)", (str(number), "x" * 4000))


def test_a_damaged_schema_is_named_though_its_message_is_no_text(tmp_path):
    """SQLite quotes what is damaged in its own messages, which Python can't decode then."""
    Project.create(tmp_path / "p").close()
    file = tmp_path / "p/project.sqlite"
    content = file.read_bytes()
    for at in [found for found in range(len(content)) if content.startswith(b"CREATE TABLE", found)]:
        file.write_bytes(content[: at + 2] + b"\xd5" + content[at + 3 :])
        with pytest.raises(InputError, match=r"project\.sqlite"):
            Project.open(tmp_path / "p")
