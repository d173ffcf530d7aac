"""Footprints to start from (CaImAn's ``Ain``): a results file, a volume of labels, or a matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import VolumeShape
from cnmf3d.engine.block import Footprints
from cnmf3d.engine.stages import Start
from cnmf3d.errors import InputError
from cnmf3d.regular import refuse_special
from cnmf3d.results import curated, load_results
from cnmf3d.stored_columns import seen_to_fit

FORMS = (
    "Give a results file (.hdf5), a label volume (Z, Y, X) as .tif or .npy in which each cell has its own number, "
    "or a scipy sparse matrix (.npz) with one column a cell and voxels in C order over (Z, Y, X)."
)


def seeds_of(source: Any, volume: VolumeShape) -> Start:
    """Components to start from, for a movie with volumes of `volume`.

    Parameters
    ----------
    source : path, (Z, Y, X) array of labels, or sparse matrix (voxels, cells)
        Labels count from 1; 0 is background. Components come in the order of labels or columns.
    volume : (Z, Y, X)

    Returns
    -------
    Start
        Each seed under the number that its user knows: its label, its ROI in a results file, or else its column,
        counted from 0.

    Raises
    ------
    InputError
        Where the file can't be read, has another shape than the movie, or holds no cell.
    """
    name = str(source) if isinstance(source, (str, Path)) else "the array of seeds"
    value, numbers = _read(Path(source)) if isinstance(source, (str, Path)) else (source, None)
    kind = "column" if numbers is None else "ROI"
    if sparse.issparse(value):
        matrix: Footprints = sparse.csc_array(cast(Footprints, value), dtype=np.float32)
        if matrix.shape[0] != np.prod(volume):
            raise InputError(
                f"{name} has footprints of {matrix.shape[0]} voxels, the movie's volumes have {int(np.prod(volume))}",
                "Seeds must have the shape of the movie's volumes.",
            )
    else:
        matrix, numbers = _from_labels(np.asarray(value), volume, name)
        kind = "label"
    matrix.data[~(matrix.data > 0)] = 0
    matrix.eliminate_zeros()
    matrix.sort_indices()
    empty = np.flatnonzero(np.diff(matrix.indptr) == 0)
    if matrix.shape[1] == 0 or empty.size:
        what = "no cell" if matrix.shape[1] == 0 else f"empty footprints: columns {_some(empty)}"
        raise InputError(f"{name} holds {what}", f"Every seed must have voxels. {FORMS}")
    if numbers is None:
        numbers = np.arange(matrix.shape[1])
    return Start(matrix, seeds=np.asarray(numbers, np.int64), kind=kind)


def _some(numbers: npt.NDArray[np.intp]) -> str:
    return ", ".join(map(str, numbers[:10])) + (", ..." if numbers.size > 10 else "")


def _read(path: Path) -> tuple[Any, npt.NDArray[np.int64] | None]:
    """Labels or a matrix; and the numbers of the ROIs where the file has some."""
    if not path.exists():
        raise InputError(f"there is no seeds file {path}", FORMS)
    refuse_special(path)
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        state = curated(load_results(path))
        return state.results.components.footprints, state.ids
    try:
        if suffix == ".npz":
            return seen_to_fit(sparse.load_npz(path)), None
        if suffix == ".npy":
            return np.load(path, allow_pickle=False), None
        if suffix in (".tif", ".tiff"):
            import tifffile

            return tifffile.imread(path), None
    except Exception as error:
        raise InputError(f"{path} can't be read as seeds: {error}", FORMS) from error
    raise InputError(f"{path} is no file of seeds that is known ({suffix or 'no suffix'})", FORMS)


def _from_labels(labels: npt.NDArray[Any], volume: VolumeShape, name: str) -> tuple[Footprints, npt.NDArray[np.int64]]:
    squeezed = labels[None] if labels.ndim == 2 and volume[0] == 1 else labels
    if squeezed.shape != volume:
        raise InputError(
            f"{name} has the shape {squeezed.shape}, the movie's volumes are {volume} (z, y, x)",
            "Seeds must have the shape of the movie's volumes.",
        )
    if squeezed.dtype.kind == "b":
        from scipy import ndimage

        squeezed = ndimage.label(squeezed)[0]
    if squeezed.dtype.kind not in "ui":
        raise InputError(f"{name} holds values of the type {squeezed.dtype}, not labels", FORMS)
    flat = squeezed.ravel()
    voxels = np.flatnonzero(flat > 0)
    names, columns = np.unique(flat[voxels], return_inverse=True)
    shape = (flat.size, names.size)
    matrix = sparse.csc_array((np.ones(voxels.size, np.float32), (voxels, columns)), shape=shape)
    return matrix, names.astype(np.int64)
