"""Traces from elsewhere, read from tables of numbers (CSV, npy, MATLAB), and what deconvolution makes of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from cnmf3d import matlab_files
from cnmf3d.damage import explained, reason_of
from cnmf3d.errors import InputError, UsageError
from cnmf3d.hdf5 import written
from cnmf3d.results.placing import new_file

Array = npt.NDArray[Any]
Cells = Literal["rows", "columns"]

SUITE2P, SUITE2P_NEUROPIL, SUITE2P_FACTOR = "F.npy", "Fneu.npy", 0.7
"""Suite2p's files of fluorescence and neuropil, and the share of neuropil that it takes out (its `neucoeff`)."""

FORMATS = (".npz", ".hdf5", ".h5", ".csv")


@dataclass(frozen=True)
class TraceTable:
    """Traces of a file.

    Attributes
    ----------
    values : (cells, frames) float
    notes, cautions : tuple of str
        What was done, and what was guessed, with the alternative.
    """

    values: Array
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


def read_traces(
    path: Path,
    *,
    cells: Cells | None = None,
    neuropil: Path | None = None,
    factor: float = SUITE2P_FACTOR,
    name: str = "",
) -> TraceTable:
    """Traces of a file, neuropil taken out.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.tsv``, ``.txt``, ``.npy``, ``.npz`` or ``.mat`` (also MATLAB 7.3).
    cells : "rows" or "columns", optional
        What cells are; guessed if not given: there are more frames than cells.
    neuropil : Path, optional
        A file of the same shape; ``Fneu.npy`` beside Suite2p's ``F.npy`` if not given.
    factor : float
        Share of it that is taken out; 0 takes none.
    name : str
        Variable of a file that has several.

    Raises
    ------
    InputError
        Where there are no traces in the file.
    """
    values, notes, cautions = _table(path, name)
    suite2p = path.name == SUITE2P
    if cells is None and suite2p:
        cells = "rows"
    if cells is None:
        cells = "rows" if values.shape[0] <= values.shape[1] else "columns"
        count, frames = values.shape if cells == "rows" else values.shape[::-1]
        other = "columns" if cells == "rows" else "rows"
        cautions.append(
            f"{path.name}: cells are taken to be {cells} ({count} cells, {frames} frames); if not: --cells {other}"
        )
    if cells == "columns":
        values, dropped = _without_time(values)
        if dropped:
            cautions.append(f"{path.name}: the first column rises evenly and is taken for time, not for a cell")
        values = values.T
    beside = path.with_name(SUITE2P_NEUROPIL)
    if neuropil is None and suite2p and beside.is_file():
        neuropil = beside
    if neuropil is not None and factor:
        around = _table(neuropil, "")[0]
        if around.shape != values.shape and around.T.shape == values.shape:
            around = around.T
        if around.shape != values.shape:
            raise InputError(
                f"{neuropil} has the shape {around.shape}, the traces have {values.shape}",
                "Give the neuropil of the same cells and frames, or --neuropil-factor 0 to take none out.",
            )
        values = values - factor * around
        notes.append(f"{factor:g} of {neuropil.name} was taken out as neuropil")
    return TraceTable(values, tuple(notes), tuple(cautions))


def _table(path: Path, name: str) -> tuple[Array, list[str], list[str]]:
    """A table of numbers, (rows, columns), and notes and cautions."""
    if not path.is_file():
        raise InputError(f"{path} is not there", "Give a file of traces: .csv, .npy, .npz or .mat.")
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return _text(path), [], []
    if suffix == ".npy":
        with explained(path, "an array of numbers", "Save the traces as a plain array."):
            found: Array = np.load(path, allow_pickle=False)
        return _two_axes(found, path), [], []
    if suffix not in (".npz", ".mat"):
        raise InputError(f"{path}: traces are read from .csv, .npy, .npz and .mat", "Export them as one of these.")
    kind = "an .npz file" if suffix == ".npz" else "a MATLAB file"
    with explained(path, kind, "Save it again, or as .npy or .csv."):
        variables = _variables(path)
    usable = {
        key: value
        for key, value in variables.items()
        if value.ndim == 2 and value.dtype.kind in "fiu" and value.size > 1
    }
    if name and name not in usable:
        raise InputError(f"{path} has no table of numbers {name!r}", f"There is {', '.join(usable) or 'none'}.")
    if not usable:
        raise InputError(f"{path} has no table of numbers", "Traces are a matrix, cells by frames.")
    chosen = name or max(usable, key=lambda key: usable[key].size)
    cautions = []
    if not name and len(usable) > 1:
        others = ", ".join(key for key in usable if key != chosen)
        cautions.append(f"{path.name}: {chosen} is read, the largest; there are also {others} (--variable)")
    return usable[chosen], [], cautions


def _variables(path: Path) -> Mapping[str, Array]:
    """Arrays of an npz or MATLAB file by their names."""
    if path.suffix.lower() == ".npz":
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {key: file[key] for key in file.files if file[key].dtype.kind in "fiu"}
    if h5py.is_hdf5(path):  # MATLAB 7.3 stores columns first
        with h5py.File(path) as hdf:
            return {key: value[()].T for key, value in hdf.items() if isinstance(value, h5py.Dataset)}
    try:
        found = matlab_files.load(path)
    except Exception as error:  # a class of its own, and whatever bad bytes lead to
        raise ValueError(reason_of(error)) from error
    return {key: np.asarray(value) for key, value in found.items() if isinstance(value, np.ndarray)}


def _two_axes(found: Array, path: Path) -> Array:
    if found.dtype.kind not in "fiu" or found.ndim not in (1, 2):
        raise InputError(
            f"{path} has the shape {found.shape} of {found.dtype}", "Traces are numbers, cells by frames; or one trace."
        )
    return np.atleast_2d(found)


def _text(path: Path) -> Array:
    """A table of numbers as text: comma, semicolon, tab or space between, a header or none; empty fields are NaN."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise InputError(f"{path} is empty", "Traces are rows or columns of numbers.")
    mark = next((m for m in ("\t", ";", ",") if m in lines[-1]), None)
    rows = [line.split() for line in lines] if mark is None else list(csv.reader(lines, delimiter=mark))
    start = 0 if all(_number(field) is not None for field in rows[0]) else 1
    width = max(len(row) for row in rows)
    out = np.full((len(rows) - start, width), np.nan)
    for i, row in enumerate(rows[start:]):
        for j, field in enumerate(row):
            value = _number(field)
            if value is None:
                raise InputError(
                    f"{path}: {field!r} in line {i + start + 1}, column {j + 1} is no number",
                    "Leave a field empty where nothing was seen; one line of names may come first.",
                )
            out[i, j] = value
    return out


def _number(field: str) -> float | None:
    """The number of a field; NaN where it is empty; None where it is something else."""
    if not field.strip():
        return float("nan")
    try:
        return float(field)
    except ValueError:
        return None


def _without_time(values: Array) -> tuple[Array, bool]:
    """The columns without a first one that rises evenly."""
    if values.shape[1] < 2 or len(values) < 3:
        return values, False
    steps = np.diff(values[:, 0])
    if np.isfinite(steps).all() and steps.min() > 0 and np.ptp(steps) < 0.2 * np.median(steps):
        return values[:, 1:], True
    return values, False


def write_deconvolution(
    arrays: Mapping[str, Array],
    facts: Mapping[str, float],
    path: Path,
    *,
    events: Mapping[str, Array] | None = None,
    force: bool = False,
) -> list[Path]:
    """Write arrays of a deconvolution: all in one ``.npz`` or ``.hdf5``, or ``.csv`` tables.

    Parameters
    ----------
    arrays : mapping of name to (cells, frames) or (cells,) array
    facts : mapping of name to number
        Of all cells: attributes of the HDF5 file, scalars of the npz.
    path : Path
        A ``.csv`` is a table of cells (their numbers, one line each); ``NAME_spikes.csv`` and so on beside it hold
        courses, a column for each cell.
    events : mapping of name to (events,) array, optional
        A table of their own: ``events_NAME`` in the npz, a group ``events`` in HDF5, ``NAME_events.csv``.
    force : bool
        Whether files may be replaced.

    Returns
    -------
    list of Path
        What was written.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(
            f"{path}: a deconvolution is written as {', '.join(FORMATS)}", "Give a name that ends so: -o spikes.npz."
        )
    if suffix == ".csv":
        return _write_tables(arrays, events or {}, path, force=force)
    with new_file(path, force=force) as draft:
        if suffix == ".npz":
            named: dict[str, Any] = {**arrays, **{name: np.asarray(value) for name, value in facts.items()}}
            named |= {f"events_{name}": values for name, values in (events or {}).items()}
            np.savez_compressed(draft, **named)
        else:
            draft.touch()
            with written(draft) as file:
                for name, values in arrays.items():
                    file.create_dataset(name, data=values, compression="gzip" if values.ndim == 2 else None)
                for name, values in (events or {}).items():
                    file[f"events/{name}"] = values
                file.attrs.update(facts)
    return [path]


def _write_tables(arrays: Mapping[str, Array], events: Mapping[str, Array], path: Path, *, force: bool) -> list[Path]:
    """One table of cells, one of each course, and one of the events."""
    flat = {name: values for name, values in arrays.items() if values.ndim == 1}
    courses = {name: values for name, values in arrays.items() if values.ndim == 2}
    cells = len(next(iter(flat.values())))
    tables = {path: (["cell", *flat], np.column_stack([np.arange(cells), *flat.values()]))}
    for name, values in courses.items():
        tables[path.with_name(f"{path.stem}_{name}.csv")] = ([f"cell_{k}" for k in range(cells)], values.T)
    if events:
        place = path.with_name(f"{path.stem}_events.csv")
        tables[place] = ([*events], np.column_stack([*events.values()]))
    for place, (header, rows) in tables.items():
        with new_file(place, force=force) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows([f"{value:.7g}" for value in row] for row in rows)
    return list(tables)
