"""Texts of pickled pandas tables that pyarrow holds, read without pyarrow: its own reader trusts what a file says.

Each name here stands for one of pyarrow's or pandas' while a table is read; `cnmf3d.batch.mesmerize` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

WIDTHS: dict[str, type[np.signedinteger]] = {"string": np.int32, "large_string": np.int64}
"""Types of texts, and of the positions at which one ends and the next begins."""


class Strings:
    """Stands for pandas' array of texts; its state has the texts as `_pa_array`."""

    _pa_array: list[str | None]


def alias(name: str) -> str:
    """Stands for pyarrow's type of a name: the name."""
    return name


def data(content: bytes | bytearray) -> bytes:
    """Stands for pyarrow's buffer, and for Python's bytearray: the bytes."""
    if not isinstance(content, (bytes, bytearray)):
        raise ValueError("a buffer that isn't bytes")
    return bytes(content)


def array(parts: tuple[str, int, int, int, Sequence[bytes | None], Any, Any]) -> list[str | None]:
    """Stands for pyarrow's array: its texts; None where one is missing.

    Parameters
    ----------
    parts : tuple
        Type, length, number of missing ones, offset, and the buffers: which are there, where each ends, letters.
    """
    kind, length, _, offset, (valid, ends, letters), _, _ = parts
    if length == 0:
        return []
    positions = np.frombuffer(ends or b"", WIDTHS[kind])[offset : offset + length + 1]
    if len(positions) != length + 1 or positions.min() < 0 or positions.max() > len(letters or b""):
        raise ValueError("texts end where there are none")
    there = np.ones(length, bool)
    if valid is not None:
        there = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[offset : offset + length] > 0
    text = letters or b""
    return [
        text[begin:end].decode() if known else None
        for begin, end, known in zip(positions[:-1], positions[1:], there, strict=True)
    ]


def chunked(chunks: Sequence[list[str | None]], kind: str = "") -> list[str | None]:
    """Stands for pyarrow's array in several parts: all texts."""
    return [text for chunk in chunks for text in chunk]


def plain(values: Any) -> Any:
    """What pandas takes without pyarrow."""
    import pandas

    if not isinstance(values, Strings):
        return values
    return pandas.array(values._pa_array, dtype=pandas.StringDtype("python", na_value=np.nan))


def block(values: Any, placement: Any, ndim: int) -> Any:
    """Stands for pandas' own of that purpose: columns of a table."""
    make: Any = import_module("pandas._libs.internals")._unpickle_block
    return make(plain(values), placement, ndim)


def index(kind: Any, state: dict[str, Any]) -> Any:
    """Stands for pandas' own of that purpose: names of rows or columns."""
    make: Any = import_module("pandas.core.indexes.base")._new_Index
    return make(kind, {name: plain(value) for name, value in state.items()})
