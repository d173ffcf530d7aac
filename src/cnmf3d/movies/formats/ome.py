"""OME-XML, as OME-TIFF files carry it: dimensions, physical sizes, time stamps, channel names.

Schema: the OME Data Model, 2016-06 (Image, Pixels, Channel, TiffData, Plane).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from cnmf3d.movies.arrays import folded
from cnmf3d.movies.formats.tiff_errors import truncated
from cnmf3d.movies.formats.tiff_index import read_index
from cnmf3d.movies.formats.tiff_pages import flat_pages
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.timing import rate_of
from cnmf3d.movies.units import micrometres, seconds, voxel_size

if TYPE_CHECKING:
    from tifffile import TiffFile

DISAGREE = 0.02
"""Part by which TimeIncrement may differ from the time stamps without a warning."""


def facts(place: Place, xml: str, index: int = 0) -> Facts:
    """Read what the OME-XML says of one image.

    Parameters
    ----------
    place : Place
        For warnings.
    xml : str
    index : int
        Number of the image.

    Returns
    -------
    Facts
        The rate is from the planes' DeltaT where there are any, with its spread in ``metadata``, else from
        TimeIncrement.
    """
    images = _children(_root(xml), "Image")
    if index >= len(images):
        return Facts()
    pixels = _children(images[index], "Pixels")[0]
    sides = [
        micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"
    ]
    timed = rate_of(_stamps(pixels), str(place))
    increment = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    rate, warnings = timed.rate, list(timed.warnings)
    if rate is None and increment:
        rate = 1 / increment
    elif rate is not None and increment and abs(rate * increment - 1) > DISAGREE:
        warnings.append(
            f"{place}: TimeIncrement says {1 / increment:.4g} Hz, the planes' time stamps (DeltaT) {rate:.4g} Hz. "
            "The time stamps are used; give rate= (--fps) if they are wrong."
        )
    metadata = {**_described(images[index], pixels), **timed.metadata}
    return Facts(rate, voxel_size(*sides), metadata, tuple(warnings))


def open_simple(place: Place, tif: TiffFile) -> Stored | None:
    """Open a file with one image whose planes lie in order in this file, without looking at every page.

    Returns
    -------
    Stored or None
        None for all else, which tifffile's own, slower way reads.

    Raises
    ------
    InputError
        Where the file ends before the last plane.
    """
    images = _children(_root(tif.ome_metadata or ""), "Image")
    if len(images) != 1:
        return None
    pixels = _children(images[0], "Pixels")[0]
    axes = pixels.get("DimensionOrder", "XYZCT")[::-1]
    shape = tuple(int(pixels.get(f"Size{axis}", 1)) for axis in axes)
    count = math.prod(shape[:-2])
    first = tif.pages.first
    if first.shape != shape[-2:] or first.subifds or not _in_order(pixels, axes, shape, place):
        return None
    index = read_index(place, tif)
    if len(index) < count:
        raise truncated(place, len(index), count)
    data = folded(flat_pages(place, index.select(np.arange(count))), shape[:-2])
    assert data is not None
    return Stored(data, axes.lower(), "OME-TIFF", facts(place, tif.ome_metadata or ""))


def _in_order(pixels: ElementTree.Element, axes: str, shape: tuple[int, ...], place: Place) -> bool:
    """Whether plane i is page i of this very file, for all planes."""
    blocks = _children(pixels, "TiffData")
    expected = 0
    for block in blocks:
        names = [uuid.get("FileName", "") for uuid in _children(block, "UUID")]
        if any(place.path is None or name != place.path.name for name in names):
            return False
        position = 0
        for axis, length in zip(axes[:-2], shape[:-2], strict=True):
            position = position * length + int(block.get(f"First{axis}", 0))
        page = int(block.get("IFD", 0))
        if page != position or position != expected:
            return False
        default = 1 if "IFD" in block.attrib else math.prod(shape[:-2])
        expected += int(block.get("PlaneCount", default))
    return bool(blocks) and expected == math.prod(shape[:-2])


def _stamps(pixels: ElementTree.Element) -> list[float]:
    """Seconds of the first plane of each volume, in order; empty where one isn't stamped."""
    stamps: dict[int, tuple[tuple[int, int], float]] = {}
    for plane in _children(pixels, "Plane"):
        if plane.get("DeltaT") is None:
            continue
        unit = plane.get("DeltaTUnit", "s")
        start = seconds(plane.get("DeltaT"), unit) or 0.0
        place = (int(plane.get("TheC", 0)), int(plane.get("TheZ", 0)))
        time = int(plane.get("TheT", 0))
        if time not in stamps or place < stamps[time][0]:
            stamps[time] = (place, start)
    complete = set(stamps) == set(range(int(pixels.get("SizeT", 1))))
    return [stamps[time][1] for time in sorted(stamps)] if complete else []


def _described(image: ElementTree.Element, pixels: ElementTree.Element) -> dict[str, str | list[str]]:
    """Read the texts worth keeping."""
    told: dict[str, str | list[str]] = {}
    if image.get("Name"):
        told["name"] = str(image.get("Name"))
    for tag, name in (("AcquisitionDate", "date"), ("Description", "description")):
        for element in _children(image, tag):
            if element.text:
                told[name] = element.text
    channels = [channel.get("Name", "") for channel in _children(pixels, "Channel")]
    if any(channels):
        told["channels"] = channels
    return told


def _root(xml: str) -> ElementTree.Element:
    """Parse; an unreadable text counts as empty."""
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return ElementTree.Element("OME")


def _children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Children of that name in any namespace."""
    return [child for child in element if child.tag.rpartition("}")[2] == name]
