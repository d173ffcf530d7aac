"""Sidecar metadata: ``movie.json`` beside ``movie.tif``, in the form `json_minimal`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cnmf3d import plain_json
from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX, along_axes
from cnmf3d.movies.axes import parse_axes
from cnmf3d.movies.clock import plane_times_given
from cnmf3d.movies.stored import Facts, Place
from cnmf3d.movies.timing import PLANES, Times
from cnmf3d.regular import refuse_special

KNOWN = ("origin", "fps", "date", "axes", "planes", "voxel_size", "plane_times")
FORM = '{"origin": "microscope A", "fps": 5.0, "date": "20240131_142500"}'


@dataclass(frozen=True)
class Sidecar:
    """What a sidecar says.

    Attributes
    ----------
    facts : Facts
        Rate from ``fps`` (volumes a second), voxel size from ``voxel_size`` (µm); the whole object as
        metadata.
    axes : str or None
        Order of the file's axes, from ``axes``.
    planes : int or None
        Planes a volume where pages lie in one list, from ``planes``.
    channels : int or None
        Channels of a plane where pages lie in one list, from ``channels`` where that is a number.
    """

    facts: Facts = field(default_factory=Facts)
    axes: str | None = None
    planes: int | None = None
    channels: int | None = None


def sidecar_of(places: Sequence[Place]) -> Sidecar:
    """Read the sidecar of a movie, where there is one.

    ``NAME.json`` beside the (first) file ``NAME.tif``; several suffixes go together or one by one, so that
    ``NAME.ome.tif`` may have ``NAME.ome.json`` or ``NAME.json``. Several files of one folder may share
    ``FOLDER.json`` beside it.

    Raises
    ------
    InputError
        Where it is no JSON, or ``origin``, ``fps``, ``date``, ``axes``, ``planes`` or ``voxel_size`` is not
        what it should be.
    """
    for path in _candidates(places):
        if path.is_file():
            return _read(path)
    return Sidecar()


def read_sidecar(path: Path) -> Sidecar:
    """Read the sidecar that the user names, wherever it lies.

    Raises
    ------
    InputError
        Where it isn't there, says nothing that is known, or as `sidecar_of`.
    """
    if not path.is_file():
        raise InputError(f"the sidecar {path} does not exist", "Check the path, or leave it out.")
    sidecar = _read(path)
    if not sidecar.facts.metadata:
        raise InputError(f"the sidecar {path} says none of {', '.join(KNOWN)}", f"Write it like {FORM}.")
    return sidecar


def _candidates(places: Sequence[Place]) -> list[Path]:
    """Where a sidecar may lie, the likeliest first."""
    first = places[0].path
    if first is None:
        return []
    names, name = [first.name + ".json"], first.name
    while Path(name).suffix:
        name = Path(name).stem
        names.append(name + ".json")
    found = [first.parent / each for each in names]
    if len(places) > 1:
        folder = first.resolve().parent
        found.append(folder.parent / (folder.name + ".json"))
    return found


def _read(path: Path) -> Sidecar:
    """Read and check one sidecar."""
    refuse_special(path)
    try:
        entries = plain_json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"the sidecar {path} is no JSON ({error})", f"Write it like {FORM}.") from error
    if not isinstance(entries, dict) or not set(entries) & set(KNOWN):
        text = f"{path} was not used: it says none of {', '.join(KNOWN)}."
        return Sidecar(Facts(warnings=(text,)))
    missing = [name for name in ("origin", "fps", "date") if name not in entries]
    warnings = (f"the sidecar {path} lacks {', '.join(missing)}.",) if missing else ()
    kept = {name: value for name, value in _origin_and_date(path, entries).items() if name != "plane_times"}
    facts = Facts(_fps(path, entries), _voxel_size(path, entries), {**kept, **_plane_times(path, entries)}, warnings)
    return Sidecar(facts, _axes(path, entries), _count(path, entries, "planes"), _channels(path, entries))


def _wrong(path: Path, name: str, value: Any, fix: str) -> InputError:
    """Make the error for a value that can't be meant."""
    return InputError(f"the sidecar {path} has {name} = {json.dumps(value)}", fix)


def _fps(path: Path, entries: Mapping[str, Any]) -> float | None:
    """Read the volume rate."""
    value = entries.get("fps")
    if value is None and "fps" not in entries:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= sys.float_info.max:
        raise _wrong(path, "fps", value, "Write the number of volumes a second, without quotes: 5.0.")
    return float(value)


def _origin_and_date(path: Path, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Check the texts, and keep everything."""
    if not isinstance(entries.get("origin", ""), str):
        raise _wrong(path, "origin", entries["origin"], 'Write a text: the microscope or the program, "microscope A".')
    if "date" in entries:
        try:
            datetime.strptime(entries["date"], "%Y%m%d_%H%M%S")
        except (TypeError, ValueError) as error:
            raise _wrong(path, "date", entries["date"], 'Write it as "YYYYMMDD_HHMMSS".') from error
    return dict(entries)


def _axes(path: Path, entries: Mapping[str, Any]) -> str | None:
    """Read the order of the axes."""
    if "axes" not in entries:
        return None
    try:
        return parse_axes(str(entries["axes"]))
    except UsageError as error:
        raise _wrong(path, "axes", entries["axes"], error.fix) from error


def _plane_times(path: Path, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Read seconds of each plane since its volume began, or one number from plane to plane."""
    if "plane_times" not in entries:
        return {}
    try:
        return {PLANES: Times(plane_times_given(entries["plane_times"]) or ())}
    except UsageError as error:
        raise _wrong(path, "plane_times", entries["plane_times"], error.fix) from error


def _count(path: Path, entries: Mapping[str, Any], name: str) -> int | None:
    """Read a number of planes or channels."""
    value = entries.get(name)
    if name in entries and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise _wrong(path, name, value, "Write a whole number, at least 1.")
    return value


def _channels(path: Path, entries: Mapping[str, Any]) -> int | None:
    """Read the number of channels; their names are metadata."""
    return None if isinstance(entries.get("channels"), (list, str)) else _count(path, entries, "channels")


def _voxel_size(path: Path, entries: Mapping[str, Any]) -> ZYX | None:
    """Read the voxel size in µm: a number, [x, y, z] or {"x": , "y": , "z": }."""
    if "voxel_size" not in entries:
        return None
    value: Any = entries["voxel_size"]
    try:
        size = along_axes(value, "voxel_size")
    except (UsageError, TypeError, ValueError) as error:
        raise _wrong(path, "voxel_size", value, 'Write µm: {"x": 0.8, "y": 0.8, "z": 4}, or [0.8, 0.8, 4].') from error
    if not all(math.isfinite(side) and side > 0 for side in size):
        raise _wrong(path, "voxel_size", value, "All three must be above 0 (µm).")
    return size
