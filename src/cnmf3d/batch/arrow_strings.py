"""Texts of pickled pandas tables that pyarrow holds, read without pyarrow: its own reader trusts what a file says.

Each name here stands for one of pyarrow's while a table is read; `cnmf3d.batch.pickled_tables` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

WIDTHS: dict[str, type[np.signedinteger]] = {"string": np.int32, "large_string": np.int64}
"""Types of texts, and of the positions at which one ends and the next begins."""


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
