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
    whole = frames.shape[0] - frames.shape[0] % 4
    for t in range(0, whole, 4):  # four frames at once: places, weights and levels are looked up once for all
        row0, row1, row2, row3 = frames[t], frames[t + 1], frames[t + 2], frames[t + 3]
        for k in range(indptr.size - 1):
            sum0 = sum1 = sum2 = sum3 = np.float32(0)
            for e in range(indptr[k], indptr[k + 1]):
                p = indices[e]
                weight, level = weights[e], levels[e]
                sum0 += weight * (np.float32(row0[p]) - level)
                sum1 += weight * (np.float32(row1[p]) - level)
                sum2 += weight * (np.float32(row2[p]) - level)
                sum3 += weight * (np.float32(row3[p]) - level)
            out[k, t], out[k, t + 1], out[k, t + 2], out[k, t + 3] = sum0, sum1, sum2, sum3
    for t in range(whole, frames.shape[0]):
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
    whole = frames.shape[0] - frames.shape[0] % 4
    for t in range(0, whole, 4):
        row0, row1, row2, row3 = frames[t], frames[t + 1], frames[t + 2], frames[t + 3]
        for k in range(indptr.size - 1):
            w0, w1, w2, w3 = traces[k, t], traces[k, t + 1], traces[k, t + 2], traces[k, t + 3]
            f0, f1, f2, f3 = flags[k, t], flags[k, t + 1], flags[k, t + 2], flags[k, t + 3]
            if f0 != 0 or f1 != 0 or f2 != 0 or f3 != 0:
                for e in range(indptr[k], indptr[k + 1]):
                    p = indices[e]
                    y0, y1 = np.float32(row0[p]) - levels[e], np.float32(row1[p]) - levels[e]
                    y2, y3 = np.float32(row2[p]) - levels[e], np.float32(row3[p]) - levels[e]
                    first[e] += w0 * y0 + w1 * y1 + w2 * y2 + w3 * y3
                    second[e] += f0 * y0 + f1 * y1 + f2 * y2 + f3 * y3
            elif w0 != 0 or w1 != 0 or w2 != 0 or w3 != 0:
                for e in range(indptr[k], indptr[k + 1]):
                    p = indices[e]
                    y0, y1 = np.float32(row0[p]) - levels[e], np.float32(row1[p]) - levels[e]
                    y2, y3 = np.float32(row2[p]) - levels[e], np.float32(row3[p]) - levels[e]
                    first[e] += w0 * y0 + w1 * y1 + w2 * y2 + w3 * y3
    for t in range(whole, frames.shape[0]):
        row = frames[t]
        for k in range(indptr.size - 1):
            for e in range(indptr[k], indptr[k + 1]):
                value = np.float32(row[indices[e]]) - levels[e]
                first[e] += traces[k, t] * value
                second[e] += flags[k, t] * value
