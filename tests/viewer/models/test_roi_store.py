"""RoiStore: every value stays with its ROI through any steps; what is done can be undone; the log tells it all."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmf3d.components import Components
from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.results import curated, load_results, write_results
from cnmf3d.results.curation import Entry, State, replay
from cnmf3d.viewer.models.roi_store import KINDS, RoiStore


@pytest.fixture
def store(random_results) -> RoiStore:
    return RoiStore.from_results(random_results(), who="me")


def made_of(store: RoiStore, count: int, seed: int, random_results) -> Components:
    """New ROIs of random numbers for the volume of `store`."""
    components = random_results(count, store.shape, store.frames, seed).components
    return dataclasses.replace(components, quality={"snr": components.quality["snr"]})


def truth_of(store: RoiStore) -> dict[int, Components]:
    """Everything of each ROI, by id."""
    return {int(i): store.components([i]) for i in store.ids}


def assert_same_roi(one: Components, other: Components) -> None:
    assert (one.footprints != other.footprints).nnz == 0
    for name in ("traces", "residuals", "spikes", "dff"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name in one.quality:
        assert np.array_equal(one.quality[name], other.quality[name], equal_nan=True), name


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "accept",
                "reject",
                "judge",
                "delete",
                "restore",
                "merge",
                "split",
                "add",
                "edit",
                "tag",
                "untag",
                "column",
                "drop",
                "undo",
                "redo",
            ]
        ),
        st.integers(0, 2**16),
    ),
    max_size=14,
)


def step(store: RoiStore, what: str, seed: int, known: dict[int, Components], random_results) -> None:
    """One step with arguments drawn from `seed`; `known` is kept true by the test's own reckoning."""
    rng = np.random.default_rng(seed)
    some = rng.permutation(store.ids)[: rng.integers(1, 4)]
    column = str(rng.choice(["type", "layer", "ö x"]))
    match what:
        case "accept" | "reject" | "delete":
            getattr(store, what)(some)
        case "judge":
            store.judge(rng.random(len(store)) < 0.5)
        case "restore":
            store.restore(rng.permutation(store.deleted)[:2])
        case "merge" | "split" | "add":
            count = int(rng.integers(1, 4)) if what == "split" else 1
            made = made_of(store, count, seed, random_results)
            new = store.replace([] if what == "add" else some, made, way=what)
            known.update({int(i): made.select(np.array([k])) for k, i in enumerate(new)})
        case "edit" if len(store):
            made = made_of(store, 1, seed, random_results)
            store.edit(some[:1], made)
            known[int(some[0])] = made
        case "tag" | "untag":
            store.tag(some, column, None if what == "untag" else [1, "a", 2.5, True][seed % 4])
        case "column" if column not in store.tags:
            store.add_column(column)
        case "drop" if column in store.tags:
            store.drop_column(column)
        case "undo" | "redo":
            getattr(store, what)()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_everything_stays_with_its_roi(random_results, steps):
    store = RoiStore.from_results(random_results(6, (3, 7, 8), 12))
    known = truth_of(store)
    for what, seed in steps:
        if what in ("undo", "redo"):
            continue  # tested below, against states that were seen
        step(store, what, seed, known, random_results)
        for i in store.ids:
            assert_same_roi(known[int(i)], store.components([i]))
        for kind, name in KINDS.items():
            wanted = [getattr(known[int(i)], name)[0] for i in store.ids]
            if kind == "raw":
                wanted = [known[int(i)].raw[0] for i in store.ids]
            assert np.array_equal(store.traces(kind, store.ids), np.array(wanted).reshape(len(store), 12))
        assert np.array_equal(store.metrics["size"], np.diff(store.footprints.indptr))
        assert len(store.accepted) == len(store.boxes) == len(store.centroids_um) == len(store)
        curation = curated(store.results)
        assert np.array_equal(curation.ids, store.ids)
        assert np.array_equal(curation.results.components.raw, store.traces("raw", store.ids))
        assert np.array_equal(curation.results.components.accepted, store.accepted)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_undo_takes_back_and_redo_does_again(random_results, steps):
    store = RoiStore.from_results(random_results(6, (3, 7, 8), 12))
    for what, seed in steps:
        before, log = store.state, len(store.log)
        step(store, what, seed, {}, random_results)
        if len(store.log) == log or what in ("undo", "redo"):
            continue
        done = store.state
        assert store.undo()
        assert store.state.same(before)
        assert store.redo()
        assert store.state.same(done)
    states = [store.state]
    while store.undo():
        states.append(store.state)
    first = State.first(store.results.components.accepted)
    assert store.state.same(first)
    for state in states[-2::-1]:
        assert store.redo()
        assert store.state.same(state)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_log_replayed_over_the_original_is_the_state(random_results, steps):
    results = random_results(6, (3, 7, 8), 12)
    store = RoiStore.from_results(results)
    for what, seed in steps:
        step(store, what, seed, {}, random_results)
    read = [Entry.from_json(entry.to_json()) for entry in store.log]
    assert tuple(read) == tuple(store.log)
    assert replay(State.first(results.components.accepted), read).same(store.state)
    again = RoiStore.from_results(store.results)
    assert again.state.same(store.state)
    assert np.array_equal(again.traces("raw", again.ids), store.traces("raw", store.ids))
    assert again.can_undo == store.can_undo
    assert again.can_redo == store.can_redo


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, seed=st.integers(0, 99))
def test_what_is_painted_and_picked_is_what_the_footprints_say(random_results, steps, seed):
    store = RoiStore.from_results(random_results(6, (3, 7, 8), 12))
    for what, number in steps:
        step(store, what, number, {}, random_results)
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 4, len(store)).astype(np.uint8)
    dense = store.footprints.toarray()
    share = dense / np.maximum(dense.max(axis=0, initial=0), 1e-30)
    painted = store.paint(classes)
    for voxel in rng.integers(0, dense.shape[0], 20):
        place = tuple(int(v) for v in np.unravel_index(voxel, store.shape))
        here = store.at(*place)
        assert set(here.tolist()) == set(store.ids[share[voxel] > 0].tolist())
        strengths = share[voxel][store.positions(here)]
        assert (np.diff(strengths) <= 0).all()
    shown = (share > 0) & (classes > 0)
    assert np.array_equal(painted.ravel() > 0, shown.any(axis=1))
    if len(store):
        sole = np.flatnonzero(shown.sum(axis=1) == 1)
        assert np.array_equal(painted.ravel()[sole], classes[shown[sole].argmax(axis=1)])
        changed = rng.permutation(len(store))[: rng.integers(1, len(store) + 1)]
        classes[changed] = rng.integers(0, 4, changed.size)
        store.repaint(painted, classes, store.ids[changed])
        assert np.array_equal(painted, store.paint(classes))


def test_overlapping_rois_are_painted_strongest_first(random_results):
    results = random_results(2, (1, 2, 3), 5)
    footprints = results.components.footprints.toarray()
    footprints[:] = [[0.1, 0.9], [0.9, 0.9], [0, 0.1], [0, 0], [0, 0], [0, 0]]
    components = dataclasses.replace(results.components, footprints=type(results.components.footprints)(footprints))
    store = RoiStore.from_results(dataclasses.replace(results, components=components))
    assert store.paint(np.array([5, 7], np.uint8)).ravel().tolist() == [7, 7, 7, 0, 0, 0]
    assert store.paint(np.array([5, 0], np.uint8)).ravel().tolist() == [5, 5, 0, 0, 0, 0]
    assert store.at(0, 0, 0).tolist() == [1, 0]
    assert store.at(0, 1, 0).tolist() == []
    assert store.at(0, 0, 3).tolist() == store.at(-1, 0, 0).tolist() == []


def test_geometry_is_in_micrometres(store, random_results):
    voxels = random_results().components.centroids()
    assert np.allclose(store.centroids, voxels, atol=1e-4)
    assert np.allclose(store.centroids_um, voxels * [4.0, 1.0, 1.5], atol=1e-3)
    roi = store.footprints[:, [2]].toarray().reshape(store.shape)
    places = np.argwhere(roi > 0)
    assert np.array_equal(store.boxes[2], [places.min(axis=0), places.max(axis=0) + 1])


def test_signals_tell_what_changed(store):
    heard: list[tuple[str, list[int]]] = []
    store.changed.connect(lambda what, ids: heard.append((what, ids.tolist())))
    store.judge(np.zeros(5, bool))
    heard.clear()
    store.accept([3, 1])
    store.accept([1])
    store.tag([2], "type", "x")
    store.delete([4])
    store.undo()
    assert heard == [
        ("accepted", [1, 3]),
        ("columns", []),
        ("tags", [2]),
        ("rois", [4]),
        ("rois", [4]),
    ]


def test_selection_follows_what_is_there(store):
    heard: list[list[int]] = []
    store.selected.connect(lambda ids: heard.append(ids.tolist()))
    store.select([4, 2])
    store.select([4, 2])
    store.delete([4])
    assert heard == [[4, 2], [2]]
    assert store.selection.tolist() == [2]
    with pytest.raises(UsageError, match="no ROI 4"):
        store.select([4])


def test_tags_pass_on_where_all_agree(store, random_results):
    store.tag([0, 1], "type", "PV")
    store.tag([0], "layer", 1)
    store.tag([1], "layer", True)
    [new] = store.replace([0, 1], made_of(store, 1, 3, random_results))
    assert store.tags["type"][int(new)] == "PV"
    assert int(new) not in store.tags["layer"]
    assert store.deleted.tolist() == [0, 1]
    store.restore([0])
    assert store.ids.tolist() == [0, 2, 3, 4, 5]


def test_new_ids_are_never_given_twice(store, random_results):
    [first] = store.replace([], made_of(store, 1, 1, random_results))
    store.undo()
    [second] = store.replace([], made_of(store, 1, 2, random_results))
    assert (first, second) == (5, 6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: s.accept([9]),
        lambda s: s.delete([-1]),
        lambda s: s.restore([17]),
        lambda s: s.tag([0], "  ", "x"),
        lambda s: s.tag([0], "type", [1]),
        lambda s: s.tag([0], "type", float("nan")),
        lambda s: s.drop_column("type"),
        lambda s: s.judge(np.ones(3, bool)),
        lambda s: s.traces("df", [0]),
        lambda s: s.edit([0, 1], s.components([0])),
        lambda s: s.replace([0], dataclasses.replace(s.components([0]), shape=(9, 4, 11))),
    ],
)
def test_what_cannot_be_meant_is_an_error_and_changes_nothing(store, wrong):
    state = store.state
    with pytest.raises(UsageError):
        wrong(store)
    assert store.state is state
    assert store.log == ()


@pytest.mark.parametrize(
    "entry",
    [
        Entry("accept", (77,)),
        Entry("undo"),
        Entry("redo"),
        Entry("edit", (0,), {"rows": [-3]}),
        Entry("edit", (0,), {}),
        Entry("tag", (0,), {"column": "a", "values": [1, 2]}),
        Entry("tag", (0,), {"column": "a", "values": [[]]}),
        Entry("drop column", (), {"column": "a"}),
        Entry("judge", (0, 1), {"accepted": [True]}),
        Entry("replace", (0,), {"made": [9], "rows": [5], "accepted": [True]}),
    ],
)
def test_a_log_of_other_results_is_named(entry):
    with pytest.raises(InputError, match="doesn't fit"):
        replay(State.first(np.ones(5, bool)), [entry])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"what": "explode", "ids": [], "values": {}, "time": "", "who": ""}',
        '{"what": "accept", "ids": [-1], "values": {}, "time": "", "who": ""}',
        '{"what": "accept", "ids": [true], "values": {}, "time": "", "who": ""}',
        '{"what": "accept", "ids": 3, "values": {}, "time": "", "who": ""}',
    ],
)
def test_an_entry_that_is_none_is_named(text):
    with pytest.raises(InputError, match="can't be understood"):
        Entry.from_json(text)


def test_every_step_is_on_disk_at_once(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    store = RoiStore.open(path, who="me")
    store.tag([0], "type", "PV")
    [new] = store.replace([1, 2], made_of(store, 1, 3, random_results))
    store.undo()
    assert RoiStore.from_results(load_results(path)).state.same(store.state)
    store.redo()
    assert store.journal is not None
    assert store.journal.unsaved == 4
    store.close()
    again = RoiStore.open(path)
    assert again.state.same(store.state)
    assert again.ids.tolist() == [0, 3, 4, 5]
    assert np.array_equal(again.traces("raw", [new]), store.traces("raw", [new]))
    again.save()
    assert again.journal is not None
    assert again.journal.unsaved == 0
    again.undo()
    again.close()
    assert load_results(path).curation is not None
    assert RoiStore.from_results(load_results(path)).ids.tolist() == [0, 1, 2, 3, 4]


def test_a_step_that_cannot_be_saved_is_not_made(tmp_path, random_results, monkeypatch):
    store = RoiStore.open(write_results(random_results(), tmp_path / "r.hdf5"))
    state = store.state

    def full(*_):
        raise Cnmf3dError("full")

    monkeypatch.setattr(store.journal, "add", full)
    with pytest.raises(Cnmf3dError, match="full"):
        store.delete([0])
    assert store.state is state
    store.close()


def test_saving_needs_a_file(store):
    with pytest.raises(UsageError, match="aren't curated in a file"):
        store.save()


def test_preparing_reads_what_clicks_and_the_first_step_need(tmp_path, random_results) -> None:
    path = write_results(random_results(), tmp_path / "r.hdf5")
    store = RoiStore.from_results(load_results(path, later=True), path=path)
    components = store.results.components
    assert "traces" not in vars(components)
    store.prepare()
    assert "traces" in vars(components)
    assert "spikes" not in vars(components)
    path.rename(tmp_path / "elsewhere.hdf5")
    store.accept([0])
    assert store.at(*(int(v) for v in np.unravel_index(components.footprints.indices[0], store.shape))).size
    store.close()
