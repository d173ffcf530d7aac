"""Where the planes of an OME image lie: the TiffData elements of its description, over one or several files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.formats.descriptions import beside
from cnmf3d.movies.formats.ome import children


@dataclass(frozen=True)
class Name:
    """A file as the description names it.

    Attributes
    ----------
    file : str
        Empty for the file that holds the description.
    uuid : str
    """

    file: str
    uuid: str


@dataclass(frozen=True)
class Planes:
    """Where the planes of one image lie.

    Attributes
    ----------
    axes : str
        Of the planes, the slowest first, e.g. ``TCZ``.
    shape : tuple of int
    names : tuple of Name
        Files of the image.
    file : integer array of `shape`
        Number of each plane's file; -1 where the description doesn't say.
    page : integer array of `shape`
        Number of each plane's page in its file.
    """

    axes: str
    shape: tuple[int, ...]
    names: tuple[Name, ...]
    file: npt.NDArray[np.intp]
    page: npt.NDArray[np.intp]


HERE = Name("", "")
"""The file that holds the description."""


def names_of(pixels: ElementTree.Element) -> list[Name]:
    """Files in which an image lies."""
    return list(dict.fromkeys(_name(block) for block in children(pixels, "TiffData"))) or [HERE]


def count_of(pixels: ElementTree.Element, samples: int) -> int:
    """Count the planes of an image."""
    return math.prod(int(pixels.get(f"Size{axis}", 1)) for axis in "ZCT") // max(1, samples)


def _name(block: ElementTree.Element) -> Name:
    """File of a TiffData element."""
    return next((Name(each.get("FileName", ""), each.text or "") for each in children(block, "UUID")), HERE)


def planes_of(pixels: ElementTree.Element, samples: int, before: int) -> Planes:
    """Read where the planes of an image lie.

    Parameters
    ----------
    pixels : Element
        ``Pixels`` of the image.
    samples : int
        Channels that a page holds (RGB: 3).
    before : int
        Planes of the images before it; they come first where the description doesn't name places.
    """
    axes = pixels.get("DimensionOrder", "XYZCT")[:1:-1]
    sizes = {axis: int(pixels.get(f"Size{axis}", 1)) for axis in axes}
    if samples > 1 and sizes["C"] % samples == 0:
        sizes["C"] //= samples
    else:
        samples = 1
    shape = tuple(sizes[axis] for axis in axes)
    count = math.prod(shape)
    file, page = np.full(count, -1, np.intp), np.zeros(count, np.intp)
    names: dict[Name, int] = {}
    blocks = children(pixels, "TiffData")
    if not blocks:
        return Planes(axes, shape, (HERE,), np.zeros(shape, np.intp), before + np.arange(count).reshape(shape))
    for block in blocks:
        start = 0
        for axis, length in zip(axes, shape, strict=True):
            start = start * length + int(block.get(f"First{axis}", 0)) // (samples if axis == "C" else 1)
        # Without a number of planes a block with a page is one plane, a block without fills up what follows.
        given = int(block.get("PlaneCount", 1 if "IFD" in block.attrib else count))
        stop = min(start + given, count)
        file[start:stop] = names.setdefault(_name(block), len(names))
        page[start:stop] = int(block.get("IFD", 0)) + np.arange(max(0, stop - start))
    return Planes(axes, shape, tuple(names), file.reshape(shape), page.reshape(shape))


def find_files(names: Sequence[Name], folder: Path, own: Path | None, uuid: str) -> list[Path]:
    """Find the files that a description names.

    Parameters
    ----------
    names : sequence of Name
    folder : Path
        Where the description lies.
    own : Path or None
        The TIFF file that was opened; None for a description in a file of its own.
    uuid : str
        By which descriptions know the opened file, also after it was renamed.

    Returns
    -------
    list of Path
        They need not exist.
    """
    alone = len({PureWindowsPath(name.file).name for name in names}) == 1
    unique = sum(name.uuid == uuid for name in names) == 1
    found = []
    for name in names:
        renamed = bool(uuid) and name.uuid == uuid and unique
        if own is not None and (not name.file or renamed or alone):
            found.append(own)
        else:
            found.append(beside(folder, name.file))
    return found
