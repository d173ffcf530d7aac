"""TIFF and BigTIFF: plain, ImageJ hyperstacks, OME-TIFF, ScanImage, and what else tifffile knows."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.movies.arrays import folded
from cnmf3d.movies.formats import ome, scanimage, tiff_facts
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.tiff_pages import all_pages, flat_pages
from cnmf3d.movies.stored import Place, Stored

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
KINDS = {
    "imagej": "ImageJ hyperstack",
    "ome": "OME-TIFF",
    "shaped": "TIFF",
    "uniform": "TIFF",
    "generic": "TIFF",
}
"""Names of tifffile's kinds of series in the field's words; other kinds are named as tifffile does."""


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
        except Exception as error:
            raise broken(place, [str(error)]) from error
        try:
            stored = _open(place, tif, dataset)
        except Cnmf3dError:
            tif.close()
            raise
        except Exception as error:
            tif.close()
            raise broken(place, [str(error), *complaints]) from error
    if complaints:
        raise broken(place, complaints)
    return stored


def open_together(places: Sequence[Place], dataset: str | None) -> Stored | None:
    """Open files that are one recording, which was cut into files anywhere.

    Returns
    -------
    Stored or None
        None where the files don't say that they belong together.
    """
    if dataset is not None or not all(recognises(place) for place in places):
        return None
    tif = _file(places[0])
    if not tif.is_scanimage:
        tif.close()
        return None
    with _complaints() as complaints:
        stored = scanimage.open_recording(places, _file, tif)
    if complaints:
        raise broken(places[0], complaints)
    return stored


def _file(place: Place) -> TiffFile:
    """Open a file as TIFF."""
    import tifffile

    try:
        return tifffile.TiffFile(place.address)
    except Exception as error:
        raise broken(place, [str(error)]) from error


def broken(place: Place, why: list[str]) -> InputError:
    """Make the error for a file that can't be parsed."""
    reasons = "; ".join(dict.fromkeys(reason for reason in why if reason)) or "its structure makes no sense"
    return InputError(
        f"{place} can't be read as TIFF, it is damaged or cut short ({reasons})",
        "Copy it again from where it was recorded, or export the movie again.",
    )


def _open(place: Place, tif: TiffFile, dataset: str | None) -> Stored:
    """Choose by what the first page says of itself."""
    if tif.is_scanimage and dataset is None:
        stored = scanimage.open_recording([place], _file, tif) or scanimage.open_legacy(place, tif)
        if stored is not None:
            return stored
    if tif.is_ome and dataset is None:
        stored = ome.open_simple(place, tif)
        if stored is not None:
            return stored
    if dataset is None and not _labelled(tif):
        facts, inner = tiff_facts.plain(place, tif), _letters(tif.pages.first.axes)
        pages = all_pages(place, tif)
        if pages is not None:
            return Stored(pages, f"?{inner}", "TIFF", facts)
    return _from_series(place, tif, dataset)


def _labelled(tif: TiffFile) -> bool:
    """Whether tifffile knows a kind of file by whose metadata the pages are arranged."""
    kinds = (
        "shaped",
        "lsm",
        "mmstack",
        "ome",
        "imagej",
        "ndtiff",
        "fluoview",
        "stk",
        "sis",
        "nih",
        "scanimage",
    )
    return any(getattr(tif, f"is_{kind}", False) for kind in kinds)


def _from_series(place: Place, tif: TiffFile, dataset: str | None) -> Stored:
    """Take one of the series that tifffile finds."""
    series, warnings = _chosen(place, tif.series, dataset)
    shape, labels = series.get_shape(squeeze=False), series.get_axes(squeeze=False)
    page = series.keyframe
    count = math.prod(shape) // math.prod(page.shape)
    lead = _leading(shape, count)
    facts = tiff_facts.of_series(place, tif, series)
    axes = _letters(labels[:lead] + _inner(labels[lead:], shape[lead:], page.shape))
    described = len(list(series._pages))
    if described not in (1, count):
        raise InputError(f"{place} holds {described} of {count} pages", "Copy it again: it is cut short.")
    virtual = count > 1 and described == 1 and page.is_final
    data = folded(flat_pages(place, tif, count, lambda i: series[i], virtual=virtual), tuple(shape[:lead]))
    assert data is not None
    return Stored(
        data,
        axes,
        KINDS.get(series.kind, series.kind),
        replace(facts, warnings=facts.warnings + warnings),
    )


def _chosen(place: Place, series: list[Any], dataset: str | None) -> tuple[TiffPageSeries, tuple[str, ...]]:
    """Take the series that was asked for, or else the largest with a warning that there are others."""
    if not series:
        raise InputError(f"{place} is a TIFF without images", "Export the movie again.")
    listing = "; ".join(f'dataset="{i}" {each.axes} {each.shape} {each.dtype}' for i, each in enumerate(series))
    if dataset is not None:
        if not dataset.isdigit() or int(dataset) >= len(series):
            raise InputError(f"{place} has no image series {dataset!r}", f"It holds: {listing}.")
        return series[int(dataset)], ()
    if len(series) == 1:
        return series[0], ()
    largest = max(range(len(series)), key=lambda i: series[i].nbytes)
    text = f'{place} holds {len(series)} image series; the largest, dataset="{largest}", was taken: {listing}.'
    return series[largest], (text,)


def _leading(shape: tuple[int, ...], count: int) -> int:
    """How many of the first dimensions number the pages."""
    for lead in range(len(shape) + 1):
        if math.prod(shape[:lead]) == count:
            return lead
    raise ValueError(f"{count} pages do not fit the shape {shape}")


def _inner(labels: str, shape: tuple[int, ...], page: tuple[int, ...]) -> str:
    """Label a page's own dimensions: those left when such of length 1 that it lacks are dropped."""
    kept = list(zip(labels, shape, strict=True))
    while len(kept) > len(page):
        kept.remove(next(pair for pair in reversed(kept) if pair[1] == 1))
    return "".join(label for label, _ in kept)


def _letters(labels: str) -> str:
    """Turn tifffile's labels into ours: ``?`` where it has none (I, Q), ``!`` for other kinds, as positions (R)."""
    ours = {"T": "t", "Z": "z", "Y": "y", "X": "x", "C": "c", "S": "c", "I": "?", "Q": "?"}
    letters = ""
    for label in labels:
        letter = ours.get(label, "!")
        letters += "!" if letter in letters and letter != "?" else letter
    return letters


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what tifffile logs as errors: it goes on after a broken page, we don't."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                messages.append(record.getMessage().partition("> ")[2] or record.getMessage())

    logger, collector = logging.getLogger("tifffile"), Collector(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield messages
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


FORMAT = Format("TIFF", SUFFIXES, recognises, open_tiff, open_together)
