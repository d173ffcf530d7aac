"""Items of the module mcorr_3d on the command line, and items that work on theirs."""

from __future__ import annotations

import json
import sys
import uuid

import numpy as np
import pytest
import tifffile

from cnmf3d.batch import Batch, Status
from cnmf3d.cli.app import call
from cnmf3d.cli.batch.variants import variants
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, write_motion


@pytest.fixture
def noise(tmp_path):
    path = tmp_path / "noise (1).tif"
    values = np.random.default_rng(0).poisson(100, (30, 3, 8, 9)).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="minisblack", metadata={"axes": "TZYX"})
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


def items(say, folder):
    return json.loads(say("list", folder, "--json")[1])


def ended(folder, key, movie):
    """Let an item have found a motion, without computing it."""
    with Batch.open(folder) as batch:
        item = batch.item(key)
        opened = open_movie(movie, rate=5.0)
        rigid = np.zeros((30, 3), np.float32)
        rigid[:, 2] = np.linspace(-2, 2, 30)
        motion = Motion(
            rigid=rigid,
            confidence=np.ones(30, np.float32),
            planes=np.zeros((3, 2), np.float32),
            bad_frames=np.arange(30) == 7,
            template=np.zeros((3, 8, 9), np.float32),
            fingerprint=opened.fingerprint(),
        )
        batch.run_folder(item).path.mkdir(parents=True, exist_ok=True)
        write_motion(motion, batch.run_folder(item).motion)
        batch.change(item.uuid, Status.PENDING, Status.RUNNING)
        summary = {"kind": "rigid", "largest": [2.0, 0.0, 0.0], "bad_frames": 1, "frames": 30, "shape": [9, 8, 3]}
        batch.change(item.uuid, Status.RUNNING, Status.DONE, summary=summary)


def test_items_that_register_and_items_on_them(say, folder, noise):
    words = ("--fps", 5, "--module", "mcorr_3d")
    code, said, told = say("add", folder, noise, *words, "--kind", "rigid", "--max-shifts", "3,3,1", "--bad-frames", 4)
    assert code == 0 and said.rstrip().endswith("noise (1) mcorr"), told
    code, said, told = say("add", folder, "--on", "noise (1) mcorr", "--vary", "min-snr=2", "--vary", "min-snr=3")
    assert code == 0, told
    moved, one, two = items(say, folder)
    assert (one["name"], two["name"]) == ("noise (1) min-snr=2", "noise (1) min-snr=3")
    assert one["input"]["item"] == two["input"]["item"] == moved["uuid"] and not moved["input"]["item"]
    given = moved["parameters"]["motion"]
    assert (given["pw_rigid"], given["max_shifts"], given["bad_frames"]) == (False, [3, 3, 1], [4])
    said = say("show", folder, "noise (1) mcorr")[1]
    assert "motion.max_shifts  3, 3, 1" in said and "niter_rig auto" in said and "module             mcorr_3d" in said
    ended(folder, moved["uuid"], noise)
    said = say("show", folder, "noise (1) mcorr")[1]
    assert "rigid: up to 2.00, 0.00, 0.00 voxels (x, y, z); 1 bad frames" in said
    assert "motion.hdf5" in said and "motion.html" in said and "accepted" not in said
    assert "rigid: up to 2.00" in say("list", folder)[1]
    assert f"noise (1) mcorr ({moved['uuid'][:8]})" in say("show", folder, one["uuid"])[1]
    code, said, _ = say("diff", folder)
    assert code == 0 and "registered by" in said


def test_an_item_that_others_need_is_not_deleted_unawares(say, folder, noise, monkeypatch):
    for _ in range(2):
        assert say("add", folder, noise, "--fps", 5, "--module", "mcorr_3d", "--name", "moved")[0] == 0
        assert say("add", folder, "--on", items(say, folder)[-1]["uuid"], "--name", "cells")[0] == 0
    first, _, second, last = (item["uuid"] for item in items(say, folder))
    code, _, told = say("delete", folder, first, "--yes")
    assert code == 2 and "moved registers the movie of cells" in told and "--force" in told
    assert len(items(say, folder)) == 4
    assert say("delete", folder, first, "--yes", "--force")[0] == 0
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    asked = []
    for answer in (False, True):
        monkeypatch.setattr("typer.confirm", lambda text, answer=answer: asked.append(text) or answer)
        assert say("delete", folder, second)[0] == 0
    assert len(asked) == 2 and "although it registers the movie of cells" in asked[0]
    assert len(items(say, folder)) == 2
    assert "which was deleted" in say("show", folder, last)[1]


def test_flags_of_the_other_module_are_refused(say, folder, noise):
    for words, text in (
        (("--module", "mcorr_3d", "--gsig", "4,4,2"), "--gsig is of the module cnmf_3d"),
        (("--module", "mcorr_3d", "--refit"), "--refit is of the module cnmf_3d"),
        (("--max-shifts", "3,3,1"), "--max-shifts is of the module mcorr_3d"),
        (("--kind", "rigid"), "--kind is of the module mcorr_3d"),
        (("--register-on", 0), "--register-on is of the module mcorr_3d"),
        (("--module", "mcorr_3d", "--vary", "max-shift=3"), "Did you mean max_shifts"),
        (("--module", "mcorr_3d", "--kwargs", "use_cudaa=True"), "Did you mean use_cuda"),
        (("--module", "mcorr_3d", "--um", "--max-shifts", "9,9,9"), "voxel size isn't known"),
        (("--module", "mcorr_3d", "--bad-frames", "99"), "frames from 0 to 29"),
    ):
        code, _, told = say("add", folder, noise, "--fps", 5, *words)
        assert code == 2 and text in told, (words, told)
    code, _, told = say("add", folder)
    assert code == 2 and "--on KEY" in told
    assert say("add", folder, "--on", "nobody")[0] == 2
    assert say("add", folder, noise)[0] == 3  # its rate isn't known
    assert say("add", folder, noise, "--module", "mcorr_3d")[0] == 0  # registration needs none
    code, _, told = say("add", folder, "--on", "noise (1) mcorr")
    assert code == 3 and "rate" in told
    assert say("add", folder, "--on", "noise (1) mcorr", "--fps", 4)[0] == 0
    moved, cells = items(say, folder)
    assert cells["input"]["opening"] == {"rate": 4.0} and not moved["input"]["opening"]


def test_parameters_of_registration_vary_under_their_names_and_their_flags():
    labels = ["max-shifts=3,3,1", "pw-rigid=yes", "max-deviation=2", "gsig-filt=2"]
    (only,) = variants(labels, "mcorr_3d")
    wanted = {"max_shifts": [3, 3, 1], "pw_rigid": True, "max_deviation_rigid": 2, "gSig_filt": 2}
    assert only.changes == wanted and only.label == " ".join(labels)


def test_rows_of_mesmerize_core_keep_what_they_build_on(say, folder, noise):
    pd = pytest.importorskip("pandas")
    moved, lost = str(uuid.uuid4()), str(uuid.uuid4())
    motion = {"max_shifts": (3, 3, 1), "pw_rigid": True, "border_nan": "copy", "gSig_filt": None}
    cells = {"fr": 10, "gSig": [4, 4, 2]}
    rows = [
        ("mcorr", "moved", noise.name, motion, moved),
        ("mcorr", "odd", noise.name, {"max_shift": 3}, lost),
        ("cnmf", "cells", f"{moved}/{moved}_m.mmap", cells, str(uuid.uuid4())),
        ("cnmf", "gone", f"{lost}/{lost}_m.mmap", cells, str(uuid.uuid4())),
    ]
    columns = ("algo", "item_name", "input_movie_path", "params", "uuid")
    table = [dict(zip(columns, row, strict=True)) | {"params": {"main": row[3]}} for row in rows]
    pd.DataFrame(table, dtype=object).to_pickle(noise.with_name("b.pickle"), protocol=4)
    code, said, told = say("import", folder, noise.with_name("b.pickle"))
    assert code == 0 and [line.split()[-1] for line in said.splitlines()] == ["moved", "cells"], told
    assert "odd: registration has no parameter max_shift" in told and "left out: gone" in told
    one, two = items(say, folder)
    assert one["module"] == "mcorr_3d" and two["input"]["item"] == one["uuid"]
    assert two["input"]["paths"] == [str(noise.resolve())] and two["parameters"]["data"]["fr"] == 10
    given = one["parameters"]["motion"]
    assert (given["pw_rigid"], given["border_nan"]) == (True, "copy")
    assert "gSig_filt" not in given  # no effect here


def test_items_say_whether_their_movie_is_registered_and_which_frames_are_left_out(say, folder, noise, tmp_path):
    np.save(tmp_path / "bad_frames.npy", np.arange(30) % 10 == 3)
    (tmp_path / "p.yaml").write_text("min_SNR: 2\nmotion:\n  max_shifts: [4, 4, 1]\n")
    words = ("--fps", 5, "--bad-frames", tmp_path / "bad_frames.npy", "--params", tmp_path / "p.yaml")
    code, _, told = say("add", folder, noise, *words, "--register", "rigid", "--vary", "p=1", "--vary", "p=2")
    assert code == 0, told
    assert say("add", folder, noise, "--fps", 5, "--bad-frames", "4,20-22", "--name", "plain")[0] == 0
    one, two, plain = items(say, folder)
    for item in (one, two):
        assert item["parameters"]["data"]["bad_frames"] == [3, 13, 23]
        assert item["options"] == {"register": "rigid", "motion": {"max_shifts": [4.0, 4.0, 1.0]}}
    assert plain["parameters"]["data"]["bad_frames"] == [4, 20, 21, 22] and plain["options"] == {}
    for wrong, text in (
        (("--bad-frames", "30"), "from 0 to 29"),
        (("--bad-frames", "3-"), "ranges with commas"),
        (("--register", "none", "--module", "mcorr_3d"), "--register is of the module cnmf_3d"),
        (("--register", "rigid", "--engine", "caiman", "--gsig", "3", "--k", "3"), "doesn't register movies by itself"),
    ):
        code, _, told = say("add", folder, noise, "--fps", 5, "--name", "x", *wrong)
        assert code == 2 and text in told, told
    assert len(items(say, folder)) == 3


def test_cells_are_found_in_the_first_functional_channel_as_run_does(tmp_path, folder, say):
    values = np.random.default_rng(0).poisson(100, (20, 3, 2, 12, 13)).astype(np.uint16)
    np.save(tmp_path / "two.npy", values)
    words = (tmp_path / "two.npy", "--axes", "tzcyx", "--fps", 5)
    assert say("add", folder, *words, "--functional", "1,0", "--name", "flag")[0] == 0
    assert say("add", folder, *words, "--kwargs", "functional=(1, 0)", "--name", "text")[0] == 0
    assert say("add", folder, *words, "--functional", "1,0", "--channel", 0, "--name", "given")[0] == 0
    with Batch.open(folder) as batch:
        for name, channel in (("flag", 1), ("text", 1), ("given", 0)):
            item = batch.item(name)
            assert item.input.opening["channel"] == channel
            assert item.parameters["data"]["functional"] == [1, 0]


def test_flags_of_frames_are_read_as_the_parameters_are(tmp_path, noise, folder, say):
    (tmp_path / "starts.txt").write_text("0, 10\n20")
    frames = {"none": [], "[]": [], "0,10-11": [0, 10, 11], str(tmp_path / "starts.txt"): [0, 10, 20], "auto": "auto"}
    for n, (text, wanted) in enumerate(frames.items()):
        assert say("add", folder, noise, "--fps", 5, "--segments", text, "--bad-frames", text, "--name", n)[0] == 0
        with Batch.open(folder) as batch:
            data = batch.item(str(n)).parameters["data"]
        assert data["segments"] == data["bad_frames"] == wanted, text
    code, _, told = say("add", folder, noise, "--fps", 5, "--segments", "1.5", "--name", "x")
    assert code == 2 and "data.segments is '1.5'" in told and "whole numbers and ranges" in told


def test_a_group_motion_of_a_file_is_kept_as_the_option_says(tmp_path, noise, folder, say):
    (tmp_path / "p.yaml").write_text("motion: {lengths: um, max_shifts: [4, 4, 4]}\nquality: {min_SNR: 3}\n")
    words = (noise, "--fps", 5, "--voxel-size", "2,2,4", "--params", tmp_path / "p.yaml", "--name", "x")
    assert say("add", folder, *words)[0] == 0
    with Batch.open(folder) as batch:
        assert batch.item("x").options == {"motion": {"max_shifts": [2.0, 2.0, 1.0]}}
