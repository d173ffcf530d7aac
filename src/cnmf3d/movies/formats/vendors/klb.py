"""KLB (Keller Lab Block), as light-sheet programs write it: blocks of up to five dimensions, each compressed by itself.

Amat et al. (2015), "Efficient processing and analysis of large-scale light-sheet microscopy data", Nature Protocols 10,
1679–1696. A header of 319 bytes (lengths, pixel sizes, type, compression, text, lengths of a block), then the end of
each block, counted from the first one's begin, then the blocks; x runs fastest, then y, z, channel and time, in blocks
and from block to block. Blocks at the edge are smaller.
"""

from __future__ import annotations

import bz2
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.blocks import spans_of, touched, without_single
from cnmf3d.movies.formats.descriptions import named
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.positional import Reader, fresh
from cnmf3d.movies.side_by_side import in_threads
from cnmf3d.movies.stored import Facts, Index, Place, Stored
from cnmf3d.movies.units import micrometres, voxel_size

SUFFIX = ".klb"
HEADER = struct.Struct("<B5I5fBB256s5I")
KINDS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8")
PLAIN, BZIP2, ZLIB = 0, 1, 2

BLOCK_LIMIT = 2**30
"""Bytes of a block in memory: writers use about one MB, so that more is a damaged length."""


@dataclass(frozen=True)
class Blocks:
    """An array (t, c, z, y, x) in blocks.

    Attributes
    ----------
    path : Path
    shape : tuple of int
    dtype : numpy.dtype
    block : tuple of int
        Lengths of a block.
    compression : int
    begin : int
        Where the first block lies.
    ends : (blocks,) int
        Bytes from there to the end of each.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    block: tuple[int, ...]
    compression: int
    begin: int
    ends: npt.NDArray[np.int64]

    def __getitem__(self, index: Index, /) -> npt.NDArray[np.generic]:
        """Read a part; only blocks that it touches are decoded."""
        spans = spans_of(index, self.shape)
        out, todo = fresh([len(span) for span in spans], self.dtype), list(touched(spans, self.block))

        def work(part: range) -> None:
            with Reader(self.path) as file:
                for place, here, there in (todo[number] for number in part):
                    out[here] = self._decoded(file, place)[there]

        try:
            in_threads(work, len(todo), out.nbytes if self.compression else 0)
        except (OSError, EOFError, ValueError, RuntimeError) as error:
            raise _broken(str(self.path), error) from error
        return without_single(out, index)

    def _decoded(self, file: Reader, place: tuple[int, ...]) -> npt.NDArray[np.generic]:
        """Values of a block."""
        counts = [-(-length // side) for length, side in zip(self.shape, self.block, strict=True)]
        number = int(np.ravel_multi_index(place, counts))
        first = int(self.ends[number - 1]) if number else 0
        shape = [min(side, length - at * side) for at, side, length in zip(place, self.block, self.shape, strict=True)]
        size = math.prod(shape) * self.dtype.itemsize
        data = file.exactly(self.begin + first, int(self.ends[number]) - first)
        import imagecodecs

        if self.compression == BZIP2:
            data = bz2.BZ2Decompressor().decompress(data, size)
        elif self.compression == ZLIB:
            data = bytes(imagecodecs.deflate_decode(data, out=size))  # in half of zlib's time
        if len(data) < size:
            raise ValueError(f"block {number} holds {len(data)} bytes and should hold {size}")
        return np.frombuffer(data, self.dtype, math.prod(shape)).reshape(shape)


def open_image(place: Place, dataset: str | None) -> Stored:
    """Open a file: often one volume of several, each in a file of its own.

    Raises
    ------
    InputError
        Where it is damaged, or of a version or compression that isn't read.
    """
    del dataset
    assert place.path is not None
    try:
        with Reader(place.path) as file:
            version, *numbers = HEADER.unpack(file.exactly(0, HEADER.size))
            lengths, sizes, (kind, compression, _) = numbers[:5], numbers[5:10], numbers[10:13]
            sides = numbers[13:]
            _check(place, version, kind, compression)
            dtype = np.dtype(f"<{KINDS[kind]}")
            if min(*lengths, *sides) < 1 or max(lengths) >= 2**31:
                raise ValueError(f"its lengths are {' × '.join(map(str, lengths))}")
            block = tuple(min(side, length) for side, length in zip(sides, lengths, strict=True))
            if math.prod(block) * dtype.itemsize > BLOCK_LIMIT:
                raise ValueError(f"a block has {' × '.join(map(str, block))} values")
            count = math.prod(-(-length // side) for length, side in zip(lengths, block, strict=True))
            begin = HEADER.size + 8 * count
            if begin > file.size:
                raise ValueError(f"it names {count} blocks")
            ends = np.frombuffer(file.exactly(HEADER.size, 8 * count), "<u8").astype(np.int64)
            if (np.diff(ends, prepend=0) < 0).any() or begin + int(ends[-1]) > file.size:
                raise ValueError("its blocks go beyond its end")
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise _broken(str(place), error) from error
    data = Blocks(place.path, tuple(reversed(lengths)), dtype, tuple(reversed(block)), compression, begin, ends)
    # Programs that don't know a size write 1, or 0; all 1 says nothing.
    steps = sizes if any(size not in (0, 1) for size in sizes[:3]) else [None] * 5
    x, y, z = (micrometres(size) for size in steps[:3])
    rate = 1 / steps[4] if lengths[4] > 1 and steps[4] and math.isfinite(steps[4]) and steps[4] > 0 else None
    axes = ("t" if lengths[4] > 1 else "-") + ("c" if lengths[3] > 1 else "-") + "zyx"
    return Stored(_Squeezed(data, axes), axes.replace("-", ""), "KLB", Facts(rate, voxel_size(z, y, x)))


@dataclass(frozen=True)
class _Squeezed:
    """Blocks without the times or channels that there is one of."""

    source: Blocks
    axes: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the others."""
        return tuple(n for n, letter in zip(self.source.shape, self.axes, strict=True) if letter != "-")

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the values."""
        return self.source.dtype

    def __getitem__(self, index: Index, /) -> npt.NDArray[np.generic]:
        """Read a part."""
        parts = iter(index)
        return self.source[tuple(0 if letter == "-" else next(parts) for letter in self.axes)]


def _check(place: Place, version: int, kind: int, compression: int) -> None:
    """Refuse what isn't known."""
    if version != 2 or kind >= len(KINDS) or compression > ZLIB:
        raise InputError(
            f"{place} is KLB of version {version}, type {kind}, compression {compression}, which cnmf3d doesn't read",
            "Open it in Fiji (update site SiMView) and save it as TIFF; or copy it again, if it is damaged.",
        )


def _broken(where: str, error: Exception) -> InputError:
    """What is said of a damaged file."""
    return InputError(f"{where} can't be read as KLB ({error})", "Copy it again from where it was saved.")


FORMAT = Format("KLB", (SUFFIX,), named(SUFFIX), open_image)
