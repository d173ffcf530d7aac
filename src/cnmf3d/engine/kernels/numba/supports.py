"""Kernels on the supports of footprints, and on score maps of a volume: neighbours are the six that share a face.

Footprints come as the arrays of a CSC matrix, one column a component; voxels are counted in C order over (z, y, x).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def grow(indptr: Any, indices: Any, depth: int, height: int, width: int) -> Any:
    """Each support with all voxels that share a face with it.

    Parameters
    ----------
    indptr, indices : CSC structure of the supports, (voxels, components)
    depth, height, width : int
        Size of the volume.

    Returns
    -------
    indptr : (components + 1,) int32
    indices : (entries,) int32, ascending in each column
    position : (old entries,) int64
        Where each of the old entries went.
    """
    count = indptr.size - 1
    ptr = np.zeros(count + 1, np.int32)
    grown = np.empty(7 * indices.size, np.int32)
    position = np.empty(indices.size, np.int64)
    plane = height * width
    n = 0
    for k in range(count):
        first, stop = indptr[k], indptr[k + 1]
        if first < stop:
            low_z, low_y, low_x, high_z, high_y, high_x = bounds(indices[first:stop], plane, width)
            low_z, low_y, low_x = max(low_z - 1, 0), max(low_y - 1, 0), max(low_x - 1, 0)
            high_z, high_y, high_x = min(high_z + 1, depth - 1), min(high_y + 1, height - 1), min(high_x + 1, width - 1)
            box = np.full((high_z - low_z + 1, high_y - low_y + 1, high_x - low_x + 1), -1, np.int32)
            for e in range(first, stop):
                z, y, x = place(indices[e], plane, width)
                z, y, x = z - low_z, y - low_y, x - low_x
                for dz, dy, dx in ((0, 0, 0), (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)):
                    a, b, c = z + dz, y + dy, x + dx
                    if 0 <= a < box.shape[0] and 0 <= b < box.shape[1] and 0 <= c < box.shape[2]:
                        box[a, b, c] = 0
            for z in range(box.shape[0]):
                for y in range(box.shape[1]):
                    for x in range(box.shape[2]):
                        if box[z, y, x] == 0:
                            box[z, y, x] = n
                            grown[n] = (z + low_z) * plane + (y + low_y) * width + x + low_x
                            n += 1
            for e in range(first, stop):
                z, y, x = place(indices[e], plane, width)
                position[e] = box[z - low_z, y - low_y, x - low_x]
        ptr[k + 1] = n
    return ptr, grown[:n].copy(), position


@njit(cache=True, nogil=True)
def main_parts(indptr: Any, indices: Any, data: Any, thresholds: Any, height: int, width: int, inside: Any) -> None:
    """The connected part of each footprint above a threshold that holds the most.

    Parameters
    ----------
    indptr, indices, data : CSC arrays of the footprints, (voxels, components)
    thresholds : (components,) float32
        Half of a footprint's peak is taken where that is lower.
    height, width : int
        Size of the volume in y and x.
    inside : (entries,) bool, written
        Nothing of a footprint that is nowhere positive.
    """
    plane = height * width
    part = np.empty(indices.size, np.int32)
    stack = np.empty(indices.size, np.int64)
    for k in range(indptr.size - 1):
        first, stop = indptr[k], indptr[k + 1]
        top = np.float32(0)
        for e in range(first, stop):
            inside[e] = False
            top = max(top, data[e])
        if top <= 0:
            continue
        threshold = min(thresholds[k], np.float32(0.5) * top)
        low_z, low_y, low_x, high_z, high_y, high_x = bounds(indices[first:stop], plane, width)
        box = np.full((high_z - low_z + 1, high_y - low_y + 1, high_x - low_x + 1), -1, np.int64)
        for e in range(first, stop):
            part[e] = -1
            if data[e] > threshold:
                z, y, x = place(indices[e], plane, width)
                box[z - low_z, y - low_y, x - low_x] = e
        best, most, parts = -1, -1.0, 0
        for start in range(first, stop):
            if part[start] >= 0 or not data[start] > threshold:
                continue
            mass = 0.0
            part[start] = parts
            stack[0] = start
            waiting = 1
            while waiting:
                waiting -= 1
                e = stack[waiting]
                mass += data[e]
                z, y, x = place(indices[e], plane, width)
                z, y, x = z - low_z, y - low_y, x - low_x
                for dz, dy, dx in ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)):
                    a, b, c = z + dz, y + dy, x + dx
                    if 0 <= a < box.shape[0] and 0 <= b < box.shape[1] and 0 <= c < box.shape[2]:
                        other = box[a, b, c]
                        if other >= 0 and part[other] < 0:
                            part[other] = parts
                            stack[waiting] = other
                            waiting += 1
            if mass > most:
                best, most = parts, mass
            parts += 1
        for e in range(first, stop):
            inside[e] = part[e] == best


@njit(cache=True, nogil=True)
def main_hills(
    indptr: Any, indices: Any, data: Any, counted: Any, share: float, height: int, width: int, inside: Any
) -> None:
    """The hill of each footprint that holds the most, by a watershed from the top.

    Entries are taken from the highest to the lowest; each joins the hills that it touches. Two hills become one where
    they meet above `share` of the higher one's peak, or where the lower one nowhere rises above that.

    Parameters
    ----------
    indptr, indices, data : CSC arrays of the footprints, (voxels, components)
    counted : (entries,) bool
        Entries that take part.
    share : float
    height, width : int
        Size of the volume in y and x.
    inside : (entries,) bool, written
    """
    plane = height * width
    for k in range(indptr.size - 1):
        first, stop = indptr[k], indptr[k + 1]
        for e in range(first, stop):
            inside[e] = False
        if first == stop:
            continue
        values = data[first:stop]
        order = np.argsort(-values, kind="mergesort")
        low_z, low_y, low_x, high_z, high_y, high_x = bounds(indices[first:stop], plane, width)
        box = np.full((high_z - low_z + 1, high_y - low_y + 1, high_x - low_x + 1), -1, np.int64)
        hill = np.full(stop - first, -1, np.int64)
        for i in range(order.size):
            e = order[i]
            if not counted[first + e] or values[e] <= 0:
                continue
            z, y, x = place(indices[first + e], plane, width)
            z, y, x = z - low_z, y - low_y, x - low_x
            box[z, y, x] = e
            hill[e] = e
            for dz, dy, dx in ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)):
                a, b, c = z + dz, y + dy, x + dx
                if not (0 <= a < box.shape[0] and 0 <= b < box.shape[1] and 0 <= c < box.shape[2]):
                    continue
                other = box[a, b, c]
                if other < 0:
                    continue
                mine, theirs = _top(hill, e), _top(hill, other)
                if mine == theirs:
                    continue
                lower, higher = (mine, theirs) if values[mine] <= values[theirs] else (theirs, mine)
                level = np.float32(share) * values[higher]
                if values[e] >= level or values[lower] < level or lower == e:
                    hill[lower] = higher
        mass = np.zeros(stop - first)
        for e in range(stop - first):
            if hill[e] >= 0:
                mass[_top(hill, e)] += values[e]
        best = np.argmax(mass)
        for e in range(stop - first):
            inside[first + e] = hill[e] >= 0 and _top(hill, e) == best


@njit(inline="always")
def _top(hill: Any, e: int) -> int:
    """The highest entry of the hill that an entry belongs to; shortens the way there."""
    while hill[e] != e:
        hill[e] = hill[hill[e]]
        e = hill[e]
    return e


@njit(cache=True, nogil=True)
def peaks(score: Any, threshold: float, offsets: Any, peak: Any) -> None:
    """Where a score is above a threshold and nowhere higher among its neighbours.

    Parameters
    ----------
    score : (Z, Y, X) float32
    threshold : float
    offsets : (n, 3) int64
        Steps to the neighbours along z, y and x.
    peak : (Z, Y, X) bool, written
    """
    depth, height, width = score.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = score[z, y, x]
                highest = here > threshold
                n = 0
                while highest and n < offsets.shape[0]:
                    a, b, c = z + offsets[n, 0], y + offsets[n, 1], x + offsets[n, 2]
                    if 0 <= a < depth and 0 <= b < height and 0 <= c < width:
                        highest = score[a, b, c] <= here
                    n += 1
                peak[z, y, x] = highest


@njit(inline="always")
def place(voxel: int, plane: int, width: int) -> Any:
    """Plane, row and column of a voxel."""
    z = voxel // plane
    rest = voxel - z * plane
    y = rest // width
    return z, y, rest - y * width


@njit(inline="always")
def bounds(indices: Any, plane: int, width: int) -> Any:
    """Lowest and highest plane, row and column of some voxels."""
    low_z, low_y, low_x = place(indices[0], plane, width)
    high_z, high_y, high_x = low_z, low_y, low_x
    for voxel in indices:
        z, y, x = place(voxel, plane, width)
        low_z, low_y, low_x = min(low_z, z), min(low_y, y), min(low_x, x)
        high_z, high_y, high_x = max(high_z, z), max(high_y, y), max(high_x, x)
    return low_z, low_y, low_x, high_z, high_y, high_x
