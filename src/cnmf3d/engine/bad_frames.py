"""Bad frames that are plain without registration: flashes, blank and saturated ones.

The rules are those of `cnmf3d.motion.bad_frames`. Here a frame must also have changed nearly everywhere in a plane:
activity changes a few places, light all of them.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from cnmf3d.engine.cache import chunk_length, chunk_ranges
from cnmf3d.engine.parallel import in_order
from cnmf3d.motion.bad_frames import blank_frames, odd_levels
from cnmf3d.movies import Movie
from cnmf3d.movies.registered.frames import Registered

Double = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

LOOKED = 32
"""Rows and columns of a plane that are looked at, at least, where it has them: the noise of their mean is a thirtieth
of a voxel's. More take longer, and say no more."""

TEMPLATES = 25
"""Frames, spread over the movie, whose median is the usual image: flashes must be fewer than half of them."""

TILES = 8
"""Tiles along y and x of a plane in which a change must be found."""

SHARED, PART = 0.5, 0.25
"""Share of the tiles that must change, each by this part of what their plane does in the mean: light that is in
proportion to the image changes dark tiles less."""

NEAR = 3
"""Good frames before and after that a frame is compared with."""

MOST = 0.2
"""Share of frames above which nothing is left out: what happens so often isn't an accident, and the usual can't be
told from it."""


def plain_bad_frames(movie: Movie, workers: int) -> Bool:
    """Which frames of a movie show a flash, nothing, or nothing but the largest value.

    Parameters
    ----------
    movie : Movie
        Of one that is registered as it is read, the recording is looked at.
    workers : int
        Threads; the result doesn't depend on it.

    Returns
    -------
    (T,) bool
        Of a registered movie without those that are bad anyway.
    """
    frames = movie.frames
    known = frames.motion.bad_frames if isinstance(frames, Registered) else np.zeros(movie.shape[0], bool)
    look = Looked.of(movie)
    template = look.usual(np.flatnonzero(~known))
    levels, brightness = look.levels(template, workers)
    levels[known] = np.nan
    volume = np.where(np.isfinite(levels).all(axis=1), levels.mean(axis=1), np.nan)
    contrast = float(np.nanstd(template))
    lost = ~np.isfinite(volume)
    odd: Bool = blank_frames(volume, brightness)
    for level in levels.T:
        odd = odd | odd_levels(level, contrast)
    odd &= ~lost
    if odd.sum() > MOST * len(odd):
        return np.zeros_like(odd)
    good = np.flatnonzero(~odd & ~lost)
    for frame in np.flatnonzero(odd):
        place = np.searchsorted(good, frame)
        near = good[max(0, place - NEAR) : place + NEAR]
        odd[frame] = bool(near.size) and look.changed_everywhere(int(frame), near)
    return odd


class Looked:
    """Some voxels of each plane of a movie as it was recorded.

    Attributes
    ----------
    movie : Movie
    rows, columns : slice
    """

    def __init__(self, movie: Movie, rows: slice, columns: slice) -> None:
        self.movie, self.rows, self.columns = movie, rows, columns

    @classmethod
    def of(cls, movie: Movie) -> Looked:
        """Rows and columns at even distances."""
        steps = (max(1, length // LOOKED) for length in movie.shape[2:])
        return cls(movie, *(slice(None, None, step) for step in steps))

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """(t, Z, rows, columns) of some frames."""
        frames = self.movie.frames
        source = frames.source if isinstance(frames, Registered) else frames
        return np.asarray(source.read(start, stop, 1)[..., self.rows, self.columns], np.float32)

    def usual(self, numbers: npt.NDArray[np.intp]) -> Double:
        """(Z, rows, columns) median of frames that are spread over some."""
        if not numbers.size:
            numbers = np.arange(self.movie.shape[0])
        some = np.unique(numbers[np.linspace(0, numbers.size - 1, TEMPLATES).astype(np.intp)])
        stack = np.concatenate([self.read(int(t), int(t) + 1) for t in some])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # voxels that none of them shows are zero
            median = np.nanmedian(np.where(np.isfinite(stack), stack, np.nan), axis=0)
        return np.asarray(np.nan_to_num(median), np.float64)

    def levels(self, template: Double, workers: int) -> tuple[Double, Double]:
        """(T, Z) mean of each plane, NaN where it has no value; (T,) times the template is shown."""
        shape = (template - template.mean()).astype(np.float32).ravel()
        power = float(shape.astype(np.float64) @ shape) or 1.0

        def digest(span: tuple[int, int]) -> tuple[Double, Double]:
            part = self.read(*span)
            empty: Bool = np.zeros(part.shape[:2], bool)
            if not np.isfinite(part.sum(dtype=np.float64)):
                lost = ~np.isfinite(part)
                empty = np.asarray(lost.all(axis=(2, 3)))
                part = np.where(lost, template.astype(np.float32), part)  # a filled border is no change
            flat = part.reshape(len(part), -1)
            middle = flat.mean(axis=1, dtype=np.float64)  # taken off for accuracy
            shown = (flat - middle[:, None].astype(np.float32)) @ shape / power
            return np.where(empty, np.nan, part.mean(axis=(2, 3), dtype=np.float64)), shown.astype(np.float64)

        parts = list(in_order(digest, chunk_ranges(self.movie.shape[0], chunk_length(self.movie)), workers))
        levels, shown = (np.concatenate(each) for each in zip(*parts, strict=True))
        return levels, shown

    def changed_everywhere(self, frame: int, near: npt.NDArray[np.intp]) -> bool:
        """Whether a frame differs from some near it in nearly all of a plane."""
        around = np.median(np.concatenate([self.read(int(t), int(t) + 1) for t in near]), axis=0)
        change = np.nan_to_num(self.read(frame, frame + 1)[0] - around)
        rows, columns = (np.arange(length) * min(TILES, length) // length for length in change.shape[1:])
        tile = rows[:, None] * TILES + columns
        size = np.maximum(np.bincount(tile.ravel()), 1)
        tiles = np.array([np.bincount(tile.ravel(), plane.ravel()) for plane in change]) / size
        tiles = tiles[:, np.unique(tile)]
        whole = tiles.mean(axis=1, keepdims=True)
        shared = (tiles * np.sign(whole) > PART * np.abs(whole)).mean(axis=1)
        strongest = int(np.argmax(np.abs(whole)))
        return bool(shared[strongest] >= SHARED)
