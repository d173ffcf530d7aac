"""Kernels on one block of binned data: rows are voxels, time is contiguous, values are int16 in units of noise/STEP.

Footprints come as the three arrays of a CSC matrix (`indptr`, `indices`, `data`), one column a component; where a
kernel goes from voxel to voxel, with the CSR arrays that tell which entries of `data` lie on each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def project(rows: Any, indptr: Any, indices: Any, data: Any, out: Any) -> None:
    """``out = Aᵀ rows``: weighted sums of voxel traces.

    Parameters
    ----------
    rows : (voxels, bins) int16
    indptr, indices, data : CSC arrays of A, (voxels, components)
    out : (components, bins) float32, written
    """
    n_bins = rows.shape[1]
    for k in range(indptr.size - 1):
        acc = out[k]
        for t in range(n_bins):
            acc[t] = 0
        for entry in range(indptr[k], indptr[k + 1]):
            row = rows[indices[entry]]
            weight = data[entry]
            for t in range(n_bins):
                acc[t] += weight * np.float32(row[t])


@njit(cache=True, nogil=True, fastmath=True)
def correlate(rows: Any, indptr: Any, indices: Any, traces: Any, out: Any) -> None:
    """``out = rows · traceᵀ`` on each component's support only.

    Parameters
    ----------
    rows : (voxels, bins) int16
    indptr, indices : CSC structure of the supports
    traces : (components, bins) float32
    out : (entries,) float32, written
    """
    n_bins = rows.shape[1]
    for k in range(indptr.size - 1):
        trace = traces[k]
        for entry in range(indptr[k], indptr[k + 1]):
            row = rows[indices[entry]]
            total = np.float32(0)
            for t in range(n_bins):
                total += trace[t] * np.float32(row[t])
            out[entry] = total


@njit(cache=True, nogil=True, fastmath=True)
def regress_rows(rows: Any, regressors: Any, out: Any) -> None:
    """``out = rows · regressorsᵀ`` for every voxel.

    Parameters
    ----------
    rows : (voxels, bins) int16
    regressors : (n, bins) float32
    out : (voxels, n) float32, written
    """
    n_bins = rows.shape[1]
    for v in range(rows.shape[0]):
        row = rows[v]
        for r in range(regressors.shape[0]):
            regressor = regressors[r]
            total = np.float32(0)
            for t in range(n_bins):
                total += regressor[t] * np.float32(row[t])
            out[v, r] = total


@njit(cache=True, nogil=True, fastmath=True)
def coarsen(rows: Any, coarse_of: Any, out: Any) -> None:
    """Sum voxel traces over supervoxels.

    Parameters
    ----------
    rows : (voxels, bins) int16
    coarse_of : (voxels,) int64
        Supervoxel of each voxel.
    out : (supervoxels, bins) float32, added to
    """
    n_bins = rows.shape[1]
    for v in range(rows.shape[0]):
        acc = out[coarse_of[v]]
        row = rows[v]
        for t in range(n_bins):
            acc[t] += np.float32(row[t])


@njit(cache=True, nogil=True, fastmath=True)
def subtract_model(rows: Any, indptr: Any, indices: Any, data: Any, traces: Any) -> None:
    """``rows -= A · traces`` in place, A given by voxel (CSR arrays).

    Parameters
    ----------
    rows : (voxels, bins) float32, changed
    indptr, indices, data : CSR arrays of A, (voxels, components)
    traces : (components, bins) float32
    """
    n_bins = rows.shape[1]
    for v in range(indptr.size - 1):
        row = rows[v]
        for entry in range(indptr[v], indptr[v + 1]):
            weight = data[entry]
            trace = traces[indices[entry]]
            for t in range(n_bins):
                row[t] -= weight * trace[t]


@njit(cache=True, nogil=True, fastmath=True)
def update_traces(projected: Any, indptr: Any, indices: Any, gram: Any, signed: bool, traces: Any) -> None:
    """One sweep of HALS over the traces, in place: ``c_k += (U_k − G_k C) / G_kk``.

    Parameters
    ----------
    projected : (components, bins) float32
        ``U = Aᵀ(Y − background)``.
    indptr, indices, gram : CSR arrays of ``G = AᵀA``
    signed : bool
        Let traces be negative.
    traces : (components, bins) float32, changed

    Notes
    -----
    Hierarchical alternating least squares: Cichocki & Phan 2009, doi:10.1587/transfun.E92.A.708.
    """
    n_bins = traces.shape[1]
    step = np.empty(n_bins, np.float32)
    for k in range(indptr.size - 1):
        for t in range(n_bins):
            step[t] = projected[k, t]
        own = np.float32(0)
        for entry in range(indptr[k], indptr[k + 1]):
            j = indices[entry]
            weight = gram[entry]
            if j == k:
                own = weight
            other = traces[j]
            for t in range(n_bins):
                step[t] -= weight * other[t]
        if own <= 0:
            continue
        scale = np.float32(1) / own
        trace = traces[k]
        if signed:
            for t in range(n_bins):
                trace[t] += scale * step[t]
        else:
            for t in range(n_bins):
                trace[t] = max(np.float32(0), trace[t] + scale * step[t])


@njit(cache=True, nogil=True, fastmath=True)
def update_footprints(
    correlated: Any, voxel_ptr: Any, columns: Any, entries: Any, gram: Any, sweeps: int, data: Any
) -> None:
    """Sweeps of HALS over the footprints on their supports, in place.

    ``a_k += (P_k − Σ_j a_j (CCᵀ)_jk) / (CCᵀ)_kk``, then clipped at zero. Given the traces no voxel depends on another:
    each has all of its sweeps in turn.

    Parameters
    ----------
    correlated : (entries,) float32
        ``P = (Y − background) Cᵀ`` on the supports.
    voxel_ptr, columns, entries : CSR arrays of the supports by voxel
        Component, and place in `data`, of each.
    gram : (components, components) float32
        ``CCᵀ``.
    sweeps : int
        At least one.
    data : (entries,) float32, changed
    """
    n = gram.shape[0]
    inverse = np.zeros(n, np.float32)
    for k in range(n):
        if gram[k, k] > 0:
            inverse[k] = np.float32(1) / gram[k, k]
    here, wanted = np.empty(n, np.float32), np.empty(n, np.float32)
    for v in range(voxel_ptr.size - 1):
        first = voxel_ptr[v]
        count = voxel_ptr[v + 1] - first
        if count == 1:  # nobody else here: the first sweep is the last
            k = columns[first]
            if inverse[k] > 0:
                data[entries[first]] = max(np.float32(0), correlated[entries[first]] * inverse[k])
            continue
        for i in range(count):
            here[i] = data[entries[first + i]]
            wanted[i] = correlated[entries[first + i]]
        for _ in range(sweeps):
            for i in range(count):
                k = columns[first + i]
                left = wanted[i]
                for j in range(count):
                    left -= gram[k, columns[first + j]] * here[j]
                here[i] = max(np.float32(0), here[i] + left * inverse[k])
        for i in range(count):
            data[entries[first + i]] = here[i]


@njit(cache=True, nogil=True, fastmath=True)
def gram_of_footprints(voxel_ptr: Any, columns: Any, entries: Any, data: Any, gram: Any) -> None:
    """``gram += AᵀA``.

    Parameters
    ----------
    voxel_ptr, columns, entries : CSR arrays of the supports by voxel
        Component, and place in `data`, of each.
    data : (entries,) float32
    gram : (components, components) float32, added to
    """
    for v in range(voxel_ptr.size - 1):
        for i in range(voxel_ptr[v], voxel_ptr[v + 1]):
            products = gram[columns[i]]
            value = data[entries[i]]
            for j in range(voxel_ptr[v], voxel_ptr[v + 1]):
                products[columns[j]] += value * data[entries[j]]


@njit(cache=True, nogil=True, fastmath=True)
def project_images(indptr: Any, indices: Any, data: Any, images: Any, out: Any) -> None:
    """``out = Aᵀ images``.

    Parameters
    ----------
    indptr, indices, data : CSC arrays of A, (voxels, components)
    images : (voxels, n) float32
    out : (components, n) float32, written
    """
    n = images.shape[1]
    for k in range(indptr.size - 1):
        for r in range(n):
            out[k, r] = 0
        for e in range(indptr[k], indptr[k + 1]):
            for r in range(n):
                out[k, r] += data[e] * images[indices[e], r]


@njit(cache=True, nogil=True, fastmath=True)
def subtract_images(indptr: Any, indices: Any, images: Any, weights: Any, values: Any) -> None:
    """``values -= images · weights`` on each component's support only, in place.

    Parameters
    ----------
    indptr, indices : CSC structure of the supports
    images : (voxels, n) float32
    weights : (n, components) float32
    values : (entries,) float32, changed
    """
    n = images.shape[1]
    for k in range(indptr.size - 1):
        for e in range(indptr[k], indptr[k + 1]):
            total = np.float32(0)
            for r in range(n):
                total += images[indices[e], r] * weights[r, k]
            values[e] -= total


@njit(cache=True, nogil=True, fastmath=True)
def activity(rows: Any, threshold: float, energy: Any, spread: Any) -> None:
    """Energy of the upward excursions of each trace, in units of the trace's own noise.

    Parameters
    ----------
    rows : (voxels, bins) float32
        Band-passed traces, expected noise one.
    threshold : float
        Excursions above this many noises count.
    energy : (voxels,) float32, written
        ``Σ_t x² 1[x > threshold]`` with ``x = row / spread``.
    spread : (voxels,) float32, written
        Root mean square of the negative values, at least one.
    """
    n_bins = rows.shape[1]
    for v in range(rows.shape[0]):
        row = rows[v]
        below = np.float32(0)
        count = 0
        for t in range(n_bins):
            low = min(row[t], np.float32(0))
            below += low * low
            count += row[t] < 0
        sigma = max(np.float32(1), np.sqrt(below / np.float32(max(count, 1))))
        cut = np.float32(threshold) * sigma
        total = np.float32(0)
        for t in range(n_bins):
            x = row[t] if row[t] > cut else np.float32(0)
            total += x * x
        spread[v] = sigma
        energy[v] = total / (sigma * sigma)


@njit(cache=True, nogil=True, fastmath=True)
def persistence(rows: Any, weights: Any, floor: float, ceiling: float, share: float, out: Any) -> None:
    """Weighted autocovariance of each trace at lags 1, 2, ..., in standard deviations of what white noise gives.

    ``z(x) = Σ_k w_k Σ_t x_t x_{t+k} / (σ² √(Σ_k w_k² n_k))`` of the trace, or `share` times that of its excursions,
    ``clip(x / spread − floor, 0, ceiling)``, where that is larger.

    Parameters
    ----------
    rows : (voxels, bins) float32
    weights : (lags,) float32
    floor, ceiling, share : float
    out : (voxels,) float32, written
        Zero for a constant trace.
    """
    n_bins = rows.shape[1]
    x = np.empty(n_bins, np.float32)
    for v in range(rows.shape[0]):
        row = rows[v]
        mean = np.float32(0)
        for t in range(n_bins):
            mean += row[t]
        mean /= n_bins
        below = np.float32(0)
        count = 0
        for t in range(n_bins):
            x[t] = row[t] - mean
            low = min(x[t], np.float32(0))
            below += low * low
            count += x[t] < 0
        largest = _lagged(x, weights)
        spread = np.sqrt(below / np.float32(max(count, 1)))
        if spread > 0:
            mean = np.float32(0)
            for t in range(n_bins):
                x[t] = min(max(x[t] / spread - np.float32(floor), np.float32(0)), np.float32(ceiling))
                mean += x[t]
            mean /= n_bins
            for t in range(n_bins):
                x[t] -= mean
            largest = max(largest, np.float32(share) * _lagged(x, weights))
        out[v] = largest


@njit(cache=True, nogil=True, fastmath=True)
def _lagged(x: Any, weights: Any) -> Any:
    """Weighted autocovariance at lags 1, 2, ... of a trace with mean zero, in standard deviations of white noise."""
    n_bins = x.size
    power = np.float32(0)
    for t in range(n_bins):
        power += x[t] * x[t]
    total = np.float32(0)
    scale = np.float32(0)
    for k in range(weights.size):
        lag = k + 1
        if lag >= n_bins:
            break
        sum_ = np.float32(0)
        for t in range(n_bins - lag):
            sum_ += x[t] * x[t + lag]
        total += weights[k] * sum_
        scale += weights[k] ** 2 * (n_bins - lag)
    if power <= 0 or scale <= 0:
        return np.float32(0)
    return np.float32(total / (power / n_bins * np.sqrt(scale)))


@njit(cache=True, nogil=True, fastmath=True)
def neighbour_correlation(rows: Any, depth: int, height: int, width: int, out: Any) -> None:
    """Mean correlation of each voxel's trace with its up to six neighbours' traces.

    Parameters
    ----------
    rows : (depth * height * width, bins) int16
    depth, height, width : int
        Size of the box.
    out : (depth * height * width,) float32, written
    """
    n_voxels, n_bins = rows.shape
    mean = np.empty(n_voxels, np.float32)
    scale = np.empty(n_voxels, np.float32)
    for v in range(n_voxels):
        row = rows[v]
        total = np.float32(0)
        square = np.float32(0)
        for t in range(n_bins):
            value = np.float32(row[t])
            total += value
            square += value * value
        mean[v] = total / n_bins
        variance = square / n_bins - mean[v] * mean[v]
        scale[v] = np.float32(1) / np.sqrt(variance) if variance > 0 else np.float32(0)
        out[v] = 0
    count = np.zeros(n_voxels, np.float32)
    for v in range(n_voxels):
        x = v % width
        y = (v // width) % height
        z = v // (width * height)
        for axis in range(3):
            if axis == 0:
                other = v + 1 if x + 1 < width else -1
            elif axis == 1:
                other = v + width if y + 1 < height else -1
            else:
                other = v + width * height if z + 1 < depth else -1
            if other < 0:
                continue
            here = rows[v]
            there = rows[other]
            total = np.float32(0)
            for t in range(n_bins):
                total += np.float32(here[t]) * np.float32(there[t])
            r = (total / n_bins - mean[v] * mean[other]) * scale[v] * scale[other]
            out[v] += r
            out[other] += r
            count[v] += 1
            count[other] += 1
    for v in range(n_voxels):
        if count[v] > 0:
            out[v] /= count[v]


@njit(cache=True, nogil=True, fastmath=True)
def apply_along(values: Any, first: Any, weights: Any, out: Any) -> None:
    """Multiply the middle axis by a banded matrix.

    Parameters
    ----------
    values : (outer, n, inner) float32
    first : (m,) int64
        Column of each row's first weight.
    weights : (m, band) float32
    out : (outer, m, inner) float32, written
    """
    outer, _, inner = values.shape
    m, band = weights.shape
    size = 1024
    for o in range(outer):
        for start in range(0, inner, size):
            stop = min(start + size, inner)
            for i in range(m):
                j = first[i]
                # rows as arrays of their own: only then does the compiler see that they don't overlap
                acc = out[o, i, start:stop]
                row0 = values[o, j, start:stop]
                w0 = weights[i, 0]
                for t in range(stop - start):
                    acc[t] = w0 * row0[t]
                b = 1
                while b + 3 < band:
                    w0, w1, w2, w3 = weights[i, b], weights[i, b + 1], weights[i, b + 2], weights[i, b + 3]
                    row0 = values[o, j + b, start:stop]
                    row1 = values[o, j + b + 1, start:stop]
                    row2 = values[o, j + b + 2, start:stop]
                    row3 = values[o, j + b + 3, start:stop]
                    for t in range(stop - start):
                        acc[t] += w0 * row0[t] + w1 * row1[t] + w2 * row2[t] + w3 * row3[t]
                    b += 4
                while b < band:
                    w0 = weights[i, b]
                    row0 = values[o, j + b, start:stop]
                    for t in range(stop - start):
                        acc[t] += w0 * row0[t]
                    b += 1
