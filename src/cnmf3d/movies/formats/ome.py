"""OME-XML, as OME-TIFF files carry it: dimensions, physical sizes, time stamps, channel names.

Schema: the OME Data Model, 2016-06 (Image, Pixels, Channel, TiffData, Plane).
"""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from cnmf3d.movies.stored import Facts, Place
from cnmf3d.movies.timing import Times, began, plane_times, rate_of
from cnmf3d.movies.units import micrometres, seconds, voxel_size

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
    images = children(parsed(xml), "Image")
    if index >= len(images):
        return Facts()
    pixels = children(images[index], "Pixels")[0]
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
    described = _described(images[index], pixels)
    metadata = {**described, **began(str(described.get("date", ""))), **timed.metadata, **_plane_times(pixels)}
    return Facts(rate, voxel_size(*sides), metadata, tuple(warnings))


def _stamps(pixels: ElementTree.Element) -> list[float]:
    """Seconds of the first plane of each volume, in order; empty where one isn't stamped."""
    stamps: dict[int, tuple[tuple[int, int], float]] = {}
    for plane in children(pixels, "Plane"):
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


def _plane_times(pixels: ElementTree.Element) -> dict[str, Times]:
    """Seconds of each plane of the first channel since its volume began, as an entry; none where one isn't stamped."""
    found: dict[tuple[int, int], float] = {}
    for plane in children(pixels, "Plane"):
        if int(plane.get("TheC", 0)) == 0 and plane.get("DeltaT") is not None:
            late = seconds(plane.get("DeltaT"), plane.get("DeltaTUnit", "s")) or 0.0
            found[int(plane.get("TheT", 0)), int(plane.get("TheZ", 0))] = late
    times, planes = ({place[axis] for place in found} for axis in (0, 1))
    if len(found) < len(times) * len(planes) or len(planes) != int(pixels.get("SizeZ", 1)) or len(planes) < 2:
        return {}
    return plane_times(np.array([[found[t, z] for z in sorted(planes)] for t in sorted(times)]))


def _described(image: ElementTree.Element, pixels: ElementTree.Element) -> dict[str, str | list[str]]:
    """Read the texts worth keeping."""
    entries: dict[str, str | list[str]] = {}
    if image.get("Name"):
        entries["name"] = str(image.get("Name"))
    for tag, name in (("AcquisitionDate", "date"), ("Description", "description")):
        for element in children(image, tag):
            if element.text:
                entries[name] = element.text
    channels = [channel.get("Name", "") for channel in children(pixels, "Channel")]
    if any(channels):
        entries["channels"] = channels
    return entries


def parsed(xml: str) -> ElementTree.Element:
    """Parse; an unreadable text counts as empty."""
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return ElementTree.Element("OME")


def children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Children of that name in any namespace."""
    return [child for child in element if child.tag.rpartition("}")[2] == name]
