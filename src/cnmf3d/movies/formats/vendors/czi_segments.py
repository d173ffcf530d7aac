"""What lies where in a Zeiss CZI file (ZISRAW): segments of 32 bytes of header and their content, little-endian.

The file header names where the directory, the description (XML) and the directory of attachments lie. Each entry of
the directory is an image: where it lies, its type of values and compression, and for each of its dimensions where it
begins and its length. Every length is compared with the file before memory is taken for it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.positional import Reader

HEADER = 32
"""Bytes before the content of a segment: its name (16), the bytes that it takes and those in use."""

ENTRY, DIMENSION = 32, 20
"""Bytes of a directory entry, and of each of its dimensions that follow."""

ATTACHMENT = 128
"""Bytes of an entry in the directory of attachments."""

BEFORE = 256
"""Bytes between the header of a segment that holds data and these data, at least."""

LARGEST = 2**28
"""Bytes of a description or of time stamps that are read: more is a damaged length."""


class Damaged(ValueError):
    """What the file says of itself can't be."""


@dataclass(frozen=True)
class Block:
    """One image of the file.

    Attributes
    ----------
    at : int
        Where its segment begins.
    kind : int
        Type of its values.
    compression : int
    part : int
        Number of the file that holds it, 0 for this one.
    starts : mapping of str to int
        Place along each dimension: ``T``, ``Z``, ``C``, ``X``, ``S`` (scene), ``M`` (tile) and others.
    size : (Y, X)
        Pixels in the picture.
    stored : (Y, X)
        Pixels that are stored: fewer in the smaller copies that make a pyramid.
    """

    at: int
    kind: int
    compression: int
    part: int
    starts: Mapping[str, int]
    size: tuple[int, int]
    stored: tuple[int, int]


@dataclass(frozen=True)
class Contents:
    """What the file header leads to.

    Attributes
    ----------
    blocks : list of Block
    description : str
        XML; empty where there is none.
    stamps : (n,) float64
        Seconds; empty where the file has none.
    part : int
        Number of this file, where a recording has several.
    """

    blocks: list[Block]
    description: str
    stamps: npt.NDArray[np.float64]
    part: int


def read_contents(file: Reader) -> Contents:
    """Read all that a file says beside its values.

    Raises
    ------
    Damaged, EOFError
        Where it isn't as it must be.
    """
    part, directory, description, _, attachments = struct.unpack_from("<iqqiq", _segment(file, 0, "ZISRAWFILE", 80), 48)
    if directory <= 0:
        raise Damaged("it has no directory: the recording was not finished")
    try:
        stamps = _stamps(file, attachments)
    except (Damaged, EOFError, struct.error):  # the movie can be read without
        stamps = np.empty(0)
    return Contents(_blocks(file, directory), _description(file, description), stamps, part)


def _segment(file: Reader, at: int, name: str, size: int) -> bytes:
    """Read the first bytes of a segment's content, and see that it is what it should be."""
    if at < 0:
        raise Damaged(f"a segment lies at {at}")
    content = file.exactly(at, HEADER + size)
    if content[:16].rstrip(b"\0") != name.encode():
        raise Damaged(f"{name} was expected at byte {at}")
    return content[HEADER:]


def _blocks(file: Reader, at: int) -> list[Block]:
    """Entries of the directory."""
    (count,) = struct.unpack_from("<i", _segment(file, at, "ZISRAWDIRECTORY", 4), 0)
    start = at + HEADER + 128
    if not 0 < count <= (file.size - start) // ENTRY:
        raise Damaged(f"its directory has {count} images")
    most = min(file.size - start, count * (ENTRY + 40 * DIMENSION))
    raw, blocks, place = file.exactly(start, most), [], 0
    for _ in range(count):
        block, place = _entry(raw, place)
        blocks.append(block)
    return blocks


def _entry(raw: bytes, place: int) -> tuple[Block, int]:
    """One entry of the directory, and where the next one begins."""
    if len(raw) < place + ENTRY or raw[place : place + 2] != b"DV":
        raise Damaged("its directory is cut short")
    kind, at, part, compression = struct.unpack_from("<iqii", raw, place + 2)
    (count,) = struct.unpack_from("<i", raw, place + 28)
    end = place + ENTRY + count * DIMENSION
    if not 0 < count <= 40 or end > len(raw):
        raise Damaged(f"an image of it has {count} dimensions")
    starts, sizes, stored = {}, {"Y": 1, "X": 1}, {"Y": 1, "X": 1}
    for number in range(count):
        name, start, size, _, kept = struct.unpack_from("<4siifi", raw, place + ENTRY + number * DIMENSION)
        letter = name.rstrip(b"\0").decode("latin-1")
        if letter in ("Y", "X"):
            sizes[letter], stored[letter] = size, kept or size
        elif size > 1:
            raise Damaged(f"an image of it goes over {size} steps of {letter}")
        starts[letter] = start
    if min(*sizes.values(), *stored.values()) < 1:
        raise Damaged(f"an image of it has {sizes['X']} × {sizes['Y']} pixels")
    pixels = (sizes["Y"], sizes["X"]), (stored["Y"], stored["X"])
    return Block(at, kind, compression, part, starts, *pixels), end


def _description(file: Reader, at: int) -> str:
    """The description, which is XML."""
    if at <= 0:
        return ""
    (size,) = struct.unpack_from("<i", _segment(file, at, "ZISRAWMETADATA", 4), 0)
    if not 0 <= size <= LARGEST:
        raise Damaged(f"its description has {size} bytes")
    return file.exactly(at + HEADER + BEFORE, size).decode("utf-8", "replace")


def _stamps(file: Reader, at: int) -> npt.NDArray[np.float64]:
    """Times of the attachment that holds them; empty where there is none."""
    if at <= 0:
        return np.empty(0)
    (count,) = struct.unpack_from("<i", _segment(file, at, "ZISRAWATTDIR", 4), 0)
    start = at + HEADER + BEFORE
    for number in range(min(max(0, count), (file.size - start) // ATTACHMENT)):
        entry = file.exactly(start + number * ATTACHMENT, ATTACHMENT)
        if entry[40:48].rstrip(b"\0") == b"CZTIMS":
            (place,) = struct.unpack_from("<q", entry, 12)
            _segment(file, place, "ZISRAWATTACH", 4)
            _, stamps = struct.unpack("<ii", file.exactly(place + HEADER + BEFORE, 8))
            if 0 <= 8 * stamps <= LARGEST:
                return np.frombuffer(file.exactly(place + HEADER + BEFORE + 8, 8 * stamps), "<f8").astype(float)
    return np.empty(0)


def data_of(file: Reader, block: Block) -> tuple[int, int]:
    """Where the values of an image lie: first byte and number of bytes.

    Raises
    ------
    Damaged, EOFError
    """
    head = _segment(file, block.at, "ZISRAWSUBBLOCK", 16 + ENTRY)
    described, _, size = struct.unpack_from("<iiq", head, 0)
    (dimensions,) = struct.unpack_from("<i", head, 16 + 28)
    start = block.at + HEADER + max(BEFORE, 16 + ENTRY + DIMENSION * dimensions) + described
    if described < 0 or not 0 <= dimensions <= 40 or size < 0 or start + size > file.size:
        raise Damaged(f"the image at byte {block.at} takes {size} bytes")
    return start, size
