"""Pages of a TIFF file as one lazy array: mapped where they lie plainly in the file, else read singly."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.stored import Index, LazyArray, Place

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage

SAMPLES = 17
"""Pages, first and last among them, whose places in the file tell whether all lie at regular distances."""


def all_pages(place: Place, tif: TiffFile) -> LazyArray | None:
    """See all pages of a file as one array (pages, Y, X); None where pages differ in shape or type."""
    count = len(tif.pages)
    first = tif.pages.first
    if first.subifds or any(page.hash != first.hash for page in _sampled(tif, count)):
        return None
    tif.pages.useframes = True
    tif.pages.set_keyframe(0)
    return flat_pages(place, tif, count, lambda number: tif.pages[number])


def flat_pages(
    place: Place,
    tif: TiffFile,
    count: int,
    page_at: Callable[[int], TiffPage | TiffFrame],
    *,
    virtual: bool = False,
) -> LazyArray:
    """See `count` pages as one array (pages, Y, X), with samples last or first where a page has several.

    Parameters
    ----------
    place : Place
    tif : TiffFile
        Open; it is closed when nothing needs it any longer.
    count : int
    page_at : callable
        Gives page i, from 0.
    virtual : bool
        Whether the file describes the first page only and the others follow it without gaps, as ImageJ does.

    Raises
    ------
    InputError
        Where the file ends before the last page, or holds values that can't be read.
    """
    first = page_at(0)
    if first.dtype is None:
        raise InputError(f"{place} holds a type of values that can't be read", "Export it as 8 or 16 bit integers.")
    stride = None
    if first.is_final and place.path is not None:
        stride = first.nbytes if virtual else _stride(first, count, page_at)
    if stride is None or place.path is None:
        return Pages(place, tif, (count, *first.shape), first.dtype, page_at)
    offset = int(first.dataoffsets[0])
    tif.close()
    size = place.path.stat().st_size
    if offset + (count - 1) * stride + first.nbytes > size:
        raise truncated(place, max(0, (size - offset) // stride), count)
    return Mapped(place.path, np.dtype(first.dtype).newbyteorder(tif.byteorder), (count, *first.shape), offset, stride)


def truncated(place: Place, whole: int, count: int) -> InputError:
    """Make the error for a file that ends too early."""
    return InputError(
        f"{place} is cut short: it should hold {count} pages and ends after {whole}",
        "Copy it again from where it was recorded, or export the part that is whole to a new file.",
    )


def _sampled(tif: TiffFile, count: int) -> Iterator[TiffPage]:
    """Pages spread over the file, read in full."""
    for number in np.unique(np.linspace(0, count - 1, min(count, SAMPLES)).astype(int)):
        yield tif.pages.get(int(number), aspage=True)


def _stride(first: TiffPage | TiffFrame, count: int, page_at: Callable[[int], TiffPage | TiffFrame]) -> int | None:
    """Bytes from page to page where all sampled pages lie on one line, else None."""
    if count == 1:
        return int(first.nbytes)
    numbers = np.unique(np.linspace(0, count - 1, min(count, SAMPLES)).astype(int))
    offsets = np.array([page_at(int(number)).dataoffsets[0] for number in numbers], np.int64)
    stride, rest = divmod(int(offsets[-1] - offsets[0]), count - 1)
    regular = not rest and stride >= first.nbytes and np.array_equal(offsets, offsets[0] + numbers * stride)
    return stride if regular else None


class Pages:
    """Pages that are compressed or lie irregularly, decoded one by one.

    Parameters
    ----------
    place : Place
    tif : TiffFile
        Closed when this array goes.
    shape : tuple of int
        (pages, ..., Y, X).
    dtype : numpy.dtype
    page_at : callable
    """

    def __init__(
        self,
        place: Place,
        tif: TiffFile,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        page_at: Callable[[int], Any],
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._place = place
        self._page_at = page_at
        self._lock = threading.Lock()
        tif.filehandle.set_lock(True)
        weakref.finalize(self, tif.close)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; whole pages are decoded, from several threads at once."""
        first, rest = index[0], index[1:]
        if not isinstance(first, slice):
            return np.asarray(self._page(first)[rest])
        numbers = range(*first.indices(self.shape[0]))
        if not numbers:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        return np.stack([self._page(number)[rest] for number in numbers])

    def _page(self, number: int) -> npt.NDArray[Any]:
        """Decode one page."""
        try:
            values = self._decoded(number)
        except Exception as error:
            problem = f"{self._place}: page {number} can't be decoded ({error})"
            raise InputError(problem, "The file is damaged there: copy it again.") from error
        if values.shape != self.shape[1:]:
            problem = f"{self._place}: page {number} is {values.shape}, the first one {self.shape[1:]}"
            raise InputError(problem, "Keep only the movie's own pages in the file.")
        return values

    def _decoded(self, number: int) -> npt.NDArray[Any]:
        """Read under a lock, decode without; pages of a further file of the same image are opened for it."""
        with self._lock:
            page = self._page_at(number)
            file = page.parent.filehandle
            if file.closed:
                file.open()
                try:
                    return np.asarray(page.asarray(maxworkers=1))
                finally:
                    file.close()
        return np.asarray(page.asarray(maxworkers=1))
