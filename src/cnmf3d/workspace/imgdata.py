"""ImgData: the image sequence of a work environment, with its metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX, along_axes
from cnmf3d.movies import Movie, open_movie
from cnmf3d.movies.agreement import facts_differ
from cnmf3d.movies.stored import Facts
from cnmf3d.workspace.sequence import Sequence


class ImgData:
    """A movie, its metadata, and the plane that is looked at.

    Parameters
    ----------
    seq : Sequence or array, optional
        (T, Z, Y, X) or (T, Y, X).
    meta : mapping, optional
        ``origin``, ``fps`` (volumes a second), ``date``, ``voxel_size`` (µm) and whatever else; it may be changed.
    """

    def __init__(self, seq: Any = None, meta: Mapping[str, Any] | None = None) -> None:
        self.meta = {} if meta is None else dict(meta)
        self._seq: Any = None
        self._z = 0
        self.seq = seq

    @property
    def meta(self) -> dict[str, Any]:
        """``fps`` (volumes a second), ``voxel_size`` (µm), ``origin``, ``date`` and whatever else; may be changed."""
        return self._meta

    @meta.setter
    def meta(self, values: dict[str, Any]) -> None:
        if not isinstance(values, dict):
            raise UsageError(
                f"the metadata can't be {values!r}", "Set a dict, or single values: get_meta()['fps'] = 5."
            )
        self._meta = values

    @property
    def seq(self) -> Any:
        """The movie as an array: read lazily from its files, or the array that was set; None where there is none."""
        return self._seq

    @seq.setter
    def seq(self, values: Any) -> None:
        if values is not None and not isinstance(values, Sequence):
            if not hasattr(values, "shape"):
                values = np.asarray(values)
            open_movie(values)  # an error where it is no movie
        self._seq = values
        self._z = 0

    @property
    def isEmpty(self) -> bool:
        """Whether there is no movie."""
        return self._seq is None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        return self.movie.shape

    @property
    def z(self) -> int:
        """Plane that is looked at, from 0."""
        return self._z

    @z.setter
    def z(self, plane: int) -> None:
        planes = self.shape[1]
        if isinstance(plane, bool) or not isinstance(plane, (int, np.integer)) or not 0 <= plane < planes:
            raise UsageError(f"z is {plane!r}", f"Planes count from 0 to {planes - 1}.")
        self._z = int(plane)

    @property
    def rate(self) -> float | None:
        """Volumes a second, from ``meta["fps"]``; None where it isn't there.

        Raises
        ------
        InputError
            Where it is no number above 0.
        """
        value = self.meta.get("fps")
        if value is None:
            return None
        number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        try:
            rate = float(value) if number else math.nan
        except OverflowError:
            rate = math.inf
        if not math.isfinite(rate) or rate <= 0:
            raise InputError(f"the metadata have fps = {value!r}", "Set the volumes a second: get_meta()['fps'] = 5.0.")
        return rate

    @property
    def voxel_size(self) -> ZYX | None:
        """Size of a voxel in µm, from ``meta["voxel_size"]``; None where it isn't there.

        Raises
        ------
        InputError
            Where it isn't three numbers above 0.
        """
        value = self.meta.get("voxel_size")
        if value is None:
            return None
        try:
            size = along_axes(value, "voxel_size")
        except (UsageError, TypeError, ValueError) as error:
            raise InputError(f"the metadata have voxel_size = {value!r}", "Set µm as (x, y, z).") from error
        if not all(math.isfinite(side) and side > 0 for side in size):
            raise InputError(f"the metadata have voxel_size = {value!r}", "Set µm above 0, as (x, y, z).")
        return size

    @property
    def movie(self) -> Movie:
        """The movie itself.

        Raises
        ------
        UsageError
            Where there is none.
        """
        if self._seq is None:
            raise UsageError("the work environment is empty", EMPTY)
        if isinstance(self._seq, Sequence):
            return self._seq.movie
        size = self.voxel_size
        return open_movie(self._seq, rate=self.rate, voxel_size=None if size is None else size.xyz)

    @property
    def described(self) -> Movie:
        """The movie with the rate and the voxel size that the metadata have now: what a run of it computes with.

        Raises
        ------
        UsageError
            Where there is none.
        InputError
            Where the metadata have values that can't be.
        """
        movie, told = self.movie, Facts(self.rate, self.voxel_size)
        itself = Facts(movie.rate, movie.voxel_size, movie.metadata)
        texts = facts_differ([("the metadata", told), ("the movie", itself)], movie.shape[1])
        return replace(movie, rate=told.rate, voxel_size=told.voxel_size, warnings=(*movie.warnings, *texts))

    def source(self) -> tuple[str | tuple[str, ...], dict[str, Any]]:
        """What `open_movie` opens the same movie with, in another program too: the source, and the keywords.

        Raises
        ------
        UsageError
            Where there is no movie, or it is only in memory.
        """
        if self._seq is None:
            raise UsageError("the work environment is empty", EMPTY)
        if not isinstance(self._seq, Sequence) or self._seq.opened.source is None:
            raise UsageError("the image sequence is only in memory: no file holds it as it is", IN_MEMORY)
        opened, size = self._seq.opened, self.voxel_size
        assert opened.source is not None
        opening = {**opened.opening, "rate": self.rate, "voxel_size": None if size is None else list(size.xyz)}
        return opened.source, {name: value for name, value in opening.items() if value is not None}

    def told_beside(self) -> dict[str, Any]:
        """Metadata that the movie's files don't tell: a file that `meta_path` named does, or a script has set them."""
        told = self._seq.opened.told if isinstance(self._seq, Sequence) else {}
        return {name: value for name, value in self.meta.items() if name not in told or not _same(told[name], value)}

    def clear(self) -> None:
        """Let go of movie and metadata; a `Sequence` that somebody still holds is closed."""
        if isinstance(self._seq, Sequence):
            self._seq.close()
        self._seq, self._z = None, 0
        self.meta = {}

    def __repr__(self) -> str:
        """Tell what is in it."""
        return "<ImgData, empty>" if self._seq is None else f"<ImgData {self.shape} (t, z, y, x)>"


def _same(one: Any, other: Any) -> bool:
    """Whether two values of metadata are the same, arrays too."""
    return bool(np.array_equal(one, other)) if isinstance(other, np.ndarray) else bool(one == other)


EMPTY = (
    "Load a movie first: vi.viewer.workEnv = ViewerWorkEnv.from_tiff(path='movie.tif', meta_path='movie.json'), then "
    "vi.update_workEnv()."
)
IN_MEMORY = (
    "Write it to a file and open that: numpy.save('changed.npy', get_image()), then ViewerWorkEnv.from_movie("
    "'changed.npy', axes='tzyx', rate=get_meta()['fps'])."
)
