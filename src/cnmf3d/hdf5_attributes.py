"""How long the texts are that attributes of HDF5 claim to have: HDF5 takes that memory before it looks for them.

An attribute of texts holds, for each, its length and where it lies in the file. HDF5 believes a length of up to 4 GiB.
Nothing of HDF5 tells it without reading the text, so that headers are parsed here, as "Object headers", "Attribute
message" and "Variable-length types" in HDF5's file format specification describe them. Attributes of objects that have
many, in the newest format, are kept elsewhere and aren't seen.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py

ATTRIBUTE, CONTINUED = 0x0C, 0x10
VARIABLE = 9
"""Class of types of variable length."""

MOST_BLOCKS, MOST_BYTES = 1000, 2**24
"""Blocks of one header that are followed, and bytes of one that are read: a damaged header may lead in a circle."""

REFERENCE = np.dtype([("length", "<u4"), ("place", "V12")])
"""What stands in the place of a value of variable length."""


def longest_attribute(item: h5py.Group | h5py.Dataset, path: Path) -> int:
    """Length of the longest value of variable length among an object's attributes; 0 where none is seen.

    Parameters
    ----------
    item : h5py.Group or h5py.Dataset
    path : Path
        Of its file.
    """
    import h5py

    try:
        address = h5py.h5o.get_info(item.id).addr + item.file.userblock_size
        with path.open("rb") as file:
            return max((_longest(message) for message in _attributes(file, address)), default=0)
    except (OSError, RuntimeError, ValueError, struct.error, IndexError):  # HDF5 says what is wrong
        return 0


def _attributes(file: IO[bytes], address: int) -> Iterator[bytes]:
    """Attribute messages of the object header at an address."""
    head = _read(file, address, 64)
    if head[:4] == b"OHDR":
        flags = head[5]
        start = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        blocks = [(address + start + width, int.from_bytes(head[start : start + width], "little"))]
        shape, extra = "<BHB", 2 if flags & 4 else 0
    else:
        blocks, shape, extra = [(address + 16, struct.unpack_from("<I", head, 8)[0])], "<HHB3x", 0
    newer, size = bool(extra) or shape == "<BHB", struct.calcsize(shape) + extra
    for number, (start, length) in enumerate(blocks):  # grows meanwhile
        block = _read(file, start, min(length, MOST_BYTES))
        at = 4 if newer and number else 0  # its signature
        while at + size <= len(block):
            kind, long, _ = struct.unpack_from(shape, block, at)
            message = block[at + size : at + size + long]
            if kind == ATTRIBUTE:
                yield message
            elif kind == CONTINUED and len(blocks) < MOST_BLOCKS:
                where, more = struct.unpack_from("<QQ", message)
                blocks.append((where + _base(file, address), more))
            at += size + long


def _base(file: Any, address: int) -> int:
    """Where addresses are counted from: what other programs keep before an HDF5 file is a power of two long."""
    place = 0
    while place < address:
        if _read(file, place, 8) == b"\x89HDF\r\n\x1a\n":
            return place
        place = max(512, 2 * place)
    return 0


def _read(file: IO[bytes], start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _longest(message: bytes) -> int:
    """Of an attribute message, the longest of its values that have any length."""
    version, _, name, kind, space = struct.unpack_from("<BBHHH", message)
    at = 9 if version == 3 else 8
    sizes = [-(-n // 8) * 8 if version == 1 else n for n in (name, kind, space)]
    if message[at + sizes[0]] & 0x0F != VARIABLE:
        return 0
    values = message[at + sum(sizes) :]
    count = len(values) // REFERENCE.itemsize
    return int(np.frombuffer(values, REFERENCE, count)["length"].max(initial=0))
