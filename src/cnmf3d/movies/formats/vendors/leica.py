"""Leica's ``.lif``: described by the library ``liffile`` (BSD-3-Clause), mapped where the values lie in the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import ChoiceError, InputError
from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.formats.descriptions import named
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.vendors.libraries import library
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.timing import Times, began_at, plane_times, rate_of, some_of
from cnmf3d.movies.units import micrometres, voxel_size

SUFFIX = ".lif"
LETTERS = {"T": "t", "Z": "z", "Y": "y", "X": "x", "C": "c", "S": "c"}


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open an image of a file.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Name of the image, or its number from 0, where there are several.

    Raises
    ------
    InputError
        Where the library is missing, the file is damaged, or an image must be chosen.
    """
    liffile = library("liffile", "leica", place)
    assert place.path is not None
    try:
        with liffile.LifFile(place.address) as file:
            image = _chosen(place, list(file.images), dataset)
            block, dtype, shape = image.memory_block, np.dtype(image.dtype), tuple(image.shape)
            embedded = int(getattr(block, "type", 0)) == 0
            if not embedded or block.size != math.prod(shape) * dtype.itemsize:
                raise InputError(
                    f"{place} doesn't hold the values of {image.name} one after the other",
                    "Export it from LAS as OME-TIFF.",
                )
            if place.path.stat().st_size < int(block.offset) + block.size:  # before anything is made of its lengths
                raise InputError(f"{place} is cut short", "Copy it again from where it was recorded.")
            letters, facts = _axes(image), _facts(place, image)
            data = Mapped(place.path, dtype, shape, int(block.offset))
    except InputError:
        raise
    except Exception as error:  # the library raises whatever it meets in a damaged file
        raise InputError(
            f"{place} can't be read as LIF ({error})", "Copy it again from where it was recorded."
        ) from error
    return Stored(data, letters, "Leica LIF", facts)


def _chosen(place: Place, images: list[Any], dataset: str | None) -> Any:
    """Choose an image by name or number; the only one that goes through time, where none is named."""
    listed = [
        f"{number} {image.name} ({' × '.join(f'{axis} {size}' for axis, size in image.sizes.items())})"
        for number, image in enumerate(images)
    ]
    listing = "; ".join(listed)
    if not images:
        raise InputError(f"{place} holds no images", "Export the recording from LAS again.")
    if dataset is not None:
        for number, image in enumerate(images):
            if dataset in (image.name, image.path, str(number)):
                return image
        raise InputError(f"{place} has no image {dataset!r}", f"It holds: {listing}.")
    moving = [image for image in images if image.sizes.get("T", 1) > 1]
    if len(moving) == 1 or len(images) == 1:
        return moving[0] if moving else images[0]
    number = images.index(moving[0]) if moving else 0
    raise ChoiceError(
        f"{place} holds {len(images)} images",
        f'Say which one, e.g. dataset="{number}" (--dataset {number}). It holds: {listing}.',
        "dataset",
        listed,
    )


def _axes(image: Any) -> str:
    """A letter for each dimension; where lines are scanned in depth, depth is the height of the image."""
    letters = "".join(LETTERS.get(name, "!") for name in image.dims)
    return letters if "y" in letters else letters.replace("z", "y")


def _facts(place: Place, image: Any) -> Facts:
    """Size of a voxel (LAS writes metres) and the rate by the times."""
    steps = {}
    for name in "ZYX":
        places = np.asarray(image.coords.get(name, []), float)
        steps[name] = micrometres(abs(float(np.median(np.diff(places)))), "m") if places.size > 1 else None
    if "Y" not in image.dims:
        steps["Y"], steps["Z"] = steps["Z"], None
    times = np.asarray(image.coords.get("T", []), float)
    timed = rate_of(times.tolist(), str(place))
    sizes = {name: int(length) for name, length in zip(image.dims, image.shape, strict=True)}
    stamps = getattr(image, "timestamps", None)
    late = planes_of(sizes, stamps) | began_of(stamps)
    size = voxel_size(steps["Z"], steps["Y"], steps["X"])
    return Facts(timed.rate, size, {**timed.metadata, **late}, timed.warnings)


def began_of(stamps: npt.NDArray[np.datetime64] | None) -> dict[str, Times]:
    """When the first image was taken, as an entry of metadata; none where it isn't stamped."""
    if stamps is None or not len(stamps) or np.isnat(stamps[0]):
        return {}
    return began_at(float((stamps[0] - np.datetime64(0, "s")) / np.timedelta64(1, "s")))


def planes_of(sizes: Mapping[str, int], stamps: npt.NDArray[np.datetime64] | None) -> dict[str, Times]:
    """Times of planes, as an entry of metadata, where the file has a stamp for each, or for each of its channels.

    Parameters
    ----------
    sizes : mapping
        Length of each dimension, the slowest first, as the stamps follow one another.
    stamps : (n,) datetime64, or None
    """
    loops = {name: length for name, length in sizes.items() if name in "TZC"}
    if stamps is None or list(loops)[:1] != ["T"] or "Z" not in loops:
        return {}
    if len(stamps) == loops["T"] * loops["Z"]:
        loops.pop("C", None)
    if len(stamps) != math.prod(loops.values()):
        return {}
    seconds = (stamps - stamps[0]) / np.timedelta64(1, "s")
    table = np.moveaxis(seconds.reshape(tuple(loops.values())), list(loops).index("Z"), 1)
    return plane_times(table.reshape(loops["T"], loops["Z"], -1).min(axis=2)[some_of(loops["T"])])


FORMAT = Format("Leica LIF", (SUFFIX,), named(SUFFIX), open_recording)
