"""Compressed strips of TIFF pages decoded straight into memory: tifffile's way makes three copies of every value."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.positional import Reader

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


def strip_decoder(page: TiffPage) -> Callable[..., Any] | None:
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
    found: Callable[..., Any] | None = getattr(imagecodecs, name, None)
    return found


def decode_strips(
    page: TiffPage,
    decoder: Callable[..., Any],
    segments: Sequence[tuple[int, int]],
    reader: Reader,
    out: npt.NDArray[Any],
) -> bool:
    """Decode all strips of a page into memory.

    Parameters
    ----------
    page : TiffPage
        How it is stored.
    decoder : callable
        As `strip_decoder` found it.
    segments : sequence of (offset, bytes)
    reader : Reader
    out : (Y, X) array, contiguous

    Returns
    -------
    bool
        False where it can't be done so; then tifffile has to, or says what is wrong.
    """
    rows = min(page.rowsperstrip or len(out), len(out))
    if len(segments) != -(-len(out) // rows) or not all(offset and size for offset, size in segments):
        return False
    for number, (offset, size) in enumerate(segments):
        part = out[number * rows : (number + 1) * rows]
        raw = part.reshape(-1).view(np.uint8)
        try:
            found = np.asarray(decoder(reader.exactly(offset, size), out=raw))
        except (RuntimeError, ValueError, TypeError, EOFError):
            return False
        if found.nbytes != raw.nbytes or not np.shares_memory(found, raw):
            return False
    if page.tags.valueof(PREDICTOR, 1) == DIFFERENCES:
        np.add.accumulate(out, axis=1, dtype=out.dtype, out=out)
    return True
