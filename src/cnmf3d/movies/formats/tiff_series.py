"""Which pages of a TIFF file are one image, and along which axes they lie: ImageJ, tifffile's own, unlabelled."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d import plain_json
from cnmf3d.errors import InputError
from cnmf3d.movies.formats.tiff_errors import truncated
from cnmf3d.movies.formats.tiff_index import PageIndex, description
from cnmf3d.movies.formats.tiff_pages import described, groups
from cnmf3d.movies.stored import Place

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

ORDERS = {"czt": "TZC", "ctz": "ZTC", "zct": "TCZ", "ztc": "CTZ", "tcz": "ZCT", "tzc": "CZT"}
"""ImageJ's names of orders, the fastest axis first, as axes, the slowest first."""

LISTED = 8
"""Images named in a message; a file of slides or snapshots may hold hundreds."""


@dataclass(frozen=True)
class Series:
    """Pages that are one image.

    Attributes
    ----------
    kind : str
        ``imagej``, ``shaped``, ``plain``, or as tifffile names it.
    pages : integer array
        Numbers of the pages in the file, in order.
    lead : tuple of int
        Lengths of the axes along which the pages lie, the slowest first.
    labels : str
        tifffile's labels of these axes, then of a page's own; ``?`` for an axis that the file doesn't name.
    page : TiffPage
        Its first page.
    description : str
    virtual : bool
        Whether the file describes only the first page, and the others follow it without gaps.
    warnings : tuple of str
    """

    kind: str
    pages: npt.NDArray[np.intp]
    lead: tuple[int, ...]
    labels: str
    page: TiffPage
    description: str = ""
    virtual: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths along all axes."""
        return (*self.lead, *self.page.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * (self.page.dtype.itemsize if self.page.dtype is not None else 0)

    def __str__(self) -> str:
        """Tell axes, shape and type."""
        return f"{self.labels} {' × '.join(map(str, self.shape))} {self.page.dtype}"


def series_of(place: Place, tif: TiffFile, index: PageIndex) -> list[Series]:
    """Find the images of a file.

    Raises
    ------
    InputError
        Where the file is cut short.
    """
    if tif.pages.first.is_shaped:
        found = _shaped(place, index)
        if found:
            return found
    if tif.is_imagej:
        return [_imagej(place, dict(tif.imagej_metadata or {}), index)]
    return _plain(index)


def choose(place: Place, found: Sequence[Series], dataset: str | None) -> Series:
    """Take the series that was asked for, or else the largest, with a caution that there are others.

    Raises
    ------
    InputError
        Where there is none or not the one that was asked for, or where pages of another kind lie between those
        of the largest.
    """
    number, cautions = choose_number(place, [str(each) for each in found], [each.nbytes for each in found], dataset)
    if cautions:
        _check_between(place, found, number)
    return replace(found[number], warnings=(*found[number].warnings, *cautions))


def choose_number(
    place: Place, texts: Sequence[str], sizes: Sequence[int], dataset: str | None
) -> tuple[int, tuple[str, ...]]:
    """Choose one of several images.

    Parameters
    ----------
    place : Place
    texts : sequence of str
        Descriptions.
    sizes : sequence of int
        The largest is taken where none is asked for.
    dataset : str or None
        Number that the user asks for.

    Returns
    -------
    int, tuple of str
        Number of the image; a caution where it was the largest of several.

    Raises
    ------
    InputError
        Where there is none or not the one that was asked for.
    """
    if not texts:
        raise InputError(f"{place} is a TIFF without images", "Export the movie again.")
    listing = "; ".join(f'dataset="{number}" {text}' for number, text in enumerate(texts[:LISTED]))
    listing += f"; and {len(texts) - LISTED} more" if len(texts) > LISTED else ""
    if dataset is not None:
        if dataset not in map(str, range(len(texts))):
            raise InputError(f"{place} has no image series {dataset!r}", f"It holds: {listing}.")
        return int(dataset), ()
    largest = max(range(len(texts)), key=sizes.__getitem__)
    if len(texts) == 1:
        return 0, ()
    text = f'{place} holds {len(texts)} image series; the largest, dataset="{largest}", was taken: {listing}.'
    return largest, (text,)


def letters(labels: str) -> str:
    """Turn tifffile's labels into ours: ``?`` where it has none (I, Q), ``!`` for other kinds, as positions (R)."""
    ours = {"T": "t", "Z": "z", "Y": "y", "X": "x", "C": "c", "S": "c", "I": "?", "Q": "?", "?": "?"}
    found = ""
    for label in labels:
        letter = ours.get(label, "!")
        found += "!" if letter in found and letter != "?" else letter
    return found


def _check_between(place: Place, images: Sequence[Series], largest: int) -> None:
    """See that no page of another kind lies among those of the image: it may be a plane that isn't read right."""
    image = images[largest]
    if image.virtual or not len(image.pages):
        return
    start, stop = int(image.pages[0]), int(image.pages[-1])
    for other in images:
        between = other.pages[(other.pages > start) & (other.pages < stop)]
        if other is image or other.page.is_reduced or not len(between):
            continue
        raise InputError(
            f"page {between[0]} of {place} is {described(other.page)}, but those around it are {described(image.page)}",
            "Export the movie with pages of one size and type, or leave such pages out: "
            f'dataset="{largest}" (--dataset {largest}) reads {len(image.pages)} pages.',
        )


def _plain(index: PageIndex) -> list[Series]:
    """Take all pages of one shape and type as one image without known axes."""
    found = []
    for pages in groups(index):
        page = index.page(int(pages[0]))
        found.append(Series("plain", pages, (len(pages),), "?" + page.axes, page))
    return found


def _imagej(place: Place, labels: dict[str, Any], index: PageIndex) -> Series:
    """Arrange the pages as ImageJ's description says: hyperstacks are channels within slices within frames.

    A description that doesn't fit the pages that are there is followed as far as these make whole volumes.
    """
    page = index.page(0)
    sizes = {axis: _count(labels, name) for axis, name in zip("TZC", ("frames", "slices", "channels"), strict=True)}
    samples = page.samplesperpixel
    if samples > 1 and sizes["C"] == samples:
        sizes["C"] = 1
    axes = ORDERS.get(str(labels.get("order", "czt")).lower(), "TZC")
    while len(axes) > 1 and sizes[axes[-1]] == 1:
        axes = axes[:-1]
    lead = tuple(sizes[axis] for axis in axes)
    declared, there = max(math.prod(lead), 1), len(index)
    pages = np.arange(there)
    image = Series("imagej", pages, lead, axes + page.axes, page, page.description)
    if declared == there:
        return image
    if declared == 1 or (there == 1 and _count(labels, "images") == 1):
        return replace(image, lead=(there,), labels="?" + page.axes)
    if there == 1:
        if not page.is_final:
            raise truncated(place, 1, declared)
        return replace(image, virtual=True)
    volume = math.prod(lead[1:])
    text = f"{place}: its ImageJ description promises {declared} pages ({_told(axes, lead)}), it holds {there}"
    if axes[0] == "T" and (there % volume == 0 or (there < declared and there > volume)):
        left = there % volume
        text += f"; read as {there // volume} volumes" + (f", the last {left} pages left out" if left else "")
        text += ". Give axes= or planes= (--axes, --planes) if that is wrong."
        whole = pages[: there - left]
        return replace(image, pages=whole, lead=(there // volume, *lead[1:]), warnings=(text,))
    text += "; the pages were taken as one list."
    return replace(image, lead=(there,), labels="?" + page.axes, warnings=(text,))


def _told(axes: str, lead: Sequence[int]) -> str:
    """Write lengths with the names of their axes."""
    names = {"T": "frames", "Z": "slices", "C": "channels"}
    return ", ".join(f"{length} {names[axis]}" for axis, length in zip(axes, lead, strict=True))


def _count(labels: dict[str, Any], name: str) -> int:
    """Read a number of pages; 1 where there is none."""
    value = labels.get(name, 1)
    return value if isinstance(value, int) and value > 0 else 1


def _shaped(place: Place, index: PageIndex) -> list[Series]:
    """Find the images of a file that tifffile wrote: the first page of each has its shape as JSON.

    Returns
    -------
    list of Series
        Empty where shapes and pages don't fit one another.
    """
    found: list[Series] = []
    number = 0
    while number < len(index):
        page, text = index.page(number), description(place, index, number)
        labels = shaped_labels(text)
        shape = tuple(labels.get("shape", ()))
        size = math.prod(page.shape)
        if not shape or not size or math.prod(shape) % size:
            return []
        count = math.prod(shape) // size
        there = min(count, len(index) - number)
        virtual = bool(labels.get("truncated")) or (there == 1 and count > 1)
        there = 1 if virtual else there
        if there < count and not virtual:
            raise truncated(place, there, count)
        pages = np.arange(number, number + there)
        lead = next((at for at in range(len(shape) + 1) if math.prod(shape[:at]) == count), None)
        if lead is None:
            return []
        axes = _own_labels(shape, lead, str(labels.get("axes", "")), page)
        found.append(Series("shaped", pages, shape[:lead], axes, page, text, virtual))
        number += there
    return found


def shaped_labels(text: str) -> dict[str, Any]:
    """Read the JSON that tifffile writes, or the bare shape of its versions before 2015."""
    bare = re.match(r"shape=\(([\d, ]*)\)", text)
    if bare:
        return {"shape": [int(length) for length in bare[1].replace(" ", "").split(",") if length]}
    try:
        labels = plain_json.loads(text)
    except ValueError:
        return {}
    return labels if isinstance(labels, dict) else {}


def _own_labels(shape: tuple[int, ...], lead: int, axes: str, page: TiffPage) -> str:
    """Label the axes along which pages lie and a page's own; the labels may name axes of length 1 that pages lack."""
    of_page = str(page.axes)
    if len(axes) != len(shape):
        return "?" * lead + of_page
    inner = list(zip(axes[lead:], shape[lead:], strict=True))
    while len(inner) > len(page.shape) and any(length == 1 for _, length in inner):
        inner.remove(next(pair for pair in reversed(inner) if pair[1] == 1))
    own = "".join(label for label, _ in inner)
    return axes[:lead] + (own if len(own) == len(of_page) else of_page)
