"""A recording that is registered as it is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.movie import Frames, Movie
from cnmf3d.movies.registered.interpolation import MARGIN, table
from cnmf3d.movies.registered.motion import Float, Motion

LEAST_VOXELS = 2**20
"""Voxel-frames from which several threads are worth it."""

HOLE = 0.02
"""Weight of voxels without a value from which a result has none either."""


Mover = Callable[[Float, int, Float, Float], None]
"""Registers a recorded volume: its values, which one it is, the template, and the array to write to."""


@dataclass(frozen=True)
class Registered:
    """Frames whose motion is taken out as they are read: float32, NaN where a frame shows nothing.

    Attributes
    ----------
    source : Frames
        As recorded.
    motion : Motion
    hidden : bool
        Whether voxels that a frame doesn't show are NaN; else they repeat the frame's border, and bad frames are moved
        like the others.
    """

    source: Frames
    motion: Motion
    hidden: bool = True

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values: float32."""
        return np.dtype(np.float32)

    def read(self, start: int, stop: int, step: int = 1) -> Float:
        """Read and register the volumes ``start:stop:step`` as (t, Z, Y, X).

        Frames are independent of one another: the values depend neither on the range nor on the number of threads.
        """
        recorded = self.source.read(start, stop, step)
        if not recorded.dtype.isnative or recorded.dtype == np.float16:  # no kernels take these
            recorded = recorded.astype(np.float32)
        out = np.empty(recorded.shape, np.float32)
        numbers = np.arange(start, stop, step)
        move = self._mover(numbers)

        def work(part: range) -> None:
            for index in part:
                move(recorded[index], index, out[index])

        threads = min(_cores(), len(numbers), 1 + out.size // LEAST_VOXELS)
        parts = [range(first, len(numbers), threads) for first in range(threads)]
        if threads <= 1:
            work(range(len(numbers)))
        else:
            list(_pool().map(work, parts))
        return out

    def read_rows(self, time: int, plane: int, rows: slice) -> Float:
        """Read some rows of one plane of one volume as (rows, X); the whole volume is registered for it."""
        return self.read(time, time + 1)[0, plane, rows]

    def contiguous(self) -> None:
        """Map nothing: no file holds the registered movie."""
        return None

    def _mover(self, numbers: npt.NDArray[np.intp]) -> Callable[[npt.NDArray[Any], int, Float], None]:
        """A function that registers one recorded volume, given its place in `numbers`, into an array."""
        bad = self.motion.bad_frames[numbers] if self.hidden else np.zeros(len(numbers), bool)
        template = np.ascontiguousarray(self.motion.template, np.float32)
        unknown = np.full_like(template, np.nan)
        inner = self._warper(numbers) if self.motion.field is not None else self._shifter(numbers)

        def move(recorded: npt.NDArray[Any], index: int, out: Float) -> None:
            if bad[index]:
                out[:] = np.nan
                return
            frame, holes = _filled(recorded)
            inner(frame, index, template, out)
            if holes is not None and self.hidden:
                shown = np.empty_like(out)
                inner(holes, index, unknown, shown)
                with np.errstate(invalid="ignore"):
                    out[np.abs(shown) > HOLE] = np.nan

        return move

    def _shifts(self, numbers: npt.NDArray[np.intp]) -> Float:
        """z, y, x of even rows, x of odd rows: displacement of each recorded plane without the field, (t, Z, 4)."""
        motion = self.motion
        shifts = np.empty((len(numbers), self.shape[1], 4), np.float32)
        shifts[..., 0] = motion.rigid[numbers, None, 0]
        shifts[..., 1:3] = motion.rigid[numbers, None, 1:] + motion.planes
        if motion.plane_shifts is not None:
            shifts[..., 1:3] += motion.plane_shifts[numbers]
        shifts[..., 3] = shifts[..., 2] + np.float32(motion.scan_phase)
        return shifts

    def _shifter(self, numbers: npt.NDArray[np.intp]) -> Mover:
        """Registers volumes whose planes move as a whole."""
        from cnmf3d.movies.registered import kernels  # numba: only where it is needed

        shifts = self._shifts(numbers)
        y, x = shifts[..., 1], shifts[..., 2:]
        boxes = np.stack([*_range(y, y, self.shape[2]), *_range(x.min(axis=2), x.max(axis=2), self.shape[3])], axis=2)
        weights = table()

        def move(frame: Float, t: int, template: Float, out: Float) -> None:
            kernels.move_frame(frame, shifts[t], weights, out)
            kernels.complete_borders(out, template, shifts[t])
            if self.hidden:
                kernels.hide_outside(out, boxes[t], float(shifts[t, 0, 0]))

        return move

    def _warper(self, numbers: npt.NDArray[np.intp]) -> Mover:
        """Registers volumes by a field."""
        from cnmf3d.movies.registered import kernels

        motion, shifts = self.motion, self._shifts(numbers)
        assert motion.field is not None and motion.grid is not None
        field = np.ascontiguousarray(motion.field[numbers], np.float32)
        grids = tuple(np.ascontiguousarray(axis, np.float32) for axis in motion.grid)
        steps = table()

        def move(frame: Float, t: int, template: Float, out: Float) -> None:
            kernels.warp_frame(frame, field[t], grids, shifts[t], steps, template, self.hidden, out)

        return move


def registered(movie: Movie, motion: Motion) -> Movie:
    """A movie without the motion that was found in it.

    Parameters
    ----------
    movie : Movie
        As recorded.
    motion : Motion

    Returns
    -------
    Movie
        float32; NaN where a frame shows nothing, and in bad frames. Nothing is copied: it is registered as it is read.

    Raises
    ------
    InputError
        Where the motion is that of another movie.
    """
    check_belongs(motion, movie)
    facts = {
        "kind": motion.kind,
        "digest": motion.digest(),
        "recording": motion.fingerprint,
        "largest": ", ".join(f"{value:.2f}" for value in motion.largest[::-1]),
        "bad_frames": np.flatnonzero(motion.bad_frames).tolist(),
    }

    def moved(source: Movie) -> Movie:
        entries = {**source.metadata, "motion": facts}
        return replace(source, frames=Registered(source.frames, motion), metadata=entries)

    other = movie.other
    of_channel = None if other is None else lambda number: moved(other(number))  # channels move together
    return replace(moved(movie), other=of_channel)


def check_belongs(motion: Motion, movie: Movie, name: str = "the motion") -> None:
    """See that a motion is that of a movie.

    Raises
    ------
    InputError
        Where volumes, their number or the content differ.
    """
    fix = "Give the motion file of this movie, or make one: cnmf3d register MOVIE."
    if motion.frames != movie.shape[0]:
        raise InputError(f"{name} has {motion.frames} volumes, the movie {movie.shape[0]}", fix)
    if motion.shape != movie.shape[1:]:
        theirs, ours = (" × ".join(map(str, shape[::-1])) for shape in (motion.shape, movie.shape[1:]))
        raise InputError(f"{name} is of volumes of {theirs} (x × y × z), the movie's are {ours}", fix)
    other = motion.parameters.get("registered_on")
    known = {motion.fingerprint, other.get("fingerprint") if isinstance(other, dict) else None}
    if motion.fingerprint and movie.fingerprint() not in known:
        raise InputError(f"{name} was found in another movie, whose volumes have the same size", fix)


def _filled(recorded: npt.NDArray[Any]) -> tuple[Float, Float | None]:
    """A volume as the kernels take it; where values are missing, with the nearest ones, and 1 in their places."""
    frame = np.ascontiguousarray(recorded, np.float32)
    if recorded.dtype.kind != "f" or np.isfinite(frame.sum(dtype=np.float64)):
        return frame, None
    from scipy import ndimage

    missing = ~np.isfinite(frame)
    if missing.all():
        return np.zeros_like(frame), np.ones_like(frame)
    if frame is recorded or np.shares_memory(frame, recorded):
        frame = frame.copy()
    places = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    return frame[tuple(places)], missing.astype(np.float32)


def _range(low: npt.NDArray[Any], high: npt.NDArray[Any], length: int) -> tuple[npt.NDArray[np.int64], ...]:
    """First and last-but-one voxel of the template that a frame shows whose displacements are from `low` to `high`."""
    start = np.clip(np.ceil(-MARGIN - low - 1e-6), 0, length)
    stop = np.clip(np.floor(length - 1 + MARGIN - high + 1e-6) + 1, 0, length)
    return start.astype(np.int64), stop.astype(np.int64)


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that all reads of this process share, so that there are never more than cores."""
    return ThreadPoolExecutor(_cores(), thread_name_prefix="registering")


def _cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
