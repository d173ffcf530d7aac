"""Curating: what the movie tells is what the ROIs become; without it their own traces do; ids, tags and undo stay."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from cnmf3d.components import Components
from cnmf3d.errors import EngineError, UsageError
from cnmf3d.movies import open_movie
from cnmf3d.results import Results, load_results, write_results
from cnmf3d.results.curation.choosing import where
from cnmf3d.results.curation.thresholds import Limits
from cnmf3d.viewer.controllers import curating
from cnmf3d.viewer.controllers.curating import Curator, Footage
from cnmf3d.viewer.models import RoiStore
from cnmf3d.viewer.tasks import Task, Tasks


@pytest.fixture
def tasks():
    tasks = Tasks()
    yield tasks
    tasks.close()


def settle(tasks: Tasks, task: Task | None, seconds: float = 60) -> None:
    """Wait for a task, as the window does."""
    assert task is not None
    end = time.monotonic() + seconds
    while task in tasks.running and time.monotonic() < end:
        tasks.deliver()
        time.sleep(0.01)
    assert task not in tasks.running


def rebuilt(results: Results) -> np.ndarray:
    """The movie that the components describe, with a little noise."""
    components = results.components
    clean = components.footprints @ components.raw + components.background.spatial @ components.background.temporal
    noisy = clean + np.random.default_rng(0).normal(0, 1e-3, clean.shape)
    return noisy.T.reshape(-1, *components.shape).astype(np.float32)


@pytest.fixture
def curator(random_results, tasks) -> Curator:
    return Curator(RoiStore.from_results(random_results()), tasks)


@pytest.fixture
def filmed(random_results, tasks, tmp_path: Path) -> Curator:
    results = random_results(4, (3, 8, 9), 60)
    np.save(tmp_path / "a movie.npy", rebuilt(results))
    path = tmp_path / "a movie.npy"
    return Curator(RoiStore.from_results(results), tasks, Footage(open_movie(path, rate=7.5), path, {"rate": 7.5}))


def test_without_the_movie_a_merge_is_made_of_the_traces_at_once(curator):
    made: list[list[int]] = []
    curator.made.connect(lambda ids: made.append(ids.tolist()))
    assert curator.merge([1, 3]) is None
    assert made == [[5]]
    assert curator.store.ids.tolist() == [0, 2, 4, 5]
    assert curator.store.log[-1].values["how"] == {"way": "merge", "source": "traces"}
    curator.store.undo()
    assert curator.store.ids.tolist() == [0, 1, 2, 3, 4]


def test_without_the_movie_nothing_is_added(curator):
    with pytest.raises(UsageError, match="isn't open"):
        curator.add_seed((1, 1, 1))
    with pytest.raises(UsageError, match="isn't open"):
        curator.add_mask([1, 2])


def test_a_split_by_voxels_takes_these_and_leaves_the_rest(curator):
    voxels = curator.store.components([2]).footprints.indices
    curator.split(2, [voxels[:7]])
    assert curator.store.ids.tolist() == [0, 1, 3, 4, 5, 6]
    found = [set(curator.store.components([i]).footprints.indices) for i in (5, 6)]
    assert found == [set(voxels[:7]), set(voxels[7:])]


def test_a_split_that_does_not_part_is_named(curator):
    curator.reshape(0, [13])
    for how in ("parts", "watershed", [np.array([13])]):
        with pytest.raises(UsageError, match="only one"):
            curator.split(0, how)
    with pytest.raises(UsageError, match="can't be split by"):
        curator.split(0, "magic")


def test_a_reshaped_roi_keeps_its_id_and_tags(curator):
    curator.store.tag([2], "type", "PV")
    curator.reshape(2, [5, 6, 7])
    assert curator.store.ids.tolist() == [0, 1, 2, 3, 4]
    assert sorted(curator.store.components([2]).footprints.indices) == [5, 6, 7]
    assert curator.store.tags["type"][2] == "PV"
    curator.store.undo()
    assert curator.store.components([2]).footprints.nnz != 3


@pytest.mark.parametrize("memory", [False, True])
def test_with_the_movie_an_edited_roi_has_the_trace_that_is_there(filmed, tasks, memory):
    if memory:
        filmed.footage = Footage(filmed.footage.movie)
    before = filmed.store.components([1])
    voxels = before.footprints.indices
    failed: list[Exception] = []
    filmed.failed.connect(failed.append)
    settle(tasks, filmed.reshape(1, voxels))
    assert failed == []
    after = filmed.store.components([1])
    assert after is not before
    assert filmed.store.log[-1].values["how"]["source"] == "movie"
    assert np.corrcoef(after.raw[0], before.raw[0])[0, 1] > 0.99
    assert np.corrcoef(after.footprints.toarray().ravel(), before.footprints.toarray().ravel())[0, 1] > 0.99
    assert after.accepted.tolist() == before.accepted.tolist()


def test_an_added_roi_is_demixed_saved_and_undone(filmed, tasks, tmp_path):
    path = write_results(filmed.store.results, tmp_path / "r.hdf5")
    store = filmed.store = RoiStore.open(path)
    truth = store.components([2])
    store.delete([2])
    made: list[int] = []
    filmed.made.connect(lambda ids: made.extend(ids.tolist()))
    failed: list[Exception] = []
    filmed.failed.connect(failed.append)
    settle(tasks, filmed.add_mask(truth.footprints.indices))
    assert failed == []
    assert made == [4]
    found = store.components([4])
    assert np.corrcoef(found.raw[0], truth.raw[0])[0, 1] > 0.99
    store.close()
    again = RoiStore.from_results(load_results(path))
    assert np.array_equal(again.components([4]).raw, found.raw)
    again.undo()
    assert again.ids.tolist() == [0, 1, 3]


def test_what_changed_meanwhile_is_not_overwritten(filmed, tasks):
    failed: list[str] = []
    filmed.failed.connect(lambda error: failed.append(error.problem))
    task = filmed.merge([0, 1])
    filmed.store.delete([1])
    settle(tasks, task)
    assert failed == ["the ROIs were changed meanwhile"]
    assert filmed.store.ids.tolist() == [0, 2, 3]


def test_a_failure_of_the_process_is_told(filmed, tasks):
    failed: list[Exception] = []
    filmed.failed.connect(failed.append)
    filmed.footage = Footage(filmed.footage.movie, "no such.npy", {})
    settle(tasks, filmed.merge([0, 1]))
    assert "no such.npy" in str(failed[0])
    assert len(filmed.store.log) == 0


def test_a_process_that_dies_is_told(filmed, tasks, monkeypatch):
    failed: list[Exception] = []
    filmed.failed.connect(failed.append)
    monkeypatch.setattr(curating.sys, "executable", "/bin/false")
    settle(tasks, filmed.merge([0, 1]))
    assert isinstance(failed[0], EngineError)
    assert "stopped" in str(failed[0])


def test_cancelling_ends_the_process(filmed, tasks, monkeypatch):
    ended: list[int] = []
    end = curating.end_tree
    monkeypatch.setattr(curating, "end_tree", lambda pid: (ended.append(pid), end(pid)))
    task = filmed.merge([0, 1])
    assert task is not None
    time.sleep(0.3)
    task.cancel()
    settle(tasks, task)
    assert len(ended) == 1
    assert len(filmed.store.log) == 0


def test_rules_choose_what_is_selected_and_tagged_in_one_step(curator):
    store = curator.store
    snr = store.metrics["snr"]
    wanted = store.ids[(snr > 3) & store.accepted].tolist()
    store.select(where(store, "snr > 3 and accepted"))
    assert store.selection.tolist() == wanted
    store.tag(where(store, "snr > 3 and accepted"), "cell type", "PV")
    assert len(store.log) == 1
    assert where(store, "`cell type` == 'PV'").tolist() == wanted
    assert len(where(store, "z >= 0 and id != 2")) == 4
    with pytest.raises(UsageError, match="unknown name"):
        where(store, "nope > 3")


def test_thresholds_judge_all_in_one_step(curator):
    store = curator.store
    limits = {"snr": Limits(low=float(np.median(store.metrics["snr"])))}
    told = curator.count(limits)
    assert told.passed == 3
    curator.judge(limits)
    assert int(store.accepted.sum()) == 3
    assert (curator.count(limits).gained, curator.count(limits).lost) == (0, 0)
    store.undo()
    assert curator.count(limits) == told


def test_neighbours_alone_go_into_the_scene(filmed):
    one: Components = filmed.store.components([0])
    scene = filmed._scene(one.footprints, one.footprints, np.array([0]), True)
    assert scene.others.shape[1] <= 3
    assert (np.abs(scene.others).sum(axis=0) > 0).all()


def test_another_movie_is_not_asked(filmed, tasks):
    """A crop, or the movie of other results: ROIs are made of their own traces."""
    values = np.zeros((60, 3, 8, 8), np.float32)
    filmed.footage = Footage(open_movie(values, rate=7.5))
    assert not filmed.filmed
    assert filmed.merge([0, 1]) is None
    assert filmed.store.log[-1].values["how"]["source"] == "traces"
    with pytest.raises(UsageError, match="another size or length"):
        filmed.add_seed((1, 1, 1))
