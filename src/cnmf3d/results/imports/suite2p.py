"""Suite2p's folder: ``plane0``, ``plane1``, ... with stat, F, Fneu, spks, iscell and ops; or one such plane."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Background, Components, Float, Kinetics, VolumeShape
from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.results.exports.suite2p import WHOLE
from cnmf3d.results.footprints import Footprints, footprints_of, unit
from cnmf3d.results.imports.importer import Given, Importer
from cnmf3d.results.imports.objects import load_objects
from cnmf3d.results.model import Provenance, Results
from cnmf3d.traces import delta_f_over_f, quiet_level

NEUROPIL = 0.7
"""Share of the neuropil that Suite2p takes away where its settings don't say."""

MEASURES = {"skew": "skewness", "compact": "compact", "aspect_ratio": "aspect_ratio", "radius": "radius"}
"""Entries of ``stat`` that become measures."""

PICTURES = {"meanImg": "mean", "max_proj": "max"}


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
        Settings; empty where there are none.
    traces : mapping of name to (ROIs, frames)
        ``F``, ``Fneu``, ``spks``.
    iscell : (ROIs, 2)
    """

    folder: Path
    number: int
    stat: Sequence[Mapping[str, Any]]
    ops: Mapping[str, Any]
    traces: Mapping[str, Float]
    iscell: npt.NDArray[np.float64]

    @property
    def ours(self) -> bool:
        """Whether cnmf3d wrote it."""
        return "cnmf3d_versions" in self.ops

    @property
    def raw(self) -> Float:
        """F with the share of the neuropil taken away that Suite2p's settings name."""
        share = self.ops.get("neucoeff", NEUROPIL)
        return np.asarray(self.traces["F"] - np.float32(share) * self.traces["Fneu"], np.float32)


def read_suite2p(path: Path, given: Given) -> Results:
    """Read what Suite2p found in each plane, as one volume.

    Raw traces are ``F - neucoeff * Fneu`` in Suite2p's units, spikes its ``spks``; ΔF/F is the raw trace above its
    quiet level over that. Cells that Suite2p took for such (or its user did) are accepted.

    Parameters
    ----------
    path : Path
        The folder ``suite2p``, the one above it, or one plane.
    given : Given
        `rate`, `voxel_size` and `shape` win over what the files say.

    Raises
    ------
    InputError
        Where files are missing or damaged or don't fit one another.
    """
    planes = [_plane(folder, number) for number, folder in _folders(path)]
    frames = min(plane.traces["F"].shape[1] for plane in planes)
    longest = max(plane.traces["F"].shape[1] for plane in planes)
    notes = (f"planes have {frames} to {longest} frames: cut to {frames}",) if longest > frames else ()
    shape = _shape(planes, given)
    decay = [_decay(plane) for plane in planes for _ in plane.stat]
    raw = np.concatenate([plane.raw[:, :frames] for plane in planes])
    baseline = quiet_level(raw)[0] if raw.size else np.zeros(len(raw), np.float32)
    ours = np.array([plane.ours for plane in planes for _ in plane.stat], bool)
    none = np.zeros(len(raw), np.float32)
    level, footprints = np.where(ours, none, baseline), _footprints(planes, shape)
    components = Components(
        shape=shape,
        footprints=footprints,
        traces=raw,
        residuals=np.zeros_like(raw),
        spikes=np.concatenate([plane.traces["spks"][:, :frames] for plane in planes]),
        background=Background(np.zeros((int(np.prod(shape)), 0), np.float32), np.zeros((0, frames), np.float32)),
        kinetics=Kinetics(np.array(decay, np.float32).reshape(-1, 1), level, none, none, none),
        dff=delta_f_over_f(raw, level, footprints, np.zeros(footprints.shape[0], np.float32)),
        quality=_quality(planes),
        accepted=np.concatenate([plane.iscell[:, 0] > 0 for plane in planes]),
    )
    first = planes[0].ops
    told = first.get("cnmf3d_voxel_size_zyx_um")
    return Results(
        components=components,
        parameters={},
        rate=given.rate or _number(first.get("fs")),
        voxel_size=given.voxel_size or (ZYX(*(float(side) for side in told)) if isinstance(told, list) else None),
        projections=_projections(planes, shape),
        provenance=Provenance(warnings=notes),
    )


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
    iscell = np.ones((len(stat), 2)) if not cells.is_file() else np.asarray(load_objects(cells), np.float64)
    if iscell.ndim != 2 or len(iscell) != len(stat) or iscell.shape[1] < 1:
        raise InputError(f"{cells} has the shape {iscell.shape} for {len(stat)} ROIs", "Run Suite2p again.")
    return Plane(folder, number, stat, _ops(folder), traces, iscell)


def _traces(folder: Path, name: str) -> Float:
    path = folder / f"{name}.npy"
    if not path.is_file():
        return np.zeros((0, 0), np.float32)
    values = load_objects(path)
    if values.dtype.kind not in "fiu" or values.ndim != 2:
        raise InputError(f"{path} doesn't hold traces: {values.dtype} of shape {values.shape}", "Run Suite2p again.")
    return np.asarray(values, np.float32)


def _ops(folder: Path) -> Mapping[str, Any]:
    """Settings; empty where the file is missing."""
    path = folder / "ops.npy"
    if not path.is_file():
        return {}
    told = load_objects(path)
    value = told.item() if told.size == 1 else None
    if not isinstance(value, dict):
        raise InputError(f"{path} doesn't hold Suite2p's settings", "Take another copy of it, or remove it.")
    return value


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float, np.number)) and np.isfinite(value) else 0.0


def _decay(plane: Plane) -> float:
    """AR coefficient a frame that spikes were found with: ``exp(-1 / (tau fs))``."""
    frames = _number(plane.ops.get("tau")) * _number(plane.ops.get("fs"))
    return float(np.exp(-1 / frames)) if frames > 0 else 0.0


def _pixels(plane: Plane, row: Mapping[str, Any]) -> tuple[npt.NDArray[np.int64], ...]:
    """Places z, y, x and weights of a ROI."""
    try:
        if all(name in row for name in WHOLE):
            z, y, x, lam = (np.asarray(row[name]).ravel() for name in WHOLE)
        else:
            y, x, lam = (np.asarray(row[name]).ravel() for name in ("ypix", "xpix", "lam"))
            z = np.full(y.size, plane.number)
    except KeyError as error:
        raise InputError(f"{plane.folder / 'stat.npy'} has a ROI without {error}", "Run Suite2p again.") from error
    whole = all(part.dtype.kind in "iu" for part in (z, y, x)) and lam.dtype.kind in "fiu"
    if not whole or not z.size == y.size == x.size == lam.size:
        raise InputError(f"{plane.folder / 'stat.npy'} has a ROI whose pixels don't fit", "Run Suite2p again.")
    return z.astype(np.int64), y.astype(np.int64), x.astype(np.int64), lam


def _shape(planes: Sequence[Plane], given: Given) -> VolumeShape:
    """Size of the volume: given, or as the settings say, or where the last pixel is."""
    if given.shape is not None:
        return given.shape
    depth = max(plane.number for plane in planes) + 1
    sizes = [(int(_number(plane.ops.get("Ly"))), int(_number(plane.ops.get("Lx")))) for plane in planes]
    every = [_pixels(plane, row) for plane in planes for row in plane.stat]
    ends = [(int(y.max(initial=0)) + 1, int(x.max(initial=0)) + 1) for _, y, x, _ in every]
    known = [size for size in sizes if min(size) > 0] or ends or [(1, 1)]
    return depth, max(y for y, _ in known), max(x for _, x in known)


def _footprints(planes: Sequence[Plane], shape: VolumeShape) -> Footprints:
    columns = []
    for plane in planes:
        for row in plane.stat:
            *places, lam = _pixels(plane, row)
            if any((p < 0).any() or (p >= n).any() for p, n in zip(places, shape, strict=True)):
                z, y, x = (int(p.max(initial=0)) + 1 for p in places)
                raise InputError(
                    f"{plane.folder / 'stat.npy'}: a ROI reaches beyond the volume",
                    f"It is at least --shape {x},{y},{z}.",
                )
            columns.append((np.ravel_multi_index(tuple(places), shape), np.maximum(np.nan_to_num(lam), 0)))
    return unit(footprints_of(columns, int(np.prod(shape))))[0]


def _quality(planes: Sequence[Plane]) -> dict[str, Float]:
    """Suite2p's own measures; NaN where a ROI lacks one."""
    rows = [row for plane in planes for row in plane.stat]
    out = {}
    for theirs, ours in MEASURES.items():
        values = [_number(row[theirs]) if theirs in row else np.nan for row in rows]
        if any(theirs in row for row in rows):
            out[ours] = np.array(values, np.float32)
    if all(plane.iscell.shape[1] > 1 for plane in planes):
        out["cell_probability"] = np.concatenate([plane.iscell[:, 1] for plane in planes]).astype(np.float32)
    return out


def _projections(planes: Sequence[Plane], shape: VolumeShape) -> dict[str, Float]:
    """Suite2p's pictures as volumes; those that all planes have."""
    out: dict[str, Float] = {}
    for theirs, ours in PICTURES.items():
        volume = np.zeros(shape, np.float32)
        for plane in planes:
            picture = plane.ops.get(theirs)
            if not isinstance(picture, np.ndarray) or picture.ndim != 2 or picture.dtype.kind not in "fiu":
                break
            top, left = _corner(plane.ops, picture, shape)
            part = picture[: shape[1] - top, : shape[2] - left]
            volume[plane.number, top : top + part.shape[0], left : left + part.shape[1]] = part
        else:
            out[ours] = volume
    return out


def _corner(ops: Mapping[str, Any], picture: npt.NDArray[Any], shape: VolumeShape) -> tuple[int, int]:
    """Where a picture begins that Suite2p cut to what stays in view."""
    if picture.shape == shape[1:]:
        return 0, 0
    try:
        return int(ops["yrange"][0]), int(ops["xrange"][0])
    except (KeyError, TypeError, IndexError, ValueError):
        return 0, 0


IMPORTER = Importer(
    "suite2p",
    "folder of Suite2p, all its planes or one",
    read_suite2p,
    frozenset({"rate", "voxel_size", "shape"}),
)
