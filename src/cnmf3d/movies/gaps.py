"""Pages put in order where some are missing: NaN stands in their place, or values between their neighbours in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.arrays import Stacked
from cnmf3d.movies.stored import Index, LazyArray


@dataclass(frozen=True)
class Between:
    """Pages in an order, some of them between two others in time.

    Attributes
    ----------
    pages : LazyArray
        (pages, Y, X).
    before, after : integer array
        Numbers of the pages before and after each position, (T, ...); the same where a page is there.
    part : float array
        How far each position lies from the one before to the one after: 0 to 1; NaN for a value that isn't known.
    whole : bool
        Whether values are rounded to the type of the pages; else they are float32.
    """

    pages: LazyArray
    before: npt.NDArray[np.intp]
    after: npt.NDArray[np.intp]
    part: npt.NDArray[np.float32]
    whole: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the positions, then those of a page."""
        return (*self.before.shape, *self.pages.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the pages, or float32."""
        return np.dtype(self.pages.dtype).newbyteorder("=") if self.whole else np.dtype(np.float32)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; pages after a gap are read only where there is one."""
        lead = self.before.ndim
        values = np.asarray(Stacked(self.pages, self.before)[index]).astype(self.dtype)
        chosen = np.asarray(self.part[index[:lead]])
        if not chosen.any():
            return values
        after = np.asarray(self.after[index[:lead]])
        flat = values.reshape(chosen.size, *values.shape[chosen.ndim :])
        where = np.flatnonzero(chosen)
        parts = chosen.ravel()[where].reshape(-1, *(1,) * (flat.ndim - 1))
        if np.isnan(parts).all():
            flat[where] = np.nan
            return values
        later = np.asarray(Stacked(self.pages, after.ravel()[where])[(slice(None), *index[lead:])], np.float32)
        mixed = flat[where].astype(np.float32) * (1 - parts) + later * parts
        flat[where] = np.rint(mixed) if self.dtype.kind in "iu" else mixed
        return values


def with_gaps(pages: LazyArray, numbers: npt.NDArray[np.intp], dropped: str) -> LazyArray:
    """Put pages in an order in which some are missing.

    Parameters
    ----------
    pages : LazyArray
        (pages, Y, X).
    numbers : (T, ...) int
        Number of the page at each position, -1 where there is none; one at each place but time must be there.
    dropped : str
        ``"nan"``: float32 with NaN in their place. ``"interpolate"``: in a line between the pages before and after in
        time, in the pages' own type; as the nearest one at the ends.
    """
    if (numbers >= 0).all():
        return Stacked(pages, numbers)
    flat = numbers.reshape(len(numbers), -1)
    times = np.arange(len(flat))[:, np.newaxis]
    there = flat >= 0
    last = np.maximum.accumulate(np.where(there, times, -1), axis=0)
    following = np.minimum.accumulate(np.where(there, times, len(flat))[::-1], axis=0)[::-1]
    first = np.where(last < 0, following, last)
    then = np.where(following == len(flat), last, following)
    span = np.maximum(then - first, 1)
    part = np.where(there, 0, np.clip((times - first) / span, 0, 1)).astype(np.float32)
    if dropped == "nan":
        part[~there] = np.nan
    before, after = (np.take_along_axis(flat, each, axis=0).reshape(numbers.shape) for each in (first, then))
    return Between(pages, before, after, part.reshape(numbers.shape), dropped != "nan")
