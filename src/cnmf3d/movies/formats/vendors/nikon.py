"""Nikon's ``.nd2``, read by the library ``nd2`` (BSD-3-Clause)."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Stacked
from cnmf3d.movies.formats.descriptions import named
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.positions import position_of
from cnmf3d.movies.formats.vendors.libraries import library
from cnmf3d.movies.stored import Facts, Index, Place, Stored
from cnmf3d.movies.timing import Times, began_at, plane_times, rate_of, some_of
from cnmf3d.movies.units import micrometres, voxel_size

SUFFIX = ".nd2"
HEADER = 16
"""Bytes before each frame in the file, the least that one takes."""

AGAIN = "Copy it again from where it was recorded."

EPOCH, DAY = 2440587.5, 86400.0
"""Julian day of 1970-01-01, and seconds of a day."""

STAMPS = 2000
"""Volumes whose time stamps are read: each takes a read of the file, and a rate is as sure after so many."""


class Frames:
    """Frames of a file as one list, (frames, Y, X) or (frames, C, Y, X); the file closes when this goes."""

    def __init__(self, file: Any, count: int) -> None:
        first = np.asarray(file.read_frame(0))
        self.shape = (count, *first.shape)
        self.dtype = first.dtype
        self._file = file
        self._lock = threading.Lock()
        weakref.finalize(self, file.close)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; several threads take turns."""
        first, rest = index[0], index[1:]
        numbers = range(*first.indices(self.shape[0])) if isinstance(first, slice) else [first]
        with self._lock:
            block = [np.array(np.asarray(self._file.read_frame(int(number)))[rest]) for number in numbers]
        if not isinstance(first, slice):
            return block[0]
        return np.stack(block) if block else np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open a recording.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Number of the position of the stage, where there are several.

    Raises
    ------
    InputError
        Where the library is missing, the file is damaged, or a position must be chosen.
    """
    nd2 = library("nd2", "nikon", place)
    file = None
    try:
        file = nd2.ND2File(place.address)
        loops = {name: size for name, size in file.sizes.items() if name not in "CYXS"}
        if place.path is not None and math.prod(loops.values()) > place.path.stat().st_size // HEADER:
            raise InputError(f"{place} can't hold {math.prod(loops.values())} frames", AGAIN)
        numbers, letters = frame_numbers(place, loops, dataset)
        frames = Frames(file, int(np.prod(list(loops.values()), dtype=np.int64)))
        facts = _facts(place, file, numbers, letters)
    except Exception as error:  # the library raises whatever it meets in a damaged file
        if file is not None:
            file.close()
        if isinstance(error, InputError):
            raise
        raise InputError(f"{place} can't be read as ND2 ({error})", AGAIN) from error
    inner = "".join({"S": "c"}.get(name, name.lower()) for name in file.sizes if name in "CYXS")
    if inner.count("c") > 1:
        raise InputError(f"{place} holds colour pictures in several channels", "Export it in grey from NIS-Elements.")
    return Stored(Stacked(frames, numbers), letters + inner, "Nikon ND2", facts)


def frame_numbers(place: Place, loops: Mapping[str, int], dataset: str | None) -> tuple[npt.NDArray[np.intp], str]:
    """Numbers of the frames that are read, and a letter for each of their dimensions.

    Parameters
    ----------
    place : Place
        For messages.
    loops : mapping of str to int
        Length of each loop of the experiment, the outermost first: ``T``, ``P`` (positions), ``Z``, or others.
    dataset : str or None
        Number of the position.

    Raises
    ------
    InputError
        Where there are several positions and none is chosen, or it isn't there.
    """
    numbers = np.arange(int(np.prod(list(loops.values()), dtype=np.int64)), dtype=np.intp).reshape(
        tuple(loops.values())
    )
    if "P" in loops:
        numbers = np.take(numbers, position_of(place, loops["P"], dataset), axis=list(loops).index("P"))
    letters = "".join({"T": "t", "Z": "z"}.get(name, "!") for name in loops if name != "P")
    return numbers, letters


def _facts(place: Place, file: Any, numbers: npt.NDArray[np.intp], letters: str) -> Facts:
    """Rate by the time stamps, size of a voxel and names of channels."""
    size = file.voxel_size()
    depth = micrometres(size.z) if "z" in letters else None
    timed = Facts()
    if "t" in letters:
        firsts = np.moveaxis(numbers, letters.index("t"), 0).reshape(numbers.shape[letters.index("t")], -1)[:STAMPS, 0]
        stamps = [_seconds(file, int(number)) for number in firsts]
        timed = rate_of(stamps, str(place))
    channels = [channel.channel.name for channel in file.metadata.channels or []]
    late = planes_of(numbers, letters, lambda number: _seconds(file, number))
    clock = began_at((_stamp(file, int(numbers.flat[0])).absoluteJulianDayNumber - EPOCH) * DAY)
    metadata: dict[str, Any] = {**timed.metadata, **late, **clock, **({"channels": channels} if channels else {})}
    return Facts(timed.rate, voxel_size(depth, micrometres(size.y), micrometres(size.x)), metadata, timed.warnings)


def _seconds(file: Any, number: int) -> float:
    """Time stamp of a frame."""
    return float(_stamp(file, number).relativeTimeMs) / 1000


def _stamp(file: Any, number: int) -> Any:
    """When a frame was taken: milliseconds of the experiment, and the day."""
    return file.frame_metadata(number).channels[0].time


def planes_of(numbers: npt.NDArray[np.intp], letters: str, seconds: Callable[[int], float]) -> dict[str, Times]:
    """Times of planes by the stamps of some volumes, as an entry of metadata.

    Parameters
    ----------
    numbers : integer array
        Number of the frame at each place of the loops `letters`.
    letters : str
    seconds : callable
        ``seconds(number)`` is the stamp of a frame.
    """
    if sorted(letters) != ["t", "z"]:
        return {}
    volumes = np.moveaxis(numbers, letters.index("t"), 0)
    return plane_times(np.array([[seconds(int(n)) for n in row] for row in volumes[some_of(len(volumes))]]))


FORMAT = Format("Nikon ND2", (SUFFIX,), named(SUFFIX), open_recording)
