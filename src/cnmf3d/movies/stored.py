"""What a format hands over: a lazily read array with the labels and facts that its file holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os.path import splitext
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cnmf3d.geometry import ZYX
from cnmf3d.movies.calibration import Calibration

Index = tuple[int | slice, ...]

ORDERS = ("tzyx", "tzxy", "tyxz", "txyz", "ztyx", "xyzt", "yxzt")
"""Orders of four axes that are found in the field, the likeliest first."""

MATLAB_ORDERS = ("tzxy", "ztxy", "tzyx", "ztyx", "xyzt")
"""The same where MATLAB wrote the file: it writes arrays in reversed order, so that Y × X × Z × T is ``tzxy``."""


class LazyArray(Protocol):
    """An array that is read where it is indexed: a memory map, an HDF5 dataset, a zarr array, TIFF pages.

    Reading from several threads at once must be safe.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        ...

    def __getitem__(self, index: Any, /) -> Any:
        """Read a part; `index` is a tuple of integers and slices with positive steps, one a dimension."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a movie, or one file of it, lies.

    Attributes
    ----------
    address : str
        Path or URL.
    path : Path or None
        The same as a local path; None for a URL.
    known : bytes
        The file's first 16 bytes, where they were looked at.
    size : int or None
        Bytes of the file, where that was looked at.
    """

    address: str
    path: Path | None
    known: bytes = b""
    size: int | None = None

    @cached_property
    def head(self) -> bytes:
        """The file's first 16 bytes; empty for a folder or a URL."""
        if self.known or self.path is None:
            return self.known
        try:
            with self.path.open("rb") as file:
                return file.read(16)
        except OSError:
            return b""

    @cached_property
    def suffix(self) -> str:
        """Last suffix of the name in lower case, with its dot."""
        return splitext(self.address.rstrip("/"))[1].lower()  # noqa: PTH122 - ten times as fast, of 100,000 files

    def __str__(self) -> str:
        """Write as the user wrote it."""
        return self.address


@dataclass(frozen=True)
class Facts:
    """What is known of a movie beside its values; every source of facts fills in what it knows.

    Attributes
    ----------
    rate : float or None
        Volumes a second (Hz).
    voxel_size : ZYX or None
        µm. ``z`` is not-a-number where only the size of a pixel is known.
    metadata : mapping
        Everything else that was said, as plain values.
    warnings : tuple of str
        What the user should know; each names the file.
    calibration : Calibration or None
        How the stored numbers become intensities; None where they are intensities.
    files : tuple of str
        All files that hold the values, where they are more than the one that was opened.
    sources : mapping
        Where the length of an axis (by its letter) or the ``rate`` was read, and what was left out; for people.
    """

    rate: float | None = None
    voxel_size: ZYX | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    calibration: Calibration | None = None
    files: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choices:
    """What the user wants of frames that were dropped, or recorded several times.

    Attributes
    ----------
    dropped : str
        One of `DROPPED`.
    repeats : str
        One of `REPEATS`: of the frames that were recorded of each plane, their mean, or each as a frame of its own.
    """

    dropped: str = "leave out"
    repeats: str = "mean"


USUAL = Choices()

DROPPED = ("leave out", "nan", "interpolate")
"""What becomes of a volume that lacks planes: it is left out, or they are NaN, or between their neighbours in time."""

REPEATS = ("mean", "apart")


@dataclass(frozen=True)
class Stored:
    """What a format found at one place.

    Attributes
    ----------
    data : LazyArray
        The values, in the file's own order.
    axes : str
        A letter for each dimension: ``t``, ``z``, ``y``, ``x``, ``c``; ``?`` where the file doesn't say, ``!``
        where it names something else, such as a position of the stage.
    format : str
        Name of the format, in the field's words.
    facts : Facts
    likely : tuple of str
        Orders of four axes that files of this format have where they don't say, the likeliest first.
    chosen : callable or None
        ``chosen(Choices)`` is the same with other choices; None where the format has none to make.
    """

    data: LazyArray
    axes: str
    format: str
    facts: Facts = Facts()
    likely: tuple[str, ...] = ORDERS
    chosen: Callable[[Choices], Stored] | None = None
