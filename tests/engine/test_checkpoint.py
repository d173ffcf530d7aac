"""A run that was stopped goes on from its finished blocks, to the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from cnmf3d import CnmfParameters, open_movie
from cnmf3d.engine import run, solved_blocks
from cnmf3d.engine.solutions import Place, Solutions, hash_of, plain
from cnmf3d.events import Progress
from cnmf3d.simulate import simulate

LAYOUT = CnmfParameters.model_validate({"patch": {"rf": (12, 12, 4), "stride": (8, 8, 4)}, "refit": True})


class StopError(Exception):
    """As if the process had ended."""


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("movie") / "m.tif"
    simulate(path, "tiny", seed=2, overrides={"size": "60,44,6", "cells": "16", "frames": "200"})
    return open_movie(open_movie(path).read(0, 200).copy(), rate=10.0)


@pytest.fixture(scope="module")
def undisturbed(movie):
    return contents(run(movie, LAYOUT, workers=1))


@pytest.fixture
def solved(monkeypatch):
    """The boxes that were solved, first pass and refit apart."""
    calls = []
    real = solved_blocks.solved_block

    def call(cache, box, settings, given, *motion):
        calls.append((given is None, box))
        return real(cache, box, settings, given, *motion)

    monkeypatch.setattr(solved_blocks, "solved_block", call)
    return calls


def contents(results):
    found = results.components
    parts = [found.footprints.data, found.footprints.indices, found.footprints.indptr, found.traces, found.spikes]
    return [part.tobytes() for part in (*parts, results.projections["correlation"])]


def stop_after(blocks, passes=1):
    """A reporter that ends the run after so many blocks of a pass."""
    seen = {"pass": 1, "last": 0}

    def report(event):
        if isinstance(event, Progress) and event.stage == "blocks":
            seen["pass"] += event.done <= seen["last"]
            seen["last"] = event.done
            if seen["pass"] == passes and event.done >= blocks:
                raise StopError

    return report


@pytest.mark.parametrize(("blocks", "passes"), [(1, 1), (3, 1), (1, 2)])
def test_finished_blocks_are_not_solved_again(movie, undisturbed, solved, tmp_path, blocks, passes):
    with pytest.raises(StopError):
        run(movie, LAYOUT, checkpoint=tmp_path, workers=1, reporter=stop_after(blocks, passes))
    before = list(solved)
    assert len(before) >= blocks
    solved.clear()
    found = run(movie, LAYOUT, checkpoint=tmp_path, workers=1)
    assert not set(before) & set(solved) and len(set(before + solved)) == len(before + solved)
    assert contents(found) == undisturbed
    solved.clear()
    assert contents(run(movie, LAYOUT, checkpoint=tmp_path, workers=2)) == undisturbed
    assert solved == []


def test_the_movie_is_not_read_again_either_with_caches(movie, undisturbed, solved, tmp_path):
    places = {"caches": tmp_path / "caches", "checkpoint": tmp_path / "checkpoint"}
    with pytest.raises(StopError):
        run(movie, LAYOUT, workers=1, reporter=stop_after(2), **places)
    before = len(solved)
    events = []
    assert contents(run(movie, LAYOUT, workers=1, reporter=events.append, **places)) == undisturbed
    assert any("used again" in getattr(event, "text", "") for event in events)
    assert len(set(solved)) == len(solved) > before


def test_a_damaged_or_foreign_file_is_written_anew(movie, undisturbed, solved, tmp_path):
    run(movie, LAYOUT, checkpoint=tmp_path, workers=1)
    files = sorted(tmp_path.glob("*.npz"), key=lambda path: path.stat().st_size)
    total = len(solved)
    assert len(files) == total + 1
    files[-1].write_bytes(files[-1].read_bytes()[:-1])
    files[-2].write_bytes(files[-3].read_bytes())
    (tmp_path / "foreign.npz").write_bytes(b"?")
    (tmp_path / "notes.txt").write_text("?")
    solved.clear()
    assert contents(run(movie, LAYOUT, checkpoint=tmp_path, workers=1)) == undisturbed
    assert len(solved) == 2 and all(path.stat().st_size for path in files)


def test_other_parameters_do_not_go_on_from_it(movie, solved, tmp_path):
    run(movie, LAYOUT, checkpoint=tmp_path, workers=1)
    solved.clear()
    other = LAYOUT.model_copy(update={"merging": LAYOUT.merging.model_copy(update={"merge_thr": 0.6})})
    expected = contents(run(movie, other, workers=1))
    count = len(solved)
    solved.clear()
    assert contents(run(movie, other, checkpoint=tmp_path, workers=1)) == expected
    assert len([box for first, box in solved if first]) * 2 >= count


def test_a_checkpoint_that_cannot_be_written_is_no_failure(movie, undisturbed, tmp_path):
    (tmp_path / "file").write_text("")
    assert contents(run(movie, LAYOUT, checkpoint=tmp_path / "file", workers=1)) == undisturbed


def test_the_program_is_part_of_the_key(tmp_path, monkeypatch):
    solutions = Solutions("content", (Place(tmp_path),))
    calls = []

    def compute():
        calls.append(1)
        return {"value": np.arange(3)}

    for _ in range(2):
        solutions.once("step", (), compute)
    assert calls == [1]
    monkeypatch.setattr("cnmf3d.engine.solutions.program", lambda: "another version")
    solutions.once("step", (), compute)
    assert calls == [1, 1]


def test_those_not_used_for_longest_go(tmp_path):
    solutions = Solutions("content", (Place(tmp_path, most=10_000),))
    for number in range(8):
        solutions.once("step", (number,), lambda: {"value": np.zeros(500)})
    files = list(tmp_path.glob("*.npz"))
    assert 0 < sum(path.stat().st_size for path in files) <= 10_000
    solutions.once("step", (7,), lambda: pytest.fail("the last one was kept"))


@given(arrays.arrays(st.sampled_from(["f4", "f8", "i2", "i8", "?", "u1"]), arrays.array_shapes(min_side=0, max_dims=3)))
def test_what_is_read_is_what_was_computed(tmp_path_factory, value):
    solutions = Solutions("content", (Place(tmp_path_factory.mktemp("kept")),))
    turned = value.T
    first = solutions.once("step", (turned,), lambda: {"value": turned})["value"]
    again = solutions.once("step", (turned,), lambda: pytest.fail("computed again"))["value"]
    for found in (first, again):
        assert found.tobytes() == turned.tobytes() and found.shape == turned.shape and found.dtype == turned.dtype
        assert found.flags.c_contiguous


def test_without_a_place_nothing_is_kept_but_arrays_are_the_same():
    found = Solutions().once("step", (), lambda: {"value": np.arange(6).reshape(2, 3).T, "one": np.array("a text")})
    assert found["value"].flags.c_contiguous and found["one"].shape == () and str(found["one"]) == "a text"
    assert plain(found)["one"].shape == ()


def test_hashes_tell_apart_what_differs():
    matrix = sparse.csc_array(np.eye(3, dtype=np.float32))
    other = sparse.csc_array(np.eye(3, dtype=np.float32)[:, ::-1])
    values = [
        1,
        1.0,
        "1",
        None,
        np.arange(2),
        np.arange(2.0),
        np.arange(2).reshape(2, 1),
        matrix,
        other,
        (matrix.shape,),
    ]
    assert len({hash_of(value) for value in values}) == len(values)
    assert hash_of("ab", "c") != hash_of("a", "bc") and hash_of(matrix) == hash_of(matrix.copy())
