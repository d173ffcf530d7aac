"""The batch as scripts see it: which one is open, its items, its table, and what an item found."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import numpy as np
import pytest

from cnmf3d.batch import Status
from cnmf3d.errors import InputError, UsageError
from cnmf3d.results import write_results
from cnmf3d.workspace import ViewerWorkEnv, Workspace

META = {"origin": "microscope A", "fps": 7.5, "date": "20240131_142500", "animal": "m7"}
SHAPE = (40, 4, 9, 11)


@pytest.fixture
def space(tmp_path, tiff):
    with Workspace() as made:
        made.manager.new_batch(tmp_path / "b")
        path = tiff(shape=SHAPE)
        tiff("other.tiff", shape=SHAPE, meta=META)
        made.viewer.workEnv = ViewerWorkEnv.from_tiff(path, meta_path=path.with_name("other.json"))
        yield made


@pytest.fixture
def added(space):
    module = space.get_module("cnmf_3d")
    return [module.add_to_batch({"item_name": name}) for name in ("a", "b", "b")]


@pytest.fixture
def done(space, added, random_results):
    """The first item with an output."""
    batch, item = space.manager.batch, space.manager.item(added[0])
    batch.run_folder(item).path.mkdir(parents=True, exist_ok=True)
    write_results(random_results(), batch.run_folder(item).results)
    batch.change(item.uuid, Status.PENDING, Status.RUNNING)
    summary = {"accepted": 3, "rejected": 2, "frames": 40, "shape": [11, 9, 4], "seconds": 1.5}
    batch.change(item.uuid, Status.RUNNING, Status.DONE, summary=summary, started=item.added)
    return added[0]


def test_batches_are_made_opened_and_closed(tmp_path):
    with Workspace() as space:
        manager, told = space.manager, []
        manager.changed.append(lambda: told.append(manager.folder))
        assert manager.folder is None and "no batch" in repr(manager)
        manager.open_or_make(tmp_path / "x")
        manager.new_batch(str(tmp_path / "y"))
        with pytest.raises(UsageError, match="is a batch already"):
            manager.new_batch(tmp_path / "x")
        with pytest.raises(InputError, match="is no batch"):
            manager.open_batch(tmp_path / "z")
        assert manager.folder == tmp_path / "y"  # one that can't be opened leaves the other
        manager.open_or_make(tmp_path / "x")
        manager.close()
        assert told == [tmp_path / "x", tmp_path / "y", tmp_path / "x", None]


def test_an_item_by_uuid_name_place_or_itself(space, added):
    manager = space.manager
    first = manager.item(added[0])
    for key in (added[0], str(added[0]), str(added[0])[:8], "a", 0, -3, first):
        assert manager.item(key) == first and manager.get_item_index(key) == 0
    assert [manager.get_item_index(key) for key in added] == [0, 1, 2]
    assert [item.name for item in manager.items] == ["a", "b", "b"] and "3 items" in repr(manager)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("b", "means 2 items"),
        ("c", "no item c"),
        (uuid.UUID(int=7), "no item"),
        (3, "has 3"),
        (-4, "has 3"),
        (True, "True names no item"),
        (1.0, "1.0 names no item"),
        (None, "None names no item"),
    ],
)
def test_keys_that_mean_nothing(space, added, key, told):
    for ask in (space.manager.item, space.manager.get_item_index, space.manager.process_batch):
        with pytest.raises(UsageError, match=told):
            ask(key)


def test_who_listens_is_told_of_new_items(space):
    told = []
    space.manager.changed.append(lambda: told.append(space.manager.folder and len(space.manager.items)))
    space.get_module("cnmf_3d").add_to_batch({"item_name": "a"})
    space.manager.add_item("cnmf_3d", space.get_workEnv(), {"item_name": "b"})
    space.manager.close()
    assert told == [1, 2, None]


def test_items_as_a_table(space, added, done):
    table = space.manager.df
    assert list(table["name"]) == ["a", "b", "b"] and list(table["uuid"]) == [str(key) for key in added]
    assert list(table["status"]) == ["done", "pending", "pending"]
    assert table.accepted[0] == 3 and np.isnan(table.accepted[1])
    assert table.input_item[1] == space.get_workEnv().imgdata.movie.paths[0]
    assert table.input_params[0]["init"]["gSig"] == "auto"
    assert table.output[0].endswith("results.hdf5") and table.output[1] == ""
    assert table.added.dt.tz is not None and table.finished.isna().all() and table.started.notna()[0]


def test_a_table_of_nothing_has_its_columns(tmp_path):
    with Workspace() as space:
        space.manager.new_batch(tmp_path / "b")
        assert len(space.manager.df) == 0 and "status" in space.manager.df


def test_a_table_without_pandas_says_how_to_get_it(space, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(UsageError, match=r"cnmf3d\[project\]"):
        _ = space.manager.df


def test_an_output_becomes_the_work_environment(space, done, random_results):
    seen = []
    space.viewer.updated.append(seen.append)
    space.viewer.workEnv = ViewerWorkEnv()
    env = space.manager.load_item_output(space.vi, done)
    assert space.get_workEnv() is env and seen == [env]
    assert env.imgdata.shape == SHAPE and env.imgdata.rate == 7.5 and env.imgdata.meta["animal"] == "m7"
    assert len(env.roi_manager) == 5 and env.roi_manager.components.shape == SHAPE[1:]
    entry = env.history_trace[-1]["cnmf_3d"]
    expected = random_results()
    assert entry["parameters"] == expected.parameters and entry["fingerprint"] == "0123456789abcdef"
    assert entry["versions"] == {"cnmf3d": "0.1.0"} and entry["started"] and entry["timings"]["total"] == 3
    assert (entry["item_uuid"], entry["item_name"], entry["engine"]) == (str(done), "a", "native")


def test_history_goes_on_from_the_inputs(space, random_results):
    space.get_workEnv().history_trace.append({"mcorr_3d": {"max_shifts": [6, 6, 2]}})
    key = space.get_module("cnmf_3d").add_to_batch({"item_name": "a"})
    item, batch = space.manager.item(key), space.manager.batch
    write_results(random_results(), batch.run_folder(item).results)
    batch.change(item.uuid, Status.PENDING, Status.DONE)
    env = space.manager.load_item_output(space.vi, key)
    assert [list(entry) for entry in env.history_trace] == [["mcorr_3d"], ["cnmf_3d"]]
    again = space.manager.load_item_output(space.vi, key)
    assert len(again.history_trace) == 2  # not one more with each import


def test_an_output_whose_movie_is_gone_still_has_its_components(space, done, tmp_path):
    (tmp_path / "m.tiff").unlink()
    env = space.manager.load_item_output(space.vi, done)
    assert env.isEmpty and len(env.roi_manager) == 5 and env.imgdata.meta["animal"] == "m7"
    assert env.history_trace[-1]["cnmf_3d"]["item_name"] == "a"
    with pytest.raises(InputError, match="relink"):
        space.manager.load_item_input(space.vi, done)


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (Status.PENDING, "", "process_batch"),
        (Status.INTERRUPTED, "", "process_batch"),
        (Status.RUNNING, "", "Wait"),
        (Status.ABORTED, "", "retry"),
        (Status.FAILED, "no memory left\nmore", "no memory left"),
    ],
)
def test_an_item_without_output_says_what_to_do(space, added, status, error, told):
    space.manager.batch.change(str(added[0]), Status.PENDING, status, error=error)
    before = space.get_workEnv()
    with pytest.raises(UsageError, match=f"a is {status.value}") as raised:
        space.manager.load_item_output(space.vi, added[0])
    assert told in raised.value.fix and space.get_workEnv() is before


def test_an_output_that_is_damaged(space, done):
    space.manager.batch.run_folder(space.manager.item(done)).results.write_bytes(b"no hdf5")
    with pytest.raises(InputError, match=r"results\.hdf5"):
        space.manager.load_item_output(space.vi, done)


def test_an_output_needs_the_viewer(space, done):
    for wrong in ("vi", done, None):
        with pytest.raises(UsageError, match=r"load_item_output\(vi, uuid\)"):
            space.manager.load_item_output(wrong, done)
    assert space.manager.load_item_output(space.viewer, done) is space.get_workEnv()


def test_a_batch_is_processed_and_failures_are_outcomes(tmp_path, tiff):
    heard, inside = [], []

    @contextmanager
    def display():
        inside.append("begin")
        yield lambda item, event: heard.append((item.name, event["kind"]))
        inside.append("end")

    with Workspace(display=display) as space:
        space.manager.new_batch(tmp_path / "b")
        path = tiff(shape=SHAPE, meta=META)
        space.viewer.workEnv = ViewerWorkEnv.from_tiff(path)
        module = space.get_module("cnmf_3d")
        module.add_to_batch({"item_name": "stays"})
        lost = module.add_to_batch({"item_name": "lost"})
        path.unlink()
        outcome = space.manager.process_batch(start_ix=lost, workers=1)
        assert (outcome.done, outcome.failed, outcome.aborted) == (0, 1, 0)
        assert inside == ["begin", "end"] and ("lost", "end") in heard
        assert [item.status for item in space.manager.items] == [Status.PENDING, Status.FAILED]
        assert space.manager.process_batch().failed == 1  # from the first that waits
