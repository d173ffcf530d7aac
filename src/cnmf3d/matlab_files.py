"""MATLAB files before version 7.3: their structure is seen to fit before scipy reads them.

Scipy's compiled reader believes types, lengths and places in a file; such that can't be make it read any address of
memory. Format: MathWorks, MAT-File Format (level 5).
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HEADER = 128
"""Bytes before the first element."""

SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Bytes of a value of each numeric type of elements."""

LETTERS = {1, 2, 3, 4, 16, 17, 18}
"""Types of elements that hold text."""

INT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 5, 6, 14, 15
CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
NUMBERS = range(6, 16)
"""Classes of arrays: double, single, and integers of 8 to 64 bits."""

DEEPEST = 50
"""Arrays within arrays; more than people nest, and fewer than the interpreter's stack holds."""

Element = tuple[int, memoryview]


def load(path: str | Path, names: tuple[str, ...] | None = None, *, plain: bool = False) -> dict[str, Any]:
    """Variables of a file, as `scipy.io.loadmat` gives them.

    Parameters
    ----------
    path : path
    names : tuple of str, optional
        Those that are wanted; all by default.
    plain : bool
        Structures as dicts, and arrays of one value as that value.

    Raises
    ------
    ValueError
        Where types, lengths or places in the file can't be.
    Exception
        Whatever scipy's parser meets in a damaged file.
    """
    from scipy.io import loadmat

    see_to_fit(Path(path).read_bytes())
    found: dict[str, Any] = loadmat(path, variable_names=names, simplify_cells=plain)
    return found


def see_to_fit(content: bytes) -> None:
    """See that all elements of a file of level 5 are what they may be; other versions pass.

    Raises
    ------
    ValueError
        Where one isn't.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        return
    for kind, body in _elements(memoryview(content)[HEADER:], order, padded=False):
        if kind == COMPRESSED:
            inner = zlib.decompressobj()
            whole = memoryview(inner.decompress(body))
            for each, part in _elements(whole, order):
                _see_array(each, part, order, 0)
        else:
            _see_array(kind, body, order, 0)


def _elements(view: memoryview, order: str, *, padded: bool = True) -> Iterator[Element]:
    """Type and content of the elements that follow one another; those within arrays end at multiples of 8 bytes."""
    place = 0
    while place < len(view):
        if place + 8 > len(view):
            raise ValueError("an element is cut off")
        first, length = struct.unpack_from(f"{order}2I", view, place)
        if first >> 16:  # up to four bytes lie within the tag
            kind, length, start, after = first & 0xFFFF, first >> 16, place + 4, place + 8
            if length > 4:
                raise ValueError("a short element has more than four bytes")
        else:
            kind, start = first, place + 8
            after = start + length + (-length % 8 if padded else 0)
        if start + length > len(view):
            raise ValueError("an element is longer than what is there")
        yield kind, view[start : start + length]
        place = after


def _see_array(kind: int, body: memoryview, order: str, depth: int) -> None:
    if kind != MATRIX or depth > DEEPEST:
        raise ValueError("something else stands where an array belongs" if kind != MATRIX else "arrays nest too deeply")
    if not len(body):  # an empty array
        return
    parts = _elements(body, order)
    flags = _next(parts, {UINT32}, "flags")
    if len(flags) != 8:
        raise ValueError("an array has no flags")
    word = struct.unpack_from(f"{order}I", flags)[0]
    which, twice = word & 0xFF, bool(word >> 11 & 1)
    if which == OPAQUE:
        for each, part in parts:
            if each == MATRIX:
                _see_array(each, part, order, depth + 1)
        return
    lengths = np.frombuffer(_next(parts, {INT32, UINT32}, "lengths"), f"{order}i4").tolist()
    if len(lengths) < 2 or min(lengths) < 0:
        raise ValueError("an array has no lengths")
    count = math.prod(lengths)
    _next(parts, {INT8, 16}, "a name")
    if which in NUMBERS:
        for _ in range(1 + twice):
            _see_values(parts, count)
    elif which == CHAR:
        _next(parts, LETTERS, "letters")
    elif which == SPARSE:
        _see_sparse(parts, lengths, order, twice)
    elif which in (CELL, STRUCT, OBJECT, FUNCTION):
        count = 1 if which == FUNCTION else count * _fields(parts, which, order)
        if count > len(body) // 8:
            raise ValueError(f"{count} arrays in {len(body)} bytes")
        for _ in range(count):
            each, part = next(parts, (0, body[:0]))
            _see_array(each, part, order, depth + 1)
    else:
        raise ValueError(f"an array of the class {which}, which there isn't")


def _next(parts: Iterator[Element], kinds: set[int], what: str) -> memoryview:
    kind, body = next(parts, (0, memoryview(b"")))
    if kind not in kinds:
        raise ValueError(f"something else stands where {what} of an array belong")
    return body


def _see_values(parts: Iterator[Element], count: int) -> None:
    kind, body = next(parts, (0, memoryview(b"")))
    if kind not in SIZES or len(body) < count * SIZES[kind]:
        raise ValueError("an array has fewer values than its lengths say")


def _fields(parts: Iterator[Element], which: int, order: str) -> int:
    """How many arrays there are for each place of a cell array or structure."""
    if which == CELL:
        return 1
    if which == OBJECT:
        _next(parts, {INT8, 16}, "a class")
    width = _next(parts, {INT32, UINT32}, "lengths of names")
    names = _next(parts, {INT8, 16}, "names")
    length = struct.unpack_from(f"{order}i", width)[0] if len(width) == 4 else 0
    if length <= 0 or len(names) % length:
        raise ValueError("names of fields have no length")
    return len(names) // length


def _see_sparse(parts: Iterator[Element], lengths: list[int], order: str, twice: bool) -> None:
    rows, ends = (
        np.frombuffer(_next(parts, {INT32, UINT32}, "places"), f"{order}i4").astype(np.int64) for _ in range(2)
    )
    fit = len(ends) == lengths[1] + 1 and ends[0] == 0 and (np.diff(ends) >= 0).all() and ends[-1] <= len(rows)
    used = rows[: ends[-1]] if fit else rows
    if not fit or ((used < 0) | (used >= lengths[0])).any():
        raise ValueError("places of a sparse matrix lie outside of it")
    for _ in range(1 + twice):
        _see_values(parts, int(ends[-1]))
