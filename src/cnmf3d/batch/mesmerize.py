"""Batches of mesmerize-core: a pickled pandas table, read without running anything that is in it."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from cnmf3d.batch import arrow_strings
from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.errors import InputError, UsageError
from cnmf3d.npy_objects import DAMAGE

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("algo", "item_name", "input_movie_path", "params", "uuid")
"""What a table must have; it has more (outputs, times, comments)."""

PER_AXIS = ("gSig", "gSiz", "rf", "stride", "strides", "gSig_filt")
"""CaImAn's lengths along axes: two values for a movie of one plane."""

NONE_ALONG_Z = ("max_shifts", "overlaps")
"""Such lengths, which are 0 along z in a movie of one plane."""

MODULES = {"cnmf": CNMF, "mcorr": MCORR}
"""The module that does what an algorithm of mesmerize-core does."""

_PATHS = {
    "PosixPath": PurePosixPath,
    "PurePosixPath": PurePosixPath,
    "WindowsPath": PureWindowsPath,
    "PureWindowsPath": PureWindowsPath,
}

_TYPES = {
    ("builtins", "slice"): "",
    ("uuid", "UUID"): "",
    ("uuid", "SafeUUID"): "",
    ("numpy", "ndarray"): "",
    ("numpy", "dtype"): "",
    ("numpy._core.multiarray", "_reconstruct"): "",
    ("numpy._core.multiarray", "scalar"): "",
    ("numpy._core.numeric", "_frombuffer"): "",
    ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("numpy.core.multiarray", "scalar"): "numpy._core.multiarray",
    ("numpy.core.numeric", "_frombuffer"): "numpy._core.numeric",
    ("pandas", "DataFrame"): "",
    ("pandas", "Index"): "",
    ("pandas", "RangeIndex"): "",
    ("pandas", "StringDtype"): "",
    ("pandas.arrays", "StringArray"): "",
    ("pandas.core.frame", "DataFrame"): "pandas",
    ("pandas.core.indexes.base", "Index"): "pandas",
    ("pandas.core.indexes.range", "RangeIndex"): "pandas",
    ("pandas.core.internals.managers", "BlockManager"): "",
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): "",
}
"""All that may be in the file, by module and name, and the module where it is today if that is another one."""

_STANDING = {
    ("builtins", "bytearray"): arrow_strings.data,
    ("pandas.arrays", "ArrowStringArray"): arrow_strings.Strings,
    ("pandas._libs.internals", "_unpickle_block"): arrow_strings.block,
    ("pandas.core.indexes.base", "_new_Index"): arrow_strings.index,
    ("pyarrow", "chunked_array"): arrow_strings.chunked,
    ("pyarrow.lib", "chunked_array"): arrow_strings.chunked,
    ("pyarrow.lib", "_restore_array"): arrow_strings.array,
    ("pyarrow.lib", "py_buffer"): arrow_strings.data,
    ("pyarrow.lib", "type_for_alias"): arrow_strings.alias,
}
"""What may be in the file and has something of ours in its place."""


@dataclass(frozen=True)
class Row:
    """One item of a mesmerize-core batch.

    Attributes
    ----------
    name, algorithm, uuid : str
        ``algorithm`` is ``mcorr``, ``cnmf`` or ``cnmfe``.
    movie : Path
        Where its movie is or was.
    parameters : dict
        CaImAn's names and plain values.
    registered_by : str
        UUID of the earlier ``mcorr`` row whose output is this row's movie; else empty.
    """

    name: str
    algorithm: str
    uuid: str
    movie: Path
    parameters: dict[str, Any]
    registered_by: str = ""

    def for_volume(self, planes: int) -> dict[str, Any]:
        """Parameters for a movie of so many planes: lengths given along two axes (y, x) become x, y, z."""
        if planes > 1:
            return self.parameters
        return {
            name: [value[1], value[0], int(name in PER_AXIS)]
            if name in (*PER_AXIS, *NONE_ALONG_Z) and isinstance(value, (list, tuple)) and len(value) == 2
            else value
            for name, value in self.parameters.items()
        }


def read_mesmerize(path: Path, *, raw_data: Path | None = None) -> list[Row]:
    """Read a batch of mesmerize-core.

    Parameters
    ----------
    path : Path
        Its ``.pickle`` file.
    raw_data : Path, optional
        Folder that movies are relative to (mesmerize-core's parent raw data path). The batch's own folder is
        looked at first.

    Returns
    -------
    list of Row
        In the order of the table.

    Raises
    ------
    InputError
        For a file that isn't there, isn't such a batch, or holds anything but a table of plain values.
    UsageError
        Where pandas isn't installed.
    """
    if importlib.util.find_spec("pandas") is None:
        raise UsageError(
            "pandas isn't installed, and batches of mesmerize-core are pandas tables",
            "Install it: pip install 'cnmf3d[project]'.",
        )
    return _linked([_row(path, values, raw_data) for values in _table(path).to_dict("records")])


def _linked(rows: list[Row]) -> list[Row]:
    """Rows that tell whose output they work on: mesmerize-core keeps it in a folder named by the row's UUID."""
    out: list[Row] = []
    for row in rows:
        parts = row.movie.parts[-2:]
        by = (each.uuid for each in out if each.algorithm == "mcorr" and any(each.uuid in part for part in parts))
        out.append(replace(row, registered_by=next(by, "")))
    return out


class _Restricted(pickle.Unpickler):
    """An unpickler that makes tables of plain values and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Give one of the types that a table is made of; refuse all others."""
        if module in ("pathlib", "pathlib._local") and name in _PATHS:
            return _PATHS[name]
        if (module, name) == ("pandas.core.indexes.numeric", "Int64Index"):
            module, name = "pandas", "Index"
        if (module, name) in _STANDING:
            return _STANDING[module, name]
        if (module, name) not in _TYPES:
            raise InputError(
                f"it holds {module}.{name}, which a batch of mesmerize-core doesn't need; nothing in it was run",
                "If you trust it, save it anew from mesmerize-core with plain numbers and text in its parameters.",
            )
        return super().find_class(_TYPES[module, name] or module, name)


def _table(path: Path) -> DataFrame:
    """The table in a file."""
    import pandas

    try:
        with path.open("rb") as file:
            table = _Restricted(file).load()
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", "Check the path of the batch.") from error
    except DAMAGE as error:
        raise InputError(
            f"{path} is no batch of mesmerize-core, or is damaged", "Point at its .pickle file."
        ) from error
    except InputError as error:
        raise InputError(f"{path}: {error.problem}", error.fix) from error
    if not isinstance(table, pandas.DataFrame) or not set(COLUMNS) <= set(table.columns):
        raise InputError(
            f"{path} is no batch of mesmerize-core: it lacks the columns {', '.join(COLUMNS)}",
            "Point at the .pickle file that mesmerize_core.create_batch has made.",
        )
    return table


def _row(path: Path, values: Mapping[Any, Any], raw_data: Path | None) -> Row:
    """One line of the table."""
    given = _plain(values["params"])
    if not isinstance(given, dict) or not isinstance(given.get("main", {}), dict):
        raise InputError(
            f"{path}: the parameters of {values['item_name']!r} are {given!r}", 'They should be {"main": {...}}.'
        )
    rest = {name: value for name, value in given.items() if name != "main"}
    return Row(
        name=str(values["item_name"]),
        algorithm=str(values["algo"]),
        uuid=str(values["uuid"]),
        movie=_movie(path, values["input_movie_path"], raw_data),
        parameters={**given.get("main", {}), **rest},
    )


def _movie(path: Path, given: Any, raw_data: Path | None) -> Path:
    """Where a movie is: beside the batch, else below the raw data, else as it was written."""
    text = given.as_posix() if isinstance(given, PurePath) else str(given)
    folders = [path.parent, *([] if raw_data is None else [raw_data])]
    candidates = [folder / text for folder in folders]
    return next((each for each in candidates if each.exists()), candidates[-1]).absolute()


def _plain(value: Any) -> Any:
    """Values of numpy as Python's own, also inside dicts and lists."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist()) if getattr(value, "ndim", 0) else value.tolist()
    return str(value) if isinstance(value, PurePath) else value
