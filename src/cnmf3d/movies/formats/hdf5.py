"""HDF5 datasets, also those of MATLAB 7.3 files."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.axes import letters_of
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import Facts, Index, LazyArray, Place, Stored
from cnmf3d.movies.units import micrometres, seconds, voxel_size

if TYPE_CHECKING:
    import h5py

MAGIC = b"\x89HDF\r\n\x1a\n"
SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5", ".mat")


class Dataset:
    """An HDF5 dataset that is read in parts; its file closes when this goes.

    HDF5 reads for one thread at a time: several threads may read, and take turns.
    """

    def __init__(self, place: Place, file: h5py.File, dataset: h5py.Dataset) -> None:
        self.shape: tuple[int, ...] = tuple(dataset.shape)
        self.dtype: np.dtype[Any] = dataset.dtype
        self._place = place
        self._dataset = dataset
        self._lock = threading.Lock()
        weakref.finalize(self, file.close)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part."""
        try:
            with self._lock:
                return np.asarray(self._dataset[index])
        except (OSError, RuntimeError) as error:
            problem = f"{self._place}: {self._dataset.name} can't be read ({error})"
            raise InputError(
                problem, "The file is damaged, or needs a compression filter: pip install hdf5plugin."
            ) from error


def recognises(place: Place) -> bool:
    """Whether the file begins as HDF5 does, or is named so."""
    if place.path is None or place.path.is_dir():
        return False
    return place.head.startswith(MAGIC) or place.suffix in SUFFIXES[:-1]


def open_hdf5(place: Place, dataset: str | None) -> Stored:
    """Open a dataset of an HDF5 file.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Its name; None where the file holds only one with three to five dimensions.

    Raises
    ------
    InputError
        For a damaged file, or where the dataset isn't there or must be chosen; the message lists what there
        is.
    """
    file = open_file(place)
    try:
        chosen = _chosen(place, file, dataset)
        axes = _axes(chosen)
        facts = _facts(chosen, axes)
        return Stored(lazily(place, file, chosen), axes, "HDF5", facts)
    except BaseException:
        file.close()
        raise


def open_file(place: Place) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises
    ------
    InputError
        Where it can't be.
    """
    import h5py

    try:
        return h5py.File(place.path, "r")
    except OSError as error:
        problem = f"{place} can't be read as HDF5, it is damaged, cut short or being written ({error})"
        raise InputError(problem, "Wait until it is written, or copy it again from where it was saved.") from error


def lazily(place: Place, file: h5py.File, dataset: h5py.Dataset) -> LazyArray:
    """See a dataset as a lazy array: mapped where it lies in one uncompressed piece."""
    offset = dataset.id.get_offset()
    plain = dataset.chunks is None and offset is not None and not dataset.external and not dataset.is_virtual
    same_file = dataset.file.filename == file.filename
    if not plain or not same_file or place.path is None or file.userblock_size or dataset.dtype.kind not in "uif":
        return Dataset(place, file, dataset)
    data = Mapped(place.path, dataset.dtype, tuple(dataset.shape), int(offset))
    file.close()
    return data


def candidates(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Datasets of numbers with three to five dimensions, by name."""
    import h5py

    found: dict[str, h5py.Dataset] = {}

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and 3 <= len(item.shape) <= 5 and item.dtype.kind in "buif":
            found["/" + name] = item

    file.visititems(look)
    return found


def _chosen(place: Place, file: h5py.File, dataset: str | None) -> h5py.Dataset:
    """Find the dataset that was asked for, or the only one there is."""
    import h5py

    found = candidates(file)
    listing = "; ".join(f"{name} {item.shape} {item.dtype}" for name, item in found.items())
    if dataset is not None:
        item = file.get(dataset)
        if not isinstance(item, h5py.Dataset):
            problem = f"{place} has no dataset {dataset!r}"
            raise InputError(problem, f"It holds: {listing}." if listing else "It holds no movies.")
        return item
    if "estimates" in file:
        raise InputError(
            f"{place} holds results, not a movie",
            f"Look at it with `cnmf3d report {place}`; to compute anew, give the movie that it was made from.",
        )
    if not found:
        raise InputError(f"{place} holds no dataset with three to five dimensions", "Check that it holds a movie.")
    if len(found) > 1:
        first = next(iter(found))
        fix = f'Say which one, e.g. dataset="{first}" (--dataset {first}). It holds: {listing}.'
        raise InputError(f"{place} holds {len(found)} datasets that could be the movie", fix)
    return next(iter(found.values()))


def _axes(dataset: h5py.Dataset) -> str:
    """Axes from dimension labels, from an ``axes`` attribute or from xarray's names; ``?`` without them."""
    rank = len(dataset.shape)
    labels = [str(dimension.label) for dimension in dataset.dims]
    if not all(labels):
        told = dataset.attrs.get("axes", dataset.attrs.get("_ARRAY_DIMENSIONS", ""))
        told = told.decode() if isinstance(told, bytes) else told
        labels = [_text(label) for label in told]
    return letters_of(labels, rank)


def _text(value: Any) -> str:
    """Read a text that HDF5 may hold as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _facts(dataset: h5py.Dataset, axes: str) -> Facts:
    """Read the rate from ``fr``, ``fps``, ``rate``, ``frame_rate``, the size from ``element_size_um`` (z, y, x)."""
    told: Mapping[str, Any] = dataset.attrs
    plain = {
        name: told[name] for name in told if np.ndim(told[name]) == 0 and isinstance(told[name], (str, int, float))
    }
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in plain.items()}
    rates = (seconds(told.get(name)) for name in ("fr", "fps", "rate", "frame_rate"))
    size = None
    sides = told.get("element_size_um")
    if sides is not None and np.size(sides) == 3:
        size = voxel_size(*(micrometres(side) for side in np.ravel(sides)))
    return Facts(next((rate for rate in rates if rate), None), size, {**plain, "dataset": dataset.name})


FORMAT = Format("HDF5", SUFFIXES, recognises, open_hdf5)
