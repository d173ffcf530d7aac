"""The frames of a movie as registration reads them: a few at a time, ahead of need, binned where volumes are large."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from cnmf3d.motion.kernels import binned
from cnmf3d.motion.scanner import with_lines_back, with_planes_back
from cnmf3d.movies import Movie

Item = TypeVar("Item")
Result = TypeVar("Result")
Box = tuple[slice, slice, slice]
NATIVE = (np.uint8, np.uint16, np.int16, np.float32)
"""Types that kernels are compiled for, in this machine's byte order; others are read as float32."""
CHUNK_BYTES = 2**26
"""Values, as float32, that are handled at once."""
SAMPLES = 12
"""Frames in which margins that never change are looked for."""
LIVE = 0.2
"""Share of a line's voxels that must change from frame to frame; the rest may be clipped at zero."""
MANY, LARGEST = 400_000, 2_000_000
"""Voxels of a volume from which planes are binned 2 × 2 at first, and from which they are binned as far as memory needs
it: more voxels tell hardly anything new of a shift unless structure is as small as they are, and cost time."""


@dataclass(frozen=True)
class Source:
    """A movie's frames.

    Attributes
    ----------
    movie : Movie
    by : int
        Side of the squares over which planes are averaged; 1: frames as they are.
    workers : int
        Threads.
    box : three slices
        Part of the volume that is looked at: what never changes around it doesn't move with the tissue.
    phase : int
        Voxels by which odd lines are moved back.
    offsets : (Z, 2) int64, or None
        Voxels along y and x by which each plane of the box is moved back.
    """

    movie: Movie
    by: int
    workers: int
    box: Box = (slice(None), slice(None), slice(None))
    phase: int = 0
    offsets: npt.NDArray[np.int64] | None = None

    @classmethod
    def of(cls, movie: Movie, workers: int | None = None) -> Source:
        """Choose the part of a movie that is looked at, and the binning to begin with."""
        count = int(np.clip(CHUNK_BYTES // (movie.dtype.itemsize * np.prod(movie.shape[1:])), 3, SAMPLES))
        some = np.unique(np.linspace(0, len(movie) - 1, count).astype(int))
        box = live_box(np.concatenate([movie.read(int(t), int(t) + 1) for t in some]))
        by = max(min(binning(box, MANY), 2), binning(box, LARGEST))
        return cls(movie, by, workers or cores(), box)

    @property
    def finer(self) -> Source:
        """The same frames with as little binning as memory allows."""
        return replace(self, by=binning(self.box, LARGEST))

    @property
    def scale(self) -> npt.NDArray[np.float64]:
        """Voxels of the movie in one of the source, along z, y and x."""
        return np.array([1.0, self.by, self.by])

    @property
    def start(self) -> tuple[int, int, int]:
        """Where the box begins, voxels of the movie."""
        z, y, x = (side.start or 0 for side in self.box)
        return z, y, x

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X) of what is read."""
        z, y, x = (len(range(*side.indices(n))) for side, n in zip(self.box, self.movie.shape[1:], strict=True))
        return len(self.movie), z, y // self.by, x // self.by

    @property
    def chunk(self) -> int:
        """Frames that are handled at once."""
        stored = self.movie.dtype.itemsize * int(np.prod(self.movie.shape[1:]))
        return int(np.clip(CHUNK_BYTES // max(4 * int(np.prod(self.shape[1:])), stored), 1, 256))

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read frames, (n, Z, Y, X), in the movie's type if kernels take it; else, or binned, as float32."""
        frames = self.movie.read(start, stop)[:, *self.box]
        if frames.dtype.type not in NATIVE or not frames.dtype.isnative:
            frames = frames.astype(np.float32)
        if self.phase:
            frames = with_lines_back(frames, self.phase)
        if self.offsets is not None:
            frames = with_planes_back(frames, self.offsets)
        return frames if self.by == 1 else bin_frames(frames, self.by, self.workers)

    def pick(self, numbers: Iterable[int]) -> npt.NDArray[Any]:
        """Read single frames."""
        wanted = list(numbers)
        first = self.read(wanted[0], wanted[0] + 1)
        out = np.empty((len(wanted), *first.shape[1:]), first.dtype)
        for n, t in enumerate(wanted):
            out[n] = self.read(t, t + 1)[0] if n else first[0]
        return out

    def chunks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Read all frames in order: number of the first one, and a few frames. The next ones are read meanwhile."""
        edges = [*range(0, self.shape[0], self.chunk), self.shape[0]]
        with ThreadPoolExecutor(1) as reader:
            waiting = reader.submit(self.read, edges[0], edges[1])
            for (start, stop), following in zip(pairwise(edges), [*pairwise(edges[1:]), None], strict=True):
                frames = waiting.result()
                if following is not None:
                    waiting = reader.submit(self.read, stop, following[1])
                yield start, frames


def live_box(frames: npt.NDArray[Any]) -> Box:
    """Find the part of the volume without margins that never change: fills, flyback, values that are none.

    Parameters
    ----------
    frames : (n, Z, Y, X)

    Returns
    -------
    three slices
        All of the volume where hardly anything changes. Rows begin with an even one, so that odd ones stay odd.
    """
    finite = np.isfinite(frames)
    first = np.where(finite[:1], frames[:1], 0)
    live = (finite & (frames != first)).any(axis=0) & (finite.mean(axis=0) > 0.5)
    sides = []
    for axis, length in enumerate(live.shape):
        lines = np.flatnonzero(live.mean(axis=tuple(n for n in range(3) if n != axis)) > LIVE * live.mean())
        low, high = (int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, length)
        sides.append(slice(low + low % 2 if axis == 1 else low, high))
    z, y, x = sides
    return z, y, x


def binning(box: Box, most: int) -> int:
    """Smallest side of squares that leaves at most so many voxels."""
    voxels, by = float(np.prod([side.stop - side.start for side in box])), 1
    while voxels / by**2 > most:
        by += 1
    return by


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> list[Result]:
    """Call a function for all items in threads, results in order."""
    if workers == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))


def parts(count: int, size: int) -> list[slice]:
    """Cut a range into parts of one size, whatever the number of workers."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def bin_frames(frames: npt.NDArray[Any], by: int, workers: int = 1) -> npt.NDArray[np.float32]:
    """Average ``by × by`` voxels of each plane, (frames, Z, Y // by, X // by) float32."""
    out = np.empty((*frames.shape[:2], frames.shape[2] // by, frames.shape[3] // by), np.float32)
    spread(lambda t: binned(frames[t], by, out[t]), range(len(frames)), workers)
    return out
