"""CaImAn's memory maps: raw float32, with shape and order in the file's name.

``NAME_d1_70_d2_50_d3_10_order_C_frames_256.mmap`` holds a matrix of (d1·d2·d3, frames), each volume flattened
in Fortran order over (d1, d2, d3), the matrix written in C order (each voxel's time course together) or in
Fortran order (each volume together). What d1, d2 and d3 are is the order of the array that CaImAn was given: of images
always rows and columns, d1 their height; of volumes any.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Mapped, Transposed
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import Facts, LazyArray, Place, Stored

NAME = re.compile(r"_d1_(\d+)_d2_(\d+)(?:_d3_(\d+))?_order_([CF])_frames_(\d+)_*\.mmap$")


@dataclass(frozen=True)
class Layout:
    """What the name says.

    Attributes
    ----------
    dims : tuple of int
        (d1, d2) or (d1, d2, d3).
    order : str
        ``C`` or ``F``.
    frames : int
    """

    dims: tuple[int, ...]
    order: str
    frames: int


def parse_name(name: str) -> Layout | None:
    """Read shape and order from a file's name; None where it isn't a CaImAn memory map's."""
    found = NAME.search(name)
    if found is None:
        return None
    d1, d2, d3, order, frames = found.groups()
    dims = (int(d1), int(d2)) if d3 is None or d3 == "1" else (int(d1), int(d2), int(d3))
    return Layout(dims, order, int(frames))


def recognises(place: Place) -> bool:
    """Whether the file is named as a CaImAn memory map, well or not."""
    return place.path is not None and place.suffix == ".mmap"


def open_caiman(place: Place, dataset: str | None) -> Stored:
    """Open a CaImAn memory map: as (frames, d2, d1), d1 the height, or as (frames, d3, d2, d1), likeliest z, y, x.

    Raises
    ------
    InputError
        Where name and size don't agree.
    """
    assert place.path is not None
    layout = parse_name(place.path.name)
    if layout is None:
        raise InputError(
            f"{place} is a memory map whose name does not tell its shape",
            "Give it its own name back, which ends like _d1_70_d2_50_d3_10_order_C_frames_256.mmap.",
        )
    volume = layout.dims[::-1]
    needed = 4 * layout.frames * math.prod(volume)
    there = place.path.stat().st_size
    if there != needed:
        raise InputError(
            f"{place} has {there} bytes; its name promises {needed} (float32)",
            "Copy it again, or let CaImAn write it again: it may have been stopped while writing.",
        )
    kind = np.dtype("<f4")
    data: LazyArray
    warnings: tuple[str, ...] = ()
    if layout.order == "F":
        data = Mapped(place.path, kind, (layout.frames, *volume))
    else:
        rank = len(volume) + 1
        data = Transposed(Mapped(place.path, kind, (*volume, layout.frames)), (rank - 1, *range(rank - 1)))
        if needed > SLOW_BYTES:
            text = f"{place} keeps each voxel's time course together (order C), so that volumes are slow to read"
            warnings = (f"{text}: open the movie that it was made from, or a memory map of order F, if you can.",)
    axes = "t???" if len(volume) == 3 else "txy"
    return Stored(data, axes, "CaImAn memory map", Facts(metadata={"order": layout.order}, warnings=warnings))


SLOW_BYTES = 2**31
"""Size from which the order of values in the file is worth a warning."""

FORMAT = Format("CaImAn memory map", (".mmap",), recognises, open_caiman)
