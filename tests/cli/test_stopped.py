"""Ctrl-C: what a command says of what it has written is so, and nothing that was there is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cnmf3d import written
from cnmf3d.cli.app import INTERRUPTED, TERMINATED, call
from cnmf3d.results import exports, write_results
from cnmf3d.results.exports import Exporter, export
from cnmf3d.simulate import simulate
from cnmf3d.written import announce, recorded


def stop(*_, **__):
    raise KeyboardInterrupt


@pytest.fixture
def source(tmp_path, random_results) -> Path:
    return write_results(random_results(3), tmp_path / "r.hdf5")


def test_an_export_that_is_stopped_midway_has_written_nothing(source, tmp_path, monkeypatch, capsys):
    def half(leaving, folder):
        folder.mkdir()
        (folder / "rois.csv").write_text("half")
        stop()

    monkeypatch.setattr(exports, "BUILT_IN", (Exporter("csv", "halves", half, ours=lambda _: True),))
    assert call(["export", "csv", str(source), str(tmp_path / "out")]) == INTERRUPTED
    assert "Stopped. Nothing was written; what was there is as it was." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["r.hdf5"]


def test_what_was_written_before_the_stop_is_named(source, tmp_path, monkeypatch, capsys):
    real = exports.export

    def then_stop(*words, **more):
        real(*words, **more)
        stop()

    monkeypatch.setattr(exports, "export", then_stop)
    out = tmp_path / "out"
    assert call(["export", "csv", str(source), str(out)]) == INTERRUPTED
    told = capsys.readouterr().err
    assert f"Stopped. Before that it has written {out}." in told and "Nothing" not in told
    assert (out / "rois.csv").exists()


def test_a_folder_that_is_being_replaced_is_there_again(source, tmp_path, random_results, monkeypatch, capsys):
    out = tmp_path / "out"
    export("csv", random_results(2), out)
    before = (out / "rois.csv").read_bytes()
    real = Path.replace

    def replace(self, place):
        if Path(place) == out and "before" not in self.name:
            stop()
        return real(self, place)

    monkeypatch.setattr(written, "_exchange", lambda one, other: False)  # a file system that can't
    monkeypatch.setattr(Path, "replace", replace)
    assert call(["export", "csv", str(source), str(out), "--force"]) == INTERRUPTED
    assert "Nothing was written" in capsys.readouterr().err
    assert (out / "rois.csv").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "r.hdf5"]


def test_the_parts_of_a_simulation_that_are_there_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("cnmf3d.simulate.writing._write_movie", lambda part, *_: part.write_bytes(b"movie"))
    monkeypatch.setattr("cnmf3d.simulate.writing._write_sidecar", stop)
    small = ["--set", "size=12,12,3", "--set", "cells=1", "--set", "frames=20"]
    assert call(["simulate", "--preset", "tiny", str(tmp_path / "m.tif"), *small]) == INTERRUPTED
    assert f"Before that it has written {tmp_path / 'm.truth.h5'}." in capsys.readouterr().err


def test_commands_of_many_steps_keep_those_that_are_done(source, monkeypatch, capsys):
    monkeypatch.setattr("cnmf3d.results.curation.session.CurationSession.from_results", stop)
    assert call(["curate", "show", str(source)]) == INTERRUPTED
    assert "Every step that was done before that is kept." in capsys.readouterr().err


def test_only_what_is_new_counts_as_written(tmp_path):
    old, new, same = (tmp_path / name for name in ("old", "new", "same"))
    old.write_text("1")
    same.write_text("1")
    announce(new)  # nobody asks: nothing is kept
    with recorded() as record:
        for place in (old, new, same):
            announce(place)
        assert record.paths() == ()
        (tmp_path / "draft").write_text("2")
        (tmp_path / "draft").replace(old)
        announce(old)
        np.save(tmp_path / "n.npy", np.zeros(1))
        (tmp_path / "n.npy").replace(new)
        assert record.paths() == (old, new)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_run_that_is_terminated_leaves_no_scratch(tmp_path):
    path, scratch = tmp_path / "m.tif", tmp_path / "scratch"
    simulate(path, "tiny", seed=3, overrides={"size": (48, 48, 6), "frames": 400})
    words = ["run", str(path), "-o", str(tmp_path / "r.hdf5"), "--scratch", str(scratch), "-q"]
    process = subprocess.Popen([sys.executable, "-m", "cnmf3d", *words], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (scratch.is_dir() and any(scratch.iterdir())) and time.monotonic() < end:
        time.sleep(0.05)
    process.terminate()
    assert process.communicate(timeout=60)[1] == "" and process.returncode == TERMINATED
    assert list(scratch.iterdir()) == [] and not (tmp_path / "r.hdf5").exists()


def test_the_end_comes_though_a_callback_loses_it():
    """As in the compiler's callbacks: an exception there is printed, and the program goes on."""
    program = (
        "import ctypes, os, signal, time\n"
        "from cnmf3d.cli.app import _terminate\n"
        "signal.signal(signal.SIGTERM, _terminate)\n"
        "def lost():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(0.01)\n"
        "ctypes.CFUNCTYPE(None)(lost)()\n"
        "time.sleep(30)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == TERMINATED and done.stderr == ""
