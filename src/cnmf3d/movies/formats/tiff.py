"""TIFF and BigTIFF: plain, ImageJ hyperstacks, OME-TIFF, ScanImage, and what else tifffile knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import folded
from cnmf3d.movies.formats import ome_tiff, scanimage, tiff_facts, tiff_others
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.tiff_errors import broken, complaints, unreadable
from cnmf3d.movies.formats.tiff_index import read_index
from cnmf3d.movies.formats.tiff_pages import flat_pages
from cnmf3d.movies.formats.tiff_series import choose, letters, series_of
from cnmf3d.movies.kept_times import TAG, with_kept
from cnmf3d.movies.stored import Place, Stored

if TYPE_CHECKING:
    from tifffile import TiffFile

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ome_tiff.SUFFIX)
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
FORMATS = {"imagej": "ImageJ hyperstack"}
"""Names of kinds of images in the field's words; all others are plain TIFF."""


def recognises(place: Place) -> bool:
    """Whether the file begins as a TIFF does, or is named as one."""
    return place.path is not None and (place.suffix in SUFFIXES or place.head[:4] in MAGIC)


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
                stored = with_kept(_open(place, tif, dataset), tif.pages.first.tags.valueof(TAG))
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
    with complaints() as messages:
        try:
            stored = _together(first, places, dataset)
        except Exception as error:
            raise unreadable(str(first), error) from error
    if messages and stored is not None:
        raise broken(first, messages)
    return stored


def _together(first: Place, places: Sequence[Place], dataset: str | None) -> Stored | None:
    """Open the files by what the first one, or the description among them, says."""
    if ome_tiff.is_description(first):
        stored = ome_tiff.open_description(first, dataset)
    else:
        with _file(first) as tif:
            if tif.is_scanimage:
                return scanimage.open_recording(places, _file, tif, dataset)
            if not (tif.is_ome or tiff_others.is_known(tif)):
                return None
            stored = _open(first, tif, dataset)
        if not stored.facts.files:
            return None
    _check_covered(stored, first, places)
    return stored


def _check_covered(stored: Stored, first: Place, places: Sequence[Place]) -> None:
    """See that an image in several files isn't opened together with files that don't belong to it."""
    inside = {Path(file).resolve() for file in stored.facts.files}
    others = [each for each in places if each.path is not None and each.path.resolve() not in inside]
    others = [each for each in others if each is not first and not ome_tiff.is_description(each)]
    if others:
        raise InputError(
            f"{first} is one image in {len(inside)} files, to which {others[0]} doesn't belong",
            f"Open {first} alone: its other files are found.",
        )


def _file(place: Place) -> TiffFile:
    """Open a file as TIFF."""
    import tifffile

    try:
        tif = tifffile.TiffFile(place.address)
    except Exception as error:
        raise unreadable(str(place), error) from error
    if not tif.pages:
        tif.close()
        raise InputError(f"{place} is a TIFF without images", "Export the movie again.")
    return tif


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
    known = tiff_others.is_known(tif)
    stored = tiff_others.open_known(place, tif, dataset) if known else _from_pages(place, tif, dataset)
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


FORMAT = Format("TIFF", SUFFIXES, recognises, open_tiff, open_together)
