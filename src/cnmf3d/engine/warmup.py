"""Compiling the kernels once, before the first stage, so that nobody wonders what takes so long.

Numba compiles one kernel at a time in a process, and keeps each in a cache on disk. Where there are cores, several
processes therefore compile a share of the kernels each into that cache, and this process loads them from there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt

import cnmf3d
from cnmf3d.engine.cache import prepared
from cnmf3d.engine.kernels.numba import block, deconvolution, frames, ingest, sampling, smoothing, supports
from cnmf3d.engine.parallel import cores
from cnmf3d.engine.smoothing import gaussians, noise_kept
from cnmf3d.events import Note, Progress, Reporter
from cnmf3d.kernel_cache import why_not_kept

MOST = 8
"""Processes that compile side by side, most: with more, the slowest kernel alone decides, and each takes 200 MB."""

TABLE = "cnmf3d.engine.warmup:_calls"
"""Where processes find the engine's kernels."""

CHILD = "import sys; from cnmf3d.engine.warmup import compile_asked; compile_asked(*sys.argv[1:])"
"""What a process that compiles runs."""


@contextmanager
def warmed_up(dtype: npt.DTypeLike, reporter: Reporter, workers: int = 1) -> Iterator[None]:
    """Compile all kernels for frames of `dtype` first; where they only have to be loaded, do so beside the work.

    A kernel that is wanted before its turn is loaded by who wants it. The first stage reads the movie, in kernels
    that let others work.

    Parameters
    ----------
    dtype : dtype
        As the kernels will see it: one of `cnmf3d.engine.cache.NATIVE`.
    reporter : Reporter
        Told before, meanwhile and after when the kernels are not in the cache.
    workers : int
        Cores that may be used.
    """
    if not kernels_cached(dtype):
        processes = min(workers, cores(), MOST)
        with announced(dtype, reporter, processes):
            compiled(dtype, reporter, processes)
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_call_all, dtype)
        yield


@contextmanager
def announced(dtype: npt.DTypeLike, reporter: Reporter, processes: int) -> Iterator[None]:
    """Compile kernels inside: why that takes long is reported before, and how long it took afterwards."""
    start, why = time.perf_counter(), why_not_kept()
    where = f"in {processes} processes" if processes > 1 else "on one core"
    reporter(
        Note(
            "compile",
            f"{'run' if why else 'first run on this machine'} with {np.dtype(dtype)} pixels: compiling the kernels "
            f"{where}; this takes up to a minute and is done {'in every run' if why else 'once'}",
        )
    )
    yield
    kept = f", not kept: {why}" if why else " and kept for the next runs"
    reporter(Note("compile", f"kernels compiled in {time.perf_counter() - start:.0f} s{kept}"))


def kernels_cached(dtype: npt.DTypeLike) -> bool:
    """Whether kernels for frames of `dtype` were compiled before: the first of them, loaded or compiled, tells."""
    before = ingest.chunk_statistics.stats.cache_misses.total()
    _calls(dtype)["chunk_statistics"]()
    return bool(ingest.chunk_statistics.stats.cache_misses.total() == before)


def compiled(
    dtype: npt.DTypeLike,
    reporter: Reporter,
    processes: int,
    calls: Mapping[str, Callable[[], object]] | None = None,
    table: str = TABLE,
) -> None:
    """Compile kernels, in several processes where `processes` says so, and load them here.

    What a process could not compile, for whatever reason, is compiled here.

    Parameters
    ----------
    dtype : dtype
    reporter : Reporter
    processes : int
    calls : mapping, optional
        What compiles each kernel; by default all of the engine's.
    table : str
        Where processes find the function that gives these, ``module:function``; it is called with the name of the type.
    """
    calls = _calls(dtype) if calls is None else calls
    reporter(Progress("compile", 0, len(calls), "kernels"))
    if processes > 1:
        for done in _side_by_side(list(calls), np.dtype(dtype).name, processes, table):
            reporter(Progress("compile", min(done, len(calls) - 1), len(calls), "kernels"))
    for done, call in enumerate(calls.values(), 1):
        call()
        if processes == 1 or done == len(calls):
            reporter(Progress("compile", done, len(calls), "kernels"))


def _side_by_side(names: list[str], dtype: str, processes: int, table: str = TABLE) -> Iterator[int]:
    """Have the kernels compiled by other processes; yields how many are ready."""
    waiting = deque(names)
    ready: SimpleQueue[bool] = SimpleQueue()
    running: list[subprocess.Popen[str]] = []

    def serve() -> None:
        """Hand one kernel after the other to a process."""
        try:
            with _child(dtype, table) as child:
                running.append(child)
                assert child.stdin is not None and child.stdout is not None
                while waiting:
                    child.stdin.write(waiting.popleft() + "\n")
                    child.stdin.flush()
                    if not child.stdout.readline():
                        break
                    ready.put(True)
        except (OSError, IndexError, ValueError):
            pass  # what is missing is compiled by who asked
        finally:
            ready.put(False)

    with ThreadPoolExecutor(processes) as pool:
        try:
            for _ in range(processes):
                pool.submit(serve)
            done, serving = 0, processes
            while serving:
                finished = ready.get()
                done, serving = done + finished, serving - (not finished)
                yield done
        finally:
            waiting.clear()
            for child in running:
                child.kill()  # all is written, or nobody waits any more


def _child(dtype: str, table: str) -> subprocess.Popen[str]:
    """A process that compiles what its standard input names."""
    source = str(Path(cnmf3d.__file__).parent.parent)
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH")) if part)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD, dtype, table],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def compile_asked(dtype: str, table: str) -> None:
    """Compile the kernels that standard input names, a line each, and say on standard output when one is ready."""
    module, _, name = table.partition(":")
    calls = getattr(import_module(module), name)(dtype)
    for line in sys.stdin:
        calls[line.strip()]()
        sys.stdout.write(line)
        sys.stdout.flush()


def _call_all(dtype: npt.DTypeLike) -> None:
    """Call each kernel once."""
    for call in _calls(dtype).values():
        call()


def _calls(dtype: npt.DTypeLike) -> dict[str, Callable[[], object]]:
    """A call of each kernel on next to nothing, with the types that the stages use: the slowest to compile first."""
    frame = prepared(np.ones((3, 8), dtype))
    level = np.zeros(8, np.float32)
    rows = np.ones((8, 4), np.int16)
    traces = np.ones((1, 4), np.float32)
    indptr = np.array([0, 8], np.int32)
    indices = np.arange(8, dtype=np.int32)
    data = np.ones(8, np.float32)
    one = np.array([0, 1], np.int32), np.zeros(1, np.int32), np.ones(1, np.float32)
    voxels = np.arange(9, dtype=np.int32), np.zeros(8, np.int32), indices
    active = np.ones((1, 3), np.float32)
    image = np.ones((8, 1), np.float32)
    out = np.zeros((2, 4), np.float32)
    return {
        "smooth_footprints": lambda: smoothing.smooth_footprints(
            indptr,
            indices,
            data.copy(),
            np.ones((2, 1)),
            (2, 2, 2),
            gaussians(),
            noise_kept(gaussians(), None),
            6,
        ),
        "main_hills": lambda: supports.main_hills(
            indptr, indices, data, np.ones(8, bool), 0.3, 2, 2, np.empty(8, bool)
        ),
        "grow": lambda: supports.grow(indptr, indices, 2, 2, 2),
        "products_between": lambda: deconvolution.products_between(traces[0], np.empty((5, 4), np.float32)),
        "lower_gain": lambda: deconvolution.lower_gain(
            np.float32(1), 1, out[0], np.ones((5, 4), np.float32), np.ones(7, np.float32)
        ),
        "unexplained": lambda: deconvolution.unexplained(traces[0], traces[0].copy(), out[0], out[1]),
        "sampled_spikes": lambda: sampling.sampled_spikes(
            traces[0],
            traces[0].copy(),
            0.5,
            0.1,
            0.5,
            1,
            1,
            out[0],
            np.zeros(4),
            np.zeros(5),
            np.zeros((2, 4)),
            np.empty((1, 4), np.float32),
        ),
        "main_parts": lambda: supports.main_parts(
            indptr, indices, data, np.ones(1, np.float32), 2, 2, np.empty(8, bool)
        ),
        "chunk_statistics": lambda: ingest.chunk_statistics(frame, level, np.empty((5, 8), np.float32)),
        "correlate_frames": lambda: frames.correlate_frames(
            frame, indptr, indices, level, active, active, np.zeros((2, 8), np.float32)
        ),
        "neighbour_correlation": lambda: block.neighbour_correlation(rows, 2, 2, 2, np.empty(8, np.float32)),
        "update_footprints": lambda: block.update_footprints(
            data, *voxels, np.ones((1, 1), np.float32), 1, data.copy()
        ),
        "apply_along": lambda: block.apply_along(
            data.reshape(1, 8, 1), np.zeros(1, np.int64), np.ones((1, 2), np.float32), np.empty((1, 1, 1), np.float32)
        ),
        "shared_noise": lambda: ingest.shared_noise(frame, 1, data.reshape(1, 8).repeat(2, 0), np.empty((1, 2))),
        "noise_cumulants": lambda: ingest.noise_cumulants(
            frame, 1, data.reshape(1, 8).repeat(2, 0), np.zeros((1, 2)), np.empty((2, 8), np.float32)
        ),
        "bin_chunk": lambda: ingest.bin_chunk(frame, 3, level, data, np.zeros((8, 1), np.int16)),
        "bin_seen": lambda: ingest.bin_seen(frame, frame > 0, 3, level, data, np.zeros((8, 1), np.int16)),
        "project_frames": lambda: frames.project_frames(
            frame, indptr, indices, data, level, np.empty((1, 3), np.float32)
        ),
        "project_runs": lambda: frames.project_runs(
            frame, np.array([[0, 0, 8]], np.int64), data[None], level, np.zeros((1, 3))
        ),
        "peaks": lambda: supports.peaks(
            data.reshape(2, 2, 2), 0.0, np.zeros((1, 3), np.int64), np.empty((2, 2, 2), bool)
        ),
        "update_traces": lambda: block.update_traces(traces, *one, False, traces.copy()),
        "subtract_model": lambda: block.subtract_model(np.ones((1, 4), np.float32), *one, traces),
        "activity": lambda: block.activity(traces, 2.5, np.empty(1, np.float32), np.empty(1, np.float32)),
        "persistence": lambda: block.persistence(
            traces, np.ones(3, np.float32), 1.0, 4.0, 0.8, np.empty(1, np.float32)
        ),
        "project": lambda: block.project(rows, indptr, indices, data, np.empty((1, 4), np.float32)),
        "correlate": lambda: block.correlate(rows, indptr, indices, traces, np.empty(8, np.float32)),
        "regress_rows": lambda: block.regress_rows(rows, traces, np.empty((8, 1), np.float32)),
        "gram_of_footprints": lambda: block.gram_of_footprints(*voxels, data, np.zeros((1, 1), np.float32)),
        "project_images": lambda: block.project_images(indptr, indices, data, image, np.empty((1, 1), np.float32)),
        "subtract_images": lambda: block.subtract_images(
            indptr, indices, image, np.ones((1, 1), np.float32), data.copy()
        ),
        "coarsen": lambda: block.coarsen(rows, np.zeros(8, np.int64), np.zeros((1, 4), np.float32)),
    }
