"""Pickled pandas tables as plain columns, read without pandas: its own makers trust what a file says.

Written from what pandas 1.5 to 3 write; each class here stands for one of pandas' while a table is read.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

import numpy as np

from cnmf3d.batch import arrow_strings
from cnmf3d.errors import InputError
from cnmf3d.plain_pickle import Fixed, Maker, StandIn, Unpickler
from cnmf3d.regular import refuse_special

Columns = dict[str, list[Any]]


class Table(metaclass=Fixed):
    """In the place of a DataFrame: its columns."""

    columns: Columns

    def __setstate__(self, state: Any) -> None:
        """Take the columns of a block manager."""
        manager = state["_mgr"]
        if not isinstance(manager, _Manager):
            raise TypeError("a table without columns")
        self.columns = manager.columns


class _Manager(metaclass=Fixed):
    """In the place of a BlockManager: blocks of columns, and the names of columns and rows."""

    def __init__(self, blocks: Any, axes: Any) -> None:
        names, _ = axes
        self.columns: Columns = {}
        parts = {number: values for block in blocks for number, values in _columns(block)}
        for number, name in enumerate(_texts(names)):
            self.columns[str(name)] = parts[number]
        if len({len(values) for values in parts.values()}) > 1 or len(parts) != len(names):
            raise ValueError("columns of a table that don't fit together")


class _Block(metaclass=Fixed):
    """In the place of a block: columns and their numbers."""

    def __init__(self, values: Any, placement: Any, _: Any = 2) -> None:
        self.values, self.placement = values, placement


class _Texts(metaclass=Fixed):
    """In the place of pandas' arrays of texts."""

    texts: list[Any]

    def __setstate__(self, state: Any) -> None:
        """Take the texts, be they pyarrow's or objects."""
        if isinstance(state, dict):
            self.texts = list(state["_pa_array"])
        else:
            self.texts = next(list(each) for each in state if isinstance(each, np.ndarray))


class _Uuid(metaclass=Fixed):
    """In the place of a UUID."""

    text = ""

    def __setstate__(self, state: Any) -> None:
        """Take its number."""
        self.text = str(uuid.UUID(int=state["int"]))

    def __str__(self) -> str:
        """As `uuid.UUID` writes it."""
        return self.text


def _texts(values: Any) -> list[Any]:
    """The values of one column."""
    if isinstance(values, _Texts):
        return values.texts
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return list(values) if values.dtype == object else list(values.tolist())
    if isinstance(values, list):
        return values
    raise TypeError("a column of a kind that isn't known")


def _columns(block: Any) -> list[tuple[int, list[Any]]]:
    """Numbers and values of the columns of a block."""
    if not isinstance(block, _Block):
        raise TypeError("a table without blocks")
    place, values = block.placement, block.values
    if isinstance(place, slice):
        numbers = list(range(place.start, min(place.stop, 10_000), place.step or 1))
    else:
        numbers = [int(number) for number in np.asarray(place).ravel()]
    rows = list(values) if isinstance(values, np.ndarray) and values.ndim == 2 else [values]
    return list(zip(numbers, [_texts(row) for row in rows], strict=True))


def _unpickled(*_: Any) -> _Texts:
    """An array of texts, whose state follows."""
    return _Texts()


def _index(_: Any, state: Mapping[str, Any]) -> list[Any]:
    """Names of columns; of rows nobody asks."""
    return _texts(state["data"]) if "data" in state else []


def _slice(*given: Any) -> slice:
    if not all(type(each) is int or each is None for each in given):
        raise TypeError("a part of a table that is none")
    return slice(*given)


def _path(kind: type[PurePath]) -> Maker:
    def make(*parts: Any) -> PurePath:
        return kind(*(part for part in parts if isinstance(part, str)))

    return Maker(make)


def _nothing(*_: Any) -> None:
    """Something of which nobody asks."""


_KNOWN: Mapping[tuple[str, str], Any] = MappingProxyType(
    {
        ("builtins", "slice"): Maker(_slice),
        ("builtins", "bytearray"): Maker(arrow_strings.data),
        ("uuid", "UUID"): _Uuid,
        ("uuid", "SafeUUID"): Maker(_nothing),
        **{
            (module, name): _path(PureWindowsPath if "Windows" in name else PurePosixPath)
            for module in ("pathlib", "pathlib._local")
            for name in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
        },
        ("pandas", "DataFrame"): Table,
        ("pandas.core.frame", "DataFrame"): Table,
        ("pandas.core.internals.managers", "BlockManager"): _Manager,
        ("pandas._libs.internals", "_unpickle_block"): _Block,
        ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): Maker(_unpickled),
        ("pandas.core.indexes.base", "_new_Index"): Maker(_index),
        ("pandas", "Index"): StandIn,
        ("pandas", "RangeIndex"): StandIn,
        ("pandas", "StringDtype"): StandIn,
        ("pandas.arrays", "StringArray"): _Texts,
        ("pandas.arrays", "ArrowStringArray"): _Texts,
        ("pandas.core.indexes.base", "Index"): StandIn,
        ("pandas.core.indexes.range", "RangeIndex"): StandIn,
        ("pandas.core.indexes.numeric", "Int64Index"): StandIn,
        ("pyarrow", "chunked_array"): Maker(arrow_strings.chunked),
        ("pyarrow.lib", "chunked_array"): Maker(arrow_strings.chunked),
        ("pyarrow.lib", "_restore_array"): Maker(arrow_strings.array),
        ("pyarrow.lib", "py_buffer"): Maker(arrow_strings.data),
        ("pyarrow.lib", "type_for_alias"): Maker(arrow_strings.alias),
    }
)
"""All that may be in the file beside numpy's, by module and name, and what it means."""


def read_table(path: Path) -> Columns | None:
    """The columns of a table; None where the file holds something else.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError, InputError
        Where it can't be read, or names what no table of plain values needs.
    Exception
        Of `cnmf3d.plain_pickle.DAMAGE`, where it is damaged.
    """
    refuse_special(path)
    with path.open("rb") as file:
        table = Unpickler(file, _KNOWN, _refused).load()
    return getattr(table, "columns", None) if isinstance(table, Table) else None


def _refused(module: str, name: str) -> Any:
    raise InputError(
        f"it holds {module}.{name}, which a batch of mesmerize-core doesn't need; nothing in it was run",
        "If you trust it, save it anew from mesmerize-core with plain numbers and text in its parameters.",
    )
