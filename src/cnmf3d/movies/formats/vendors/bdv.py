"""BigDataViewer: an XML file and HDF5 with a dataset for each time and view, as light-sheet programs write.

Pietzsch, Saalfeld, Preibisch and Tomancak (2015), "BigDataViewer: visualization and processing for large image data
sets". Full resolution lies at ``t00012/s03/0/cells`` for time 12 and view 3; 16-bit numbers are unsigned, though HDF5
says that they are signed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np

from cnmf3d.errors import ChoiceError, InputError
from cnmf3d.movies.formats.descriptions import beside, only_xml_of, parsed, xml_of
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.vendors.hdf5_parts import joined, never_written, opened
from cnmf3d.movies.stored import Facts, Index, LazyArray, Place, Stored
from cnmf3d.movies.units import micrometres, voxel_size

ROOT = "SpimData"


class Unsigned:
    """Signed integers seen as the unsigned ones of the same bits."""

    def __init__(self, source: LazyArray) -> None:
        self.shape = tuple(source.shape)
        self.dtype = np.dtype(f"u{source.dtype.itemsize}")
        self._source = source

    def __getitem__(self, index: Index, /) -> np.ndarray:
        """Read a part."""
        return np.asarray(self._source[index]).view(self.dtype)


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open an image by its XML file.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Identifier of the view, where there are several of different sizes. Views of one size are channels.

    Raises
    ------
    InputError
        Where it can't be read, or its HDF5 file isn't there.
    """
    assert place.path is not None
    root = parsed(place)
    loader = root.find(".//ImageLoader")
    kind = "" if loader is None else loader.get("format", "")
    if kind != "bdv.hdf5":
        raise InputError(
            f"{place} keeps its images as {kind or 'nothing that it names'}, which cnmf3d doesn't read",
            "Export it again from Fiji: Plugins > BigDataViewer > Export Current Image as XML/HDF5.",
        )
    named = root.findtext(".//ImageLoader/hdf5") or ""
    path = beside(place.path.parent, named)
    if not path.is_file():
        raise InputError(
            f"{place} keeps its images in {path.name}, which is not there", "Copy both files into one folder."
        )
    views = _views(place, root, dataset)
    images = Place(str(path), path)
    with opened(images) as file:
        times = _times(place, root, sum(name.startswith("t") for name in file))
        names = [f"t{time:05d}/s{view:02d}/0/cells" for time in times for view, _ in views]
        warnings = never_written(images, file, names)
    x, y, z = views[0][1]
    data = joined(images, names, (len(times), len(views)), (z, y, x))
    facts = _facts(root, views[0][0])
    if np.dtype(data.dtype).kind == "i":
        data = Unsigned(data)
    told = replace(facts, warnings=warnings, files=(str(path),))
    return Stored(data, "tczyx", "BigDataViewer HDF5", told)


def _views(place: Place, root: ElementTree.Element, dataset: str | None) -> list[tuple[int, tuple[int, int, int]]]:
    """Identifier and size (x, y, z) of each view."""
    found = []
    for setup in root.iterfind(".//ViewSetup"):
        try:
            x, y, z = (int(number) for number in (setup.findtext("size") or "").split())
            view = int(setup.findtext("id") or 0)
        except ValueError:
            continue
        if min(x, y, z) > 0:
            found.append((view, (x, y, z)))
    if not found:
        raise InputError(f"{place} names no views with a size", "Export it again.")
    listed = [f"{view} ({' × '.join(map(str, size))})" for view, size in found]
    listing = "; ".join(listed)
    if dataset is not None:
        chosen = [each for each in found if str(each[0]) == dataset]
        if not chosen:
            raise InputError(f"{place} has no view {dataset!r}", f"It has: {listing}.")
        return chosen
    if len({size for _, size in found}) > 1:
        raise ChoiceError(
            f"{place} has {len(found)} views of several sizes",
            f'Say which one, e.g. dataset="{found[0][0]}" (--dataset {found[0][0]}). It has: {listing}.',
            "dataset",
            listed,
        )
    return found


def _times(place: Place, root: ElementTree.Element, stored: int) -> list[int]:
    """Numbers of the times, of which the file holds `stored`."""
    block = root.find(".//Timepoints")
    spans: list[range] = []
    try:
        if block is not None and block.get("type") == "range":
            spans.append(range(int(block.findtext("first") or 0), int(block.findtext("last") or 0) + 1))
        else:
            pattern = "" if block is None else block.findtext("integerpattern") or ""
            for part in filter(None, (each.strip() for each in pattern.split(","))):
                span, _, step = part.partition(":")
                first, _, last = span.partition("-")
                spans.append(range(int(first), int(last or first) + 1, int(step or 1)))
    except ValueError as error:
        raise InputError(
            f"{place} numbers its times in a way that can't be read ({error})", "Export it again."
        ) from error
    named = sum(map(len, spans))
    if named > stored:
        raise InputError(
            f"{place} names {named} times, its HDF5 file holds {stored}",
            "Copy the HDF5 file again, or export it again.",
        )
    return [time for span in spans for time in span] or [0]


def _facts(root: ElementTree.Element, view: int) -> Facts:
    """Size of a voxel and names of the channels."""
    names = [channel.findtext("name") or "" for channel in root.iterfind(".//Attributes[@name='channel']/Channel")]
    metadata: dict[str, Any] = {"channels": names} if any(names) else {}
    for setup in root.iterfind(".//ViewSetup"):
        size = setup.find("voxelSize")
        if size is not None and (setup.findtext("id") or "0") == str(view):
            unit, numbers = size.findtext("unit") or "um", (size.findtext("size") or "").split()
            if len(numbers) == 3:
                x, y, z = (micrometres(number, unit) for number in numbers)
                return Facts(None, voxel_size(z, y, x), metadata)
    return Facts(metadata=metadata)


FORMAT = Format("BigDataViewer HDF5", (), xml_of(ROOT), open_recording, described_in=only_xml_of(ROOT))
