"""Compressed strips of TIFF pages decoded straight into memory: tifffile's way makes three copies of every value."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.chunks import see_size
from cnmf3d.movies.positional import Reader, Scratch

if TYPE_CHECKING:
    from tifffile import TiffPage

NATIVE = "<" if sys.byteorder == "little" else ">"
DECODERS = {5: "lzw_decode", 8: "deflate_decode", 32946: "deflate_decode", 34926: "zstd_decode", 50000: "zstd_decode"}
"""Names in imagecodecs, by the number of the compression."""

PREDICTOR, DIFFERENCES = 317, 2
"""The tag that says that strips hold more than values, and its value where they hold differences along a row."""


def is_native(page: TiffPage) -> bool:
    """Whether values of a page lie in this machine's order of bytes, as numbers of whole bytes."""
    dtype = np.dtype(page.dtype)
    alike = page.parent.byteorder == NATIVE or dtype.itemsize == 1
    return alike and dtype.kind in "uif" and page.bitspersample == 8 * dtype.itemsize


class Strips(NamedTuple):
    """How the strips of a kind of pages are decoded.

    Attributes
    ----------
    decode : callable
        ``decode(data, out=memory)``.
    rows : int
        Of each strip; 0 for all.
    differences : bool
        Whether they hold differences along a row.
    """

    decode: Callable[..., Any]
    rows: int
    differences: bool


def strips_of(page: TiffPage) -> Strips | None:
    """Find what decodes the strips of pages that are stored as `page` is; None where only tifffile can."""
    import imagecodecs

    entries = (page.compression, page.samplesperpixel, page.rowsperstrip, page.fillorder, page.bitspersample)
    if not all(isinstance(each, int) for each in entries):  # of a damaged file they may be anything
        return None
    name = DECODERS.get(page.compression)
    plain = page.ndim == 2 and not page.is_tiled and page.fillorder == 1 and page.samplesperpixel == 1
    predictor = page.tags.valueof(PREDICTOR, 1)
    whole = predictor == 1 or (predictor == DIFFERENCES and np.dtype(page.dtype).kind in "ui")
    if name is None or not plain or not whole or not is_native(page):
        return None
    decode: Callable[..., Any] | None = getattr(imagecodecs, name, None)
    return None if decode is None else Strips(decode, int(page.rowsperstrip or 0), predictor == DIFFERENCES)


def decode_strips(
    strips: Strips,
    segments: Sequence[tuple[int, int]],
    reader: Reader,
    packed: Scratch,
    out: npt.NDArray[Any],
) -> bool:
    """Decode all strips of a page into memory.

    Parameters
    ----------
    strips : Strips
    segments : sequence of (offset, bytes)
    reader : Reader
    packed : Scratch
        For what is read.
    out : (Y, X) array, contiguous

    Returns
    -------
    bool
        False where it can't be done so; then tifffile has to, or says what is wrong.
    """
    rows = min(strips.rows or len(out), len(out))
    if len(segments) != -(-len(out) // rows) or not all(offset and size for offset, size in segments):
        return False
    for number, (offset, size) in enumerate(segments):
        part = out[number * rows : (number + 1) * rows]
        raw = part.reshape(-1).view(np.uint8)
        try:
            see_size(strips.decode(reader.lent(offset, size, packed), out=raw), raw, "a strip")
        except (RuntimeError, ValueError, TypeError, EOFError):
            return False
    if strips.differences:
        np.add.accumulate(out, axis=1, dtype=out.dtype, out=out)
    return True
