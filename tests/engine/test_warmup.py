"""What is compiled or loaded beforehand is what a run needs."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from cnmf3d.engine import warmup
from cnmf3d.events import Note, Progress
from cnmf3d.simulate import simulate

PROGRAM = """
import sys
from cnmf3d import open_movie, run
from cnmf3d.engine import warmup
from cnmf3d.engine.kernels.numba import block, deconvolution, frames, ingest, sampling, smoothing, supports

kernels = {
    name: kernel
    for module in (block, deconvolution, frames, ingest, sampling, smoothing, supports)
    for name, kernel in vars(module).items()
    if hasattr(kernel, "signatures") and not name.startswith("_") and "inline" not in kernel.targetoptions
    and kernel.py_func.__module__ == module.__name__  # those of other modules are parts of these, or listed there
}
movie = open_movie(sys.argv[1])
warmup._call_all(movie.dtype)
before = {name: set(kernel.signatures) for name, kernel in kernels.items()}
assert all(before.values()), [name for name, signatures in before.items() if not signatures]
found = run(movie, {"refit": True, "p": int(sys.argv[2])}, workers=2)
assert found.components.accepted.sum() > 5
late = {name: set(kernel.signatures) - before[name] for name, kernel in kernels.items()}
assert not any(late.values()), {name: signatures for name, signatures in late.items() if signatures}
"""


@pytest.mark.parametrize("order", [1, 2])
def test_no_kernel_is_compiled_once_a_run_is_under_way(tmp_path: Path, order: int) -> None:
    movie = tmp_path / "m.tif"
    simulate(movie, "tiny", seed=1, overrides={"size": "40,40,6", "cells": "12", "frames": "403"})
    command = [sys.executable, "-c", PROGRAM, str(movie), str(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(("workers", "where"), [(1, "on one core"), (2, "in 2 processes"), (500, "in 3 processes")])
def test_compiling_is_told_before_and_after(monkeypatch: pytest.MonkeyPatch, workers: int, where: str) -> None:
    told: list[object] = []
    monkeypatch.setattr(warmup, "kernels_cached", lambda dtype: False)
    monkeypatch.setattr(warmup, "cores", lambda: 3)
    monkeypatch.setattr(warmup, "compiled", lambda dtype, reporter, processes: told.append(processes))
    with warmup.warmed_up("uint8", told.append, workers):
        told.append("at work")
    before, processes, after, last = told
    assert isinstance(before, Note) and "uint8" in before.text and where in before.text
    assert processes == min(workers, 3) and isinstance(after, Note) and last == "at work"


def test_each_of_several_processes_compiles_a_share_into_the_cache(monkeypatch, tmp_path: Path) -> None:
    names = ["persistence", "coarsen", "project"]
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert list(warmup._side_by_side(names, "uint16", 2))[-1] == 3
    kept = {path.name.split(".")[1].rpartition("-")[0] for path in tmp_path.rglob("*.nbi")}
    assert {name for name in kept if not name.startswith("_")} == set(names)


def test_what_the_processes_do_not_compile_is_compiled_here(monkeypatch) -> None:
    told: list[Progress] = []
    monkeypatch.setattr(warmup, "CHILD", "raise SystemExit(1)")
    calls: list[str] = []
    monkeypatch.setattr(warmup, "_calls", lambda dtype: {name: partial(calls.append, name) for name in "abc"})
    warmup.compiled("uint16", told.append, 2)
    assert calls == ["a", "b", "c"]
    assert told[0].done == 0 and told[-1].done == told[-1].total == 3
    monkeypatch.setattr(warmup.sys, "executable", "/there/is/no/python")
    warmup.compiled("uint16", told.append, 2)
    assert calls == ["a", "b", "c"] * 2


def test_who_stops_waiting_leaves_no_process(monkeypatch) -> None:
    monkeypatch.setattr(warmup, "CHILD", "for line in open(0): print(line, flush=True); import time; time.sleep(60)")
    started = warmup._side_by_side(["a", "b", "c", "d"], "uint16", 2)
    assert next(started) == 1
    mine = psutil.Process().children()
    started.close()
    assert len(mine) >= 1 and not any(child.is_running() for child in mine)


def test_kernels_that_were_compiled_are_loaded_without_a_word() -> None:
    told: list[object] = []
    warmup.kernels_cached("uint16")
    assert warmup.kernels_cached("uint16")
    with warmup.warmed_up("uint16", told.append):
        pass
    assert told == []
