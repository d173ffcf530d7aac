"""The motion file, ``MOVIE.motion.hdf5``: written whole or not at all, and read with a check of all that it says.

Layout (version 1): datasets ``/rigid`` (T, 3), ``/confidence`` (T,), ``/planes`` (Z, 2), ``/bad_frames`` (T,) bool,
``/template`` (Z, Y, X); ``/plane_shifts`` (T, Z, 2), ``/field`` (T, gz, gy, gx, 3), ``/grid/z``, ``/grid/y`` and
``/grid/x`` where there are any; attributes ``format``, ``scan_phase``, ``fingerprint``, and ``parameters`` and
``versions`` as JSON. `Motion` says what they mean.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from cnmf3d import plain_json
from cnmf3d.damage import DAMAGE
from cnmf3d.errors import InputError
from cnmf3d.hdf5 import refuse_elsewhere, written
from cnmf3d.movies.registered.motion import REMAKE, Float, Grid, Motion
from cnmf3d.written import whole_file

FORMAT = 1
"""Version of the layout; a reader refuses later ones."""

MARK = "cnmf3d motion"
"""What the attribute ``kind`` says of a motion file."""

SUFFIX = ".motion.hdf5"

OPTIONAL = ("plane_shifts", "field")


def write_motion(motion: Motion, path: str | Path) -> Path:
    """Write a motion file; it appears whole or not at all.

    Parameters
    ----------
    motion : Motion
    path : str or Path

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Where the folder doesn't exist or can't be written.
    Cnmf3dError
        Where writing fails halfway, for example because the disk is full.
    """
    path = Path(path)
    with whole_file(path) as temporary, written(temporary) as file:
        _write(file, motion)
    return path


def read_motion(path: str | Path) -> Motion:
    """Read a motion file.

    Raises
    ------
    InputError
        Where it isn't there, is no motion file, is damaged or of a later version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is not there", "Check the name; cnmf3d register MOVIE makes a motion file.")
    try:
        with h5py.File(path, "r") as file:
            refuse_elsewhere(file, path)
            return _read(file, path)
    except InputError as error:
        raise InputError(f"{path}: {error.problem}", error.fix) from error
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise InputError(f"{path} is damaged, or is no motion file: {text}", REMAKE) from error


def holds_motion(path: Path) -> bool:
    """Whether a file is a motion file of ours, whatever its name."""
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("kind") == MARK)
    except DAMAGE:
        return False


def _write(file: h5py.File, motion: Motion) -> None:
    file.attrs["kind"] = MARK
    file.attrs["format"] = FORMAT
    file.attrs["scan_phase"] = float(motion.scan_phase)
    file.attrs["fingerprint"] = motion.fingerprint
    file.attrs["parameters"] = json.dumps(dict(motion.parameters), default=_plain)
    file.attrs["versions"] = json.dumps(dict(motion.versions))
    for name in ("rigid", "confidence", "planes", "template"):
        file[name] = np.asarray(getattr(motion, name), np.float32)
    file["bad_frames"] = np.asarray(motion.bad_frames, bool)
    for name in OPTIONAL:
        values = getattr(motion, name)
        if values is not None:
            file.create_dataset(name, data=np.asarray(values, np.float32), compression="gzip", shuffle=True)
    if motion.grid is not None:
        for axis, positions in zip("zyx", motion.grid, strict=True):
            file[f"grid/{axis}"] = np.asarray(positions, np.float32)


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy as JSON takes them."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def _read(file: h5py.File, path: Path) -> Motion:
    if file.attrs.get("kind") != MARK:
        raise InputError("it is no motion file of cnmf3d", "Give a motion file, or make one: cnmf3d register MOVIE.")
    version = int(file.attrs["format"])
    if version > FORMAT:
        raise InputError(f"its layout is version {version}, newer than this cnmf3d", "Update cnmf3d.")
    grid: Grid | None = None
    if "field" in file:
        grid = (_floats(file, "grid/z", 1), _floats(file, "grid/y", 1), _floats(file, "grid/x", 1))
    return Motion(
        rigid=_floats(file, "rigid", 2),
        confidence=_floats(file, "confidence", 1),
        planes=_floats(file, "planes", 2),
        bad_frames=np.asarray(file["bad_frames"][()], bool),
        template=_floats(file, "template", 3),
        plane_shifts=_floats(file, "plane_shifts", 3) if "plane_shifts" in file else None,
        field=_floats(file, "field", 5) if "field" in file else None,
        grid=grid,
        scan_phase=float(file.attrs["scan_phase"]),
        fingerprint=str(file.attrs["fingerprint"]),
        parameters=plain_json.loads(str(file.attrs["parameters"])),
        versions=plain_json.loads(str(file.attrs["versions"])),
    )


def _floats(file: h5py.File, name: str, axes: int) -> Float:
    """One array of numbers."""
    if name not in file:
        raise InputError(f"it is damaged: {name} is missing", REMAKE)
    values: npt.NDArray[Any] = np.asarray(file[name][()])
    if values.dtype.kind not in "iuf" or values.ndim != axes:
        raise InputError(f"it is damaged: {name} is {values.dtype} of shape {values.shape}", REMAKE)
    return values.astype(np.float32)
