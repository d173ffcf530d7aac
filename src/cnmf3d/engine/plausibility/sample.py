"""A sample of a movie: enough to see what is wrong with it, in seconds, however large it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.engine.borders import unseen
from cnmf3d.movies import Movie

Frames = npt.NDArray[np.float32]
Image = npt.NDArray[np.float32]

STRETCHES, LONGEST, SHORTEST = 8, 16, 6
"""Stretches of consecutive volumes, spread over the movie, and volumes of each: more see rarer events and take
longer."""

VALUES = 6 * 10**6
"""Values in all stretches together, about: all checks of them take half a second."""

LARGE = 2**18
"""Values of a volume above which only a part of its planes and rows is read."""

PLANES, ROWS, COLUMNS = 24, 32, 512
"""The part of a large volume: the first and last four planes and those in the middle, so many rows at least, and at
most so many columns."""

ALIGNED = 16
"""Rows and columns that are read begin at multiples of it, as blocks of compression do."""

MOMENTS, FEWER, BAND = 600, 100, 24
"""Volumes whose brightness is looked at, in so many rows of the middle plane; and fewer where the movie is neither a
map of a file nor small: a chunk of a compressed file holds many volumes, and is decompressed for each."""

WHOLE, AT_ONCE = 6 * 10**7, 2**23
"""Values of a movie that is read from the beginning to the end for that, and how many of them at once."""

MOST_CUT = 0.5
"""Share of a plane's side that may be cut off with filled borders."""

SMALL = 32
"""Rows or columns below which planes are small: on crops of 20 × 20, chance makes hums and stripes."""

ROUNDED = 0.5
"""Standard deviation of the noise, in steps of whole numbers, below which rounding hides it: rounding alone adds "
"0.29."""


@dataclass(frozen=True)
class Sample:
    """Parts of a movie.

    Attributes
    ----------
    movie : Movie
    starts : tuple of int
        First volume of each stretch.
    stretches : tuple of (volumes, planes, rows, columns) arrays
        As they are stored.
    planes : (planes,) int64
        Their numbers.
    hidden : (planes, rows, columns) float64
        Share of the sample's volumes in which a voxel lies in a filled border or is not finite.
    inside : (slice, slice)
        Rows and columns without filled borders, of all planes.
    moments : (n,) int64
        Volumes whose brightness was looked at.
    brightness, contrast : (n,) float64
        Mean and standard deviation over a band of rows of each.
    """

    movie: Movie
    starts: tuple[int, ...]
    stretches: tuple[npt.NDArray[Any], ...]
    planes: npt.NDArray[np.int64]
    hidden: npt.NDArray[np.float64]
    inside: tuple[slice, slice]
    moments: npt.NDArray[np.int64]
    brightness: npt.NDArray[np.float64]
    contrast: npt.NDArray[np.float64]

    @cached_property
    def frames(self) -> tuple[Frames, ...]:
        """The stretches as float32 without filled borders; what isn't finite is the voxel's mean."""
        out = []
        for part in self.stretches:
            values = np.ascontiguousarray(part[:, :, self.inside[0], self.inside[1]], np.float32)
            bad = ~np.isfinite(values)
            if bad.any():
                count = (~bad).sum(axis=0)
                mean = np.where(bad, np.float32(0), values).sum(axis=0) / np.maximum(count, 1)
                values = np.where(bad, mean.astype(np.float32), values)
            out.append(values)
        return tuple(out)

    @cached_property
    def means(self) -> npt.NDArray[np.float32]:
        """Mean image of each stretch, (stretches, planes, rows, columns)."""
        return np.stack([part.mean(axis=0) for part in self.frames])

    @cached_property
    def mean(self) -> Image:
        """Mean image, (planes, rows, columns)."""
        return np.asarray(self.means.mean(axis=0))

    @cached_property
    def bends(self) -> tuple[Frames, ...]:
        """Second differences in time, scaled to the noise of a volume: hardly any signal is in them."""
        scale = np.float32(1 / np.sqrt(6))
        return tuple((part[:-2] - 2 * part[1:-1] + part[2:]) * scale for part in self.frames)

    @cached_property
    def noise(self) -> Image:
        """Variance of each voxel's noise, (planes, rows, columns)."""
        count = sum(map(len, self.bends))
        total = np.sum([np.einsum("tzyx,tzyx->zyx", part, part) for part in self.bends], axis=0)
        return np.asarray(total / max(count, 1), np.float32)

    @cached_property
    def steady(self) -> tuple[Frames, ...]:
        """The frames without what the whole volume does: each less its change in proportion to the mean image."""
        mean = self.mean.ravel()
        power = float(mean @ mean) or 1.0
        out = []
        for part in self.frames:
            factor = (part.reshape(len(part), -1) @ mean) / np.float32(power) - 1
            out.append(part - factor[:, None, None, None] * self.mean)
        return tuple(out)

    @cached_property
    def digital(self) -> bool:
        """Whether noise is less than a step of the values: then it is rounding that one measures."""
        return self.movie.dtype.kind in "ui" and float(np.median(self.noise)) < ROUNDED**2

    @property
    def small(self) -> bool:
        """Whether planes are too small for what many voxels or lines must say together."""
        return bool(min(self.mean.shape[1:]) < SMALL)

    @cached_property
    def light(self) -> float:
        """What brightness is compared with: the median voxel's mean, or the range of voxels where that is more.

        The range counts where an offset was taken off, or too much of it.
        """
        low, middle, high = np.percentile(self.mean, (1, 50, 99))
        return float(max(middle, high - low, 1e-12))


def sample_of(movie: Movie) -> Sample:
    """Read a sample of a movie.

    Parameters
    ----------
    movie : Movie

    Notes
    -----
    What is read doesn't grow with the movie's length, nor beyond a size with that of its volumes: some `VALUES` for
    the stretches and `MOMENTS` bands of `BAND` rows.
    """
    total, z, y, x = movie.shape
    planes, rows, columns = _part((z, y, x))
    volume = len(planes) * (rows.stop - rows.start) * (columns.stop - columns.start)
    length = min(total, int(np.clip(VALUES // (volume * STRETCHES), SHORTEST, LONGEST)))
    count = max(1, min(STRETCHES, total // length))
    starts = sorted({int(start) for start in np.linspace(0, total - length, count)})
    stretches = tuple(_read(movie, start, start + length, planes, rows, columns) for start in starts)
    hidden = hidden_share(stretches)
    inside = seen_lines(hidden)
    quick = movie.size <= WHOLE or movie.contiguous() is not None
    moments = np.unique(np.linspace(0, total - 1, min(total, MOMENTS if quick else FEWER)).astype(np.int64))
    first = max(0, y // 2 - BAND // 2)
    bands = _bands(movie, moments, slice(first, min(y, first + BAND)))
    levels = np.array([_mean_and_std(band[:, columns][:, inside[1]]) for band in bands])
    told = np.isfinite(levels[:, 0])
    if told.any():  # a frame without any value is left out anyway
        moments, levels = moments[told], levels[told]
    return Sample(movie, tuple(starts), stretches, planes, hidden, inside, moments, levels[:, 0], levels[:, 1])


def hidden_share(stretches: tuple[npt.NDArray[Any], ...]) -> npt.NDArray[np.float64]:
    """Share of the volumes in which each voxel lies in a filled border or is not finite."""
    total, shown = np.zeros(stretches[0].shape[1:]), 0
    for part in stretches:
        mask = unseen(part)
        if part.dtype.kind == "f":
            lost = ~np.isfinite(part)
            mask = lost if mask is None else mask | lost
        shown += len(part)
        if mask is not None:
            some = ~mask.all(axis=(1, 2, 3))  # a frame without any value is a bad one, and has no borders
            total += mask[some].sum(axis=0)
            shown -= int((~some).sum())
    return total / max(shown, 1)


def seen_lines(hidden: npt.NDArray[np.float64]) -> tuple[slice, slice]:
    """Rows and columns that hold no filled border; all where little would be left."""
    out = []
    for axis in (1, 2):
        # a line counts as filled where half of it is, in any volume
        line = (hidden > 0).mean(axis=(0, 3 - axis)) > 0.5
        seen = np.flatnonzero(~line)
        start, stop = (int(seen[0]), int(seen[-1]) + 1) if seen.size else (0, line.size)
        out.append(slice(start, stop) if stop - start >= MOST_CUT * line.size else slice(0, line.size))
    return out[0], out[1]


def _bands(movie: Movie, moments: npt.NDArray[np.int64], rows: slice) -> Iterator[npt.NDArray[Any]]:
    """Some rows of the middle plane of each volume, the quickest way."""
    plane, mapped = movie.shape[1] // 2, movie.contiguous()
    if mapped is None and movie.size <= WHOLE:
        step = max(1, AT_ONCE // int(np.prod(movie.shape[1:])))
        for start in range(0, movie.shape[0], step):
            stop = min(start + step, movie.shape[0])
            part = movie.read(start, stop)[:, plane, rows]
            yield from part[moments[(moments >= start) & (moments < stop)] - start]
        return
    for t in moments:
        yield movie.frames.read_rows(int(t), plane, rows) if mapped is None else mapped[t, plane, rows]


def _mean_and_std(band: npt.NDArray[Any]) -> tuple[float, float]:
    values = band[np.isfinite(band)] if band.dtype.kind == "f" else band
    return (float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))) if values.size else (np.nan, 0.0)


def _part(shape: tuple[int, int, int]) -> tuple[npt.NDArray[np.int64], slice, slice]:
    """Planes, rows and columns of a volume that are read."""
    z, y, x = shape
    if z * y * x <= LARGE:
        return np.arange(z), slice(0, y), slice(0, x)
    planes = np.arange(z)
    if z > PLANES:
        middle = PLANES - 8
        planes = np.r_[:4, (z - middle) // 2 : (z - middle) // 2 + middle, z - 4 : z]
    height = min(y, max(ROWS, LARGE // (len(planes) * x)))
    width = min(x, max(COLUMNS, LARGE // (len(planes) * height)))
    return planes, _middle(y, height), _middle(x, width)


def _middle(length: int, part: int) -> slice:
    start = (length - part) // 2 // ALIGNED * ALIGNED
    return slice(start, start + part)


def _read(
    movie: Movie, start: int, stop: int, planes: npt.NDArray[np.int64], rows: slice, columns: slice
) -> npt.NDArray[Any]:
    """Part of some volumes, (volumes, planes, rows, columns)."""
    _, z, y, _ = movie.shape
    if len(planes) == z and rows == slice(0, y):
        return movie.read(start, stop)[..., columns]
    read = movie.frames.read_rows
    return np.stack([[read(t, int(plane), rows)[:, columns] for plane in planes] for t in range(start, stop)])
