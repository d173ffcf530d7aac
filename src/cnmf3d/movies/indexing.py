"""A movie indexed like an array: only the volumes, planes and rows that are asked for are read."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cnmf3d.movies.movie import Frames


def indexed(frames: Frames, key: Any) -> npt.NDArray[Any]:
    """The values that ``movie[key]`` means: a copy, as of an array of numpy with the axes (T, Z, Y, X).

    Parameters
    ----------
    frames : Frames
    key : index
        Numbers, slices, ``...``; lists and arrays of numbers or of True and False.

    Raises
    ------
    IndexError
        Outside of the movie, or with too many indices.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(part is None for part in parts):
        raise IndexError("a movie takes no new axes: index the array that it gives, movie[...][:, None]")
    time, space = parts[0] if parts else slice(None), tuple(parts[1:])
    if time is Ellipsis:
        missing = len(frames.shape) - (len(parts) - 1)
        time, space = (slice(None), (Ellipsis, *parts[1:])) if missing > 0 else (parts[1], tuple(parts[2:]))
    if isinstance(time, slice):
        return np.array(_stretch(frames, time)[(slice(None), *space)])
    if hasattr(time, "__index__") and np.ndim(time) == 0 and not isinstance(time, (bool, np.bool_)):
        number = range(frames.shape[0])[operator.index(time)]
        return np.array(frames.read(number, number + 1, 1)[0][space])
    return _listed(frames, time, space)


def _stretch(frames: Frames, time: slice) -> npt.NDArray[Any]:
    """Volumes of a slice, which may run backwards."""
    start, stop, step = time.indices(frames.shape[0])
    numbers = range(start, stop, step)
    if not numbers:
        return np.empty((0, *frames.shape[1:]), frames.dtype)
    if step > 0:
        return frames.read(start, stop, step)
    return frames.read(numbers[-1], start + 1, -step)[::-1]


def _listed(frames: Frames, time: Any, space: Sequence[Any]) -> npt.NDArray[Any]:
    """Volumes of a list of numbers, or of True and False for each."""
    wanted = np.asarray(time)
    if wanted.dtype == bool:
        if wanted.shape != frames.shape[:1]:
            raise IndexError(f"{wanted.size} values of True and False for {frames.shape[0]} volumes")
        wanted = np.flatnonzero(wanted)
    if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "iu"):
        raise IndexError("volumes are chosen by numbers, slices, and lists of numbers or of True and False")
    numbers = [range(frames.shape[0])[int(each)] for each in wanted]
    volumes = [frames.read(number, number + 1, 1)[0] for number in numbers]
    whole = np.stack(volumes) if volumes else np.empty((0, *frames.shape[1:]), frames.dtype)
    return np.array(whole[(slice(None), *space)])
