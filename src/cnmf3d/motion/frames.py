"""The frames of a movie as registration reads them: a few at a time, ahead of need, binned where volumes are large."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from cnmf3d.motion.kernels import binned
from cnmf3d.motion.scanner import with_lines_back
from cnmf3d.movies import Movie

Item = TypeVar("Item")
Result = TypeVar("Result")
CHUNK_BYTES = 2**26
"""Values, as float32, that are handled at once."""
LARGEST = 2_000_000
"""Voxels of a volume from which planes are binned: more tell hardly anything new of a shift, and cost memory."""


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
    phase : int
        Voxels by which odd lines are moved back.
    """

    movie: Movie
    by: int
    workers: int
    phase: int = 0

    @classmethod
    def of(cls, movie: Movie, workers: int | None = None) -> Source:
        """Choose the binning for a movie."""
        by = 1
        while movie.size / len(movie) / by**2 > LARGEST:
            by += 1
        return cls(movie, by, workers or cores())

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X) of what is read."""
        time, z, y, x = self.movie.shape
        return time, z, y // self.by, x // self.by

    @property
    def chunk(self) -> int:
        """Frames that are handled at once."""
        return int(np.clip(CHUNK_BYTES // (4 * int(np.prod(self.shape[1:]))), 1, 256))

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read frames, (n, Z, Y, X), in the movie's type or binned as float32."""
        frames = with_lines_back(self.movie.read(start, stop), self.phase)
        return frames if self.by == 1 else bin_frames(frames, self.by, self.workers)

    def pick(self, numbers: Iterable[int]) -> npt.NDArray[Any]:
        """Read single frames."""
        return np.concatenate([self.read(t, t + 1) for t in numbers])

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


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> list[Result]:
    """Call a function for all items in threads, results in order."""
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
