"""Zeiss ``.czi`` (ZISRAW), read from its segments; compressed images by imagecodecs.

A file is a list of images, each of one time, plane and channel. Smaller copies (pyramids) are left out. Scenes and
tiles of a mosaic are movies of their own. Images compressed by Zstandard may have the low bytes of all values before
the high ones (``zstd1``: a header of one or three bytes says so).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import ChoiceError, InputError
from cnmf3d.movies.arrays import Stacked
from cnmf3d.movies.blocks import interleave
from cnmf3d.movies.formats.descriptions import named
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.spread import whole_volumes
from cnmf3d.movies.formats.vendors.czi_segments import Block, Contents, Damaged, data_of, read_contents
from cnmf3d.movies.positional import Reader, Scratch
from cnmf3d.movies.side_by_side import empty, in_threads, is_whole
from cnmf3d.movies.stored import Facts, Index, Place, Stored
from cnmf3d.movies.timing import STAMPS, Times, began, rate_of
from cnmf3d.movies.units import micrometres, voxel_size

SUFFIX = ".czi"

KINDS: dict[int, tuple[str, int]] = {
    0: ("<u1", 1), 1: ("<u2", 1), 2: ("<f4", 1), 3: ("<u1", 3), 4: ("<u2", 3), 8: ("<f4", 3), 9: ("<u1", 4),
    12: ("<u4", 1),
}  # fmt: skip
"""Type of a value and samples of a pixel, by their number in the file; complex numbers are left out."""

PACKED = {1: "JPEG", 2: "LZW", 4: "JPEG XR", 5: "Zstandard", 6: "Zstandard"}
"""Compressions that are read; 0 is none."""

PAGE_LIMIT = 2**31
"""Bytes of an image: no camera has more, so that more is a damaged length."""

ORDER = "TZC"


@dataclass(frozen=True)
class Images:
    """Images of a file as one list, (images, Y, X) or (images, Y, X, samples).

    Attributes
    ----------
    path : Path
    blocks : sequence of Block
        All of one size and type.
    """

    path: Path
    blocks: Sequence[Block]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, then the size of one."""
        samples = KINDS[self.blocks[0].kind][1]
        return (len(self.blocks), *self.blocks[0].size, *((samples,) if samples > 1 else ()))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(KINDS[self.blocks[0].kind][0])

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; each read opens the file for itself."""
        first, rest = index[0], index[1:]
        chosen = range(*first.indices(len(self.blocks))) if isinstance(first, slice) else range(first, first + 1)
        numbers = np.array(chosen, np.intp)
        out = empty(numbers, self.shape[1:], rest, self.dtype)
        self.fill_from(numbers, rest, out)
        return out if isinstance(first, slice) else np.asarray(out[0])

    def fill_from(self, numbers: npt.NDArray[np.intp], rest: Index, out: npt.NDArray[Any]) -> None:
        """Read parts of images into memory, on all cores where they are compressed; see `side_by_side.fill`."""
        whole = is_whole(rest, self.shape[1:]) and out.dtype == self.dtype
        plain = whole and out.ndim == 3 and not self._packed

        def work(part: range) -> None:
            page, room = np.empty(self.shape[1:], self.dtype), np.empty(self.shape[1:], self.dtype)
            packed = Scratch()
            with Reader(self.path) as file:
                if plain and out.flags.c_contiguous:
                    starts = [self._place(file, int(numbers[at]))[0] for at in part]
                    file.fill_each(starts, out[part.start : part.stop])
                    return
                for at in part:
                    if whole and out[at].flags.c_contiguous:
                        self._read(file, int(numbers[at]), packed, out[at], room)
                    else:
                        self._read(file, int(numbers[at]), packed, page, room)
                        out[at] = page[rest]

        try:
            in_threads(work, len(numbers), out.nbytes if self._packed else 0)
        except (OSError, EOFError, Damaged) as error:
            raise _broken(str(self.path), error) from error

    @cached_property
    def _packed(self) -> bool:
        """Whether any image is compressed."""
        return any(block.compression for block in self.blocks)

    @cached_property
    def _places(self) -> dict[int, tuple[int, int]]:
        """Where the values of images lie that were read before."""
        return {}

    def _place(self, file: Reader, number: int) -> tuple[int, int]:
        """Where the values of an image lie: first byte and number of bytes."""
        known = self._places.get(number)
        if known is None:
            block = self.blocks[number]
            known = data_of(file, block)
            wanted = math.prod(self.shape[1:]) * self.dtype.itemsize
            if not block.compression and known[1] < wanted:
                raise Damaged(f"an image of {wanted} bytes has {known[1]}")
            self._places[number] = known
        return known

    def _read(self, file: Reader, number: int, packed: Scratch, out: npt.NDArray[Any], room: npt.NDArray[Any]) -> None:
        """Read one image into memory of its size; `room` is as much memory, for what comes in between."""
        compression, (start, size) = self.blocks[number].compression, self._place(file, number)
        if compression:
            _unpack(file.lent(start, size, packed), compression, out, room)
        else:
            file.fill(start, out)
        if out.ndim > 2 and compression in (0, 2, 5, 6):  # blue, green, red
            out[..., :3] = out[..., 2::-1].copy()


def _unpack(data: memoryview, compression: int, out: npt.NDArray[Any], room: npt.NDArray[Any]) -> None:
    """Decode an image into memory of the size that it must have."""
    import imagecodecs

    halves = False
    if compression == 6 and data:
        length = data[0]
        if length not in (1, 3) or (length == 3 and len(data) > 2 and data[1] != 1):
            raise Damaged(f"a compressed image has a header of {length} bytes")
        halves = length == 3 and bool(data[2] & 1)
        data = data[length:]
    try:
        if compression in (2, 5, 6):
            raw = (room if halves else out).reshape(-1).view(np.uint8)
            unpack: Callable[..., Any] = imagecodecs.lzw_decode if compression == 2 else imagecodecs.zstd_decode
            size = memoryview(unpack(data, out=raw)).nbytes
            if size != out.nbytes:
                raise Damaged(f"an image of {out.nbytes} bytes has {size}")
            if halves:
                interleave(raw.reshape(out.dtype.itemsize, -1), out.reshape(-1))
        else:
            picture: Callable[..., Any] = imagecodecs.jpegxr_decode if compression == 4 else imagecodecs.jpeg8_decode
            picture(data, out=out)
    except (RuntimeError, ValueError, TypeError) as error:
        raise Damaged(f"an image can't be decoded as {PACKED[compression]} ({error})") from error


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open a recording.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Number of the field (a scene, or a tile of one), where there are several.

    Raises
    ------
    InputError
        Where the file is damaged or holds what isn't read, or a field must be chosen.
    """
    assert place.path is not None
    try:
        with Reader(place.path) as file:
            contents = read_contents(file)
        root = ElementTree.fromstring(contents.description) if contents.description else None
    except ElementTree.ParseError:
        root = None
    except (OSError, EOFError, Damaged) as error:
        raise _broken(str(place), error) from error
    blocks = _chosen(place, [block for block in contents.blocks if block.size == block.stored], dataset)
    _check(place, blocks, contents.part)
    numbers, times, cautions = _numbers(place, blocks)
    images = Images(place.path, blocks)
    images[(slice(0, 1),) * len(images.shape)]  # a file that is cut short fails here and not amid a run
    facts = _facts(place, contents, root, times, cautions)
    if len(images.shape) == 4:
        if numbers.shape[2] > 1:
            raise InputError(f"{place} holds colour pictures in several channels", "Export it in grey from ZEN.")
        return Stored(Stacked(images, numbers[:, :, 0]), "tzyxc", "Zeiss CZI", facts)
    return Stored(Stacked(images, numbers), "tzcyx", "Zeiss CZI", facts)


def _chosen(place: Place, blocks: Sequence[Block], dataset: str | None) -> list[Block]:
    """Images of one field."""
    if not blocks:
        raise InputError(f"{place} holds no images", "Was the recording stopped at once?")
    fields = sorted({_field(block) for block in blocks})
    names = [
        f"{number}: {', '.join(f'{what} {at}' for what, at in zip(('scene', 'tile'), field, strict=True))}"
        for number, field in enumerate(fields)
    ]
    if dataset is None and len(fields) > 1:
        raise ChoiceError(
            f"{place} holds {len(fields)} scenes or tiles, which are a movie each",
            f'Say which one: dataset="0" (--dataset 0) up to "{len(fields) - 1}". It holds: {"; ".join(names)}.',
            "dataset",
            names,
        )
    if dataset is not None and dataset not in map(str, range(len(fields))):
        raise InputError(f"{place} has no field {dataset!r}", f"It holds: {'; '.join(names)}.")
    return [block for block in blocks if _field(block) == fields[int(dataset or 0)]]


def _field(block: Block) -> tuple[int, int]:
    """Scene and tile of an image."""
    return block.starts.get("S", 0), block.starts.get("M", 0)


def _check(place: Place, blocks: Sequence[Block], part: int) -> None:
    """See that all images can be read, are alike and lie in this file."""
    first = blocks[0]
    if any(block.part != part for block in blocks):
        raise InputError(f"{place} keeps its images in several files", "Save it from ZEN as one file.")
    unread = {block.compression for block in blocks} - {0, *PACKED}
    if unread or first.kind not in KINDS:
        what = f"compression {unread.pop()}" if unread else f"values of the type {first.kind}"
        raise InputError(f"{place} holds {what}, which cnmf3d doesn't read", "Export it from ZEN as OME-TIFF.")
    if any((block.size, block.kind) != (first.size, first.kind) for block in blocks):
        raise InputError(f"{place} holds images of several sizes or types", "Export one of them from ZEN.")
    dtype, samples = KINDS[first.kind]
    if first.size[0] * first.size[1] * samples * np.dtype(dtype).itemsize > PAGE_LIMIT:
        raise InputError(f"{place} is damaged: an image has {first.size[1]} × {first.size[0]} pixels", "Copy it again.")
    others = [letter for letter in first.starts if letter not in "TZCYXSMB"]
    for letter in others:
        count = len({block.starts.get(letter, 0) for block in blocks})
        if count > 1:
            what = {"V": "views", "I": "illuminations", "H": "phases", "R": "rotations"}.get(letter, letter)
            raise InputError(f"{place} holds {count} {what}", "Process it in ZEN, or export one of them.")


def _numbers(
    place: Place, blocks: Sequence[Block]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64], tuple[str, ...]]:
    """Number of the image of each time, plane and channel, as far as whole volumes go; and the times' own numbers."""
    axes = [np.array([block.starts.get(letter, 0) for block in blocks]) for letter in ORDER]
    found = [np.unique(each, return_inverse=True) for each in axes]
    shape = tuple(len(values) for values, _ in found)
    # A damaged directory could ask for a table of n × n × n images.
    if np.prod(shape, dtype=float) > 4 * len(blocks) + 1000:
        raise InputError(f"{place} lacks most of its planes: it names {len(blocks)} images", "Copy it again.")
    numbers = np.full(shape, -1, np.intp)
    numbers[tuple(where for _, where in found)] = np.arange(len(blocks))
    whole = whole_volumes(ORDER, numbers >= 0)
    if not whole:
        t, z, c = np.argwhere(numbers < 0)[0].tolist()
        raise InputError(
            f"{place} lacks the image of time {t}, plane {z}, channel {c} (counted from 0), and has later ones",
            "Copy it again from where it was recorded.",
        )
    times = found[0][0].astype(np.int64)
    cautions = []
    if whole < shape[0]:
        cautions.append(f"{place} ends within volume {whole}, which is left out.")
    if (np.diff(times) != 1).any():
        first = int(np.flatnonzero(np.diff(times) != 1)[0])
        cautions.append(
            f"{place}: {int(times[-1] - times[0]) + 1 - len(times)} times are missing, the first after volume {first}."
        )
    return numbers[:whole], times[:whole], tuple(cautions)


def _facts(
    place: Place,
    contents: Contents,
    root: ElementTree.Element | None,
    times: npt.NDArray[np.int64],
    cautions: tuple[str, ...],
) -> Facts:
    """Rate by the time stamps or the interval that was set, size of a voxel (metres in the file), channels."""
    lengths: dict[str, float | None] = {}
    for item in root.iterfind(".//Scaling/Items/Distance") if root is not None else ():
        lengths[item.get("Id", "")] = micrometres(item.findtext("Value"), "m")
    stamps = contents.stamps  # of all times, also of those that are not in the file
    own = stamps[times] if times[0] >= 0 and times[-1] < len(stamps) else stamps[: len(times)]
    timed = rate_of(own.tolist(), str(place)) if len(own) == len(times) else Facts()
    rate = timed.rate
    if rate is None and root is not None:
        rate = _positive(root.findtext(".//Information/Image/Dimensions/T/Positions/Interval/Increment"))
        rate = None if rate is None else 1 / rate
    names = [] if root is None else root.findall(".//Information/Image/Dimensions/Channels/Channel")
    channels = [each.get("Name") or each.get("Id") or "" for each in names]
    metadata = {**timed.metadata, **({"channels": channels} if any(channels) else {})}
    if timed.rate is None and rate is not None and (np.diff(times) != 1).any():
        metadata[STAMPS] = Times(((times - times[0]) / rate).tolist())
    metadata |= began("" if root is None else root.findtext(".//Information/Image/AcquisitionDateAndTime") or "")
    size = voxel_size(lengths.get("Z"), lengths.get("Y"), lengths.get("X"))
    return Facts(rate, size, metadata, (*timed.warnings, *cautions))


def _positive(text: str | None) -> float | None:
    """A positive number; None for anything else."""
    try:
        value = float(text or 0)
    except ValueError:
        return None
    return value if 0 < value < np.inf else None


def _broken(where: str, error: Exception) -> InputError:
    """What is said of a damaged file."""
    return InputError(f"{where} can't be read as CZI ({error})", "Copy it again from where it was recorded.")


FORMAT = Format("Zeiss CZI", (SUFFIX,), named(SUFFIX), open_recording)
