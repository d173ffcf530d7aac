"""Kernels on frames of the movie as they come, (frames, voxels): no binned copy, one pass over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def project_frames(frames: Any, indptr: Any, indices: Any, weights: Any, levels: Any, out: Any) -> None:
    """``out[k, t] = Σ_p weight_kp (y_p(t) − level_p)`` over each component's voxels.

    Parameters
    ----------
    frames : (frames, voxels) any real dtype
    indptr, indices, weights : CSC arrays, (voxels, components)
    levels : (entries,) float32
        Resting level of each entry's voxel.
    out : (components, frames) float32, written
    """
    for t in range(frames.shape[0]):
        row = frames[t]
        for k in range(indptr.size - 1):
            total = np.float32(0)
            for e in range(indptr[k], indptr[k + 1]):
                total += weights[e] * (np.float32(row[indices[e]]) - levels[e])
            out[k, t] = total


@njit(cache=True, nogil=True, fastmath=True)
def project_runs(frames: Any, runs: Any, weights: Any, levels: Any, out: Any) -> None:
    """Weighted sums over tiles of the volume, tiles given as runs of neighbouring voxels.

    Parameters
    ----------
    frames : (frames, voxels) any real dtype
    runs : (n, 3) int64
        Tile, first voxel and end of each run.
    weights : (rank, voxels) float32
    levels : (voxels,) float32
    out : (tiles * rank, frames) float64, added to
    """
    rank = weights.shape[0]
    for t in range(frames.shape[0]):
        row = frames[t]
        for n in range(runs.shape[0]):
            first, stop = runs[n, 1], runs[n, 2]
            values = row[first:stop]
            level = levels[first:stop]
            for r in range(rank):
                weight = weights[r, first:stop]
                total = np.float32(0)
                for i in range(stop - first):
                    total += weight[i] * (np.float32(values[i]) - level[i])
                out[runs[n, 0] * rank + r, t] += total


@njit(cache=True, nogil=True, fastmath=True)
def correlate_frames(frames: Any, indptr: Any, indices: Any, levels: Any, traces: Any, flags: Any, sums: Any) -> None:
    """Footprint-shaped sums over time, weighted by traces, and plainly over flagged frames.

    Parameters
    ----------
    frames : (frames, voxels) any real dtype
    indptr, indices : CSC structure of the supports
    levels : (entries,) float32
    traces : (components, frames) float32
    flags : (components, frames) float32
        Weights of the second sum.
    sums : (2, entries) float32, added to
        ``Σ_t trace (y − level)`` and ``Σ_t flag (y − level)``.
    """
    first = sums[0]
    second = sums[1]
    for t in range(frames.shape[0]):
        row = frames[t]
        for k in range(indptr.size - 1):
            weight = traces[k, t]
            flag = flags[k, t]
            if flag != 0:
                for e in range(indptr[k], indptr[k + 1]):
                    value = np.float32(row[indices[e]]) - levels[e]
                    first[e] += weight * value
                    second[e] += flag * value
            elif weight != 0:
                for e in range(indptr[k], indptr[k + 1]):
                    first[e] += weight * (np.float32(row[indices[e]]) - levels[e])
