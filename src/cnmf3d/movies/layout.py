"""An array with labelled axes, seen as volumes (T, Z, Y, X)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.side_by_side import fill
from cnmf3d.movies.stored import Index, LazyArray


@dataclass(frozen=True)
class LaidOut:
    """Volumes of an array in its file's own order of axes.

    Attributes
    ----------
    data : LazyArray
    axes : str
        One letter a dimension: ``t`` (may be missing: one volume), ``z`` (may be missing: one plane), ``y``,
        ``x``, ``c`` for channels and ``-`` for a dimension of length 1 without meaning.
    channel : int
        Which channel is read, from 0.
    """

    data: LazyArray
    axes: str
    channel: int = 0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        sizes = dict(zip(self.axes, self.data.shape, strict=True))
        return (int(sizes.get("t", 1)), int(sizes.get("z", 1)), int(sizes["y"]), int(sizes["x"]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self.data.dtype)

    def read(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        """Read the volumes ``start:stop:step`` as (t, Z, Y, X), aligned in memory."""
        block = self._select({"t": slice(start, stop, step)}, "tzyx")
        return block if block.flags.aligned else block.copy()

    def read_into(self, start: int, stop: int, step: int, out: npt.NDArray[Any]) -> None:
        """Read the volumes ``start:stop:step`` into memory (t, Z, Y, X); without a copy where they lie so."""
        if self.axes in ("tzyx", "tyx") and out.dtype == self.dtype:
            into = out if self.axes == "tzyx" else out[:, 0]
            rest = (slice(None),) * (len(self.axes) - 1)
            fill(self.data, np.arange(start, stop, step, dtype=np.intp), rest, into)
        else:
            out[...] = self.read(start, stop, step)

    def read_rows(self, time: int, plane: int, rows: slice) -> npt.NDArray[Any]:
        """Read rows of one plane of one volume as (rows, X)."""
        ranges = {"t": slice(time, time + 1), "z": slice(plane, plane + 1), "y": rows}
        return np.asarray(self._select(ranges, "tzyx")[0, 0])

    def contiguous(self) -> Mapped | None:
        """The whole in TZYX order, where the file holds it so in this machine's byte order."""
        data = self.data
        kept = "".join(a for a, n in zip(self.axes, data.shape, strict=True) if a in "tzyx" or n > 1)
        if not (isinstance(data, Mapped) and data.gapless and data.dtype.isnative and kept in ("tzyx", "tyx")):
            return None
        return Mapped(data.path, data.dtype, self.shape, data.offset)

    def _select(self, ranges: dict[str, slice], order: str) -> npt.NDArray[Any]:
        """Read `ranges` along the axes that they name, all elsewhere, as an array with the axes `order`."""
        fixed = {"c": self.channel, "-": 0}
        index: Index = tuple(fixed.get(axis, ranges.get(axis, slice(None))) for axis in self.axes)
        block = np.asarray(self.data[index])
        kept = [axis for axis in self.axes if axis not in fixed]
        for axis in order:
            if axis not in kept:
                kept.append(axis)
                block = block[..., np.newaxis]
        return block.transpose([kept.index(axis) for axis in order])
