"""Kinds of TIFF whose pages only tifffile can put in order, by metadata of their own: Micro-Manager, LSM, STK, ..."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Stacked, folded
from cnmf3d.movies.chained import Chained
from cnmf3d.movies.formats import tiff_facts
from cnmf3d.movies.formats.positions import position_of
from cnmf3d.movies.formats.spread import whole_volumes
from cnmf3d.movies.formats.tiff_index import index_of
from cnmf3d.movies.formats.tiff_pages import flat_pages
from cnmf3d.movies.formats.tiff_series import Series, choose, letters
from cnmf3d.movies.stored import LazyArray, Place, Stored

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage

KINDS = ("lsm", "mmstack", "ndtiff", "fluoview", "stk", "sis", "nih")
"""As tifffile names them."""


def is_known(tif: TiffFile) -> bool:
    """Whether a file is of such a kind."""
    return any(getattr(tif, f"is_{kind}", False) for kind in KINDS)


def open_known(place: Place, tif: TiffFile, dataset: str | None) -> Stored:
    """Take one of the series that tifffile finds, with all files that it lies in.

    Raises
    ------
    InputError
        Where pages are missing before others that are there.
    """
    found: list[Any] = list(tif.series)
    images = []
    for each in found:
        lead = len(each.shape) - len(each.keyframe.shape)
        numbers = np.arange(math.prod(each.shape[:lead]))
        images.append(Series(each.kind, numbers, tuple(each.shape[:lead]), each.axes, each.keyframe))
    position = len(images) == 1 and POSITION in images[0].labels[: len(images[0].lead)]
    image = choose(place, images, None if position else dataset)
    number = next(number for number, each in enumerate(images) if each.page is image.page)
    pages, lead_shape, cautions = _there(place, image, list(found[number]))
    if position:
        pages, lead_shape, image = _at_position(place, image, pages, lead_shape, dataset)
    facts = tiff_facts.of_series(place, tif, image)
    data, paths = _of_files(place, pages, lead_shape)
    facts = replace(facts, warnings=(*facts.warnings, *image.warnings, *cautions))
    facts = replace(facts, files=tuple(paths) if len(paths) > 1 else ())
    return Stored(data, letters(image.labels), image.kind, facts)


POSITION = "R"
"""What tifffile calls the axis of positions of the stage."""


def _at_position(
    place: Place,
    image: Series,
    pages: list[TiffPage | TiffFrame],
    shape: tuple[int, ...],
    dataset: str | None,
) -> tuple[list[TiffPage | TiffFrame], tuple[int, ...], Series]:
    """Take one position of the stage, where it is asked for; they must be chosen where there are channels, too."""
    axis = image.labels.index(POSITION)
    count = shape[axis]
    channels = shape[image.labels.index("C")] if "C" in image.labels[: len(shape)] else 1
    if count == 1 or (dataset is None and channels == 1):
        return pages, shape, image
    kept = np.arange(len(pages)).reshape(shape).take(position_of(place, count, dataset), axis)
    labels = image.labels[:axis] + image.labels[axis + 1 :]
    one = replace(image, labels=labels, lead=tuple(kept.shape))
    return [pages[number] for number in kept.ravel().tolist()], tuple(kept.shape), one


def _there(
    place: Place, image: Series, pages: Sequence[TiffPage | TiffFrame | None]
) -> tuple[list[TiffPage | TiffFrame], tuple[int, ...], tuple[str, ...]]:
    """Keep the volumes whose pages are there; a recording that was stopped lacks the last ones."""
    shape, labels = image.lead, image.labels[: len(image.lead)]
    there = np.array([page is not None and any(page.dataoffsets) for page in pages], bool)
    if len(pages) == math.prod(shape) and there.all():
        return [page for page in pages if page is not None], shape, ()
    whole = None
    if len(pages) == math.prod(shape) and "T" in labels:
        whole = whole_volumes(labels, there.reshape(shape))
    if not whole:
        text = f"{place} holds {int(there.sum())} of {math.prod(shape)} pages"
        raise InputError(text, "Copy it again, with all its files: it is cut short.")
    time = labels.index("T")
    keep = np.arange(len(pages)).reshape(shape).take(np.arange(whole), time)
    chosen = [page for page in (pages[number] for number in keep.ravel().tolist()) if page is not None]
    text = f"{place} holds {whole} of the {shape[time]} volumes that it promises: the recording was stopped, or a file"
    return chosen, keep.shape, (f"{text} is missing or cut short.",)


def _of_files(
    place: Place, pages: Sequence[TiffPage | TiffFrame], lead: tuple[int, ...]
) -> tuple[LazyArray, list[str]]:
    """See pages of one file or of several in their order; and name the files."""
    numbers: dict[str, list[int]] = {}
    for number, page in enumerate(pages):
        numbers.setdefault(str(page.parent.filehandle.path), []).append(number)
    if len(numbers) == 1:
        data = folded(flat_pages(place, index_of(pages)), lead)
        assert data is not None
        return data, list(numbers)
    parts = [flat_pages(Place(path, Path(path)), index_of([pages[i] for i in each])) for path, each in numbers.items()]
    order: npt.NDArray[np.intp] = np.empty(len(pages), np.intp)
    order[np.concatenate([np.array(each, np.intp) for each in numbers.values()])] = np.arange(len(pages))
    inner, dtype = tuple(parts[0].shape[1:]), np.dtype(parts[0].dtype)
    whole = Chained(list(numbers), [int(part.shape[0]) for part in parts], inner, dtype, parts.__getitem__)
    return Stacked(whole, order.reshape(lead)), list(numbers)
