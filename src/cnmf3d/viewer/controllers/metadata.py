"""Metadata of a work environment as rows that can be looked at and edited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnmf3d import plain_json
from cnmf3d.batch.runfolder import write_whole
from cnmf3d.errors import InputError, UsageError
from cnmf3d.workspace.carried import plain
from cnmf3d.workspace.environment import ViewerWorkEnv

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

EDITABLE = {
    "fps": "Volumes a second",
    "voxel_size": "Size of a voxel in µm: x, y, z",
    "origin": "Microscope or program that recorded it",
    "date": "YYYYMMDD_HHMMSS",
}
"""What can be edited, and what is to be written there."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name : str
        Key in the metadata.
    label, text, tip : str
    editable : bool
    """

    name: str
    label: str
    text: str
    tip: str = ""
    editable: bool = False


def rows_of(environment: ViewerWorkEnv) -> list[Row]:
    """Metadata of a work environment: what can be edited first, then what the file says."""
    meta = environment.imgdata.meta
    rows = [Row(name, name, _text(meta.get(name)), tip, editable=True) for name, tip in EDITABLE.items()]
    if not environment.isEmpty:
        movie = environment.imgdata.movie
        rows.append(Row("shape", "shape (t, z, y, x)", " × ".join(map(str, movie.shape))))
        rows.append(Row("dtype", "type", str(movie.dtype)))
        rows += [Row(path, "file", path, path) for path in movie.paths[:20]]
    rows += [Row(name, name, _text(value), _text(value)) for name, value in meta.items() if name not in EDITABLE]
    return rows


def set_value(app: App, name: str, text: str) -> str:
    """Change a value of the metadata.

    Parameters
    ----------
    app : App
    name : str
        One of `EDITABLE`.
    text : str
        As the user wrote it; empty takes the value away.

    Returns
    -------
    str
        What is wrong with it, where it was not taken; else empty.
    """
    imgdata = app.environment.imgdata
    before = dict(imgdata.meta)
    value = _value(name, text.strip())
    if value is None:
        imgdata.meta.pop(name, None)
    else:
        imgdata.meta[name] = value
    try:
        app.space.update()
    except InputError as error:
        imgdata.meta = before
        return error.problem
    app.mark_unsaved("metadata")
    return ""


def save_metadata(app: App) -> Path:
    """Write what can be edited, and the comments, into the sidecar of the movie, which is read with it the next time.

    What else the sidecar says stays.

    Parameters
    ----------
    app : App

    Returns
    -------
    Path
        The sidecar: ``movie.json`` beside ``movie.tif``.

    Raises
    ------
    UsageError
        Where the movie isn't one file on this machine.
    InputError
        Where the sidecar that is there can't be read, or can't be written.
    """
    environment, movie = app.environment, app.movie
    paths = () if movie is None else movie.paths
    if len(paths) != 1 or "://" in paths[0]:
        raise UsageError(
            "metadata are saved beside a movie that is one file", "Write a sidecar by hand; see docs/movies.md."
        )
    sidecar = Path(paths[0]).with_suffix(".json")
    known = _kept(sidecar)
    for name in EDITABLE:
        value = environment.imgdata.meta.get(name)
        if value is None:
            known.pop(name, None)
        else:
            known[name] = value
    size = environment.imgdata.voxel_size
    if size is not None:
        known["voxel_size"] = list(size.xyz)
    if environment.comments:
        known["comments"] = environment.comments
    write_sidecar(sidecar, known)
    for what in ("metadata", "comments"):
        app.mark_unsaved(what, False)
    app.tell(f"Saved in {sidecar}")
    return sidecar


def write_sidecar(sidecar: Path, known: Mapping[str, Any]) -> None:
    """Write a sidecar, whole or not at all.

    Raises
    ------
    InputError
        Where it can't be written.
    """
    try:
        write_whole(sidecar, json.dumps(plain(known), ensure_ascii=False, indent=1))
    except OSError as error:
        raise InputError(f"{sidecar} can't be written: {error.strerror}", "Check its folder's permissions.") from error


def _kept(sidecar: Path) -> dict[str, Any]:
    """What a sidecar says so far."""
    if not sidecar.exists():
        return {}
    try:
        told = plain_json.loads(sidecar.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{sidecar} can't be read: {error}", "Mend it or move it away.") from error
    if not isinstance(told, dict):
        raise InputError(f"{sidecar} is no JSON object", "Mend it or move it away.")
    return told


def _value(name: str, text: str) -> Any:
    """What a text means: a number for the rate, three for the voxel, else the text."""
    if not text:
        return None
    if name == "fps":
        return _number(text)
    if name == "voxel_size":
        parts = [_number(part) for part in text.replace("×", ",").replace("µm", "").split(",")]
        return parts if len(parts) > 1 else parts[0]
    return text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()


def _text(value: Any) -> str:
    """A value as it is read and written."""
    if value is None:
        return ""
    if isinstance(value, dict) and set(value) == {"x", "y", "z"}:
        return ", ".join(f"{value[axis]:g}" for axis in "xyz")
    if isinstance(value, (list, tuple)) and all(isinstance(each, float) for each in value):
        return ", ".join(f"{each:g}" for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
