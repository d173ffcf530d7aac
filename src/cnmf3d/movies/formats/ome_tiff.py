"""OME-TIFF: one or several images over one or several files, described in one of these or in a companion file."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.ome import children, facts, parsed
from cnmf3d.movies.formats.ome_planes import count_of, find_files, names_of, planes_of
from cnmf3d.movies.formats.spread import Spread, in_order
from cnmf3d.movies.formats.tiff_series import choose_number, letters
from cnmf3d.movies.stored import Place, Stored

if TYPE_CHECKING:
    from tifffile import TiffFile

SUFFIX = ".ome"
"""Of a file that holds a description only (``*.companion.ome``)."""

NAMED = 4
"""Missing files that a message names."""


@dataclass(frozen=True)
class Description:
    """An OME description.

    Attributes
    ----------
    xml : str
    folder : Path
        Where it lies; files are named from there.
    own : Path or None
        The TIFF file that was opened; None where the description itself was.
    uuid : str
        By which descriptions know the opened file.
    """

    xml: str
    folder: Path
    own: Path | None
    uuid: str

    @cached_property
    def pixels(self) -> list[ElementTree.Element]:
        """``Pixels`` of each image."""
        images = children(parsed(self.xml), "Image")
        return [pixels for image in images for pixels in children(image, "Pixels")[:1]]


def is_description(place: Place) -> bool:
    """Whether a file is an OME description rather than a TIFF."""
    return place.suffix == SUFFIX and place.head.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<")


def open_description(place: Place, dataset: str | None) -> Stored:
    """Open the images that a file describes (``*.companion.ome``).

    Raises
    ------
    InputError
        Where it describes none, or files are missing.
    """
    assert place.path is not None
    xml = place.path.read_bytes().decode("utf-8", "replace")
    said = Description(xml, place.path.parent, None, "")
    if not said.pixels:
        raise InputError(f"{place} describes no image", "Open the TIFF files beside it.")
    return _opened(place, said, dataset, None)


def open_ome(place: Place, tif: TiffFile, dataset: str | None) -> Stored | str | None:
    """Open an image of an OME-TIFF file, with all files that it lies in.

    Returns
    -------
    Stored, str or None
        None where the description can't be read; a caution where it is in a file that isn't there.

    Raises
    ------
    InputError
        Where files or planes are missing.
    """
    assert place.path is not None
    xml = tif.ome_metadata or ""
    root, folder = parsed(xml), place.path.parent
    uuid = root.get("UUID", "")
    for stub in children(root, "BinaryOnly"):
        elsewhere = folder / Path(stub.get("MetadataFile", "")).name
        if not elsewhere.is_file():
            return (
                f"{place} is a part of an OME-TIFF whose description, {elsewhere.name}, is not beside it: its pages "
                "were taken as one list. Copy that file here, too."
            )
        xml = _description_in(elsewhere)
    said = Description(xml, folder, place.path, uuid)
    return _opened(place, said, dataset, tif) if said.pixels else None


def _description_in(path: Path) -> str:
    """Read the description that a TIFF or a companion file holds."""
    import tifffile

    if path.suffix.lower() == SUFFIX or path.suffix.lower() == ".xml":
        return path.read_bytes().decode("utf-8", "replace")
    with tifffile.TiffFile(path) as tif:
        return tif.ome_metadata or ""


def _opened(place: Place, said: Description, dataset: str | None, tif: TiffFile | None) -> Stored:
    """Choose an image and put its planes together."""
    images = said.pixels
    number, cautions = _chosen(place, said, dataset)
    samples = _samples(said, images[number]) if tif is None else int(tif.pages.first.samplesperpixel)
    before = sum(count_of(each, samples) for each in images[:number])
    planes = planes_of(images[number], samples, before)
    files = find_files(planes.names, said.folder, said.own, said.uuid)
    paths = list(dict.fromkeys(files))
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        named = ", ".join(missing[:NAMED]) + (", …" if len(missing) > NAMED else "")
        raise InputError(
            f"{place} is an OME-TIFF of {len(paths)} files, of which {len(missing)} are not there: {named}",
            "Copy all its files into one folder.",
        )
    numbers = {path: at for at, path in enumerate(paths)}
    number_of = np.array([numbers[file] for file in files], np.intp)
    file = np.where(planes.file >= 0, number_of[planes.file], -1)
    pages, order, caution = Spread(place, planes.axes, paths, file, planes.page, "OME description").gathered()
    labels, lead = planes.axes, order.shape
    inner = labels_of(pages.shape[1:], samples)
    if "S" in inner and lead[labels.index("C")] == 1:
        at = labels.index("C")
        labels, lead = labels[:at] + labels[at + 1 :], lead[:at] + lead[at + 1 :]
    about = facts(place, said.xml, number)
    names = tuple(str(path) for path in paths)
    several = len(names) > 1 or said.own is None
    about = replace(about, warnings=(*about.warnings, *cautions, *caution), files=names if several else ())
    return Stored(in_order(pages, order.reshape(lead)), letters(labels + inner), "OME-TIFF", about)


def labels_of(shape: tuple[int, ...], samples: int) -> str:
    """Label a page's own axes: samples come last, or first where they are stored apart."""
    if len(shape) == 2:
        return "YX"
    return "YXS" if shape[-1] == samples else "SYX"


def _samples(said: Description, pixels: ElementTree.Element) -> int:
    """Channels that a page of the first file holds."""
    import tifffile

    files = find_files(names_of(pixels), said.folder, None, "")
    first = next((file for file in files if file.is_file()), None)
    if first is None:
        return 1
    with tifffile.TiffFile(first) as tif:
        return int(tif.pages.first.samplesperpixel)


def _chosen(place: Place, said: Description, dataset: str | None) -> tuple[int, tuple[str, ...]]:
    """Choose an image: the one that was asked for, or else the largest of those in the opened file."""
    images = said.pixels
    texts = [_size_text(each) for each in images]
    sizes = [math.prod(int(each.get(f"Size{axis}", 1)) for axis in "XYZCT") for each in images]
    if dataset is None and len(images) > 1 and said.own is not None:
        mine = [
            number
            for number, each in enumerate(images)
            if said.own in find_files(names_of(each), said.folder, said.own, said.uuid)
        ]
        if len(mine) == 1:
            return mine[0], ()
        sizes = [size if number in mine else 0 for number, size in enumerate(sizes)]
    return choose_number(place, texts, sizes, dataset)


def _size_text(pixels: ElementTree.Element) -> str:
    """Describe an image: axes, shape and type."""
    axes = pixels.get("DimensionOrder", "XYZCT")[::-1]
    return f"{axes} {' × '.join(pixels.get(f'Size{axis}', '1') for axis in axes)} {pixels.get('Type', '')}"
