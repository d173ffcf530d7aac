"""A program that is killed at any line of a change leaves the project as before or as after it, never between."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from comparing import assert_same

from cnmf3d.project import Project
from cnmf3d.project.checking import check
from cnmf3d.results import write_results
from cnmf3d.results.curation import as_found

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


def state(folder: Path) -> list:
    """Everything that can be seen of a project; its files are whole."""
    with Project.open(folder) as project:
        assert [each for each in check(project) if each.what != "stray"] == []
        return [
            project.config,
            [
                (
                    each.info,
                    each.movie,
                    each.copied,
                    each.revision,
                    project.tags(each.uuid),
                    project.results(each.uuid).components,
                )
                for each in project.samples()
            ],
            [project.movie(each.uuid).fingerprint() for each in project.samples()],
        ]


def same(one: list, other: list) -> bool:
    try:
        assert_same(one, other)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(
    ("what", "first", "step"), [("add", 40, 71), ("save", 60, 71), ("configure", 11, 29), ("delete", 9, 23)]
)
def test_a_kill_leaves_the_project_as_before_or_after(project, results, tmp_path, what, first, step):
    source = write_results(results, tmp_path / "r.hdf5")
    project.add(results, animal="a", trial="1", tags={"layer": {0: "L1"}}, comments="old")
    project.close()
    folder, original = project.folder, tmp_path / "original"
    shutil.copytree(folder, original)
    before = state(folder)
    program = [sys.executable, str(Path(__file__).with_name("kill_points.py")), str(folder), what, str(source)]
    outcomes = []
    with subprocess.Popen(
        [*program, str(first), str(step)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            for line in child.stdout:
                outcomes.append((line.split()[1], state(folder)))
                if line.split()[1] == "done":
                    break
                if not same(outcomes[-1][1], before):  # the kill came after: begin again from before
                    shutil.rmtree(folder)
                    shutil.copytree(original, folder)
                child.stdin.write("go\n")
                child.stdin.flush()
        finally:
            child.stdin.close()
            child.wait(60)
    assert child.returncode == 0
    after = outcomes[-1][1]
    if what == "add":  # the new sample has another UUID and time each time, which the state doesn't show
        assert [each[0].id for each in after[1]] == ["a/1", "b/1"]
    assert outcomes[-1][0] == "done" and len(outcomes) > 8 and not same(before, after)
    for how, seen in outcomes:
        assert same(seen, before) or same(seen, after), how
    with Project.open(folder) as again:
        assert check(again) == []  # what the kills left is swept


def test_kills_at_any_moment_leave_one_save_whole(project, random_results):
    project.add(random_results(40, (3, 40, 40), 400), animal="a", trial="1", comments="0", tags={"layer": {0: "0"}})
    project.close()
    rng, number, before, seen = random.Random(5), 0, 0, []
    for _ in range(10):
        program = [sys.executable, str(Path(__file__).with_name("kill_whenever.py")), str(project.folder)]
        with subprocess.Popen([*program, str(number + 1)], stdout=subprocess.PIPE, text=True) as child:
            child.stdout.readline()
            time.sleep(rng.random() * 0.6)
            child.kill()
            told = child.stdout.read().split()
        last = int(told[-1]) if told else number + 1
        with Project.open(project.folder) as again:
            assert [each for each in check(again) if each.what not in ("stray", "movie")] == []
            found = int(again.sample("a/1").info.comments)
            assert again.tags("a/1")["layer"] == {0: str(found)}
            assert found == 0 or (np.asarray(again.curves("a/1", "denoised")) == found).all()
        assert before <= found <= last
        before, number = found, last
        seen.append(found)
    assert len(set(seen)) > 3
    with Project.open(project.folder) as again:
        again.edit("a/1", comments="whole")
        again.save("a/1", as_found(again.results("a/1")))
        assert [each for each in check(again) if each.what != "movie"] == []
