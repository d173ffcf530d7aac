"""Truth of a synthetic recording, and its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d import plain_json
from cnmf3d.damage import DAMAGE
from cnmf3d.errors import InputError
from cnmf3d.hdf5 import refuse_elsewhere, written
from cnmf3d.stored_columns import stored_columns
from cnmf3d.written import whole_file

Float = npt.NDArray[np.float32]
VERSION = 3


@dataclass(frozen=True)
class Others:
    """Objects that are really there and that nobody asks for.

    Attributes
    ----------
    footprints : csc_array, (voxels, objects) float32
        Unit Euclidean norm, voxels in C order over (Z, Y, X).
    kinds : tuple of str
        ``silent`` (a cell that never fires), ``neurite``, ``vessel``.
    traces : (objects, frames) float32
        As those of cells; zero for objects without activity.
    """

    footprints: sparse.csc_array[Any] = field(default_factory=lambda: sparse.csc_array((0, 0), dtype=np.float32))
    kinds: tuple[str, ...] = ()
    traces: Float = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """Which objects have activity of their own, (objects,)."""
        return np.asarray(self.traces.any(axis=1))


@dataclass(frozen=True)
class Truth:
    """What a synthetic recording was made from.

    Attributes
    ----------
    shape : (Z, Y, X)
    footprints : csc_array, (voxels, cells) float32
        Unit Euclidean norm, voxels in C order over (Z, Y, X).
    traces : (cells, frames) float32
        Noise-free calcium above rest; in our own files in counts, before bleaching.
    spikes : (cells, frames) float32
        Number of spikes in each frame.
    centres : (cells, 3) float32
        Voxels, order z, y, x.
    rate : float or None
        Volumes a second; None where the file doesn't tell.
    decay, rise, snr : (cells,) float32
        Time constants in s, and peak ΔF over noise at the brightest voxel; NaN where the file doesn't tell.
    resting : (Z, Y, X) float32
        Light of resting tissue and cells, counts above the offset; NaN where the file doesn't tell.
    neuropil_images : (rank, Z, Y, X) float32
        Counts.
    neuropil_courses : (rank, frames) float32
    bleach : (frames,) float32
        Light of each frame over that of the first without fluctuations: bleaching, flicker, jumps between trials.
    shifts : (frames, 3) float32
        Rigid displacement of the tissue in the movie, voxels, order z, y, x.
    undone : (frames, 3) float32
        Displacement that registration took out, whole voxels, order z, y, x: where the fill is; no rows where
        nothing was taken out.
    rest : (cells,) float32
        Each cell's own light at rest seen through its footprint, in units of `traces`; NaN where the file doesn't say.
    height : (cells,) float32
        What a single spike adds to a cell at rest at its highest, in units of `traces`: the scale of spikes.
    others : Others
        Objects that nobody asks for.
    scene : mapping
        Preset, seed and every field of the scene, where we made it.
    """

    shape: tuple[int, int, int]
    footprints: sparse.csc_array[Any]
    traces: Float
    spikes: Float
    centres: Float
    rate: float | None
    decay: Float
    rise: Float
    snr: Float
    resting: Float
    neuropil_images: Float
    neuropil_courses: Float
    bleach: Float
    shifts: Float
    rest: Float = field(default_factory=lambda: np.zeros(0, np.float32))
    height: Float = field(default_factory=lambda: np.zeros(0, np.float32))
    undone: Float = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    others: Others = field(default_factory=lambda: Others())
    scene: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.footprints.shape[1])

    @property
    def voxels(self) -> int:
        """Number of voxels of the volume."""
        return int(np.prod(self.shape))

    def f0(self, light: Literal["all", "own"] = "all") -> Float:
        """Light at rest that each footprint sees, in units of `traces`, (cells,) float32; NaN where it isn't known.

        Parameters
        ----------
        light : str
            all: ``aᵀ (resting + mean neuropil)``, with ``a`` the footprint; own: the cell's own part of it, `rest`.
        """
        if light == "own":
            return self.rest if self.rest.size == self.count else np.full(self.count, np.nan, np.float32)
        mean = self.resting + np.tensordot(self.neuropil_courses.mean(axis=1), self.neuropil_images, 1)
        return np.asarray(self.footprints.T @ mean.ravel(), np.float32)

    def dff(self, light: Literal["all", "own"] = "all") -> Float:
        """ΔF/F of each cell without noise, ``traces / f0``, (cells, frames) float32; bleaching takes part of both."""
        return np.asarray(self.traces / self.f0(light)[:, None], np.float32)


_TISSUE = ("resting", "neuropil_images", "neuropil_courses", "bleach", "shifts")
_ARRAYS = ("traces", "spikes", "centres", "decay", "rise", "snr", *_TISSUE)
_LATER = ("undone", "rest", "height")


def save_truth(truth: Truth, path: str | Path) -> None:
    """Write `truth` as HDF5, through a temporary name."""
    path = Path(path)
    with whole_file(path) as temporary, written(temporary) as file:
        file.attrs["format"] = "cnmf3d truth"
        file.attrs["version"] = VERSION
        file.attrs["shape"] = truth.shape
        file.attrs["rate"] = float("nan") if truth.rate is None else truth.rate
        file.attrs["scene"] = json.dumps(dict(truth.scene))
        for name in _ARRAYS:
            file.create_dataset(name, data=getattr(truth, name), compression="gzip", compression_opts=1)
        _put_columns(file, "footprints", truth.footprints)
        for name in _LATER:
            file.create_dataset(name, data=getattr(truth, name), compression="gzip", compression_opts=1)
        file.create_dataset("f0", data=truth.f0())
        _put_columns(file, "others/footprints", truth.others.footprints)
        file["others/traces"] = truth.others.traces
        file["others"].attrs["kinds"] = json.dumps(truth.others.kinds)


def load_truth(path: str | Path) -> Truth:
    """Read a truth file: ours (HDF5), or an ``.npz`` with ``dims``, ``A_data``, ``C``, ``S``, ``centers``.

    In an ``.npz`` footprint rows are in Fortran order over ``dims``, and ``axes`` names these (``TYXZ``).

    Raises
    ------
    InputError
        Where the file is absent, or no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no truth file {path}", "`cnmf3d simulate OUT.tif` writes one: OUT.truth.h5.")
    try:
        return _seen_to_fit(_from_npz(path) if path.suffix == ".npz" else _from_hdf5(path))
    except DAMAGE as error:
        fix = "Give OUT.truth.h5, as `cnmf3d simulate` writes it."
        raise InputError(f"{path} is no truth file ({error})", fix) from error


def _seen_to_fit(truth: Truth) -> Truth:
    """A truth whose arrays are of the same cells and frames."""
    cells, frames = truth.count, truth.traces.shape[-1] if truth.traces.ndim else 0
    others = truth.others
    wanted: list[tuple[str, Any, tuple[int, ...]]] = [
        ("traces", truth.traces, (cells, frames)),
        ("spikes", truth.spikes, (cells, frames)),
        ("centres", truth.centres, (cells, 3)),
        *((name, getattr(truth, name), (cells,)) for name in ("decay", "rise", "snr")),
        *((name, getattr(truth, name), (cells,)) for name in ("rest", "height") if getattr(truth, name).size),
        ("resting", truth.resting, truth.shape),
        ("neuropil_images", truth.neuropil_images, (len(truth.neuropil_courses), *truth.shape)),
        ("neuropil_courses", truth.neuropil_courses, (len(truth.neuropil_images), frames)),
        ("footprints of others", others.footprints, (others.footprints.shape[0], len(others.kinds))),
        ("traces of others", others.traces, (len(others.kinds), frames if others.kinds else others.traces.shape[-1])),
    ]
    for name, values, shape in wanted:
        if values.shape != shape:
            raise ValueError(f"{name} have the shape {values.shape}, not {shape}")
        if isinstance(values, np.ndarray) and values.dtype.kind not in "biuf":
            raise ValueError(f"{name} are no numbers")
    return truth


def _from_hdf5(path: Path) -> Truth:
    with h5py.File(path, "r") as file:
        refuse_elsewhere(file, path)
        if file.attrs.get("format") != "cnmf3d truth":
            raise ValueError("an HDF5 file, but not marked as a cnmf3d truth")
        z, y, x = (int(n) for n in file.attrs["shape"])
        footprints = _columns(file, "footprints", z * y * x)
        more = _parts_of_version_2(file, z * y * x) if int(file.attrs["version"]) >= 2 else {}
        arrays = {name: file[name][()] for name in _ARRAYS}
        more |= {name: file[name][()] for name in _LATER if name in file}
        rate = float(file.attrs["rate"])
        scene = plain_json.loads(file.attrs["scene"])
    return Truth((z, y, x), footprints, rate=None if np.isnan(rate) else rate, scene=scene, **arrays, **more)


def _put_columns(file: h5py.File, name: str, columns: sparse.csc_array[Any]) -> None:
    for part in ("data", "indices", "indptr"):
        file.create_dataset(f"{name}/{part}", data=getattr(columns, part), compression="gzip")


def _columns(file: h5py.File, name: str, voxels: int) -> sparse.csc_array[Any]:
    data, indices, indptr = (file[f"{name}/{part}"][()] for part in ("data", "indices", "indptr"))
    return stored_columns(data, indices, indptr, voxels)


def _parts_of_version_2(file: h5py.File, voxels: int) -> dict[str, Any]:
    kinds = tuple(plain_json.loads(file["others"].attrs["kinds"]))
    others = Others(_columns(file, "others/footprints", voxels if kinds else 0), kinds, file["others/traces"][()])
    return {"others": others}


def _from_npz(path: Path) -> Truth:
    with np.load(path, allow_pickle=False) as file:
        held = {name: file[name] for name in file.files}
    dims = [int(n) for n in held["dims"]]
    axes = str(held["axes"])[1:4] if "axes" in held else "YXZ"
    order = [axes.index(axis) for axis in "ZYX"]
    coo = stored_columns(held["A_data"], held["A_indices"], held["A_indptr"], int(np.prod(dims))).tocoo()
    shape = (dims[order[0]], dims[order[1]], dims[order[2]])
    places = np.unravel_index(coo.coords[0], dims, order="F")
    rows = np.ravel_multi_index(tuple(places[i] for i in order), shape)
    footprints = sparse.csc_array((coo.data.astype(np.float32), (rows, coo.coords[1])), shape=coo.shape)
    cells, frames = held["C"].shape
    unknown = np.full(cells, np.nan, np.float32)
    shifts = held.get("shifts", np.zeros((frames, 3)))[:, order]
    return Truth(
        shape=shape,
        footprints=footprints,
        traces=held["C"].astype(np.float32),
        spikes=held["S"].astype(np.float32),
        centres=held["centers"][:, order].astype(np.float32),
        rate=float(held["fr"]) if "fr" in held else None,
        decay=held.get("decay_s", unknown).astype(np.float32),
        rise=held.get("rise_s", unknown).astype(np.float32),
        snr=held.get("peak_snr_voxel", unknown).astype(np.float32),
        resting=np.full(shape, np.nan, np.float32),
        neuropil_images=np.zeros((0, *shape), np.float32),
        neuropil_courses=held.get("f", np.zeros((0, frames))).astype(np.float32)[:0],
        bleach=held.get("bleach", np.ones(frames)).astype(np.float32),
        shifts=shifts.astype(np.float32),
    )
