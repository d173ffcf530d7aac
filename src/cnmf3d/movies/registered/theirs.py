"""Shifts that other programs found: CaImAn's ``shifts_rig``, Suite2p's ``xoff`` and ``yoff``.

The two have opposite signs. CaImAn keeps by how much it moved each frame, along the axes of its array: the tissue's
displacement is the negative. Suite2p keeps where in the frame the template's first pixel lies: the displacement itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
import numpy.typing as npt

from cnmf3d import matlab_files
from cnmf3d.damage import explained
from cnmf3d.errors import InputError
from cnmf3d.hdf5 import refuse_elsewhere
from cnmf3d.movies.movie import Movie
from cnmf3d.movies.registered.motion import Bool, Float, Grid, Motion
from cnmf3d.npy_objects import load_objects

CAIMAN_NAMES = ("shifts_rig", "shifts")
"""What CaImAn's shifts are called in files that hold more; the first that is there counts."""

NO_PIECES = "Give rigid shifts (shifts_rig), or let cnmf3d find the motion: cnmf3d register MOVIE."


def read_theirs(path: Path, movie: Movie) -> Motion | None:
    """Motion from a file or folder of CaImAn or Suite2p; None where it is neither.

    Parameters
    ----------
    path : Path
        ``.npy``, ``.npz``, ``.hdf5``, ``.mat`` with CaImAn's shifts; ``ops.npy``, ``reg_outputs.npy`` or a folder
        of Suite2p.
    movie : Movie
        The recording, which the shifts are for.

    Raises
    ------
    InputError
        Where it is one of theirs and can't be used.
    """
    with explained(path, "shifts of CaImAn or Suite2p"):
        return _suite2p(path, movie) if path.is_dir() else _in_file(path, movie)


def _in_file(path: Path, movie: Movie) -> Motion | None:
    """Motion from a file."""
    if path.suffix.lower() == ".npy":
        value = load_objects(path)
        if value.dtype == object and value.size == 1 and isinstance(value.item(), dict):
            return _of_planes([value.item()], [path], movie)
        return _caiman(value, path, movie)
    if path.suffix.lower() == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                return _caiman(_named(file.files, path, lambda name: file[name]), path, movie)
        except (OSError, ValueError, BadZipFile) as error:
            raise InputError(f"{path} can't be read as .npz: {error}", "Take another copy of it.") from error
    if path.suffix.lower() == ".mat" and not h5py.is_hdf5(path):
        return _caiman(_of_matlab(path), path, movie)
    if path.suffix.lower() in (".hdf5", ".h5", ".mat"):
        turned = path.suffix.lower() == ".mat"  # MATLAB's arrays of version 7.3 have their axes the other way round
        names: list[str] = []
        try:
            with h5py.File(path, "r") as file:
                refuse_elsewhere(file, path)
                file.visititems(lambda name, what: names.append(name) if isinstance(what, h5py.Dataset) else None)
                values = _named(names, path, lambda name: file[name][()])
                return _caiman(values.T if turned else values, path, movie)
        except (OSError, RuntimeError) as error:
            raise InputError(f"{path} can't be read as HDF5: {error}", "Take another copy of it.") from error
    return None


def _of_matlab(path: Path) -> npt.NDArray[Any]:
    """The array with CaImAn's shifts in a file of MATLAB before version 7.3."""
    try:
        content = matlab_files.load(path, CAIMAN_NAMES)
    except Exception as error:  # of a file that is damaged it raises whatever it stumbles over
        raise InputError(f"{path} can't be read as a file of MATLAB: {error}", "Take another copy of it.") from error
    return np.asarray(_named(list(content), path, content.__getitem__))


def _named(names: Sequence[str], path: Path, read: Any) -> Any:
    """The array with CaImAn's shifts among those of a file."""
    for wanted in CAIMAN_NAMES:
        for name in names:
            if name.rpartition("/")[2] == wanted:
                return np.asarray(read(name))
    raise InputError(f"{path} holds no shifts_rig", "Save it there: np.save('shifts.npy', mc.shifts_rig).")


def _caiman(values: npt.NDArray[Any], path: Path, movie: Movie) -> Motion:
    """CaImAn's rigid shifts: by how much each frame was moved, along the axes of the file that CaImAn had read."""
    if values.dtype.kind not in "iuf" or values.ndim != 2 or values.shape[1] not in (2, 3):
        raise InputError(f"{path} doesn't hold rigid shifts: {values.dtype} of shape {values.shape}", NO_PIECES)
    _same_length(len(values), path, movie)
    axes = [axis for axis in str(movie.metadata.get("axes", "tzyx")).lower() if axis in "zyx"]
    axes = axes if sorted(axes) == ["x", "y", "z"] else ["z", *[axis for axis in axes if axis != "z"]]
    if values.shape[1] == 2:
        axes = [axis for axis in axes if axis != "z"]
    rigid = np.zeros((len(values), 3), np.float32)
    for column, axis in enumerate(axes):
        rigid[:, "zyx".index(axis)] = -values[:, column]
    return _motion(movie, rigid, "CaImAn", path)


def _suite2p(folder: Path, movie: Movie) -> Motion | None:
    """Shifts of all planes of a folder of Suite2p."""
    planes = [
        (int(match[1]), each)
        for place in (folder, folder / "suite2p")
        for each in place.glob("plane*")
        if (match := re.fullmatch(r"plane(\d+)", each.name))
    ]
    folders = [each for _, each in sorted(planes)] or [folder]
    found: list[tuple[Path, dict[str, Any]]] = []
    for each in folders:
        settings: dict[str, Any] = {}
        for name in ("ops.npy", "reg_outputs.npy"):
            if (each / name).is_file():
                value = load_objects(each / name)
                settings |= value.item() if value.size == 1 and isinstance(value.item(), dict) else {}
        if "yoff" in settings:
            found.append((each, settings))
    if not found:
        return None
    if len(found) not in (1, movie.shape[1]):
        raise InputError(
            f"{folder} has shifts of {len(found)} planes, the movie has {movie.shape[1]}",
            "Give the folder of this movie.",
        )
    return _of_planes([settings for _, settings in found], [each for each, _ in found], movie)


def _of_planes(settings: list[dict[str, Any]], places: list[Path], movie: Movie) -> Motion:
    """Suite2p's shifts of one plane, or of each; blocks where there are any for one plane."""
    each = [_offsets(ops, place, movie) for ops, place in zip(settings, places, strict=True)]
    rigid = np.zeros((movie.shape[0], 3), np.float32)
    rigid[:, 1:] = np.median(each, axis=0)
    own = np.stack(each, axis=1) - rigid[:, None, 1:]
    bad = np.zeros(movie.shape[0], bool)
    for ops in settings:
        flags = np.ravel(ops.get("badframes", ()))
        if flags.size == movie.shape[0]:
            bad |= flags.astype(bool)
    field, grid = (None, None) if len(settings) > 1 else _blocks(settings[0], places[0], movie)
    return _motion(
        movie, rigid, "Suite2p", places[0], plane_shifts=own if own.any() else None, field=field, grid=grid, bad=bad
    )


def _offsets(ops: Mapping[str, Any], place: Path, movie: Movie) -> Float:
    """y, x displacement of every frame of a plane, (T, 2)."""
    if "yoff" not in ops or "xoff" not in ops:
        raise InputError(f"{place} holds no shifts of Suite2p (yoff, xoff)", "Was the recording registered by it?")
    columns = [np.ravel(np.asarray(ops[name])) for name in ("yoff", "xoff")]
    if any(column.dtype.kind not in "iuf" for column in columns):
        raise InputError(f"{place}: yoff and xoff are no numbers", "Take another copy of it.")
    for column in columns:
        _same_length(column.size, place, movie)
    return np.stack(columns, axis=1).astype(np.float32)


def _blocks(ops: Mapping[str, Any], place: Path, movie: Movie) -> tuple[Float | None, Grid | None]:
    """Shifts of Suite2p's blocks beside the rigid ones, as a field; none where it used no blocks."""
    names = ("yoff1", "xoff1", "yblock", "xblock")
    if any(ops.get(name) is None for name in names):
        return None, None
    centres = [np.array([np.mean(span) for span in ops[name]], np.float32) for name in names[2:]]
    y_axis, x_axis = (np.unique(values) for values in centres)
    shifts = [np.asarray(ops[name], np.float32) for name in names[:2]]
    if any(s.shape != (movie.shape[0], len(centres[0])) for s in shifts) or len(centres[0]) != len(centres[1]):
        raise InputError(f"{place}: the shifts of blocks don't fit the blocks", "Take another copy of it.")
    if len(y_axis) * len(x_axis) != len(centres[0]):
        raise InputError(f"{place}: its blocks are no grid", "Take another copy of it.")
    field = np.zeros((movie.shape[0], 1, len(y_axis), len(x_axis), 3), np.float32)
    rows, columns = np.searchsorted(y_axis, centres[0]), np.searchsorted(x_axis, centres[1])
    for axis, values in enumerate(shifts, 1):
        field[:, 0, rows, columns, axis] = values
    return field, (np.zeros(1, np.float32), y_axis, x_axis)


def _same_length(count: int, path: Path, movie: Movie) -> None:
    if count != movie.shape[0]:
        raise InputError(
            f"{path} has shifts of {count} frames, the movie has {movie.shape[0]}", "Give the shifts of this movie."
        )


def _motion(
    movie: Movie,
    rigid: Float,
    program: str,
    path: Path,
    *,
    plane_shifts: Float | None = None,
    field: Float | None = None,
    grid: Grid | None = None,
    bad: Bool | None = None,
) -> Motion:
    """Shifts as a `Motion`, with what another program doesn't tell left open."""
    frames, *shape = movie.shape
    return Motion(
        rigid=rigid,
        confidence=np.ones(frames, np.float32),
        planes=np.zeros((shape[0], 2), np.float32),
        bad_frames=np.zeros(frames, bool) if bad is None else bad,
        template=np.full(shape, np.nan, np.float32),
        plane_shifts=plane_shifts,
        field=field,
        grid=grid,
        fingerprint=movie.fingerprint(),
        parameters={"program": program, "file": path.name},
        versions={},
    )
