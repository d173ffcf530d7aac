"""Label images: each ROI's voxels have its number, 0 is background. TIFF, OME-Zarr, Zarr, NumPy, HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.movies.axes import parse_axes
from cnmf3d.movies.formats import format_of
from cnmf3d.movies.places import locate
from cnmf3d.movies.stored import Stored
from cnmf3d.results.imports.importer import Given, Importer
from cnmf3d.results.imports.masks import mask_results
from cnmf3d.results.model import Results


def read_labels(path: Path, given: Given) -> Results:
    """Read an image of labels, one plane or many.

    A measure ``label`` keeps the numbers; ROIs are in their order.

    Parameters
    ----------
    path : Path
        A file, or an OME-Zarr folder: its labels, where the image has some.
    given : Given
        `axes` where the file doesn't say; `member`: which labels, or which data set; `rate` and `voxel_size`.

    Raises
    ------
    InputError
        Where it isn't an image of whole numbers, or has no label.
    """
    place, member = _within(path, given.member)
    [found] = locate(place)
    stored = format_of(found).open(found, member)
    volume = _volume(stored, None if given.axes is None else parse_axes(given.axes), path)
    flat = volume.ravel()
    voxels = np.flatnonzero(flat)
    if not voxels.size:
        raise InputError(
            f"{path} has no labels: all its voxels are 0", "Give the image in which each ROI has a number."
        )
    names, columns = np.unique(flat[voxels], return_inverse=True)
    if names[0] < 0:
        raise InputError(f"{path} has the label {names[0]}", "Labels count from 1; 0 is background.")
    footprints = sparse.csc_array((np.ones(voxels.size, np.float32), (voxels, columns)), shape=(flat.size, names.size))
    z, y, x = volume.shape
    return mask_results(
        footprints,
        (z, y, x),
        rate=given.rate or 0.0,
        voxel_size=given.voxel_size or _voxel_size(stored),
        quality={"label": names.astype(np.float32)},
    )


def _within(path: Path, member: str | None) -> tuple[Path, str | None]:
    """The labels of an OME-Zarr image; anything else as it is."""
    folder = path / "labels"
    if not folder.is_dir():
        return path, member
    names = sorted(each.name for each in folder.iterdir() if each.is_dir())
    if member is None and len(names) > 1:
        raise InputError(f"{path} has several labels: {', '.join(names)}", f"Say which: --member {names[0]}.")
    chosen = names[0] if member is None and names else member
    if chosen not in names:
        raise InputError(f"{path} has no labels {member!r}", f"It has: {', '.join(names) or 'none'}.")
    return folder / chosen, None


def _volume(stored: Stored, axes: str | None, path: Path) -> npt.NDArray[np.int64]:
    """(Z, Y, X) whole numbers; what the file takes for time or doesn't name are planes, MATLAB's as it orders them."""
    values: npt.NDArray[Any] = np.asarray(stored.data[(slice(None),) * len(stored.data.shape)])
    nameless = set(stored.axes) == {"?"} and values.ndim <= 3
    letters = axes or (stored.likely[0].replace("t", "")[-values.ndim :] if nameless else stored.axes)
    if len(letters) != values.ndim:
        raise InputError(f"{path} has {values.ndim} axes, not {letters}", f"Its shape is {values.shape}; see --axes.")
    kept = [k for k, (letter, n) in enumerate(zip(letters, values.shape, strict=True)) if letter in "zyx" or n > 1]
    values, names = values.reshape([values.shape[k] for k in kept]), "".join(letters[k] for k in kept)
    if values.ndim > 3 or "c" in names:
        raise InputError(f"{path} is no volume: its shape is {stored.data.shape}", "Save one volume of one channel.")
    values = values.reshape((1,) * (3 - values.ndim) + values.shape)
    if "y" in names and "x" in names:
        order = [k + 3 - len(names) for k in sorted(range(len(names)), key=lambda k: " yx".find(names[k]))]
        values = values.transpose([*range(3 - len(names)), *order])
    if values.dtype.kind not in "buif":
        raise InputError(f"{path} holds values of the type {values.dtype}", "Give an image of labels.")
    whole = np.rint(values) if values.dtype.kind == "f" else values
    if not np.array_equal(whole, values):
        raise InputError(f"{path} has values that are no whole numbers", "Give an image of labels, not of light.")
    return whole.astype(np.int64)


def _voxel_size(stored: Stored) -> ZYX | None:
    size = stored.facts.voxel_size
    return None if size is None or np.isnan(size).any() else size


IMPORTER = Importer(
    "labels",
    "image in which each ROI's voxels have its number: TIFF, OME-Zarr, Zarr, NumPy, HDF5",
    read_labels,
    frozenset({"axes", "rate", "voxel_size", "member"}),
)
