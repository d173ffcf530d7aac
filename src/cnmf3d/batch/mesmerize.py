"""Batches of mesmerize-core: a pickled pandas table, read without running anything that is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.batch.pickled_tables import read_table
from cnmf3d.errors import InputError
from cnmf3d.plain_pickle import DAMAGE

COLUMNS = ("algo", "item_name", "input_movie_path", "params", "uuid")
"""What a table must have; it has more (outputs, times, comments)."""

PER_AXIS = ("gSig", "gSiz", "rf", "stride", "strides", "gSig_filt")
"""CaImAn's lengths along axes: two values for a movie of one plane."""

NONE_ALONG_Z = ("max_shifts", "overlaps")
"""Such lengths, which are 0 along z in a movie of one plane."""

DEEPEST = 12
"""Levels of dicts and lists in one another; CaImAn's parameters have four. It limits what doubling lists grow to."""

MODULES = {"cnmf": CNMF, "mcorr": MCORR}
"""The module that does what an algorithm of mesmerize-core does."""


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
    """
    return _linked([_row(path, values, raw_data) for values in _table(path)])


def _linked(rows: list[Row]) -> list[Row]:
    """Rows that tell whose output they work on: mesmerize-core keeps it in a folder named by the row's UUID."""
    out: list[Row] = []
    for row in rows:
        parts = row.movie.parts[-2:]
        by = (each.uuid for each in out if each.algorithm == "mcorr" and any(each.uuid in part for part in parts))
        out.append(replace(row, registered_by=next(by, "")))
    return out


def _table(path: Path) -> list[dict[str, Any]]:
    """The rows of the table in a file."""
    try:
        columns = read_table(path)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", "Check the path of the batch.") from error
    except DAMAGE as error:
        raise InputError(
            f"{path} is no batch of mesmerize-core, or is damaged", "Point at its .pickle file."
        ) from error
    except InputError as error:
        raise InputError(f"{path}: {error.problem}", error.fix) from error
    if columns is None or not set(COLUMNS) <= columns.keys():
        raise InputError(
            f"{path} is no batch of mesmerize-core: it lacks the columns {', '.join(COLUMNS)}",
            "Point at the .pickle file that mesmerize_core.create_batch has made.",
        )
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _row(path: Path, values: Mapping[Any, Any], raw_data: Path | None) -> Row:
    """One line of the table."""
    try:
        given = _plain(values["params"])
    except ValueError as error:
        raise InputError(
            f"{path}: the parameters of {values['item_name']!r} are no plain values", str(error)
        ) from error
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


def _plain(value: Any, depth: int = 0) -> Any:
    """Values of numpy as Python's own, also inside dicts and lists.

    Raises
    ------
    ValueError
        For what lies too deep: a pickle may hold lists that contain themselves.
    """
    if depth > DEEPEST:
        raise ValueError(f"They lie more than {DEEPEST} levels deep.")
    if isinstance(value, Mapping):
        return {str(name): _plain(entry, depth + 1) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry, depth + 1) for entry in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), depth + 1) if getattr(value, "ndim", 0) else value.tolist()
    return str(value) if isinstance(value, PurePath) else value
