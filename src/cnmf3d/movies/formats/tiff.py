"""TIFF and BigTIFF: plain, ImageJ hyperstacks, and what else tifffile knows by its labels."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.movies.arrays import folded
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.tiff_pages import flat_pages
from cnmf3d.movies.stored import Place, Stored

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def recognises(place: Place) -> bool:
    """Whether the file begins as a TIFF does, or is named as one."""
    return place.path is not None and (place.head[:4] in MAGIC or place.suffix in SUFFIXES)


def open_tiff(place: Place, dataset: str | None) -> Stored:
    """Open a TIFF file.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Number of the image series, from 0, where the file holds several.

    Raises
    ------
    InputError
        For a file that isn't a TIFF, is cut short, or whose pages differ.
    """
    import tifffile

    with _complaints() as complaints:
        try:
            tif = tifffile.TiffFile(place.address)
        except (tifffile.TiffFileError, ValueError, OSError, EOFError, KeyError, IndexError) as error:
            raise broken(place, str(error)) from error
        try:
            return _open(place, tif, dataset)
        except BaseException as error:
            tif.close()
            if isinstance(error, Cnmf3dError) or not isinstance(error, Exception):
                raise
            raise broken(place, "; ".join([str(error), *complaints])) from error


def broken(place: Place, why: str) -> InputError:
    """The error for a file that can't be parsed."""
    return InputError(f"{place} can't be read as TIFF: {why}", "Copy it again, or export the movie again.")


def _open(place: Place, tif: TiffFile, dataset: str | None) -> Stored:
    """Read labels and facts; the pages stay in the file."""
    series = tif.series[int(dataset or 0)]
    shape, labels = series.get_shape(squeeze=False), series.get_axes(squeeze=False)
    page = series.keyframe
    count = math.prod(shape) // math.prod(page.shape)
    lead = _leading(shape, count)
    pages = flat_pages(place, tif, count, lambda i: series[i], virtual=_virtual(series, count))
    data = folded(pages, tuple(shape[:lead]))
    assert data is not None
    inner = _inner(labels[lead:], shape[lead:], page.shape)
    return Stored(data, _letters(labels[:lead] + inner), "TIFF", metadata={"kind": series.kind})


def _leading(shape: tuple[int, ...], count: int) -> int:
    """How many of the first dimensions number the pages."""
    for lead in range(len(shape) + 1):
        if math.prod(shape[:lead]) == count:
            return lead
    raise ValueError(f"{count} pages do not fit the shape {shape}")


def _inner(labels: str, shape: tuple[int, ...], page: tuple[int, ...]) -> str:
    """Labels of a page's own dimensions: what is left when dimensions of length 1 that it lacks are dropped."""
    kept = list(zip(labels, shape, strict=True))
    while len(kept) > len(page):
        kept.remove(next(pair for pair in reversed(kept) if pair[1] == 1))
    return "".join(label for label, _ in kept)


def _virtual(series: TiffPageSeries, count: int) -> bool:
    """Whether only the first page is described and the others follow without gaps."""
    return count > 1 and series.is_truncated or (len(list(series._pages)) == 1 and count > 1)


def _letters(labels: str) -> str:
    """tifffile's axes as ours."""
    ours = {"T": "t", "Z": "z", "Y": "y", "X": "x", "C": "c", "S": "c"}
    return "".join(ours.get(label, "?") for label in labels)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what tifffile logs, so that it reaches the user as part of our messages."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, collector = logging.getLogger("tifffile"), Collector(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield messages
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


FORMAT = Format("TIFF", SUFFIXES, recognises, open_tiff)
