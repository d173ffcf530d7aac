"""Strips of a page put side by side where they lie in the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.stored import Index, LazyArray


@dataclass(frozen=True)
class Tile:
    """Some rows of a page, and where they lie in the mosaic.

    Attributes
    ----------
    rows, columns : (int, int)
        First and one beyond the last, in the page.
    y, x : int
        Place of the first row and column in the mosaic.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    y: int
    x: int


@dataclass(frozen=True)
class Mosaic:
    """An array (..., Y, X) whose images are put together from tiles of the source's; 0 where none lies.

    Where tiles overlap the first one counts.

    Attributes
    ----------
    source : LazyArray
        (..., rows, columns).
    tiles : sequence of Tile
    height, width : int
        Of the mosaic.
    """

    source: LazyArray
    tiles: Sequence[Tile]
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading lengths of the source, then those of the mosaic."""
        return (*self.source.shape[:-2], self.height, self.width)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self.source.dtype)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; only tiles that it touches are read."""
        lead = index[:-2]
        rows, columns = (_span(part, size) for part, size in zip(index[-2:], (self.height, self.width), strict=True))
        out: npt.NDArray[Any] | None = None
        for tile in reversed(self.tiles):
            y, here_y = _within(rows, tile.y, tile.rows)
            x, here_x = _within(columns, tile.x, tile.columns)
            if y is None or x is None:
                continue
            block = np.asarray(self.source[(*lead, y, x)])
            if out is None:
                out = np.zeros((*block.shape[:-2], len(rows), len(columns)), self.dtype)
            out[..., here_y, here_x] = block
        if out is None:
            leading = np.asarray(self.source[(*lead, slice(0, 1), slice(0, 1))]).shape[:-2]
            out = np.zeros((*leading, len(rows), len(columns)), self.dtype)
        kept = tuple(slice(None) if isinstance(part, slice) else 0 for part in index[-2:])
        return np.asarray(out[(..., *kept)])


def _span(part: int | slice, size: int) -> range:
    """Places along an axis that are asked for."""
    return range(*part.indices(size)) if isinstance(part, slice) else range(int(part), int(part) + 1)


def _within(wanted: range, start: int, there: tuple[int, int]) -> tuple[slice | None, slice]:
    """Where a tile and what is wanted meet: in the source, and in what is wanted; None where they don't."""
    length = there[1] - there[0]
    inside = [number for number, place in enumerate(wanted) if start <= place < start + length]
    if not inside:
        return None, slice(0, 0)
    first, last = wanted[inside[0]] - start + there[0], wanted[inside[-1]] - start + there[0]
    return slice(first, last + 1, wanted.step), slice(inside[0], inside[-1] + 1)
