"""Planes of a movie over the pages of several TIFF files, where a description says which page of which file each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Stacked, folded
from cnmf3d.movies.chained import Chained
from cnmf3d.movies.formats.tiff_errors import broken, complaints, truncated, unreadable
from cnmf3d.movies.formats.tiff_index import PageIndex, read_index
from cnmf3d.movies.formats.tiff_pages import flat_pages
from cnmf3d.movies.stored import LazyArray, Place


@dataclass(frozen=True)
class Spread:
    """Planes of an image over its files.

    Attributes
    ----------
    place : Place
        What the user opened.
    axes : str
        Of the planes, the slowest first, e.g. ``TCZ``.
    paths : sequence of Path
    file : integer array
        Number of each plane's file in `paths`, in the shape of the planes; -1 where there is none.
    page : integer array
        Number of each plane's page in its file.
    said : str
        What says so, for messages: ``OME description``.
    """

    place: Place
    axes: str
    paths: Sequence[Path]
    file: npt.NDArray[np.intp]
    page: npt.NDArray[np.intp]
    said: str

    def gathered(self) -> tuple[LazyArray, npt.NDArray[np.intp], tuple[str, ...]]:
        """See the pages that are used as one list.

        Returns
        -------
        pages : LazyArray
            (pages, Y, X), by file and by number of page.
        order : integer array
            Number in `pages` of each plane, in the shape of the planes, without volumes that aren't there.
        cautions : tuple of str

        Raises
        ------
        InputError
            Where a plane is missing before the end, or a file can't be read.
        """
        last = int(self.page.max(initial=0)) + 1
        indices = self._indices()
        there = (self.file >= 0) & (self.page >= 0)
        for number, index in indices.items():
            there &= (self.file != number) | (self.page < len(index))
        whole, cautions = self._whole(there)
        keep = tuple(slice(whole if axis == "T" else None) for axis in self.axes)
        file, page = self.file[keep], self.page[keep]
        used, order = np.unique(file * last + page, return_inverse=True)
        counts = np.bincount(used // last, minlength=len(self.paths))
        pages = np.split(used % last, np.cumsum(counts)[:-1])
        first = int(np.flatnonzero(counts)[0])
        head = flat_pages(self._at(first), self._index(first, indices).select(pages[first]))
        order = order.reshape(file.shape).astype(np.intp)
        if counts[first] == len(used):
            return head, order, cautions
        names = [str(path) for path in self.paths]
        inner, dtype = tuple(head.shape[1:]), np.dtype(head.dtype)
        return Chained(names, counts.tolist(), inner, dtype, partial(self._pages, pages)), order, cautions

    def _indices(self) -> dict[int, PageIndex]:
        """Index files of many pages, to see whether all are there; a file of one page has it."""
        many = np.unique(self.file[(self.page > 0) & (self.file >= 0)])
        return {int(number): _indexed(self._at(int(number))) for number in many}

    def _index(self, number: int, known: dict[int, PageIndex]) -> PageIndex:
        """Index of a file, read where it isn't known."""
        return known[number] if number in known else _indexed(self._at(number))

    def _at(self, number: int) -> Place:
        """Place of a file."""
        path = self.paths[number]
        return self.place if path == self.place.path else Place(str(path), path)

    def _pages(self, pages: Sequence[npt.NDArray[np.intp]], number: int) -> LazyArray:
        """Open a file where it is read."""
        place, wanted = self._at(number), pages[number]
        index = _indexed(place)
        if wanted[-1] >= len(index):
            raise truncated(place, len(index), int(wanted[-1]) + 1)
        return flat_pages(place, index.select(wanted))

    def _whole(self, there: npt.NDArray[np.bool_]) -> tuple[int, tuple[str, ...]]:
        """Count the volumes whose planes are all there; those that lack planes may only be the last ones."""
        whole, asked = whole_volumes(self.axes, there), there.shape[self.axes.index("T")]
        if not whole:
            where = np.argwhere(~there)[0].tolist()
            named = ", ".join(f"{axis} {number}" for axis, number in zip(self.axes, where, strict=True))
            raise InputError(
                f"{self.place} lacks the plane {named} (counted from 0) of its {self.said}, and more",
                "Copy it again from where it was recorded: it is cut short, or a file of it is.",
            )
        if whole == asked:
            return whole, ()
        text = f"{self.place} holds {whole} of the {asked} volumes that its {self.said} promises"
        return whole, (f"{text}: the recording was stopped, or the file is cut short.",)


def in_order(pages: LazyArray, order: npt.NDArray[np.intp]) -> LazyArray:
    """See pages in an order, with the leading dimensions of `order`."""
    if order.size == pages.shape[0] and np.array_equal(order.ravel(), np.arange(order.size)):
        data = folded(pages, order.shape)
        assert data is not None
        return data
    return Stacked(pages, order)


def whole_volumes(axes: str, there: npt.NDArray[np.bool_]) -> int | None:
    """Count the volumes from the first one on of which all planes are there.

    Parameters
    ----------
    axes : str
        Of `there`; ``T`` is time.
    there : bool array

    Returns
    -------
    int or None
        None where a plane is missing before one that is there.
    """
    time = axes.index("T")
    others = tuple(axis for axis in range(len(axes)) if axis != time)
    complete, begun = np.atleast_1d(there.all(axis=others)), np.atleast_1d(there.any(axis=others))
    whole = int(np.argmin(complete)) if not complete.all() else len(complete)
    return None if begun[whole + 1 :].any() else whole


def _indexed(place: Place) -> PageIndex:
    """Index a file of the set."""
    import tifffile

    with complaints() as messages:
        try:
            with tifffile.TiffFile(place.address) as tif:
                index = read_index(place, tif)
        except Exception as error:
            raise unreadable(str(place), error) from error
    if messages:
        raise broken(place, messages)
    return index
