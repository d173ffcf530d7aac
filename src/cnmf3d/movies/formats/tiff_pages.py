"""Pages of a TIFF file as one lazy array: mapped where they lie plainly in the file, else decoded one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.formats.tiff_errors import truncated, unreadable
from cnmf3d.movies.formats.tiff_index import PageIndex, read_index
from cnmf3d.movies.formats.tiff_strips import Strips, decode_strips, is_native, strips_of
from cnmf3d.movies.positional import Reader, Scratch
from cnmf3d.movies.side_by_side import empty, in_threads, is_whole
from cnmf3d.movies.stored import Index, LazyArray, Place

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

JPEG = (6, 7, 33007, 34892)
"""Compressions whose segments share tables that are kept with the page."""

ORIENTATION = 274


def all_pages(place: Place, tif: TiffFile) -> LazyArray | None:
    """See all pages of a file as one array (pages, Y, X); None where pages differ in shape or type."""
    index = read_index(place, tif)
    return flat_pages(place, index) if len(groups(index)) == 1 else None


def groups(index: PageIndex) -> list[npt.NDArray[np.intp]]:
    """Group pages that can be one image: of one shape, type and meaning, in whichever way they are stored.

    Returns
    -------
    list of integer arrays
        Numbers of the pages of each group, groups in the order of their first pages.
    """
    groups: dict[tuple[object, ...], int] = {}
    number = [groups.setdefault(_meaning(page), len(groups)) for page in index.kinds]
    each = np.array(number, np.intp)[index.kind]
    order = dict.fromkeys(each.tolist())
    return [np.flatnonzero(each == group) for group in order]


def flat_pages(place: Place, index: PageIndex, virtual: int = 1) -> LazyArray:
    """See pages as one array (pages, Y, X), with samples last or first where a page has several.

    Parameters
    ----------
    place : Place
    index : PageIndex
        Of pages that can be one image.
    virtual : int
        Number of pages where the file describes the first one only and the others follow it without gaps, as
        ImageJ and tifffile write; 1 for files that describe all.

    Raises
    ------
    InputError
        Where the file ends before the last page, or holds values that can't be read.
    """
    assert place.path is not None
    page = index.page(0)
    if page.dtype is None or 0 in page.shape or 0 in page.shaped:
        raise InputError(f"{place} holds a type of values that can't be read", "Export it as 8 or 16 bit integers.")
    count, offset = max(len(index), virtual), int(index.offsets[0])
    stride = page.nbytes if virtual > 1 else _stride(index)
    size = place.path.stat().st_size
    _check_alike(place, index)
    if stride is not None:
        if offset + (count - 1) * stride + page.nbytes > size:
            raise truncated(place, max(0, (size - offset) // stride), count)
        dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        return Mapped(place.path, dtype, (count, *page.shape), offset, stride)
    beyond = np.flatnonzero(index.offsets >= size)
    if beyond.size:
        raise truncated(place, int(np.searchsorted(index.first, beyond[0], "right")) - 1, count)
    for each in index.kinds:
        # tifffile reads and makes these when they are first asked for: do it now, in one thread, with the file open.
        _ = each.decode, each.jpegtables, each.jpegheader, each.nodata
    return Pages(place.path, place.address, index)


def _meaning(page: TiffPage) -> tuple[object, ...]:
    """Tell what pages of one image agree in; the sides change places where a page lies on its side."""
    shape = tuple(page.shape)
    if _orientation(page) > 4:
        y = page.axes.index("Y")
        shape = (*shape[:y], shape[y + 1], shape[y], *shape[y + 2 :])
    return shape, page.axes, page.dtype, page.photometric, page.is_reduced


def _orientation(page: TiffPage) -> int:
    """Where a page's first row and column are shown: 1 at the top left, as nearly always."""
    value = page.tags.valueof(ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _plain(page: TiffPage) -> bool:
    """Whether the values lie in the file as they are, but for the order of their bytes."""
    return bool(page.compression == 1 and page.is_final and page.dtype is not None)


def _check_alike(place: Place, index: PageIndex) -> None:
    """See that all pages are of one shape, type and meaning."""
    wanted = _meaning(index.page(0))
    odd = np.array([_meaning(page) != wanted for page in index.kinds])[index.kind]
    if odd.any():
        number = int(np.argmax(odd))
        raise InputError(
            f"page {number} of {place} is {described(index.page(number))}, but the first one is "
            f"{described(index.page(0))}",
            "Export the movie with pages of one size and type.",
        )


def described(page: TiffPage) -> str:
    """Describe what a page holds: ``24 × 20 uint16 (MINISBLACK)``."""
    sides = " × ".join(str(length) for length in reversed(page.shape))
    return f"{sides} {page.dtype} ({getattr(page.photometric, 'name', page.photometric)})"


def _contiguous(index: PageIndex) -> npt.NDArray[np.bool_]:
    """Tell of each page whether its segments follow one another without gaps."""
    counts = np.diff(index.first)
    if counts.max(initial=1) == 1:
        return np.ones(len(counts), bool)
    joined = np.ones(len(index.offsets), bool)
    joined[1:] = index.offsets[1:] == index.offsets[:-1] + index.lengths[:-1]
    joined[index.first[:-1]] = True
    whole: npt.NDArray[np.bool_] = np.logical_and.reduceat(joined, index.first[:-1])
    return whole


def _stride(index: PageIndex) -> int | None:
    """Bytes from page to page where all pages lie plainly at regular distances, else None."""
    page = index.page(0)
    alike = all(_plain(each) and _orientation(each) == _orientation(page) for each in index.kinds)
    if not alike or not _contiguous(index).all():
        return None
    starts = index.offsets[index.first[:-1]]
    if len(starts) == 1:
        return int(page.nbytes)
    steps = np.diff(starts)
    stride = int(steps[0])
    return stride if stride >= page.nbytes and bool((steps == stride).all()) else None


@dataclass(frozen=True)
class Pages:
    """Pages that are compressed or lie irregularly, decoded one by one.

    All that is shared between threads is fixed: where the pages lie. Each read opens the file for itself.

    Attributes
    ----------
    path : Path
    name : str
        The file as the user knows it.
    index : PageIndex
        Pages of one shape and type.
    """

    path: Path
    name: str
    index: PageIndex

    @property
    def shape(self) -> tuple[int, ...]:
        """(pages, ..., Y, X, ...)."""
        return (len(self.index), *self.index.page(0).shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in this machine's byte order."""
        kind: np.dtype[Any] = np.dtype(self.index.page(0).dtype)
        return kind

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part, from whole pages."""
        first, rest = index[0], index[1:]
        if not isinstance(first, slice):
            with self._open() as reader:
                return np.asarray(self._page(first, reader)[rest])
        numbers = np.arange(*first.indices(self.shape[0]), dtype=np.intp)
        out = empty(numbers, self.shape[1:], rest, self.dtype)
        self.fill_from(numbers, rest, out)
        return out

    def fill_from(self, numbers: npt.NDArray[np.intp], rest: Index, out: npt.NDArray[Any]) -> None:
        """Read parts of pages into memory, on all cores where they are compressed; see `side_by_side.fill`."""
        whole = is_whole(rest, self.shape[1:]) and out.dtype == self.dtype

        def work(part: range) -> None:
            packed = Scratch()
            with self._open() as reader:
                if whole and self._filled_as_they_lie(
                    numbers[part.start : part.stop], reader, out[part.start : part.stop]
                ):
                    return
                for at in part:
                    number = int(numbers[at])
                    if not (whole and out[at].flags.c_contiguous and self._filled(number, reader, packed, out[at])):
                        out[at] = self._page(number, reader)[rest]

        any_packed = any(not _plain(page) for page in self.index.kinds)
        in_threads(
            work, len(numbers), math.prod(self.shape[1:]) * self.dtype.itemsize * len(numbers) if any_packed else 0
        )

    @cached_property
    def _as_it_lies(self) -> npt.NDArray[np.bool_]:
        """Of each page, whether its values lie in the file as they are wanted in memory."""
        first = self.index.page(0)
        plain = [
            _plain(page) and _orientation(page) == _orientation(first) and is_native(page) for page in self.index.kinds
        ]
        there = self.index.offsets[self.index.first[:-1]] > 0
        return np.asarray(np.array(plain)[self.index.kind] & _contiguous(self.index) & there)

    @cached_property
    def _strips(self) -> list[Strips | None]:
        """Of each kind of pages, what decodes its strips straight into memory."""
        first = _orientation(self.index.page(0))
        return [strips_of(page) if _orientation(page) == first else None for page in self.index.kinds]

    def _filled_as_they_lie(self, numbers: npt.NDArray[np.intp], reader: Reader, out: npt.NDArray[Any]) -> bool:
        """Read pages into memory where all of them lie in the file as they are wanted; False where they don't."""
        if not out.flags.c_contiguous or not self._as_it_lies[numbers].all():
            return False
        try:
            reader.fill_each(self.index.offsets[self.index.first[numbers]].tolist(), out)
        except (OSError, EOFError):  # which page that is, is found by reading one after the other
            return False
        return True

    def _filled(self, number: int, reader: Reader, packed: Scratch, out: npt.NDArray[Any]) -> bool:
        """Read a page into memory as it lies there; False where it must be decoded elsewhere."""
        try:
            if self._as_it_lies[number]:
                reader.fill(int(self.index.offsets[self.index.first[number]]), out)
                return True
            strips = self._strips[self.index.kind[number]]
            return strips is not None and decode_strips(strips, self.index.segments(number), reader, packed, out)
        except (OSError, EOFError) as error:
            raise unreadable(f"page {number} of {self.name}", error) from error

    def _open(self) -> Reader:
        """Open the file for one read."""
        try:
            return Reader(self.path)
        except OSError as error:
            raise unreadable(self.name, error) from error

    def _page(self, number: int, reader: Reader) -> npt.NDArray[Any]:
        """Decode one page, and turn it as the first one lies."""
        page = self.index.page(number)
        try:
            values = _decoded(page, self.index.segments(number), reader)
        except Exception as error:
            raise unreadable(f"page {number} of {self.name}", error) from error
        found, wanted = _orientation(page), _orientation(self.index.page(0))
        return values if found == wanted else _turned(values, page.axes.index("Y"), found, wanted)


def _decoded(page: TiffPage, segments: list[tuple[int, int]], reader: Reader) -> npt.NDArray[Any]:
    """Read and decode the segments of a page that is stored as `page` is."""
    if _plain(page) and len(segments) == 1 and segments[0][0]:
        dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        return np.frombuffer(reader.exactly(segments[0][0], page.nbytes), dtype).reshape(page.shape)
    extra = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression in JPEG else {}
    image = np.empty(page.shaped, page.dtype)
    depth, length, width = page.shaped[1:4]
    for number, (offset, size) in enumerate(segments):
        data = reader.upto(offset, size) if offset and size else None
        if data == b"":
            raise EOFError(f"it ends before byte {offset + size}")
        values, (sample, z, y, x, _), (planes, rows, columns, *_) = page.decode(data, number, **extra)
        part = image[sample, z : z + planes, y : y + rows, x : x + columns]
        part[...] = page.nodata if values is None else values[: depth - z, : length - y, : width - x]
    return image.reshape(page.shape)


def _turned(values: npt.NDArray[Any], y: int, found: int, wanted: int) -> npt.NDArray[Any]:
    """Turn a page of one orientation to lie in the file as pages of another do.

    Parameters
    ----------
    values : array
        Rows are dimension `y`, columns the next one.
    y : int
    found, wanted : int
        Values of the tag Orientation.
    """
    shown = values.swapaxes(y, y + 1) if found > 4 else values
    for orientation in (found, wanted):
        if orientation in (3, 4, 7, 8):
            shown = np.flip(shown, y)
        if orientation in (2, 3, 6, 7):
            shown = np.flip(shown, y + 1)
    return shown.swapaxes(y, y + 1) if wanted > 4 else shown
