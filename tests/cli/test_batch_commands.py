"""The batch commands end to end: what they print, change and return."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cnmf3d.batch import Batch, Status
from cnmf3d.cli.app import call
from cnmf3d.cli.batch.live import Plain, Terminal, _bars
from cnmf3d.simulate import simulate


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A movie that is computed in a second or two."""
    path = tmp_path_factory.mktemp("a möuse") / "fish.tif"
    simulate(path, "tiny", seed=3, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    return path


@pytest.fixture
def still(tmp_path):
    """A movie of noise that nobody computes."""
    path = tmp_path / "noise (1).tif"
    values = np.random.default_rng(0).poisson(100, (30, 3, 8, 9)).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="minisblack", metadata={"axes": "TZYX"})
    return path


@pytest.fixture
def brief(tmp_path):
    """A movie with too few volumes: its computation fails."""
    path = tmp_path / "brief.npy"
    np.save(path, np.zeros((5, 3, 8, 8), np.uint16))
    return path


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "week 5"
    assert call(["batch", "new", str(path)]) == 0
    return path


@pytest.fixture
def say(capsys):
    """Run a batch command; exit code, stdout, stderr."""

    def run(*words):
        capsys.readouterr()
        code = call(["batch", *map(str, words)])
        out = capsys.readouterr()
        assert "Traceback" not in out.err
        return code, out.out, out.err

    return run


def add(say, folder, movie, *words):
    code, said, told = say("add", folder, movie, "--fps", 5, "--json", *words)
    assert code == 0, told
    return json.loads(said)


def test_a_batch_from_new_to_report(say, folder, scene):
    assert say("list", folder)[1].startswith("no items yet: cnmf3d batch add")
    code, said, _ = say("add", folder, scene, "--vary", "min-snr=2", "--vary", "min-snr=3", "--workers", 1)
    assert code == 2  # threads belong to a run, not to an item
    assert say("add", folder, scene, "--vary", "min-snr=2", "--vary", "min-snr=3")[0] == 0
    code, said, told = say("run", folder, "--workers", 1)
    assert (code, said) == (0, "2 done\n")
    assert "fish min-snr=2: finding cells" in told and "fish min-snr=3: done" in told
    said = say("list", folder)[1]
    assert "2 items: 2 done" in said and "\x1b" not in said
    code, said, _ = say("show", folder, "fish min-snr=3")
    assert code == 0 and "quality.min_SNR  3" in said and "accepted" in said and "complete" in said
    said = say("log", folder, "fish min-snr=3")[1]
    assert "finding cells: " in said and "done in" in said
    assert say("run", folder)[1] == f"nothing waits in {folder}\n"


def test_what_fails_is_told_and_tried_again(say, folder, brief):
    add(say, folder, brief, "--name", "short")
    code, said, told = say("run", folder)
    assert (code, said) == (1, "1 failed\n") and "cnmf3d batch show" in told
    assert "failed" in say("list", folder)[1]
    assert "too few" in say("show", folder, "short")[1]
    assert say("retry", folder, "--failed")[1] == "in line again: short\n"
    assert say("list", folder, "--status", "failed")[1] == "none of its items is like that\n"
    assert say("list", folder, "--status", "broken")[0] == 2
    code, said, _ = say("run", folder, "--json")
    events = [json.loads(line) for line in said.splitlines()]
    assert code == 1 and events[-1] == {"kind": "outcome", "done": 0, "failed": 1, "aborted": 0}
    assert events[0]["name"] == "short" and events[0]["kind"] == "start"


def test_lists_for_programs_and_by_text(say, folder, still):
    made = add(say, folder, still, "--vary", "gsig=4,4,2", "--vary", "gsig=5,5,2")
    listed = json.loads(say("list", folder, "--json")[1])
    assert [(each["uuid"], each["name"]) for each in listed] == [(each["uuid"], each["name"]) for each in made]
    assert listed[0]["status"] == "pending" and listed[0]["parameters"]["init"]["gSig"] == [4, 4, 2]
    found = json.loads(say("list", folder, "--json", "--find", "GSIG=5")[1])
    assert [each["name"] for each in found] == ["noise (1) gsig=5,5,2"]
    shown = json.loads(say("show", folder, made[0]["uuid"], "--json")[1])
    assert shown["history"][0]["why"] == "added" and Path(shown["folder"]).name == made[0]["uuid"]


def test_a_list_has_colours_on_a_terminal(folder, still, say):
    add(say, folder, still)
    with Batch.open(folder) as batch:
        item = batch.items()[0]
        batch.change(item.uuid, Status.PENDING, Status.FAILED, error="Traceback: a long story\nthe last line")
    command = [sys.executable, "-m", "cnmf3d", "batch", "list", str(folder)]
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "200"}
    said = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
    assert "\x1b[31mfailed" in said and "the last line" in said and "long story" not in said


def test_a_list_tells_how_far_an_item_is(say, folder, still):
    add(say, folder, still)
    with Batch.open(folder) as batch:
        item = batch.items()[0]
        batch.change(item.uuid, Status.PENDING, Status.RUNNING)
        events = batch.run_folder(item).events_file
    events.parent.mkdir(parents=True)
    event = {"kind": "progress", "stage": "blocks", "done": 3, "total": 12, "unit": "blocks"}
    events.write_text("\n".join([json.dumps({"kind": "note", "text": "x" * 9000}), json.dumps(event), '{"kind": "pro']))
    assert say("list", folder)[1].splitlines()[1].endswith("finding cells: 3/12 blocks")
    events.unlink()
    assert "finding" not in say("list", folder)[1]


def test_only_settings_that_differ_are_shown(say, folder, still):
    add(say, folder, still, "--vary", "gsig=4,4,2", "--vary", "gsig=5,5,2", "--min-snr", 3)
    said = say("diff", folder)[1]
    assert said.splitlines()[0].split() == ["name", "uuid", "init.gSig"] and "4, 4, 2" in said
    rows = json.loads(say("diff", folder, "noise (1) gsig=4,4,2", "noise (1) gsig=5,5,2", "--json")[1])
    assert rows["settings"] == {"init.gSig": [[4, 4, 2], [5, 5, 2]]}
    assert say("diff", folder, "noise (1) gsig=4,4,2")[0] == 2


def test_items_are_renamed_aborted_and_deleted(say, folder, still):
    made = add(say, folder, still, "--vary", "k=3", "--vary", "k=4")
    assert say("rename", folder, made[0]["uuid"][:8], "first")[1] == "noise (1) k=3 is now first\n"
    assert say("abort", folder, "first")[1] == "aborted first\n"
    assert say("abort", folder, "first")[1] == "first is aborted already\n"
    assert say("abort", folder)[0] == 2 and say("abort", folder, "first", "--all")[0] == 2
    assert say("abort", folder, "--all")[1] == "aborted noise (1) k=4\n"
    code, _, told = say("delete", folder, "first")
    assert code == 2 and "--yes" in told
    assert say("delete", folder, "first", "--yes")[1] == "deleted first\n"
    assert still.exists() and len(json.loads(say("list", folder, "--json")[1])) == 1
    code, _, told = say("show", folder, "firts")
    assert code == 2 and "has no item firts" in told


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("list", "nowhere"), 3, "cnmf3d batch new"),
        (("run", "{}", "--at", "25:00"), 2, "--at 23:00"),
        (("run", "{}", "--start-at", "none"), 2, "has no item none"),
        (("run", "{}", "--only", "none"), 2, "has no item none"),
        (("export", "{}", "-o", "jobs"), 2, "--slurm and --shell"),
        (("export", "{}", "--slurm"), 2, "-o jobs"),
        (("export", "{}", "--slurm", "-o", "jobs"), 2, "no items to export"),
        (("export", "{}", "--shell", "-o", "jobs", "--time", "2h"), 2, "are for SLURM"),
        (("relink", "{}", "nowhere"), 3, "is no folder"),
        (("import", "{}", "nothing.pickle"), 3, "can't be read"),
        (("new", "{}"), 2, "is a batch already"),
    ],
)
def test_what_cannot_be_meant_is_told(say, folder, words, code, told):
    found, _, said = say(*(word.format(folder) for word in words))
    assert found == code and told in said


def test_a_batch_starts_at_an_item(say, folder, brief):
    made = add(say, folder, brief, "--vary", "k=3", "--vary", "k=4")
    assert say("run", folder, "--start-at", made[1]["uuid"], "-q")[1] == "1 failed\n"
    assert [item["status"] for item in json.loads(say("list", folder, "--json")[1])] == ["pending", "failed"]


def test_an_item_is_computed_on_a_fast_disk(say, folder, brief, tmp_path):
    add(say, folder, brief)
    fast = tmp_path / "fast"
    code, _, told = say("run", folder, "--work-dir", fast)
    assert code == 2 and "no folder" in told
    fast.mkdir()
    code, _, told = say("run", folder, "--work-dir", fast)
    assert code == 1 and f"moved to {fast}" in told and list(fast.iterdir()) == []
    assert "moving" in say("show", folder, "brief")[1]


def test_moved_movies_are_found_again_by_content(say, folder, still, tmp_path):
    add(say, folder, still)
    places = [tmp_path / "new" / name for name in ("a", "b")]
    for place in places:
        place.mkdir(parents=True)
    values = np.zeros((30, 3, 8, 9), np.uint16)
    tifffile.imwrite(places[0] / still.name, values, photometric="minisblack", metadata={"axes": "TZYX"})
    shutil.move(still, places[1])
    assert "it isn't there" in say("show", folder, "noise (1)")[1]
    code, _, told = say("relink", folder, places[0])
    assert code == 1 and "not found" in told
    code, said, _ = say("relink", folder, tmp_path / "new")  # the wrong one of that name comes first
    assert code == 0 and str(places[1] / still.name) in said


def test_scripts_are_exported_and_their_results_picked_up(say, folder, scene, tmp_path):
    assert "#SBATCH" in say("export", folder, "--slurm", "--print-template")[1]
    add(say, folder, scene)
    code, said, _ = say("export", folder, "--slurm", "-o", tmp_path / "jobs", "--memory", "2G", "--time", "1h")
    scripts = [Path(line) for line in said.splitlines()]
    assert code == 0 and scripts[0].name == "all.sh" and "--mem=2048" in scripts[0].read_text()
    code, said, _ = say("export", folder, "fish", "--shell", "-o", tmp_path / "plain", "--cores", 1)
    assert say("sync", folder)[1] == "nothing has changed\n"
    subprocess.run(["bash", said.strip()], check=True, stdout=subprocess.DEVNULL)
    assert say("sync", folder)[1].startswith("done        fish  ")


def test_parameters_of_caimans_own_go_to_its_engine(say, folder, still):
    words = ("--engine", "caiman", "--engine-python", sys.executable, "--gsig", "4,4,2", "--k", 5)
    add(say, folder, still, *words, "--kwargs", "nb_patch=2, min_SNR=3", "--vary", "method_exp=ellipse")
    (item,) = json.loads(say("list", folder, "--json")[1])
    assert item["options"]["caiman"] == {"nb_patch": 2, "method_exp": "ellipse"}
    assert item["parameters"]["quality"]["min_SNR"] == 3 and item["parameters"]["init"]["K"] == 5
    assert item["options"]["engine_python"] == str(Path(sys.executable).absolute())
    assert say("run", folder, "-q")[:2] == (1, "1 failed\n")
    assert "has no caiman" in say("log", folder, item["uuid"])[1].casefold()
    code, _, told = say("add", folder, still, "--fps", 5, *words, "--kwargs", "nb_ptch=2")
    assert code == 2 and "nb_patch" in told
    code, _, told = say("add", folder, still, "--fps", 5, "--kwargs", "center_psf=True")
    assert code == 2 and "can't honour" in told


def test_batches_of_mesmerize_core_become_items(say, folder, still):
    pd = pytest.importorskip("pandas")
    good = {"main": {"fr": 10, "p": 1, "gSig": np.array([4, 4, 2]), "K": 20}, "refit": True}
    odd = {"main": {"fr": 10, "gSig": [4, 4, 2], "center_psf": True}}
    rows = [("cnmf", "cells", good), ("cnmfe", "ring", {"main": {}}), ("cnmf", "odd", odd)]
    table = pd.DataFrame(
        [
            {
                "algo": algorithm,
                "item_name": name,
                "input_movie_path": still.name,
                "params": params,
                "uuid": uuid.uuid4(),
            }
            for algorithm, name, params in rows
        ],
        dtype=object,
    )
    pickle = still.with_name("batch.pickle")
    table.to_pickle(pickle, protocol=4)
    code, said, told = say("import", folder, pickle)
    assert code == 0 and said.rstrip().endswith("cells") and len(said.splitlines()) == 1
    assert "ring: its algorithm is cnmfe" in told and "odd: center_psf" in told
    (item,) = json.loads(say("list", folder, "--json")[1])
    assert item["parameters"]["init"]["K"] == 20 and item["parameters"]["refit"] is True
    assert say("import", folder, pickle, "--without", "center_psf")[1].rstrip().endswith("odd")
    words = ("--engine", "caiman", "--engine-python", sys.executable)
    code, said, told = say("import", folder, pickle, *words)
    assert code == 0 and len(said.splitlines()) == 1 and "init.K is 'auto'" in told
    last = json.loads(say("list", folder, "--json")[1])[-1]
    assert last["options"]["engine_python"] == str(Path(sys.executable).absolute())
    assert say("import", folder, pickle, *words[:3], "nowhere/python")[0] == 2
    table.iloc[[1]].to_pickle(pickle, protocol=4)
    assert say("import", folder, pickle)[0] == 3


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_interrupts_and_another_run_goes_on(say, folder, longer):
    (made,) = add(say, folder, longer)
    command = [sys.executable, "-m", "cnmf3d", "batch", "run", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    worker = folder / "items" / made["uuid"] / "worker.json"
    end = time.monotonic() + 60
    while not worker.exists() and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130 and "goes on where it was" in told and "Traceback" not in told
    assert json.loads(say("list", folder, "--json")[1])[0]["status"] == "interrupted"
    assert say("run", folder, "-q")[1] == "1 done\n"


def test_a_log_is_followed_until_the_item_ends(say, folder, scene):
    add(say, folder, scene)
    command = [sys.executable, "-m", "cnmf3d", "batch", "log", str(folder), "fish", "-f"]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert say("run", folder, "-q")[0] == 0
    said, _ = follower.communicate(timeout=30)
    assert (
        follower.returncode == 0 and "finding cells: " in said and said.rstrip().splitlines()[-1].startswith("done in")
    )


def test_a_terminal_shows_a_line_an_item(still, tmp_path):
    import io

    from rich.console import Console

    out = io.StringIO()
    with Batch.create(tmp_path / "b") as batch:
        item = batch.add(still, name="odd [red]name", opening={"rate": 5.0})
        with _bars(Console(file=out, width=100, force_terminal=True, color_system=None)) as bars:
            shown = Terminal(bars)
            shown(item, {"kind": "start"})
            shown(item, {"kind": "progress", "stage": "ingest", "done": 7, "total": 30, "unit": "frames"})
            assert bars.tasks[0].fields["stage"] == "reading the movie 7/30 frames" and bars.tasks[0].completed == 7
            shown(item, {"kind": "caution", "text": "odd [bold]voxels"})
            batch.change(item.uuid, Status.PENDING, Status.FAILED, error="Traceback\nlast [line]")
            shown(batch.item(item.uuid), {"kind": "end", "status": "failed"})
            assert not bars.tasks
    assert (
        "odd [red]name ! odd [bold]voxels" in out.getvalue()
        and "failed      odd [red]name  last [line]" in out.getvalue()
    )


def test_plain_lines_tell_starts_moves_and_ends(still, tmp_path, capsys):
    with Batch.create(tmp_path / "b") as batch:
        item = batch.add(still, name="x", opening={"rate": 5.0})
    shown = Plain()
    shown(item, {"kind": "start"})
    shown(item, {"kind": "moving", "to": "/scratch"})
    shown(item, {"kind": "note", "text": "not told"})
    shown(item, {"kind": "progress", "stage": "ingest", "done": 1, "total": 30, "unit": "frames"})
    shown(item, {"kind": "progress", "stage": "ingest", "done": 30, "total": 30, "unit": "frames"})
    shown(item, {"kind": "end", "status": "pending"})
    told = capsys.readouterr().err.splitlines()
    assert told == ["x: started", "x: moved to /scratch", "x: reading the movie: 30/30 frames", "x: pending"]
