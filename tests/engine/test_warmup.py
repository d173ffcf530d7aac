"""What is compiled or loaded beforehand is what a run needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
    if hasattr(kernel, "signatures") and not name.startswith("_")
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
