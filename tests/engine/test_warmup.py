"""What is compiled or loaded beforehand is what a run needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cnmf3d.engine import warmup
from cnmf3d.events import Note, Progress
from cnmf3d.simulate import simulate

PROGRAM = """
import sys
from cnmf3d import open_movie, run
from cnmf3d.engine import warmup
from cnmf3d.engine.kernels.numba import block, deconvolution, frames, ingest, smoothing, supports

kernels = {
    name: kernel
    for module in (block, deconvolution, frames, ingest, smoothing, supports)
    for name, kernel in vars(module).items()
    if hasattr(kernel, "signatures") and not name.startswith("_") and "inline" not in kernel.targetoptions
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


def test_compiling_is_told_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(warmup, "kernels_cached", lambda dtype: False)
    monkeypatch.setattr(warmup, "_call_all", lambda dtype: told.append("compiled") or 12.3)
    with warmup.warmed_up("uint8", told.append):
        told.append("at work")
    assert [type(each) if isinstance(each, (Note, Progress)) else each for each in told] == [
        Progress,
        Note,
        "compiled",
        Progress,
        Note,
        "at work",
    ]
    assert "uint8" in str(told[1]) and "12 s" in str(told[4])


def test_kernels_that_were_compiled_are_loaded_without_a_word() -> None:
    told: list[object] = []
    warmup.kernels_cached("uint16")
    assert warmup.kernels_cached("uint16")
    with warmup.warmed_up("uint16", told.append):
        pass
    assert told == []
