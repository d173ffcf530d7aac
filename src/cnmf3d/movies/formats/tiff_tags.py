"""The directories of a TIFF file, one a page, and the tags in them.

TIFF 6.0 and BigTIFF: the header names the first directory; a directory is a list of tags and the place of the next
one. Every read names its place in the file, so that nothing is shared.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

from cnmf3d.movies.positional import Reader

NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Types of single numbers, as `struct` names them."""

PAIRS = {5: "I", 10: "i"}
"""Types of fractions."""

TEXTS = (2, 7)
"""Types of bytes."""

MOST_TAGS = 4096
"""No page has more tags; a larger number is damage."""

GUESSED_BYTES = 512
"""Read at once for a directory, whose size isn't known before; more is read where it is larger."""


@dataclass(frozen=True)
class Style:
    """Byte order, and whether sizes are those of BigTIFF.

    Attributes
    ----------
    order : str
        As `struct` writes it.
    big : bool
    """

    order: str
    big: bool

    @cached_property
    def head(self) -> struct.Struct:
        """Number of tags, at the beginning of a directory."""
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @cached_property
    def pointer(self) -> struct.Struct:
        """A place in the file."""
        return struct.Struct(self.order + ("Q" if self.big else "I"))

    @cached_property
    def tag(self) -> struct.Struct:
        """Code, type and number of values of a tag; its values or their place follow."""
        return struct.Struct(self.order + ("HHQ" if self.big else "HHI"))

    @property
    def entry(self) -> int:
        """Bytes of a tag with its values or their place."""
        return self.tag.size + self.pointer.size


@dataclass(frozen=True)
class Directory:
    """The tags of one page.

    Attributes
    ----------
    style : Style
    block : bytes
        As it lies in the file.
    count : int
        Tags.
    following : int
        Where the next page's directory lies; 0 after the last one.
    """

    style: Style
    block: bytes
    count: int
    following: int

    @cached_property
    def places(self) -> dict[int, int]:
        """Where in `block` each tag lies, by its code."""
        found: dict[int, int] = {}
        for number in range(self.count):
            at = self.style.head.size + number * self.style.entry
            found.setdefault(self.style.tag.unpack_from(self.block, at)[0], at)
        return found

    def raw(self, code: int, reader: Reader) -> tuple[int, int, bytes] | None:
        """Read type, number and bytes of a tag's values; None where the page doesn't have it.

        Raises
        ------
        EOFError
            Where they lie beyond the end of the file.
        """
        at = self.places.get(code)
        if at is None:
            return None
        _, kind, count = self.style.tag.unpack_from(self.block, at)
        letter = NUMBERS.get(kind, PAIRS.get(kind, "B"))
        size = struct.calcsize(self.style.order + letter) * count * (2 if kind in PAIRS else 1)
        start = at + self.style.tag.size
        if size <= self.style.pointer.size:
            return kind, count, self.block[start : start + size]
        return kind, count, reader.exactly(self.style.pointer.unpack_from(self.block, start)[0], size)

    def text(self, code: int, reader: Reader) -> str:
        """Read the text of a tag; empty where the page doesn't have it."""
        found = self.raw(code, reader)
        if found is None or found[0] not in TEXTS:
            return ""
        return found[2].partition(b"\0")[0].decode("utf-8", "replace")


def read_header(reader: Reader) -> tuple[Style, int]:
    """Read how a file is written, and where its first directory lies.

    Raises
    ------
    ValueError
        Where it isn't a TIFF.
    EOFError
        Where the file ends in its header.
    """
    head = reader.upto(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise ValueError("it does not begin as a TIFF file does")
    version = struct.unpack_from(order + "H", head, 2)[0]
    if version not in (42, 43):
        raise ValueError(f"its version is {version}, not 42 (TIFF) or 43 (BigTIFF)")
    style = Style(order, version == 43)
    at = 8 if style.big else 4
    if len(head) < at + style.pointer.size:
        raise EOFError("the file ends in its header")
    return style, style.pointer.unpack_from(head, at)[0]


def read_directory(reader: Reader, style: Style, at: int, guess: int = GUESSED_BYTES) -> Directory:
    """Read the directory at a place.

    Raises
    ------
    EOFError
        Where the file ends before the directory does.
    ValueError
        Where there can't be one.
    """
    block = reader.upto(at, guess)
    if len(block) < style.head.size:
        raise EOFError(f"the list of pages leads to {at}, beyond the end of the file")
    (count,) = style.head.unpack_from(block)
    if not 0 < count <= MOST_TAGS:
        raise ValueError(f"the list of pages leads to {at}, where there is no page")
    end = style.head.size + count * style.entry
    if len(block) < end + style.pointer.size:
        block = reader.upto(at, end + style.pointer.size)
    if len(block) < end:
        raise EOFError(f"the file ends within the tags of the page at {at}")
    # Some programs leave out the place of the next page after the last one.
    following = style.pointer.unpack_from(block, end)[0] if len(block) >= end + style.pointer.size else 0
    return Directory(style, block[:end], count, following)
