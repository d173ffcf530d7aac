"""What lies in Suite2p's folders: planes, views of planes, their settings; as Suite2p 0.x and 1.x write them.

Suite2p 0.x keeps everything that isn't a trace in ``ops.npy``. Version 1 has ``db.npy`` (the recording),
``settings.npy`` (in groups), ``reg_outputs.npy`` and ``detect_outputs.npy``, and writes all of them into ``ops.npy``
too unless that is switched off. A mesoscope's recording has several views of each plane, each in a folder of its own
that is called a plane.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.errors import InputError
from cnmf3d.npy_objects import load_numbers, load_objects

NEUROPIL = 0.7
"""Share of the neuropil that Suite2p takes away where its settings don't say: its own default."""

SETTINGS = ("db", "settings", "reg_outputs", "detect_outputs", "ops")
"""Files with settings and pictures; what a later one says wins."""


@dataclass(frozen=True)
class Plane:
    """What one folder holds, as it is there.

    Attributes
    ----------
    folder : Path
    number : int
        Which plane of the volume.
    stat : sequence of mappings
    ops : mapping
        Settings and pictures; empty where there are none.
    traces : mapping of name to (ROIs, frames)
        ``F``, ``Fneu``, ``spks``.
    iscell : (ROIs, 2)
    corner : (y, x)
        Where this view of the plane begins in the whole plane.
    turned : int
        How many verdicts are those of the combined view and others than the plane's own.
    """

    folder: Path
    number: int
    stat: Sequence[Mapping[str, Any]]
    ops: Mapping[str, Any]
    traces: Mapping[str, Float]
    iscell: npt.NDArray[np.float64]
    corner: tuple[int, int] = (0, 0)
    turned: int = 0

    @property
    def ours(self) -> bool:
        """Whether cnmf3d wrote it."""
        return "cnmf3d_versions" in self.ops

    @property
    def share(self) -> float | None:
        """Share of the neuropil that is to be taken away; None where the settings don't say."""
        extraction = self.ops.get("extraction")  # a group of version 1
        told = self.ops.get("neucoeff")
        if told is None and isinstance(extraction, dict):
            told = extraction.get("neuropil_coefficient")
        return float(told) if isinstance(told, (int, float, np.number)) else None

    @property
    def raw(self) -> Float:
        """F with the share of the neuropil taken away that Suite2p's settings name."""
        share = NEUROPIL if self.share is None else self.share
        return np.asarray(self.traces["F"] - np.float32(share) * self.traces["Fneu"], np.float32)

    @property
    def size(self) -> tuple[int, int] | None:
        """Rows and columns of the picture; None where nothing says."""
        told = int(number_of(self.ops.get("Ly"))), int(number_of(self.ops.get("Lx")))
        if min(told) > 0:
            return told
        picture = self.ops.get("meanImg")
        return picture.shape if isinstance(picture, np.ndarray) and picture.ndim == 2 else None


def read_planes(path: Path) -> list[Plane]:
    """Read every plane below a folder, or the one that it is.

    Raises
    ------
    InputError
        Where files are missing or damaged or don't fit one another, or views don't say where they lie.
    """
    return _placed(_judged([_plane(folder, number) for number, folder in _folders(path)]), path)


def number_of(value: Any) -> float:
    """A finite number; 0 for anything else."""
    return float(value) if isinstance(value, (int, float, np.number)) and np.isfinite(value) else 0.0


def _judged(planes: list[Plane]) -> list[Plane]:
    """Planes with the verdicts of the combined view where those are newer: there Suite2p's window keeps its user's."""
    combined = planes[0].folder.parent / "combined" / "iscell.npy"
    own = [place for plane in planes if (place := plane.folder / "iscell.npy").is_file()]
    if not combined.is_file() or any(place.stat().st_mtime_ns > combined.stat().st_mtime_ns for place in own):
        return planes
    verdicts = _verdicts(combined)
    ends = np.cumsum([len(plane.stat) for plane in planes])
    if verdicts.ndim != 2 or verdicts.shape[1] < 1 or len(verdicts) != ends[-1]:
        return planes  # of other planes, or with ROIs that were merged there
    parts = np.split(verdicts, ends[:-1])
    return [
        dataclasses.replace(
            plane, iscell=part, turned=int(np.count_nonzero((part[:, 0] > 0) != (plane.iscell[:, 0] > 0)))
        )
        for plane, part in zip(planes, parts, strict=True)
    ]


def _placed(planes: Sequence[Plane], path: Path) -> list[Plane]:
    """Planes with the place of each view; a folder's number counts the views of the first plane, then of the next."""
    views = _views(planes)
    if views == 1 or len(planes) == 1:
        return list(planes)
    corners = [_corner(plane, plane.number % views) for plane in planes]
    known = [corner for corner in corners if corner is not None]
    if len(known) < len(corners):
        lost = planes[corners.index(None)].folder
        raise InputError(
            f"{path} has {views} views of each plane, but {lost.name} doesn't say where it lies in it (dx, dy)",
            "Import each view by itself: give the folder of one.",
        )
    top, left = (min(side) for side in zip(*known, strict=True))
    return [
        dataclasses.replace(plane, number=plane.number // views, corner=(y - top, x - left))
        for plane, (y, x) in zip(planes, known, strict=True)
    ]


def _views(planes: Sequence[Plane]) -> int:
    """How many folders are views of one plane."""
    told = max(int(number_of(plane.ops.get("nrois"))) for plane in planes)
    if told > 1:
        return told
    places = {_corner(plane, 0) for plane in planes}
    depth = max(int(number_of(plane.ops.get("nplanes"))) for plane in planes)
    if None in places or len(places) == 1 or depth > planes[-1].number:
        return 1  # older versions put planes side by side, too, for their window
    return len(places)


def _corner(plane: Plane, view: int) -> tuple[int, int] | None:
    """Where a view begins, (y, x); None where its settings don't say."""
    top, left = (_own(plane.ops.get(name), view) for name in ("dy", "dx"))
    return None if top is None or left is None else (top, left)


def _own(value: Any, view: int) -> int | None:
    """The number of one view, where the settings list that of all of them or have only its own."""
    each = np.ravel(np.asarray(value, object))
    own = each[0] if each.size == 1 else each[view] if view < each.size else None
    return int(own) if isinstance(own, (int, float, np.number)) else None


def _folders(path: Path) -> list[tuple[int, Path]]:
    """Folders of planes, with their numbers."""
    if (path / "stat.npy").is_file():
        return [(0, path)]
    for place in (path, path / "suite2p"):
        found = [(int(m[1]), each) for each in place.glob("plane*") if (m := re.fullmatch(r"plane(\d+)", each.name))]
        if found:
            return sorted(found)
    raise InputError(f"{path} is no folder of Suite2p", "Give the folder that holds plane0, or one with stat.npy.")


def _plane(folder: Path, number: int) -> Plane:
    missing = [name for name in ("stat.npy", "F.npy") if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} has no {missing[0]}", "Run Suite2p's extraction again, or leave the plane out.")
    rows = np.atleast_1d(load_objects(folder / "stat.npy"))
    stat = [row for row in rows.ravel() if isinstance(row, dict)]
    if len(stat) != rows.size:
        raise InputError(f"{folder / 'stat.npy'} doesn't hold Suite2p's ROIs", "Take another copy of it.")
    traces = {name: _traces(folder, name) for name in ("F", "Fneu", "spks")}
    traces = {name: np.zeros_like(traces["F"]) if not v.size else v for name, v in traces.items()}
    if any(v.shape != traces["F"].shape for v in traces.values()) or len(traces["F"]) != len(stat):
        sizes = ", ".join(f"{name} {v.shape}" for name, v in traces.items())
        raise InputError(f"{folder}: the files don't fit one another: {len(stat)} ROIs; {sizes}", "Run Suite2p again.")
    cells = folder / "iscell.npy"
    iscell = np.ones((len(stat), 2)) if not cells.is_file() else _verdicts(cells)
    if iscell.ndim != 2 or len(iscell) != len(stat) or iscell.shape[1] < 1:
        raise InputError(f"{cells} has the shape {iscell.shape} for {len(stat)} ROIs", "Run Suite2p again.")
    return Plane(folder, number, stat, _settings(folder), traces, iscell)


def _verdicts(path: Path) -> npt.NDArray[np.float64]:
    return np.asarray(load_numbers(path, "verdicts on ROIs", "Run Suite2p again."), np.float64)


def _traces(folder: Path, name: str) -> Float:
    path = folder / f"{name}.npy"
    if not path.is_file():
        return np.zeros((0, 0), np.float32)
    values = load_numbers(path, "traces", "Run Suite2p again.")
    if values.ndim != 2:
        raise InputError(f"{path} doesn't hold traces: {values.dtype} of shape {values.shape}", "Run Suite2p again.")
    return np.asarray(values, np.float32)


def _settings(folder: Path) -> Mapping[str, Any]:
    """Settings and pictures; empty where there are no such files."""
    found: dict[str, Any] = {}
    for name in SETTINGS:
        path = folder / f"{name}.npy"
        if not path.is_file():
            continue
        told = load_objects(path)
        value = told.item() if told.size == 1 else None
        if not isinstance(value, dict):
            raise InputError(f"{path} doesn't hold Suite2p's settings", "Take another copy of it, or remove it.")
        found.update(value)
    return found
