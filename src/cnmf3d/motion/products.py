"""Inner products of moved frames with images, a row at a time: nothing is moved in memory.

Rows are in the outer loop and frames in the inner one, so that a row of all images stays in the fastest cache, and a
frame's voxels are read once. Images are laid out as (Z, Y, K, X): rows of different images at one place lie side by
side, whatever the volume's size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from cnmf3d.motion.kernels import HUGE, ROWS, above

SUMS = {"reassoc", "contract", "nsz"}
"""What the compiler may do to sums, so that it adds up eight values at once; what isn't finite stays so."""


def by_rows(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Images (K, Z, Y, X) as (Z, Y, K, X)."""
    return np.ascontiguousarray(images.transpose(1, 2, 0, 3))


@njit(cache=True, nogil=True, fastmath=SUMS)
def _dot(row: Any, images: Any, out: Any) -> None:
    """Add the products of a row (X,) with that of each image (K, X) to ``out[k]``."""
    size, k = images.shape[0], 0
    while k + 4 <= size:  # four at a time: each value is read once
        a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for x in range(row.size):
            value = row[x]
            a += value * images[k, x]
            b += value * images[k + 1, x]
            c += value * images[k + 2, x]
            d += value * images[k + 3, x]
        out[k] += a
        out[k + 1] += b
        out[k + 2] += c
        out[k + 3] += d
        k += 4
    while k < size:
        a = np.float32(0)
        for x in range(row.size):
            a += row[x] * images[k, x]
        out[k] += a
        k += 1


@njit(cache=True, nogil=True, fastmath=SUMS)
def _mix(factors: Any, images: Any, out: Any) -> None:
    """Sum of the rows of images (K, X) times their factors: into ``out`` (X,)."""
    size, k = images.shape[0], 1
    a = factors[0]
    for x in range(out.size):
        out[x] = a * images[0, x]
    while k + 3 <= size:
        a, b, c = factors[k], factors[k + 1], factors[k + 2]
        for x in range(out.size):
            out[x] += a * images[k, x] + b * images[k + 1, x] + c * images[k + 2, x]
        k += 3
    while k < size:
        a = factors[k]
        for x in range(out.size):
            out[x] += a * images[k, x]
        k += 1


@njit(cache=True, nogil=True)
def _bounded_left(of: Any, level: Any, most: Any, row: Any) -> None:
    """What a row of a frame has above a level and what is expected (in `row`), at most so far from zero."""
    for x in range(of.size):
        value = np.float32(of[x]) - level - row[x]
        value = value if abs(value) < HUGE else np.float32(0)
        row[x] = min(max(value, -most[x]), most[x])


@njit(cache=True, nogil=True)
def _summed(
    frames: Any, corners: Any, level: Any, bound: Any, factors: Any, images: Any, instruments: Any, out: Any
) -> None:
    """As `bounded_products`; without factors as `products`, compiled apart."""
    planes, height, columns = frames.shape[1:]
    depth, rows, _, length = instruments.shape
    row = np.zeros(length, np.float32)
    out[:] = 0
    for z in range(depth):
        for begin in range(0, rows, ROWS):
            end = min(begin + ROWS, rows)
            for t in range(frames.shape[0]):
                a, b, c = z + corners[t, 0], corners[t, 1], corners[t, 2]
                first, stop = max(0, -c), min(length, columns - c)
                if a < 0 or a >= planes or first >= stop:
                    continue
                part = row[first:stop]
                for y in range(max(begin, -b), min(end, height - b)):
                    of = frames[t, a, y + b, first + c : stop + c]
                    if factors is None:
                        above(of, level, part)
                    else:
                        _mix(factors[t], images[z, y], row)
                        _bounded_left(of, level, bound[z, y, first:stop], part)
                    row[:first] = 0
                    row[stop:] = 0
                    _dot(row, instruments[z, y], out[t])


@njit(cache=True, nogil=True)
def products(frames: Any, corners: Any, level: Any, instruments: Any, out: Any) -> None:
    """``out[t, k] = Σ_p instruments[k](p) (frame_t(p + corner_t) - level)`` over what a frame has of it.

    Parameters
    ----------
    frames : (frames, Z, Y, X)
    corners : (frames, 3) int64
        Where the images' first voxel lies in each frame.
    level : float32
    instruments : (Z', Y', K, X') float32
    out : (frames, K) float64, written
    """
    _summed(frames, corners, level, None, None, None, instruments, out)


@njit(cache=True, nogil=True)
def bounded_products(
    frames: Any, corners: Any, level: Any, bound: Any, factors: Any, images: Any, instruments: Any, out: Any
) -> None:
    """As `products`, of what frames have beside a sum of images, at most `bound` from zero.

    Parameters
    ----------
    frames, corners, level, instruments, out :
        As in `products`.
    bound : (Z', Y', X') float32
    factors : (frames, K) float32
        Of the images in each frame.
    images : (Z', Y', K, X') float32
    """
    _summed(frames, corners, level, bound, factors, images, instruments, out)


@njit(cache=True, nogil=True, fastmath=SUMS)
def cell_products(one: Any, two: Any, planes: Any, rows: Any, columns: Any, out: Any) -> None:
    """Products of two sets of images, summed over the cells of a grid.

    Parameters
    ----------
    one, two : (Z, Y, K, X) float32
    planes, rows, columns : (Z,), (Y,), (X,) int64
        Cell of each voxel along each axis; neighbours share one or are in the next.
    out : (cells along z, along y, along x, K, K) float64, added to
    """
    size = one.shape[2]
    length = columns.size
    left, right = np.empty((length, size), np.float32), np.empty((length, size), np.float32)
    sums = np.empty((size, size), np.float32)
    for z in range(planes.size):
        for y in range(rows.size):
            for k in range(size):
                for x in range(length):
                    left[x, k] = one[z, y, k, x]
                    right[x, k] = two[z, y, k, x]
            first = 0
            while first < length:
                stop = first + 1
                while stop < length and columns[stop] == columns[first]:
                    stop += 1
                sums[:] = 0
                for x in range(first, stop):
                    for i in range(size):
                        value = left[x, i]
                        for j in range(size):
                            sums[i, j] += value * right[x, j]
                cell = out[planes[z], rows[y], columns[first]]
                for i in range(size):
                    for j in range(size):
                        cell[i, j] += sums[i, j]
                first = stop
