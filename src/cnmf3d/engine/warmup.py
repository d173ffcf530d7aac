"""Compiling the kernels once, before the first stage, so that nobody wonders what takes so long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from cnmf3d.engine.cache import prepared
from cnmf3d.engine.kernels.numba import block, deconvolution, frames, ingest, smoothing, supports
from cnmf3d.engine.smoothing import gaussians
from cnmf3d.events import Note, Progress, Reporter


@contextmanager
def warmed_up(dtype: npt.DTypeLike, reporter: Reporter) -> Iterator[None]:
    """Compile all kernels for frames of `dtype` first; where they only have to be loaded, do so beside the work.

    A kernel that is wanted before its turn is loaded by who wants it. The first stage reads the movie, in kernels
    that let others work.

    Parameters
    ----------
    dtype : dtype
        As the kernels will see it: one of `cnmf3d.engine.cache.NATIVE`.
    reporter : Reporter
        Told before and after when the kernels are not in the cache.
    """
    if not kernels_cached(dtype):
        reporter(Progress("compile", 0, 1, "kernels"))
        reporter(
            Note(
                "compile",
                f"first run on this machine with {np.dtype(dtype)} pixels: compiling the kernels, this is done once",
            )
        )
        spent = _call_all(dtype)
        reporter(Progress("compile", 1, 1, "kernels"))
        reporter(Note("compile", f"kernels compiled in {spent:.0f} s and kept for the next runs"))
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_call_all, dtype)
        yield


def kernels_cached(dtype: npt.DTypeLike) -> bool:
    """Whether kernels for frames of `dtype` were compiled before: the first of them, loaded or compiled, tells."""
    compiled = ingest.chunk_statistics.stats.cache_misses.total()
    _first(dtype)
    return bool(ingest.chunk_statistics.stats.cache_misses.total() == compiled)


def _first(dtype: npt.DTypeLike) -> None:
    """Call the first kernel of a run."""
    ingest.chunk_statistics(prepared(np.ones((3, 8), dtype)), np.zeros(8, np.float32), np.empty((5, 8), np.float32))


def _call_all(dtype: npt.DTypeLike) -> float:
    """Call each kernel on next to nothing, with the types that the stages use; the seconds that it took."""
    start = time.perf_counter()
    frame = prepared(np.ones((3, 8), dtype))
    level = np.zeros(8, np.float32)
    rows = np.ones((8, 4), np.int16)
    traces = np.ones((1, 4), np.float32)
    indptr = np.array([0, 8], np.int32)
    indices = np.arange(8, dtype=np.int32)
    data = np.ones(8, np.float32)
    one = np.array([0, 1], np.int32), np.zeros(1, np.int32), np.ones(1, np.float32)
    _first(dtype)
    ingest.bin_chunk(frame, 3, level, data, np.zeros((8, 1), np.int16))
    frames.project_frames(frame, indptr, indices, data, level, np.empty((1, 3), np.float32))
    runs = np.array([[0, 0, 8]], np.int64)
    frames.project_runs(frame, runs, data[None], level, np.zeros((1, 3)))
    active = np.ones((1, 3), np.float32)
    frames.correlate_frames(frame, indptr, indices, level, active, active, np.zeros((2, 8), np.float32))
    block.project(rows, indptr, indices, data, np.empty((1, 4), np.float32))
    block.correlate(rows, indptr, indices, traces, np.empty(8, np.float32))
    block.regress_rows(rows, traces, np.empty((8, 1), np.float32))
    block.coarsen(rows, np.zeros(8, np.int64), np.zeros((1, 4), np.float32))
    block.subtract_model(np.ones((1, 4), np.float32), *one, traces)
    block.update_traces(traces, *one, False, traces.copy())
    voxels = np.arange(9, dtype=np.int32), np.zeros(8, np.int32), indices
    block.update_footprints(data, *voxels, np.ones((1, 1), np.float32), 1, data.copy())
    block.activity(traces, 2.5, np.empty(1, np.float32), np.empty(1, np.float32))
    block.neighbour_correlation(rows, 2, 2, 2, np.empty(8, np.float32))
    block.apply_along(
        data.reshape(1, 8, 1), np.zeros(1, np.int64), np.ones((1, 2), np.float32), np.empty((1, 1, 1), np.float32)
    )
    block.gram_of_footprints(*voxels, data, np.zeros((1, 1), np.float32))
    image = np.ones((8, 1), np.float32)
    block.project_images(indptr, indices, data, image, np.empty((1, 1), np.float32))
    block.subtract_images(indptr, indices, image, np.ones((1, 1), np.float32), data.copy())
    smoothing.smooth_footprints(indptr, indices, data.copy(), np.ones(1, np.float32), (2, 2, 2), gaussians(), 6)
    supports.grow(indptr, indices, 2, 2, 2)
    supports.main_parts(indptr, indices, data, np.ones(1, np.float32), 2, 2, np.empty(8, bool))
    supports.peaks(data.reshape(2, 2, 2), 0.0, np.zeros((1, 3), np.int64), np.empty((2, 2, 2), bool))
    deconvolution.response(0.5, 0.0, traces[0])
    out = np.zeros((2, 4), np.float32)
    deconvolution.oasis_ar1(traces[0], 0.5, 0.1, out[0], out[1])
    deconvolution.nonnegative_spikes(traces[0], traces[0].copy(), 0.1, 0.1, 1, out[0], out[1])
    return time.perf_counter() - start
