"""Whole commands measured from outside: wall time, and the memory of the process with all of its children."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

import cnmf3d
from cnmf3d.simulate import PRESETS, simulate
from cnmf3d.simulate.scene import Scene

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
GIB = 2**30


@dataclass(frozen=True)
class Measured:
    """One run of a command.

    Attributes
    ----------
    seconds : float
        Wall time, from the start of the process to its end.
    resident : int
        Bytes: peak, over time, of the tree's resident memory, with pages of mapped files.
    private : int
        Bytes: peak of what belongs to the tree's processes alone (without clean pages of mapped files).
    output : str
    """

    seconds: float
    resident: int
    private: int
    output: str


def measured(
    command: Sequence[str], *, threads: int | None = None, folder: Path | None = None, memory: bool = True
) -> Measured:
    """Run a command and measure it; raises where it fails.

    Parameters
    ----------
    command : sequence of str
    threads : int, optional
        Threads of BLAS and OpenMP.
    folder : path, optional
        Where it runs.
    memory : bool
        Look at its memory, which takes a little of the time that short commands have.
    """
    environment = dict(os.environ)
    if threads is not None:
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    began = time.perf_counter()
    process = subprocess.Popen(
        list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=folder
    )
    peaks = [0, 0]
    watch = threading.Thread(target=_watch, args=(process.pid, peaks), daemon=True)
    if memory:
        watch.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - began
    if memory:
        watch.join(timeout=2)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output[-3000:]}")
    return Measured(seconds, peaks[0], peaks[1], output)


def _watch(pid: int, peaks: list[int]) -> None:
    """Sample the memory of a process and its children until it ends: 20 times a second, ever more seldom later on."""
    try:
        root, began = psutil.Process(pid), time.perf_counter()
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            resident = private = 0
            for process in [root, *root.children(recursive=True)]:
                try:
                    facts = process.memory_info()
                except psutil.Error:
                    continue
                resident += facts.rss
                private += facts.rss - facts.shared
            peaks[0], peaks[1] = max(peaks[0], resident), max(peaks[1], private)
            time.sleep(max(0.05, (time.perf_counter() - began) / 100))
    except psutil.Error:
        return


def movie_of(name: str, scene: Scene | None = None, seed: int = 0) -> Path:
    """A preset's movie, or that of another scene, simulated once and kept."""
    import hashlib

    scene = scene or PRESETS[name]
    key = hashlib.sha256(scene.model_dump_json().encode()).hexdigest()[:8]
    path = CACHE / f"{name}-{seed}-{key}.tif"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        print(f"simulating {path.name}", file=sys.stderr, flush=True)
        simulate(path, scene, seed=seed)
    return path


def ours(movie: Path, out: Path, *options: str, threads: int | None = None, memory: bool = True) -> Measured:
    """Our whole command on a movie: import, ingest, fit, evaluation, writing."""
    command = [sys.executable, "-m", "cnmf3d", "run", str(movie), "-o", str(out), "--quiet", *options]
    return measured(command, threads=threads, memory=memory)


def machine() -> str:
    """A line about commit, versions and machine."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE, check=False
    ).stdout.strip()
    memory = psutil.virtual_memory().total / GIB
    return (
        f"cnmf3d {cnmf3d.__version__} at {commit or 'no commit'}, Python {platform.python_version()}, "
        f"{platform.machine()} with {os.cpu_count()} cores and {memory:.0f} GiB, {time.strftime('%Y-%m-%d')}"
    )
