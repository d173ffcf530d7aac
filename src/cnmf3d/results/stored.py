"""Stored components: traces and background stay in their file until somebody asks for them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from cnmf3d.components import ERRORS, Background, Components, Float, hidden_traces
from cnmf3d.errors import InputError
from cnmf3d.results.channels import read_channels
from cnmf3d.results.errors import GROUP
from cnmf3d.results.seen import SEEN, WHOLE, hides

ROWS = 2**24
"""Bytes that are read at a time where they are turned into another type."""


class Stored:
    """An HDF5 file that is kept open for reading, without a lock: the same data also after it is replaced or removed.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    file : h5py.File
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        source = path.open("rb")
        self._number, self._size = source.fileno(), path.stat().st_size
        try:
            self.file = h5py.File(source, "r")
        except BaseException:
            source.close()
            raise
        self.close = weakref.finalize(self, _close, self.file, source)

    def shape(self, name: str) -> tuple[int, int]:
        """Rows and columns of a matrix."""
        rows, columns = self.file[name].shape
        return int(rows), int(columns)

    def rows(self, name: str, index: npt.NDArray[np.integer[Any]]) -> Float:
        """Some rows of a matrix, those that follow one another at once.

        Raises
        ------
        InputError
            Where they can't be read any more.
        """
        data = self.file[name]
        out = np.empty((len(index), data.shape[1]), np.float32)
        most = max(1, ROWS // max(1, data.shape[1] * data.dtype.itemsize))
        ends = np.flatnonzero(np.diff(index) != 1) + 1
        at = 0
        for run in np.split(index, ends) if len(index) else ():
            for start in range(0, len(run), most):
                first, count = int(run[start]), min(most, len(run) - start)
                out[at : at + count] = self.read(lambda: data[first : first + count])  # noqa: B023
                at += count
        return out

    def traces(self, name: str, index: npt.NDArray[np.integer[Any]]) -> Float:
        """Some rows of traces, NaN where nothing of their component was seen."""
        values = self.rows(name, index)
        return hidden_traces(values, self.seen(index)) if hides(self.file) else values

    def seen(self, index: npt.NDArray[np.integer[Any]]) -> Float:
        """Some rows of the shares that were seen."""
        return self.rows(SEEN, index) / np.float32(WHOLE)

    def errors(self, name: str, index: npt.NDArray[np.integer[Any]]) -> Float:
        """Some rows of standard errors."""
        scale = self.read(lambda: self.file[f"{GROUP}/{name}_scale"][()])
        return np.asarray(self.rows(f"{GROUP}/{name}", index) * scale[index, None])

    def read(self, do: Callable[[], Any]) -> Any:
        """Call what reads from the file.

        Raises
        ------
        InputError
            Where that can't be read any more.
        """
        try:
            if os.fstat(self._number).st_size < self._size:  # h5py would go on with what is in memory
                raise OSError("it was cut short")
            return do()
        except OSError as error:
            raise InputError(
                f"{self._path} can't be read any more: {error}", "Is its disk still there? Open the file again."
            ) from error


def _close(file: h5py.File, source: Any) -> None:
    file.close()
    source.close()


class Later:
    """Fields of a frozen dataclass that are read at their first use."""

    def __getattr__(self, name: str) -> Any:
        """Read a field; called only while it isn't there."""
        read = self.__dict__.get("_later", {}).get(name)
        if read is None:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        self.__dict__[name] = value = read()
        return value


class StoredBackground(Later, Background):
    """A background that is read at its first use; get one from `of`."""

    @classmethod
    def of(cls, read: Callable[[], Background]) -> StoredBackground:
        """What `read` gives, not before it is needed."""
        out = object.__new__(cls)

        def field(name: str) -> Any:
            whole = read()
            out.__dict__.update(spatial=whole.spatial, temporal=whole.temporal)
            return out.__dict__[name]

        out.__dict__["_later"] = {"spatial": lambda: field("spatial"), "temporal": lambda: field("temporal")}
        return out


class StoredComponents(Later, Components):
    """Components whose traces are read at their first use: some rows by `rows`, or a whole field, which is then kept.

    Get one from `of`. One that `dataclasses.replace` makes has everything in memory.
    """

    @classmethod
    def of(cls, stored: Stored, names: Mapping[str, str], fields: Mapping[str, Any]) -> StoredComponents:
        """Components that lie in a file.

        Parameters
        ----------
        stored : Stored
        names : mapping
            Field to the matrix in the file.
        fields : mapping
            All other fields.
        """
        every = np.arange(stored.shape(names["traces"])[0])

        def whole(name: str) -> Callable[[], Float]:
            return lambda: stored.traces(name, every)

        later: dict[str, Callable[[], Any]] = {field: whole(name) for field, name in names.items()}
        out = object.__new__(cls)
        if SEEN in stored.file:
            later["seen"] = lambda: stored.seen(every)
        else:
            out.__dict__["seen"] = None
        later["channels"] = lambda: stored.read(lambda: read_channels(stored.file))
        for name in ERRORS:
            if f"{GROUP}/{name}" in stored.file:
                later[name] = lambda name=name: stored.errors(name, every)  # type: ignore[misc]
            else:
                out.__dict__[name] = None
        out.__dict__.update(fields, _stored=stored, _names=dict(names), _later=later)
        return out

    @property
    def frames(self) -> int:
        """Number of time points."""
        if "traces" in self.__dict__:
            return super().frames
        return self._stored.shape(self._names["traces"])[1]

    def rows(self, field: str, index: npt.NDArray[np.integer[Any]]) -> Float:
        """Some rows of a field; see `Components.rows`."""
        if field in self.__dict__ or 2 * len(index) > self.count:  # most of it: then it is kept for the next time
            return super().rows(field, index)
        if field in ERRORS:
            return self._stored.errors(field, index)
        return self._stored.seen(index) if field == "seen" else self._stored.traces(self._names[field], index)

    def has(self, field: str) -> bool:
        """Whether ``seen`` or an error is there, without reading it."""
        return field in self.__dict__.get("_later", {}) or super().has(field)

    @property
    def _stored(self) -> Stored:
        stored: Stored = self.__dict__["_stored"]
        return stored

    @property
    def _names(self) -> Mapping[str, str]:
        names: Mapping[str, str] = self.__dict__["_names"]
        return names
