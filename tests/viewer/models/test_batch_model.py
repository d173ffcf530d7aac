"""The batch as the Batch Manager shows it, against a batch on disk that others write to."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("psygnal")

from cnmf3d.batch import Batch, Status
from cnmf3d.batch.lease import lease
from cnmf3d.batch.processes import signature
from cnmf3d.viewer.models.batch import COLOURS, COLUMNS, BatchModel, components_of, seconds_of
from cnmf3d.viewer.models.batch_progress import STAGES, Follower, Progress, clock, part_of


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "m ö.npy"
    np.save(path, np.random.default_rng(0).integers(0, 99, (30, 3, 8, 8)).astype(np.uint16))
    return path


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "b") as made:
        yield made


@pytest.fixture
def model(batch):
    made = BatchModel()
    made.open(batch)
    yield made
    made.close()


def add(batch, movie, name, **values):
    return batch.add(movie, values, name=name, opening={"rate": 5.0})


def write(folder, *events):
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.events_file.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def test_items_that_anybody_adds_are_seen_at_the_next_look(batch, movie, model, tmp_path):
    heard = []
    model.reset.connect(lambda: heard.append("reset"))
    model.updated.connect(lambda rows: heard.append(rows))
    add(batch, movie, "one")
    with Batch.open(batch.folder) as other:
        add(other, movie, "two")
        model.poll()
        model.poll()
        assert [item.name for item in model.items] == ["one", "two"] and heard == ["reset"]
        other.abort([other.item("two").uuid])
    model.poll()
    assert heard == ["reset", [1]] and model.count() == {Status.PENDING: 1, Status.ABORTED: 1}
    batch.delete(["one"])
    model.poll()
    assert heard[-1] == "reset" and [item.name for item in model.items] == ["two"]


def test_nothing_is_read_while_nothing_is_written(batch, movie, model, monkeypatch):
    add(batch, movie, "one")
    model.poll()
    monkeypatch.setattr(batch, "items", lambda: pytest.fail("read though nothing was written"))
    model.poll()


def test_a_running_item_shows_stage_output_and_warnings(batch, movie, model):
    item = add(batch, movie, "one")
    heard, lines = [], []
    model.progressed.connect(lambda item, progress: heard.append(progress))
    model.output.connect(lambda uuid, new: lines.extend(new))
    batch.change(item.uuid, Status.PENDING, Status.RUNNING, started="2026-01-01T00:00:00+00:00")
    folder = batch.run_folder(item)
    write(folder, {"kind": "progress", "stage": "ingest", "done": 10, "total": 30, "unit": "frames"})
    (folder.path / "worker.json").write_text(json.dumps(signature()))
    model.poll()
    assert heard[-1].stage == "reading the movie" and heard[-1].count == "10 of 30 frames"
    assert 0 < heard[-1].part < 0.2 and heard[-1].memory > 2**20 and heard[-1].left > 0
    write(folder, {"kind": "caution", "text": "few volumes"}, {"kind": "note", "text": "gSig 4"})
    folder.log.write_text("printed\nhalf a li")
    model.poll()
    assert lines == ["reading the movie …", "! few volumes", "· gSig 4", "printed"] and heard[-1].warnings == 1
    write(folder, {"kind": "done", "seconds": 3.2})
    batch.change(item.uuid, Status.RUNNING, Status.DONE, summary={"accepted": 4, "rejected": 1, "seconds": 3.2})
    model.poll()
    assert heard[-1] is None and lines[-1] == "✓ done in 3.2 s" and model.running is None
    assert components_of(model.items[0]) == "4 + 1" and seconds_of(model.items[0]) == 3.2


def test_a_supervisor_of_another_program_is_found(batch, model):
    heard = []
    model.supervised.connect(heard.append)
    with lease(batch):
        model.poll()
        assert model.supervisor is not None
    model.poll()
    assert heard == [True, False]


def test_differences_of_selected_items(batch, movie, model):
    ids = [add(batch, movie, f"v{k}", K=k, min_SNR=2.0).uuid for k in (3, 5)]
    model.poll()
    names, rows = model.differences(ids)
    assert names == ["v3", "v5"] and rows == {"init.K": [3, 5]}
    assert model.differences(ids[:1]) == (["v3"], {})


def test_items_whose_cache_can_be_used_are_those_of_the_movie(batch, movie, model, tmp_path):
    other = tmp_path / "other.npy"
    np.save(other, np.zeros((30, 3, 8, 8), np.uint16))
    add(batch, movie, "a"), add(batch, movie, "b"), add(batch, other, "c")
    model.poll()
    assert [item.name for item in model.reusable([str(movie.resolve())])] == ["b", "a"]
    assert len(model.reusable()) == 3


def test_a_database_that_goes_away_is_told_once(batch, movie, model, monkeypatch):
    from sqlalchemy.exc import OperationalError

    heard = []
    model.failed.connect(heard.append)

    def gone(*_):
        raise OperationalError("select", {}, OSError("disk I/O error"))

    monkeypatch.setattr(batch, "items", gone)
    model.poll(now=True)
    model.poll(now=True)
    assert len(heard) == 1 and "can't be read" in heard[0].problem


def test_every_status_has_a_colour_of_its_own():
    assert set(COLOURS) == set(Status) and len(set(COLOURS.values())) == len(Status)
    assert [column.title for column in COLUMNS][:6] == [
        "Name",
        "Module",
        "Status",
        "Duration",
        "Components",
        "Warnings",
    ]


def test_the_part_that_is_done_grows_from_stage_to_stage():
    parts = [part_of({"stage": stage, "done": n, "total": 2}) for stage in STAGES for n in (0, 1, 2)]
    assert parts == sorted(parts) and parts[0] == 0 and abs(parts[-1] - 1) < 1e-9
    assert part_of({"stage": "unheard of", "done": 1, "total": 2}) == 0


def test_progress_never_goes_back(batch, movie):
    item = add(batch, movie, "one")
    folder = batch.run_folder(item)
    follower = Follower(folder)
    write(folder, {"kind": "progress", "stage": "traces", "done": 30, "total": 30, "unit": "frames"})
    follower.lines()
    before = follower.progress().part
    write(folder, {"kind": "progress", "stage": "ingest", "done": 0, "total": 30, "unit": "frames"}, {"odd": 1})
    folder.events_file.write_text(folder.events_file.read_text() + "{ not JSON }\n")
    assert follower.lines() == ["reading the movie …"] and follower.progress().part == before


def test_times_and_progress_in_words():
    assert [clock(s) for s in (0.04, 9.94, 59, 185, 3725, 7199.9)] == [
        "0.0 s",
        "9.9 s",
        "59 s",
        "3:05 min",
        "1:02 h",
        "2:00 h",
    ]
    assert str(Progress("finding cells", 0.5, "1 of 2 blocks", 10, 10.0, 2**30)) == (
        "finding cells 1 of 2 blocks · 10 s · about 10 s left · 1.0 GiB"
    )
    assert str(Progress()) == "starting · 0.0 s"
