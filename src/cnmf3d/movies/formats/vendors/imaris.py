"""Imaris: HDF5 with a dataset for each time and channel, padded to whole chunks.

After the published description "Imaris 5.5 file format". ``DataSet/ResolutionLevel 0/TimePoint 3/Channel 0/Data``
is a volume; sizes, extents and times are texts of single characters in attributes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import h5py
import numpy as np

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.descriptions import named
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.vendors.hdf5_parts import joined, never_written, opened
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.timing import began_at, rate_of
from cnmf3d.movies.units import micrometres, voxel_size

SUFFIX = ".ims"
IMAGES = "DataSet/ResolutionLevel 0"


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open the full resolution of an Imaris file.

    Raises
    ------
    InputError
        For a damaged file, or one of Imaris before 5.5.
    """
    del dataset
    with opened(place) as file:
        images = file.get(IMAGES)
        if not isinstance(images, h5py.Group):
            raise InputError(f"{place} holds no image of Imaris 5.5 or later", "Save it again with a newer Imaris.")
        times = _numbered(images, "TimePoint")
        channels = _numbered(images[times[0]], "Channel") if times else []
        if not channels:
            raise InputError(f"{place} holds no image of Imaris 5.5 or later", "Save it again with a newer Imaris.")
        first = images[times[0]][channels[0]]
        stored = first.get("Data")
        if not isinstance(stored, h5py.Dataset) or len(stored.shape) != 3:
            raise InputError(f"{place}: {first.name} has no volume", "Copy it again from where it was recorded.")
        entries = [_number(first.attrs.get(f"ImageSize{axis}")) for axis in "ZYX"]
        inner = tuple(
            int(size) if size and 1 <= size <= there else there
            for size, there in zip(entries, stored.shape, strict=True)
        )
        names = [f"{IMAGES}/{time}/{channel}/Data" for time in times for channel in channels]
        facts = _facts(place, file, inner, len(times), len(channels))
        facts = replace(facts, warnings=(*facts.warnings, *never_written(place, file, names)))
    data = joined(place, names, (len(times), len(channels)), inner)
    return Stored(data, "tczyx", "Imaris", facts)


def _numbered(group: h5py.Group, word: str) -> list[str]:
    """Members named by a word and a number, in the order of these."""
    found = [name for name in group if name.startswith(f"{word} ") and name.rpartition(" ")[2].isdecimal()]
    return sorted(found, key=lambda name: int(name.rpartition(" ")[2]))


def _facts(place: Place, file: h5py.File, inner: tuple[int, ...], times: int, channels: int) -> Facts:
    """Size of a voxel, rate and names of channels."""
    image = file.get("DataSetInfo/Image")
    sides: list[float | None] = [None, None, None]
    if isinstance(image, h5py.Group):
        unit = _text(image.attrs.get("Unit")) or "um"
        for number, size in enumerate(reversed(inner)):
            low, high = (_number(image.attrs.get(f"Ext{end}{number}")) for end in ("Min", "Max"))
            if low is not None and high is not None:
                sides[number] = micrometres((high - low) / size, unit)
    timed, began = Facts(), {}
    info = file.get("DataSetInfo/TimeInfo")
    if isinstance(info, h5py.Group):
        stamps = [_seconds(info.attrs.get(f"TimePoint{number + 1}")) for number in range(times)]
        if all(stamp is not None for stamp in stamps):
            timed = rate_of([stamp for stamp in stamps if stamp is not None], str(place))
            began = began_at(stamps[0] or 0.0) if stamps else {}
    named = [
        _text(file[f"DataSetInfo/Channel {n}"].attrs.get("Name")) if f"DataSetInfo/Channel {n}" in file else ""
        for n in range(channels)
    ]
    metadata: dict[str, Any] = {**timed.metadata, **began, **({"channels": named} if any(named) else {})}
    x, y, z = sides
    return Facts(timed.rate, voxel_size(z, y, x), metadata, timed.warnings)


def _text(value: Any) -> str:
    """Read a text, which is an array of single characters."""
    if value is None or isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, (bytes, str)):
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    array = np.asarray(value).ravel()
    if array.dtype.kind == "S":
        return b"".join(array.tolist()).decode("utf-8", "replace")
    return "".join(map(str, array.tolist()))


def _number(value: Any) -> float | None:
    """Read a number that is written as a text."""
    try:
        return float(_text(value))
    except ValueError:
        return None


def _seconds(value: Any) -> float | None:
    """Read a date and time, as seconds."""
    try:
        return datetime.fromisoformat(_text(value).strip()).timestamp()
    except ValueError:
        return None


FORMAT = Format("Imaris", (SUFFIX,), named(SUFFIX), open_recording)
