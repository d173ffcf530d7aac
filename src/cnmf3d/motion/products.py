"""Inner products of moved frames with images, some rows at a time: nothing is moved in memory.

Blocks of rows are in the outer loop and frames in the inner one, so that a block of all images stays in the fastest
cache, and a frame's voxels are read once. Images are laid out as (Z, blocks, K, rows, X): a block of each image is one
stretch of memory, long enough for sums of many values at once, whatever the length of a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from cnmf3d.motion.kernels import HUGE, above

SUMS = {"reassoc", "contract", "nsz"}
"""What the compiler may do to sums, so that it adds up eight values at once; what isn't finite stays so."""
SHORT = 16
"""Voxels in a row below which products are summed over images side by side, as there is little to sum along the row."""
BLOCK = 512
"""Voxels of a block, about: more make longer sums, but a block of eleven images has to stay in 32 KiB."""


def by_blocks(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Images (K, Z, Y, X) as (Z, blocks, K, rows, X); rows that fill up the last block are zero."""
    count, planes, height, width = images.shape
    rows = int(np.clip(round(BLOCK / max(width, 1)), 1, max(height, 1)))
    blocks = -(-height // rows)
    out = np.zeros((planes, blocks, count, rows, width), np.float32)
    for block in range(blocks):
        part = images[:, :, block * rows : (block + 1) * rows]
        out[:, block, :, : part.shape[2]] = part.transpose(1, 0, 2, 3)
    return out


@njit(cache=True, nogil=True, fastmath=SUMS)
def _dot(row: Any, images: Any, out: Any) -> None:
    """Add the products of a block (n,) with that of each image (K, n) to ``out[k]``."""
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
    """Sum of blocks of images (K, n) times their factors: into ``out`` (n,)."""
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
    depth, blocks, count, rows, length = instruments.shape
    block = np.zeros(rows * length, np.float32)
    out[:] = 0
    for z in range(depth):
        for n in range(blocks):
            measures = instruments[z, n].reshape(count, rows * length)
            for t in range(frames.shape[0]):
                a, b, c = z + corners[t, 0], n * rows + corners[t, 1], corners[t, 2]
                first, stop = max(0, -c), min(length, columns - c)
                begin, end = max(0, -b), min(rows, height - b)
                if a < 0 or a >= planes or first >= stop or begin >= end:
                    continue
                if factors is not None:
                    _mix(factors[t], images[z, n].reshape(count, rows * length), block)
                block[: begin * length] = 0
                block[end * length :] = 0
                for y in range(begin, end):
                    row = block[y * length : (y + 1) * length]
                    of = frames[t, a, y + b, first + c : stop + c]
                    if factors is None:
                        above(of, level, row[first:stop])
                    else:
                        _bounded_left(of, level, bound[z, n, 0, y, first:stop], row[first:stop])
                    row[:first] = 0
                    row[stop:] = 0
                _dot(block, measures, out[t])


@njit(cache=True, nogil=True)
def products(frames: Any, corners: Any, level: Any, instruments: Any, out: Any) -> None:
    """``out[t, k] = Σ_p instruments[k](p) (frame_t(p + corner_t) - level)`` over what a frame has of it.

    Parameters
    ----------
    frames : (frames, Z, Y, X)
    corners : (frames, 3) int64
        Where the images' first voxel lies in each frame.
    level : float32
    instruments : (Z', blocks, K, rows, X') float32
        From `by_blocks`.
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
    bound : (Z', blocks, 1, rows, X') float32
        From `by_blocks`.
    factors : (frames, K) float32
        Of the images in each frame.
    images : (Z', blocks, K, rows, X') float32
    """
    _summed(frames, corners, level, bound, factors, images, instruments, out)


@njit(cache=True, nogil=True, fastmath=SUMS)
def cell_products(one: Any, two: Any, planes: Any, rows: Any, columns: Any, out: Any) -> None:
    """Products of two sets of images, summed over the cells of a grid.

    Parameters
    ----------
    one, two : (K, Z, Y, X) float32
    planes, rows, columns : (Z,), (Y,), (X,) int64
        Cell of each voxel along each axis; neighbours share one or are in the next.
    out : (cells along z, along y, along x, K, K) float64, added to
    """
    size = one.shape[0]
    left, right = np.empty((SHORT, size), np.float32), np.empty((SHORT, size), np.float32)
    sums = np.empty((size, size), np.float32)
    copied = np.empty(size * columns.size, np.float32)
    for z in range(planes.size):
        for y in range(rows.size):
            first = 0
            while first < columns.size:
                stop = first + 1
                while stop < columns.size and columns[stop] == columns[first]:
                    stop += 1
                cell = out[planes[z], rows[y], columns[first]]
                if stop - first >= SHORT:
                    rights = copied[: size * (stop - first)].reshape(size, stop - first)
                    for k in range(size):
                        rights[k] = two[k, z, y, first:stop]
                    for i in range(size):
                        _dot(one[i, z, y, first:stop], rights, cell[i])
                    first = stop
                    continue
                sums[:] = 0
                for k in range(size):
                    for x in range(first, stop):
                        left[x - first, k] = one[k, z, y, x]
                        right[x - first, k] = two[k, z, y, x]
                for x in range(stop - first):
                    for i in range(size):
                        value = left[x, i]
                        for j in range(size):
                            sums[i, j] += value * right[x, j]
                for i in range(size):
                    for j in range(size):
                        cell[i, j] += sums[i, j]
                first = stop
