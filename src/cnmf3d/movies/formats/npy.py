"""NumPy's ``.npy`` files, mapped."""

from __future__ import annotations

import math
from tokenize import TokenError

from numpy.lib import format as npy

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Mapped, Transposed
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import LazyArray, Place, Stored

MAGIC = b"\x93NUMPY"


def recognises(place: Place) -> bool:
    """Whether the file begins as an ``.npy`` file does, or is named as one."""
    return place.path is not None and (place.head.startswith(MAGIC) or place.suffix == ".npy")


def open_npy(place: Place, dataset: str | None) -> Stored:
    """Open an ``.npy`` file; it doesn't name its axes.

    Raises
    ------
    InputError
        For a damaged or truncated file, and for one that holds objects.
    """
    assert place.path is not None
    try:
        with place.path.open("rb") as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(file)
            offset = file.tell()
    except (ValueError, OSError, EOFError, TokenError) as error:
        raise InputError(f"{place} is no readable .npy file ({error})", "Save it again with numpy.save.") from error
    if dtype.hasobject:
        raise InputError(f"{place} holds Python objects, not numbers", "Save a plain array: numpy.save(path, array).")
    shape = tuple(int(length) for length in shape)
    if min(shape, default=0) < 0:
        raise InputError(f"{place} is no readable .npy file (its shape is {shape})", "Save it again with numpy.save.")
    needed, there = offset + math.prod(shape) * dtype.itemsize, place.path.stat().st_size
    if there < needed:
        raise InputError(f"{place} is cut short: {there} of {needed} bytes", "Copy it again from where it was saved.")
    data: LazyArray
    if fortran and len(shape) > 1:
        data = Transposed(Mapped(place.path, dtype, shape[::-1], offset), tuple(reversed(range(len(shape)))))
    else:
        data = Mapped(place.path, dtype, shape, offset)
    return Stored(data, "?" * len(shape), "NumPy .npy")


FORMAT = Format("NumPy", (".npy",), recognises, open_npy)
