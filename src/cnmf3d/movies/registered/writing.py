"""A registered movie as a file of its own, for other programs: TIFF or OME-Zarr."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import UsageError
from cnmf3d.events import Reporter, silent
from cnmf3d.movies.movie import Movie
from cnmf3d.movies.registered.frames import Registered
from cnmf3d.movies.writing import spans, write_frames

Border = bool | Literal["copy", "min", "auto"]
"""As `MotionParameters.border_nan`."""


def write_registered(movie: Movie, path: str | Path, *, border: Border = "auto", reporter: Reporter = silent) -> Path:
    """Write a registered movie; it appears under its name when it is complete.

    Parameters
    ----------
    movie : Movie
        From `registered` or ``open_movie(..., motion=)``.
    path : path
        ``.tif`` or ``.tiff``: TZYX, uncompressed; ``.zarr``: OME-Zarr 0.4. Nothing may be there.
    border : bool, "copy", "min" or "auto"
        What voxels get that a frame doesn't show. True: NaN, which makes the file float32. "copy": the nearest voxel of
        the frame; "min": the frame's lowest value; False: 0; with these the file has the recording's type. "auto": NaN
        for recordings of floating-point numbers, else "copy". Bad frames are NaN where borders are, else moved like
        others.
    reporter : Reporter
        Receives events about the frames that are written.

    Raises
    ------
    UsageError
        For another name, or a movie that isn't registered.
    InputError
        Where the file exists or can't be written.
    Cnmf3dError
        Where the disk is full.
    """
    if not isinstance(movie.frames, Registered):
        raise UsageError("the movie isn't registered", "Open it with its motion: open_movie(path, motion=FILE).")
    return write_frames(movie, path, _bordered(movie.frames, border), reporter=reporter)


@dataclass(frozen=True)
class _Source:
    """Frames as they are written."""

    frames: Registered
    dtype: np.dtype[Any]
    fill: Border

    def chunks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """First frame and values of one chunk after the other."""
        for start, stop in spans(self.frames.shape, 4):
            yield start, self._filled(self.frames.read(start, stop))

    def _filled(self, values: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """Values of the type of the file, none of them missing where it can't hold that."""
        if self.fill in ("min", False):
            for frame in values:
                hidden = ~np.isfinite(frame)
                lowest = frame[~hidden].min() if self.fill == "min" and not hidden.all() else 0
                frame[hidden] = lowest
        if self.dtype.kind not in "iu":
            return values
        limits = np.iinfo(self.dtype)
        whole = np.rint(np.nan_to_num(values))
        return np.asarray(np.clip(whole, limits.min, limits.max), self.dtype)


def _bordered(frames: Registered, border: Border) -> _Source:
    """Frames with the type of the file and what hidden voxels get."""
    recorded = frames.source.dtype
    exact = recorded.kind in "iu" and recorded.itemsize <= 2
    if border == "auto":
        border = "copy" if exact else True
    dtype = np.dtype(np.float32) if border is True or not exact else recorded.newbyteorder("=")
    if border is True:
        return _Source(frames, dtype, True)
    moved = replace(frames.motion, bad_frames=np.zeros(frames.motion.frames, bool))
    return _Source(Registered(frames.source, moved, hidden=border != "copy"), dtype, border)
