"""Inner loops over one volume: moving by whole voxels, binning. Numbers in, arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

HUGE = np.float32(1e30)
"""From here on a value is none."""
ROWS = 4
"""Rows of a frame that are handled at once: more are read faster, but then sums and images no longer stay in the
cache."""
STEPS = 6
"""Gauss-Newton steps at most: from a start within a voxel the fourth changes less than a thousandth."""
SETTLED = 1e-4
"""Voxels from which on another step changes nothing."""


@njit(cache=True, nogil=True)
def move(frame: Any, shift: Any, level: Any, out: Any) -> None:
    """``out(p) = frame(p + shift) - level`` where the frame has that voxel and it is finite, 0 elsewhere.

    Parameters
    ----------
    frame : (Z, Y, X)
    shift : (3,) int64
    level : float32
    out : array of any shape (Z', Y', X') float32, written
    """
    columns = out.shape[2]
    dz, dy, dx = shift[0], shift[1], shift[2]
    low, high = max(0, -dx), min(columns, frame.shape[2] - dx)
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            if z + dz < 0 or z + dz >= frame.shape[0] or y + dy < 0 or y + dy >= frame.shape[1] or low >= high:
                out[z, y] = 0
                continue
            out[z, y, :low] = 0
            out[z, y, high:] = 0
            above(frame[z + dz, y + dy, low + dx : high + dx], level, out[z, y, low:high])


@njit(cache=True, nogil=True)
def above(of: Any, level: Any, out: Any) -> None:
    """What a row of a frame has above a level; 0 where it has no value."""
    for x in range(of.size):
        value = np.float32(of[x]) - level
        out[x] = value if abs(value) < HUGE else np.float32(0)


@njit(cache=True, nogil=True)
def binned(frame: Any, by: Any, out: Any) -> None:
    """Mean over ``by × by`` voxels of each plane.

    Parameters
    ----------
    frame : (Z, Y, X)
    by : int
    out : (Z, Y // by, X // by) float32, written
    """
    scale = np.float32(1 / (by * by))
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            to = out[z, y]
            to[:] = 0
            for row in range(y * by, (y + 1) * by):
                of = frame[z, row]
                if by == 1:
                    for x in range(out.shape[2]):
                        to[x] += np.float32(of[x])
                elif by == 2:
                    for x in range(out.shape[2]):
                        to[x] += np.float32(of[2 * x]) + np.float32(of[2 * x + 1])
                else:
                    for x in range(out.shape[2]):
                        for column in range(x * by, (x + 1) * by):
                            to[x] += np.float32(of[column])
            for x in range(out.shape[2]):
                to[x] *= scale


@njit(cache=True, nogil=True)
def faded(frames: Any, window: Any, out: Any) -> None:
    """Frames without the mean of each plane, times a window; what is no value counts as zero.

    Parameters
    ----------
    frames : (n, Z, Y, X) float32
    window : (Z, Y, X) float32
    out : (n, Z, Y, X) float32, written
    """
    for t in range(frames.shape[0]):
        for z in range(frames.shape[1]):
            total = 0.0
            for y in range(frames.shape[2]):
                above(frames[t, z, y], np.float32(0), out[t, z, y])
                total += out[t, z, y].sum()
            mean = np.float32(total / (frames.shape[2] * frames.shape[3]))
            for y in range(frames.shape[2]):
                row, share = out[t, z, y], window[z, y]
                for x in range(row.size):
                    row[x] = (row[x] - mean) * share[x]


@njit(cache=True, nogil=True)
def add(frames: Any, shifts: Any, half: Any, low: Any, high: Any, box: Any, sums: Any, counts: Any) -> None:
    """Sum frames that are moved by whole voxels, within a box, values within bounds.

    Parameters
    ----------
    frames : (frames, Z, Y, X)
    shifts : (frames, 3) int64
    half : (frames,) int64
        Which sum a frame belongs to; below 0: to none.
    low, high : (Z, Y, X) float32
        Lower values count as `low`, higher ones as `high`.
    box : (3, 2) int64
        Along each axis the first voxel, and the one after the last.
    sums, counts : (2, Z, Y, X) float32, added to
    """
    planes, height, columns = sums.shape[1:]
    for z in range(box[0, 0], box[0, 1]):
        for begin in range(box[1, 0], box[1, 1], ROWS):
            end = min(begin + ROWS, box[1, 1])
            for t in range(frames.shape[0]):  # in the inner loop, so that sums stay in the fastest cache
                n, a, b, c = half[t], z + shifts[t, 0], shifts[t, 1], shifts[t, 2]
                first, stop = max(box[2, 0], -c), min(box[2, 1], columns - c)
                if n < 0 or a < 0 or a >= planes or first >= stop:
                    continue
                for y in range(max(begin, -b), min(end, height - b)):
                    _add_row(
                        frames[t, a, y + b, first + c : stop + c],
                        low[z, y, first:stop],
                        high[z, y, first:stop],
                        sums[n, z, y, first:stop],
                        counts[n, z, y, first:stop],
                    )


@njit(cache=True, nogil=True)
def _add_row(of: Any, low: Any, high: Any, sums: Any, counts: Any) -> None:
    """As `add`, of one row."""
    for x in range(of.size):
        value = np.float32(of[x])
        seen = abs(value) < HUGE
        sums[x] += min(max(value, low[x]), high[x]) if seen else np.float32(0)
        counts[x] += np.float32(1) if seen else np.float32(0)


@njit(cache=True, nogil=True)
def highest(values: Any, out: Any) -> None:
    """Find the highest peaks: voxels above all neighbours, and where a parabola along each axis has its top.

    Parameters
    ----------
    values : (Z, Y, X) float32
    out : (peaks, 4) float64, written
        Place along z, y, x, and value; from the highest down. Rows without a peak have the value minus infinity.
    """
    planes, rows, columns = values.shape
    out[:, :3] = 0
    out[:, 3] = -np.inf
    last = out.shape[0] - 1
    for z in range(planes):
        for y in range(rows):
            for x in range(columns):
                value = values[z, y, x]
                if not value > out[last, 3]:
                    continue
                top = True
                for a in range(max(z - 1, 0), min(z + 2, planes)):
                    for b in range(max(y - 1, 0), min(y + 2, rows)):
                        for c in range(max(x - 1, 0), min(x + 2, columns)):
                            if values[a, b, c] > value:
                                top = False
                if not top:
                    continue
                n = last
                while n > 0 and out[n - 1, 3] < value:
                    out[n] = out[n - 1]
                    n -= 1
                out[n, 0], out[n, 1], out[n, 2], out[n, 3] = z, y, x, value
    for n in range(last + 1):
        if out[n, 3] == -np.inf:
            continue
        z, y, x = int(out[n, 0]), int(out[n, 1]), int(out[n, 2])
        if 0 < z < planes - 1:
            out[n, 0] += _top(values[z - 1, y, x], values[z, y, x], values[z + 1, y, x])
        if 0 < y < rows - 1:
            out[n, 1] += _top(values[z, y - 1, x], values[z, y, x], values[z, y + 1, x])
        if 0 < x < columns - 1:
            out[n, 2] += _top(values[z, y, x - 1], values[z, y, x], values[z, y, x + 1])


@njit(cache=True, nogil=True)
def _top(below: Any, top: Any, above: Any) -> Any:
    """Distance of a parabola's top from the middle one of three values."""
    bend = 2.0 * top - below - above
    return min(max((above - below) / (2 * bend), -0.5), 0.5) if bend > 0 else 0.0


@njit(cache=True, nogil=True)
def gauss_newton(matrix: Any, right: Any, first: Any, second: Any, bound: Any, a: Any, d: Any, error: Any) -> None:
    """Fit brightness and shift of a template that moves, to second order, by Gauss-Newton steps.

    The coefficients of the images are ``a (1, d_i, d_j d_k)``; ``right - matrix @ coefficients`` is made to vanish
    along their derivatives.

    Parameters
    ----------
    matrix : (items, K, K) float64
        Products of instruments and images: template, first derivatives, second ones.
    right : (items, K) float64
        Products of instruments and frames.
    first, second : (pairs,) int64
        Axes of each second derivative.
    bound : float
        Largest shift.
    a : (items,) float64
        Where to begin, and the result.
    d : (items, axes) float64
        The same.
    error : (items, axes + 1) float64, written
        Standard errors of brightness and shifts where the instruments are those of the true covariance; infinite where
        nothing tells.
    """
    items, size = right.shape
    n = d.shape[1]
    phi, slope = np.zeros(size), np.zeros((n + 1, size))
    half, hessian, step = np.zeros((n + 1, size)), np.zeros((n + 1, n + 1)), np.zeros(n + 1)
    work, inverse = np.zeros((n + 1, n + 1)), np.zeros((n + 1, n + 1))
    for item in range(items):
        left = STEPS
        while left >= 0:
            slope[:] = 0
            slope[0, 0] = 1
            for i in range(n):
                slope[0, 1 + i] = d[item, i]
                slope[1 + i, 1 + i] = a[item]
            for place in range(first.size):
                j, k = first[place], second[place]
                slope[0, 1 + n + place] = d[item, j] * d[item, k]
                slope[1 + j, 1 + n + place] += a[item] * d[item, k]
                slope[1 + k, 1 + n + place] += a[item] * d[item, j]
            phi[:] = a[item] * slope[0]
            for row in range(n + 1):
                for c in range(size):
                    total = 0.0
                    for e in range(size):
                        total += slope[row, e] * matrix[item, e, c]
                    half[row, c] = total
            for row in range(n + 1):
                for c in range(n + 1):
                    total = 0.0
                    for e in range(size):
                        total += half[row, e] * slope[c, e]
                    hessian[row, c] = total
            _invert(hessian, work, inverse)
            if left == 0:
                for row in range(n + 1):
                    error[item, row] = np.sqrt(inverse[row, row]) if inverse[row, row] > 0 else np.inf
                break
            moved = 0.0
            for row in range(n + 1):
                total = 0.0
                for e in range(size):
                    total += slope[row, e] * right[item, e] - half[row, e] * phi[e]
                step[row] = total
            for row in range(n + 1):
                total = 0.0
                for c in range(n + 1):
                    total += inverse[row, c] * step[c]
                if row == 0:
                    a[item] = min(max(a[item] + total, 0.05), 20.0)
                else:
                    before = d[item, row - 1]
                    d[item, row - 1] = min(max(before + total, -bound), bound)
                    moved = max(moved, abs(d[item, row - 1] - before))
            left = 0 if moved < SETTLED else left - 1


@njit(cache=True, nogil=True)
def _invert(matrix: Any, work: Any, inverse: Any) -> None:
    """Invert the symmetric part of a small matrix by elimination; zero rows along what it doesn't determine."""
    n = matrix.shape[0]
    inverse[:] = 0
    for i in range(n):
        for j in range(n):
            scale = matrix[i, i] * matrix[j, j]
            good = matrix[i, i] > 0 and matrix[j, j] > 0
            work[i, j] = (matrix[i, j] + matrix[j, i]) / (2 * np.sqrt(scale)) if good else 0.0
        inverse[i, i] = 1
    for i in range(n):
        pivot = work[i, i]
        if pivot < 1e-6:  # no more than rounding is left of it beside the others
            work[i, :] = 0
            work[:, i] = 0
            inverse[i, :] = 0
            inverse[:, i] = 0
            continue
        for j in range(n):
            work[i, j] /= pivot
            inverse[i, j] /= pivot
        for k in range(n):
            if k != i:
                factor = work[k, i]
                for j in range(n):
                    work[k, j] -= factor * work[i, j]
                    inverse[k, j] -= factor * inverse[i, j]
    for i in range(n):
        for j in range(n):
            if matrix[i, i] > 0 and matrix[j, j] > 0:
                inverse[i, j] /= np.sqrt(matrix[i, i] * matrix[j, j])
            else:
                inverse[i, j] = 0
