"""Where the values of a TIFF file's pages lie and how they are stored: read once, when the file is opened."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.tiff_tags import NUMBERS, Directory, Style, read_directory, read_header
from cnmf3d.movies.positional import Reader
from cnmf3d.movies.stored import Place

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage

DESCRIPTION = 270
OFFSETS, LENGTHS = (324, 273), (325, 279)
"""Tags that say where tiles and strips lie, and how long they are."""

STORAGE = (
    *(254, 255, 256, 257, 258, 259, 262, 266, 274, 277, 278, 284, 292, 293, 317, 322, 323, 338, 339, 347, 530),
    *(32997, 32998),  # SGI's depths of images and tiles
    *(42113, 50674, 65007),  # GDAL's value for no data, parameters of LERC and EER
)
"""Tags that say what a page is and how it is stored. Pages in which all of these agree are of one kind."""


@dataclass(frozen=True)
class PageIndex:
    """Pages of one TIFF file.

    Attributes
    ----------
    kinds : tuple of TiffPage
        One page of each kind; it knows how all pages of its kind are decoded.
    kind : (pages,) integer array
        Each page's kind.
    first : (pages + 1,) integer array
        Number of each page's first segment (strip or tile).
    offsets, lengths : (segments,) integer arrays
        Bytes; 0 for a segment that isn't there.
    directories : (pages,) integer array
        Where each page's tags lie.
    """

    kinds: tuple[TiffPage, ...]
    kind: npt.NDArray[np.intp]
    first: npt.NDArray[np.intp]
    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    directories: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Count the pages."""
        return len(self.kind)

    def page(self, number: int) -> TiffPage:
        """Give the page that stands for the kind of page `number`."""
        return self.kinds[int(self.kind[number])]

    def segments(self, number: int) -> list[tuple[int, int]]:
        """Give offset and length of each of a page's segments."""
        span = slice(int(self.first[number]), int(self.first[number + 1]))
        return list(zip(self.offsets[span].tolist(), self.lengths[span].tolist(), strict=True))

    def select(self, numbers: npt.NDArray[np.intp]) -> PageIndex:
        """Take some pages, in the order of `numbers`."""
        if np.array_equal(numbers, np.arange(len(self))):
            return self
        counts = np.diff(self.first)[numbers]
        first = _ends(counts)
        taken = np.repeat(self.first[:-1][numbers] - first[:-1], counts) + np.arange(first[-1])
        places = self.directories[numbers]
        return PageIndex(self.kinds, self.kind[numbers], first, self.offsets[taken], self.lengths[taken], places)


def read_index(place: Place, tif: TiffFile) -> PageIndex:
    """Read the tags of all pages.

    Parameters
    ----------
    place : Place
    tif : TiffFile
        The same file; used in this thread only.

    Raises
    ------
    InputError
        Where the list of pages breaks off or leads back to an earlier page.
    """
    assert place.path is not None
    with Reader(place.path) as reader:
        gathered: _Gathered | None = None
        seen: set[int] = set()
        try:
            style, at = read_header(reader)
            gathered = _Gathered(reader, style, tif)
            while at:
                if at in seen:
                    raise ValueError("it leads back to an earlier page")
                seen.add(at)
                at = gathered.add(at)
        except (EOFError, ValueError, struct.error) as error:
            raise _broken_list(place, len(seen) - bool(seen), error) from error
    return gathered.index()


def index_of(pages: Sequence[TiffPage | TiffFrame]) -> PageIndex:
    """Index pages of one file that tifffile has read, for the kinds of files whose tags only it understands."""
    kinds: dict[int, TiffPage] = {}
    for page in pages:
        kinds.setdefault(id(page.keyframe), page.keyframe)
    numbers = {key: number for number, key in enumerate(kinds)}
    return PageIndex(
        tuple(kinds.values()),
        np.array([numbers[id(page.keyframe)] for page in pages], np.intp),
        _ends([len(page.dataoffsets) for page in pages]),
        np.array([offset for page in pages for offset in page.dataoffsets], np.int64),
        np.array([length for page in pages for length in page.databytecounts], np.int64),
        np.array([page.offset or 0 for page in pages], np.int64),
    )


def description(place: Place, index: PageIndex, number: int) -> str:
    """Read the description of a page."""
    assert place.path is not None
    with Reader(place.path) as reader:
        style, _ = read_header(reader)
        return read_directory(reader, style, int(index.directories[number])).text(DESCRIPTION, reader)


def _ends(counts: Sequence[int] | npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Sum up from 0."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)


def _broken_list(place: Place, whole: int, error: Exception) -> InputError:
    """Make the error for a file whose list of pages can't be followed to its end."""
    return InputError(
        f"{place} is damaged or cut short: its list of pages breaks after {whole} ({error})",
        "Copy it again from where it was recorded, or export the movie again.",
    )


class _Gathered:
    """What was read of the pages so far.

    Most pages look exactly like the one before, except for the places of their values: then only these are
    read, in microseconds.
    """

    def __init__(self, reader: Reader, style: Style, tif: TiffFile) -> None:
        self._reader = reader
        self._style = style
        self._tif = tif
        self._numbers: dict[tuple[object, ...], int] = {}
        self._alike: _Alike | None = None
        self._size = 0
        self._kinds: list[TiffPage] = []
        self._kind: list[int] = []
        self._counts: list[int] = []
        self._offsets: list[int] = []
        self._lengths: list[int] = []
        self._directories: list[int] = []

    def add(self, at: int) -> int:
        """Read the page whose tags lie at `at`; gives where those of the next one lie, 0 after the last."""
        found = read_directory(self._reader, self._style, at, self._size or 512)
        self._size = len(found.block) + self._style.pointer.size
        if self._alike is None or not self._alike.matches(found.block):
            number = self._kind_of(found, at)
            self._alike = _Alike(found, number)
        kind = self._kinds[self._alike.kind]
        offsets = self._alike.offsets.read(found, self._reader)
        lengths = self._alike.lengths.read(found, self._reader)
        if not offsets or not lengths:
            page = kind if kind.offset == at else self._parsed(at)
            offsets, lengths = tuple(page.dataoffsets), tuple(page.databytecounts)
        count = len(kind.dataoffsets)
        if not count:
            raise ValueError(f"the page at {at} doesn't say where its values lie")
        if min(len(offsets), len(lengths)) < count:
            raise ValueError(f"the page at {at} has {min(len(offsets), len(lengths))} of {count} strips or tiles")
        self._kind.append(self._alike.kind)
        self._counts.append(count)
        self._offsets.extend(offsets[:count])
        self._lengths.extend(lengths[:count])
        self._directories.append(at)
        return found.following

    def index(self) -> PageIndex:
        """Put together what was read."""
        return PageIndex(
            tuple(self._kinds),
            np.array(self._kind, np.intp),
            _ends(self._counts),
            np.array(self._offsets, np.int64),
            np.array(self._lengths, np.int64),
            np.array(self._directories, np.int64),
        )

    def _kind_of(self, found: Directory, at: int) -> int:
        """Find the kind of a page, or add it."""
        key: tuple[object, ...] = tuple(found.raw(code, self._reader) for code in STORAGE)
        for code in (*OFFSETS, *LENGTHS):
            place = found.places.get(code)
            key += (None if place is None else self._style.tag.unpack_from(found.block, place)[2],)
        if key not in self._numbers:
            self._numbers[key] = len(self._kinds)
            self._kinds.append(self._parsed(at))
        return self._numbers[key]

    def _parsed(self, at: int) -> TiffPage:
        """Let tifffile read a page's tags."""
        from tifffile import TiffPage

        if not self._kinds and self._tif.pages.first.offset == at:
            return self._tif.pages.first
        self._tif.filehandle.seek(at)
        return TiffPage(self._tif, len(self._kind))


class _Alike:
    """Recognises tags that equal those of a page whose kind is known, and says where its places are written."""

    def __init__(self, known: Directory, kind: int) -> None:
        style = known.style
        layout = f"{style.order}{style.head.size}s"
        codes = {at: code for code, at in known.places.items()}
        free = style.pointer.size
        for number in range(known.count):
            code = codes.get(style.head.size + number * style.entry)
            if code in (*OFFSETS, *LENGTHS):
                layout += f"{style.tag.size}s{free}x"
            else:
                layout += f"{style.entry}s" if code in STORAGE else f"2s{style.entry - 2}x"
        self._layout = struct.Struct(layout)
        self._pattern = self._layout.unpack(known.block)
        self.kind = kind
        self.offsets = _Values(known, OFFSETS)
        self.lengths = _Values(known, LENGTHS)

    def matches(self, block: bytes) -> bool:
        """Whether a page is of the same kind: only places, texts and the like differ."""
        return len(block) == self._layout.size and self._layout.unpack(block) == self._pattern


class _Values:
    """Where the values of a tag are written in a directory that looks like a known one."""

    def __init__(self, known: Directory, codes: Sequence[int]) -> None:
        at = next((known.places[code] for code in codes if code in known.places), None)
        self._layout: struct.Struct | None = None
        if at is None:
            return
        _, kind, count = known.style.tag.unpack_from(known.block, at)
        if kind in NUMBERS:
            self._layout = struct.Struct(f"{known.style.order}{count}{NUMBERS[kind]}")
            self._start = at + known.style.tag.size

    def read(self, found: Directory, reader: Reader) -> tuple[int, ...]:
        """Read the values of a page; none where it lacks the tag."""
        if self._layout is None:
            return ()
        if self._layout.size <= found.style.pointer.size:
            return self._layout.unpack_from(found.block, self._start)
        at = found.style.pointer.unpack_from(found.block, self._start)[0]
        return self._layout.unpack(reader.exactly(at, self._layout.size))
