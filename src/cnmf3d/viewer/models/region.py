"""The part of a movie that a preview is computed on: what is seen, as far as it takes seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[int, int]

BUDGET = 30_000_000
"""Voxel-frames of a preview, most."""

LEAST_SIDE = 32
"""Voxels along x and y to which a region may be cut."""

FRAMES, PLANES = 600, 8
"""Of a preview, where the movie has as many."""


@dataclass(frozen=True)
class Region:
    """A box of a movie: ``start, stop`` of frames, planes, rows and columns.

    Attributes
    ----------
    frames, z, y, x : (int, int)
    cut : bool
        Whether it is less than what is seen.
    """

    frames: Span
    z: Span
    y: Span
    x: Span
    cut: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        z, y, x = (stop - start for start, stop in (self.z, self.y, self.x))
        return (z, y, x)

    @property
    def origin(self) -> tuple[int, int, int]:
        """First voxel (z, y, x)."""
        return (self.z[0], self.y[0], self.x[0])

    def __str__(self) -> str:
        """Tell its size as (x × y × z, frames)."""
        z, y, x = self.shape
        seen = "middle of the visible part: " if self.cut else ""
        return f"{seen}{x} × {y} × {z} voxels, {self.frames[1] - self.frames[0]} volumes"


def region_of(
    shape: Sequence[int],
    seen: tuple[Span, Span],
    plane: int,
    frame: int,
    *,
    planes: int = PLANES,
    frames: int = FRAMES,
) -> Region:
    """The region around what is seen.

    Parameters
    ----------
    shape : (T, Z, Y, X)
    seen : ((int, int), (int, int))
        Rows and columns on the screen; may reach beyond the movie.
    plane, frame : int
        Current plane and volume.
    planes, frames : int
        How many to take around them.
    """
    t, z, y, x = shape
    time = around(frame, min(frames, t), t)
    depth = around(plane, min(planes, z), z)
    rows, columns = _within(seen[0], y), _within(seen[1], x)
    room = BUDGET / ((time[1] - time[0]) * (depth[1] - depth[0]))
    height, width = rows[1] - rows[0], columns[1] - columns[0]
    if height * width <= room:
        return Region(time, depth, rows, columns)
    side = max(LEAST_SIDE, int(room**0.5))
    if height < side:
        width = min(width, max(LEAST_SIDE, int(room / height)))
    elif width < side:
        height = min(height, max(LEAST_SIDE, int(room / width)))
    else:
        height, width = side, side
    return Region(time, depth, around(sum(rows) // 2, height, y), around(sum(columns) // 2, width, x), cut=True)


def around(centre: int, length: int, end: int) -> Span:
    """A span of that length around a centre, within ``0:end``."""
    start = max(0, min(centre - length // 2, end - length))
    return (start, start + length)


def _within(span: Span, end: int) -> Span:
    """The part of a span that is within ``0:end``; everything where none is."""
    start, stop = max(0, min(span)), min(end, max(span))
    return (start, stop) if stop > start else (0, end)
