"""Arrays that are stored in blocks of one size: which blocks a part touches, and bytes sorted by their place."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.stored import Index

Touched = tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]
"""Number of a block along each dimension, the part of the result that it holds, and where in the block that lies."""


def spans_of(index: Index, shape: Sequence[int]) -> list[range]:
    """Give what an index wants of each dimension; an integer is a span of one."""
    return [
        range(*part.indices(length)) if isinstance(part, slice) else range(int(part), int(part) + 1)
        for part, length in zip(index, shape, strict=True)
    ]


def touched(spans: Sequence[range], block: Sequence[int]) -> Iterator[Touched]:
    """Find the blocks that a part touches.

    Parameters
    ----------
    spans : sequence of range
        What is wanted of each dimension.
    block : sequence of int
        Lengths of a block.
    """
    parts = []
    for span, length in zip(spans, block, strict=True):
        along = []
        for number in range(span[0] // length, span[-1] // length + 1) if span else ():
            first = -(-max(0, number * length - span.start) // span.step)
            last = min(len(span), -(-((number + 1) * length - span.start) // span.step))
            if first < last:
                begin = span[first] - number * length
                there = slice(begin, begin + (last - first - 1) * span.step + 1, span.step)
                along.append((number, slice(first, last), there))
        parts.append(along)
    for each in product(*parts):
        yield tuple(p[0] for p in each), tuple(p[1] for p in each), tuple(p[2] for p in each)


def without_single(out: npt.NDArray[Any], index: Index) -> npt.NDArray[Any]:
    """Take the dimensions away that `index` has an integer for."""
    return out[tuple(slice(None) if isinstance(part, slice) else 0 for part in index)]


def interleave(parts: npt.NDArray[np.uint8], out: npt.NDArray[Any]) -> None:
    """Put values together of which all first bytes come first, then all second ones, and so on.

    Parameters
    ----------
    parts : (bytes of a value, values) uint8
    out : (values,) array
        In the order of bytes that `parts` have.
    """
    if len(parts) == 2 and sys.byteorder == "little" and out.dtype.byteorder != ">":  # in half the time
        whole = out.view(np.uint16)
        np.copyto(whole, parts[1])  # numpy casts a whole array faster than within a calculation
        np.left_shift(whole, 8, out=whole)
        np.bitwise_or(whole, parts[0], out=whole)
        return
    raw = out.view(np.uint8)
    for number, part in enumerate(parts):
        raw[number :: len(parts)] = part
