"""Inner loops of registration: frames moved by parts of voxels, along x, then y, then z.

Beyond a frame's border its outermost voxels are taken. Up to half a voxel beyond, what the template says of the
difference is added; what lies further out was not seen and becomes NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from cnmf3d.movies.registered.interpolation import MARGIN

NAN = np.float32(np.nan)
TAPS = 8
"""Voxels along each axis that a result is made of (see `cnmf3d.movies.registered.interpolation`)."""

FAR = 1e6
"""Voxels beyond which a shift is as good as this one: nothing is seen."""

TILE = 2048
"""Voxels of all planes that are handled at once along z: they stay in the second-level cache."""

FAST = {"reassoc", "contract", "arcp", "nsz"}
"""Liberties with the order of sums that let them be vectorised; not-a-number keeps its meaning."""


@njit(cache=True, nogil=True, fastmath=FAST)
def move_frame(frame: Any, shifts: Any, table: Any, out: Any) -> None:
    """Move a volume whose planes each move as a whole.

    ``out[z, y, x]`` is the value at ``(z, y, x) + shift``, with the shift along y and x of the plane, and along x
    that of the row, which are read.

    Parameters
    ----------
    frame : (Z, Y, X) float32
    shifts : (Z, 4) float
        z, y, x of even rows, x of odd rows: displacement of each recorded plane; the same along z for all.
    table : (steps + 1, TAPS) float32
        Weights for parts of a voxel.
    out : (Z, Y, X) float32, written
    """
    planes, rows, columns = frame.shape
    line = np.empty(columns + TAPS, np.float32)
    wide = np.empty((rows, columns), np.float32)
    still = planes == 1 or shifts[0, 0] == 0
    moved = out if still else np.empty((planes, rows, columns), np.float32)
    for p in range(planes):
        for y in range(rows):
            shift = shifts[p, 2 + (y & 1)]
            first, weights = _step(shift, table)
            row = frame[p, y]
            for i in range(columns + TAPS - 1):
                line[i] = row[min(max(i + first, 0), columns - 1)]
            _mix_columns(line, weights, wide[y])
            for x in range(min(max(int(np.ceil(-shift)), 0), columns)):
                wide[y, x] = row[0]
            for x in range(min(max(int(np.floor(columns - 1 - shift)) + 1, 0), columns), columns):
                wide[y, x] = row[columns - 1]
        shift = shifts[p, 1]
        first, weights = _step(shift, table)
        for y in range(rows):
            if 0 <= y + shift <= rows - 1:
                _mix_rows(wide, y + first, weights, moved[p, y])
            else:
                moved[p, y] = wide[0 if y + shift < 0 else rows - 1]
    if still:
        return
    shift = shifts[0, 0]
    first, weights = _step(shift, table)
    flat, result = moved.reshape(planes, rows * columns), out.reshape(planes, rows * columns)
    for start in range(0, rows * columns, TILE):
        stop = min(start + TILE, rows * columns)
        part = flat[:, start:stop]
        for p in range(planes):
            if 0 <= p + shift <= planes - 1:
                _mix_rows(part, p + first, weights, result[p, start:stop])
            else:
                result[p, start:stop] = part[0 if p + shift < 0 else planes - 1]


@njit(cache=True, nogil=True)
def _step(shift: float, table: Any) -> tuple[int, Any]:
    """The first voxel that counts, relative to a voxel's own place, and the weights."""
    bounded = min(max(shift, -FAR), FAR)
    whole = int(np.floor(bounded))
    return whole + 1 - TAPS // 2, table[int((bounded - whole) * (table.shape[0] - 1) + 0.5)]


@njit(cache=True, nogil=True, fastmath=FAST)
def _mix_columns(line: Any, w: Any, out: Any) -> None:
    """``out[x] = sum of w[j] line[x + j]``, written out so that it is done in one go."""
    w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
    for x in range(out.size):
        near = w0 * line[x] + w1 * line[x + 1] + w2 * line[x + 2] + w3 * line[x + 3]
        far = w4 * line[x + 4] + w5 * line[x + 5] + w6 * line[x + 6] + w7 * line[x + 7]
        out[x] = near + far


@njit(cache=True, nogil=True, fastmath=FAST)
def _mix_rows(rows: Any, first: int, w: Any, out: Any) -> None:
    """``out = sum of w[i] rows[first + i]``, the outermost row again beyond the border."""
    last = rows.shape[0] - 1
    r0, r1 = rows[min(max(first, 0), last)], rows[min(max(first + 1, 0), last)]
    r2, r3 = rows[min(max(first + 2, 0), last)], rows[min(max(first + 3, 0), last)]
    r4, r5 = rows[min(max(first + 4, 0), last)], rows[min(max(first + 5, 0), last)]
    r6, r7 = rows[min(max(first + 6, 0), last)], rows[min(max(first + 7, 0), last)]
    w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
    for x in range(out.size):
        near = w0 * r0[x] + w1 * r1[x] + w2 * r2[x] + w3 * r3[x]
        out[x] = near + w4 * r4[x] + w5 * r5[x] + w6 * r6[x] + w7 * r7[x]


@njit(cache=True, nogil=True)
def hide_outside(out: Any, boxes: Any, place: float) -> None:
    """Make NaN of voxels of a moved volume that the frame doesn't show.

    Parameters
    ----------
    out : (Z, Y, X) float32, changed
    boxes : (Z, 4) int64
        First and last-but-one row and column (start, stop, start, stop) that each recorded plane shows.
    place : float
        Displacement along z.
    """
    planes = out.shape[0]
    for p in range(planes):
        at = p + place
        if at < -MARGIN or at > planes - 1 + MARGIN:
            out[p] = NAN
            continue
        low = min(max(int(np.floor(at + 1e-3)), 0), planes - 1)
        high = min(max(int(np.ceil(at - 1e-3)), 0), planes - 1)
        top, bottom = max(boxes[low, 0], boxes[high, 0]), min(boxes[low, 1], boxes[high, 1])
        left, right = max(boxes[low, 2], boxes[high, 2]), min(boxes[low, 3], boxes[high, 3])
        if top >= bottom or left >= right:
            out[p] = NAN
            continue
        out[p, :top] = NAN
        out[p, bottom:] = NAN
        out[p, :, :left] = NAN
        out[p, :, right:] = NAN


@njit(cache=True, nogil=True)
def complete_borders(out: Any, template: Any, shifts: Any) -> None:
    """Add to voxels just beyond a frame's border how the template differs between there and what the frame shows.

    Parameters
    ----------
    out : (Z, Y, X) float32, changed
    template : (Z, Y, X) float32
        NaN where it isn't known.
    shifts : (Z, 3) float32
        z, y, x: displacement of each recorded plane; the same along z for all.
    """
    planes, rows, columns = out.shape
    for p in range(planes):
        at = p + shifts[0, 0]
        recorded = min(max(int(np.floor(at + 0.5)), 0), planes - 1)
        beyond, inner = _beyond(at, p, planes)
        if beyond > 0:
            for y in range(rows):
                _add_difference(out[p, y], template[p, y], template[inner, y], beyond)
        for y in range(rows):
            beyond, inner = _beyond(y + shifts[recorded, 1], y, rows)
            if beyond > 0:
                _add_difference(out[p, y], template[p, y], template[p, inner], beyond)
        for x in range(columns):
            beyond, inner = _beyond(x + shifts[recorded, 2], x, columns)
            if beyond > 0:
                for y in range(rows):
                    _add_difference(out[p, y, x : x + 1], template[p, y, x : x + 1], template[p, y, inner:], beyond)


@njit(cache=True, nogil=True)
def _beyond(at: float, index: int, length: int) -> tuple[float, int]:
    """How far a place is beyond the outermost centre, 0 within and far out; and the neighbour further in."""
    if -MARGIN <= at < 0 and index + 1 < length:
        return -at, index + 1
    if length - 1 < at <= length - 1 + MARGIN and index > 0:
        return at - (length - 1), index - 1
    return 0.0, index


@njit(cache=True, nogil=True)
def _add_difference(values: Any, here: Any, inner: Any, share: float) -> None:
    """Add a share of the template's difference from its neighbour further in, where it is known."""
    for i in range(values.size):
        change = np.float32(share) * (here[i] - inner[i])
        if change == change:
            values[i] += change


@njit(cache=True, nogil=True)
def _along_grid(field: Any, z_grid: Any, y_grid: Any, z: float, y: float, node: int, out: Any) -> None:
    """The field at a place between the grid's planes and rows, in one of its columns: linear, constant beyond."""
    a, b = _between(z_grid, z), _between(y_grid, y)
    i, j = int(a), int(b)
    u, v = np.float32(a - i), np.float32(b - j)
    k, m = min(i + 1, z_grid.size - 1), min(j + 1, y_grid.size - 1)
    for axis in range(3):
        front = (1 - v) * field[i, j, node, axis] + v * field[i, m, node, axis]
        back = (1 - v) * field[k, j, node, axis] + v * field[k, m, node, axis]
        out[node, axis] = (1 - u) * front + u * back


@njit(cache=True, nogil=True)
def _between(grid: Any, place: float) -> float:
    """Where between the points of a grid a place is: 2.25 a quarter of the way from point 2 to point 3."""
    if place <= grid[0]:
        return 0.0
    last = grid.size - 1
    if place >= grid[last]:
        return float(last)
    i = 0
    while place >= grid[i + 1]:
        i += 1
    return float(i + (place - grid[i]) / (grid[i + 1] - grid[i]))


@njit(cache=True, nogil=True)
def _here(field: Any, grids: Any, z: float, y: float, follow: int, nodes: Any) -> None:
    """The field along a row that is recorded at (z, y); its displacement along z (and y: `follow` 2) is followed back.

    Parameters
    ----------
    field : (gz, gy, gx, 3) float32
    grids : three float32 arrays
    z, y : float
        Places in the template if the field were zero.
    follow : int
        Of how many axes (z, then y) the place is that of the recording.
    nodes : (gx, 3) float32, written
    """
    for node in range(nodes.shape[0]):
        _along_grid(field, grids[0], grids[1], z, y, node, nodes)
        for _ in range(1 if follow else 0):
            back = nodes[node, 1] if follow == 2 else np.float32(0)
            _along_grid(field, grids[0], grids[1], z - nodes[node, 0], y - back, node, nodes)


@njit(cache=True, nogil=True, fastmath=FAST)
def warp_frame(
    frame: Any, field: Any, grids: Any, shifts: Any, table: Any, template: Any, hidden: bool, out: Any
) -> None:
    """Move a volume by a displacement that differs from place to place.

    The displacement is that of the place in the template; when rows and columns are resampled first, the place is found
    from the recorded one by one step of fixed-point iteration. Smooth fields (that change by less than half a voxel a
    voxel) need no more.

    Parameters
    ----------
    frame : (Z, Y, X) float32
    field : (gz, gy, gx, 3) float32
    grids : three float32 arrays
        Positions of the grid's points along z, y, x.
    shifts : (Z, 4) float32
        z, y, x of even rows, x of odd rows: displacement of each recorded plane without the field; the same along z for
        all.
    table : (steps + 1, taps) float32
        Weights for parts of a voxel.
    template : (Z, Y, X) float32
        As in `complete_borders`.
    hidden : bool
        Whether what the frame doesn't show becomes NaN.
    out : (Z, Y, X) float32, written
    """
    planes, rows, columns = frame.shape
    steps = table.shape[0] - 1
    nodes = np.empty((grids[2].size, 3), np.float32)
    at, part = np.empty(columns, np.int64), np.empty(columns, np.float32)
    for x in range(columns):
        between = _between(grids[2], np.float32(x))
        at[x] = min(int(between), max(grids[2].size - 2, 0))
        part[x] = np.float32(between - at[x])
    last = grids[2].size - 1
    line = np.empty(columns + 2 * TAPS, np.float32)
    wide = np.empty((rows + 2 * TAPS, columns), np.float32)
    moved = np.empty((planes + 2 * TAPS, rows, columns), np.float32)
    for p in range(planes):
        for y in range(rows):
            _here(field, grids, p - shifts[p, 0], y - shifts[p, 1], 2, nodes)
            base = shifts[p, 2 + (y & 1)]
            for i in range(columns + 2 * TAPS):
                line[i] = frame[p, y, min(max(i - TAPS, 0), columns - 1)]
            target = wide[TAPS + y]
            for x in range(columns):
                near, far = nodes[at[x], 2], nodes[min(at[x] + 1, last), 2]
                first, weights = _weights(x + base + near + part[x] * (far - near), columns, steps, table)
                total = np.float32(0)
                for j in range(TAPS):
                    total += weights[j] * line[first + j]
                target[x] = total
        for i in range(TAPS):
            wide[i] = wide[TAPS]
            wide[TAPS + rows + i] = wide[TAPS + rows - 1]
        for y in range(rows):
            _here(field, grids, p - shifts[p, 0], np.float64(y), 1, nodes)
            base = shifts[p, 1]
            target = moved[TAPS + p, y]
            for x in range(columns):
                near, far = nodes[at[x], 1], nodes[min(at[x] + 1, last), 1]
                first, weights = _weights(y + base + near + part[x] * (far - near), rows, steps, table)
                total = np.float32(0)
                for j in range(TAPS):
                    total += weights[j] * wide[first + j, x]
                target[x] = total
    for i in range(TAPS):
        moved[i] = moved[TAPS]
        moved[TAPS + planes + i] = moved[TAPS + planes - 1]
    for p in range(planes):
        for y in range(rows):
            _here(field, grids, np.float64(p), np.float64(y), 0, nodes)
            target = out[p, y]
            for x in range(columns):
                i, k, u = at[x], min(at[x] + 1, last), part[x]
                z_at = p + shifts[p, 0] + nodes[i, 0] + u * (nodes[k, 0] - nodes[i, 0])
                plane = min(max(int(z_at + 0.5), 0), planes - 1)
                y_at = y + shifts[plane, 1] + nodes[i, 1] + u * (nodes[k, 1] - nodes[i, 1])
                x_at = x + shifts[plane, 2] + nodes[i, 2] + u * (nodes[k, 2] - nodes[i, 2])
                if planes == 1:
                    total = moved[TAPS, y, x]
                else:
                    first, weights = _weights(z_at, planes, steps, table)
                    total = np.float32(0)
                    for j in range(TAPS):
                        total += weights[j] * moved[first + j, y, x]
                outside = not 0 <= z_at <= planes - 1
                if outside or not (0 <= y_at <= rows - 1 and 0 <= x_at <= columns - 1):
                    total = _completed(total, template, (p, y, x), (z_at, y_at, x_at), hidden)
                target[x] = total


@njit(cache=True, nogil=True)
def _completed(value: Any, template: Any, index: Any, places: Any, hidden: bool) -> Any:
    """A voxel beyond the frame's border: with the template's difference, or NaN where it is too far out."""
    for axis in range(3):
        length = template.shape[axis]
        if hidden and not -MARGIN <= places[axis] <= length - 1 + MARGIN:
            return NAN
        beyond, inner = _beyond(places[axis], index[axis], length)
        if beyond > 0:
            z = inner if axis == 0 else index[0]
            y = inner if axis == 1 else index[1]
            x = inner if axis == 2 else index[2]
            change = np.float32(beyond) * (template[index[0], index[1], index[2]] - template[z, y, x])
            if change == change:
                value += change
    return value


@njit(cache=True, nogil=True, fastmath=FAST, inline="always")
def _weights(place: float, length: int, steps: int, table: Any) -> tuple[int, Any]:
    """The first of the values that count for a place, in an array that begins TAPS before, and their weights."""
    place = min(max(place, 0.0), np.float64(length - 1))
    whole = int(np.floor(place))
    return whole + 1 + TAPS - TAPS // 2, table[int((place - whole) * steps + 0.5)]
