"""TIFF and BigTIFF: plain, ImageJ hyperstacks, OME-TIFF, ScanImage, and what else tifffile knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import folded
from cnmf3d.movies.chained import Chained
from cnmf3d.movies.formats import ome_tiff, scanimage, tiff_facts
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.tiff_errors import broken, complaints, unreadable
from cnmf3d.movies.formats.tiff_index import index_of, read_index
from cnmf3d.movies.formats.tiff_pages import flat_pages
from cnmf3d.movies.formats.tiff_series import Series, choose, letters, series_of
from cnmf3d.movies.stored import LazyArray, Place, Stored

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ome_tiff.SUFFIX)
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
FORMATS = {"imagej": "ImageJ hyperstack"}
"""Names of kinds of images in the field's words; all others are plain TIFF."""

TIFFFILES = ("lsm", "mmstack", "ndtiff", "fluoview", "stk", "sis", "nih")
"""Kinds of files whose pages only tifffile can put in order, by metadata of their own."""


def recognises(place: Place) -> bool:
    """Whether the file begins as a TIFF does, or is named as one."""
    return place.path is not None and (place.head[:4] in MAGIC or place.suffix in SUFFIXES)


def open_tiff(place: Place, dataset: str | None) -> Stored:
    """Open a TIFF file.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Number of the image series, from 0, where the file holds several; of the region in ScanImage's mROI.

    Raises
    ------
    InputError
        For a file that isn't a TIFF, is cut short, or whose pages differ.
    EngineError
        Where something failed that doesn't say that the file is bad.
    """
    if ome_tiff.is_description(place):
        return ome_tiff.open_description(place, dataset)
    with complaints() as messages:
        try:
            with _file(place) as tif:
                stored = _open(place, tif, dataset)
        except Exception as error:
            raise unreadable(str(place), error) from error
    if messages:
        raise broken(place, messages)
    return stored


def open_together(places: Sequence[Place], dataset: str | None) -> Stored | None:
    """Open files that are one recording, which was cut into files anywhere.

    Returns
    -------
    Stored or None
        None where the files don't say that they belong together.
    """
    if not all(recognises(place) for place in places):
        return None
    first = next((place for place in places if ome_tiff.is_description(place)), places[0])
    if ome_tiff.is_description(first):
        return ome_tiff.open_set(places, None, dataset)
    with complaints() as messages:
        try:
            with _file(first) as tif:
                if tif.is_scanimage:
                    stored = scanimage.open_recording(places, _file, tif, dataset)
                else:
                    stored = ome_tiff.open_set(places, tif, dataset)
        except Exception as error:
            raise unreadable(str(first), error) from error
    if messages and stored is not None:
        raise broken(first, messages)
    return stored


def _file(place: Place) -> TiffFile:
    """Open a file as TIFF."""
    import tifffile

    try:
        return tifffile.TiffFile(place.address)
    except Exception as error:
        raise unreadable(str(place), error) from error


def _open(place: Place, tif: TiffFile, dataset: str | None) -> Stored:
    """Choose by what the first page says of itself."""
    if tif.is_scanimage:
        stored = scanimage.open_recording([place], _file, tif, dataset)
        if stored is None and dataset is None:
            stored = scanimage.open_legacy(place, tif)
        if stored is not None:
            return stored
    found = ome_tiff.open_ome(place, tif, dataset) if tif.is_ome else None
    if isinstance(found, Stored):
        return found
    known = any(getattr(tif, f"is_{kind}", False) for kind in TIFFFILES)
    stored = _from_series(place, tif, dataset) if known else _from_pages(place, tif, dataset)
    cautions = (*stored.facts.warnings, *([found] if found else []))
    return replace(stored, facts=replace(stored.facts, warnings=cautions))


def _from_pages(place: Place, tif: TiffFile, dataset: str | None) -> Stored:
    """Take one of the series that the pages' own descriptions say there are."""
    index = read_index(place, tif)
    image = choose(place, series_of(place, tif, index), dataset)
    pages = flat_pages(place, index.select(image.pages), math.prod(image.lead) if image.virtual else 1)
    facts = tiff_facts.of_series(place, tif, image)
    facts = replace(facts, warnings=facts.warnings + image.warnings)
    data = folded(pages, image.lead)
    assert data is not None
    return Stored(data, letters(image.labels), FORMATS.get(image.kind, "TIFF"), facts)


def _from_series(place: Place, tif: TiffFile, dataset: str | None) -> Stored:
    """Take one of the series that tifffile finds."""
    series: Any = list(tif.series)
    images = []
    for each in series:
        page = each.keyframe
        lead = len(each.shape) - len(page.shape)
        numbers = np.arange(math.prod(each.shape[:lead]))
        images.append(Series(each.kind, numbers, tuple(each.shape[:lead]), each.axes, page))
    image = choose(place, images, dataset)
    pages = list(series[next(number for number, each in enumerate(images) if each.page is image.page)])
    if None in pages or len(pages) != len(image.pages):
        there = sum(page is not None for page in pages)
        raise InputError(f"{place} holds {there} of {len(image.pages)} pages", "Copy it again: it is cut short.")
    facts = tiff_facts.of_series(place, tif, image)
    data = folded(_of_files(place, pages), image.lead)
    assert data is not None
    return Stored(data, letters(image.labels), image.kind, replace(facts, warnings=facts.warnings + image.warnings))


def _of_files(place: Place, pages: Sequence[TiffPage | TiffFrame]) -> LazyArray:
    """See pages that tifffile has read, of one file or of several that follow one another, as one list."""
    runs: list[tuple[str, list[TiffPage | TiffFrame]]] = []
    for page in pages:
        path = page.parent.filehandle.path
        if not runs or runs[-1][0] != path:
            runs.append((path, []))
        runs[-1][1].append(page)
    if len(runs) == 1:
        return flat_pages(place, index_of(pages))
    names = [path for path, _ in runs]
    parts = [flat_pages(Place(path, Path(path)), index_of(each)) for path, each in runs]
    inner, dtype = tuple(parts[0].shape[1:]), np.dtype(parts[0].dtype)
    return Chained(names, [int(part.shape[0]) for part in parts], inner, dtype, parts.__getitem__)


FORMAT = Format("TIFF", SUFFIXES, recognises, open_tiff, open_together)
