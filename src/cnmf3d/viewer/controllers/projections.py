"""Projections of a whole movie: mean, maximum, standard deviation and local correlation, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnmf3d.movies import Movie

Volume = npt.NDArray[np.float32]
PIECE = 2**25
"""Values that are held at once."""


@dataclass
class _Sums:
    """Sums over time of values from which the first volume was taken away, so that they stay small."""

    base: npt.NDArray[np.float32]
    total: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    most: Volume
    products: list[npt.NDArray[np.float64]]
    frames: int = 0

    @classmethod
    def begun(cls, first: npt.NDArray[np.float32]) -> _Sums:
        """No frames yet."""
        zeros = np.zeros(first.shape)
        products = [np.zeros(_behind(zeros, axis).shape) for axis in range(3)]
        return cls(first, zeros, zeros.copy(), np.full(first.shape, -np.inf, np.float32), products)

    def add(self, frames: npt.NDArray[np.float32]) -> None:
        """Take in some volumes, (t, Z, Y, X)."""
        np.maximum(self.most, frames.max(axis=0), out=self.most)
        frames -= self.base
        self.total += frames.sum(axis=0, dtype=np.float64)
        self.squares += np.einsum("tzyx,tzyx->zyx", frames, frames, dtype=np.float64)
        for axis, product in enumerate(self.products):
            here, next_ = _before(frames, axis + 1), _behind(frames, axis + 1)
            product += np.einsum("tzyx,tzyx->zyx", here, next_, dtype=np.float64)
        self.frames += len(frames)

    def projections(self) -> dict[str, Volume]:
        """All of them."""
        mean = self.total / self.frames
        variance = np.maximum(self.squares / self.frames - mean**2, 0)
        spread = np.sqrt(variance)
        correlation, neighbours = np.zeros(mean.shape), np.zeros(mean.shape)
        for axis, product in enumerate(self.products):
            here, there = _before(mean, axis), _behind(mean, axis)
            size = _before(spread, axis) * _behind(spread, axis)
            value = np.where(size > 0, (product / self.frames - here * there) / np.maximum(size, 1e-30), 0)
            for part in (_before, _behind):
                part(correlation, axis)[...] += value
                part(neighbours, axis)[...] += 1
        volumes: dict[str, npt.NDArray[np.floating]] = {
            "mean": mean + self.base,
            "max": self.most,
            "std": spread,
            "correlation": correlation / np.maximum(neighbours, 1),
        }
        return {name: volume.astype(np.float32) for name, volume in volumes.items()}


def projections(movie: Movie, report: Callable[[int, int], None]) -> dict[str, Volume]:
    """Compute all projections of a movie.

    Parameters
    ----------
    movie : Movie
    report : callable
        ``report(frames done, frames in all)``; may raise to stop.

    Returns
    -------
    dict of name to (Z, Y, X) float32
        ``mean``, ``max``, ``std`` and ``correlation``: of each voxel's values with those of its neighbours along z,
        y and x, on average.
    """
    count = len(movie)
    step = max(1, PIECE // int(np.prod(movie.shape[1:])))
    sums = _Sums.begun(movie.read(0, 1)[0].astype(np.float32))
    for start in range(0, count, step):
        report(start, count)
        sums.add(np.array(movie.read(start, start + step), np.float32))
    report(count, count)
    return sums.projections()


def _before(values: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.floating]:
    """All but the last along an axis."""
    return values[(slice(None),) * axis + (slice(None, -1),)]


def _behind(values: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.floating]:
    """All but the first along an axis."""
    return values[(slice(None),) * axis + (slice(1, None),)]
