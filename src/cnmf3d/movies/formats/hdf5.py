"""HDF5 datasets, also those of MATLAB 7.3 files."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.damage import DAMAGE
from cnmf3d.errors import ChoiceError, InputError
from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.axes import letters_of
from cnmf3d.movies.formats.attributes import as_text, facts_of
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.hdf5_chunks import chunks_of
from cnmf3d.movies.formats.hdf5_virtual import refuse_missing, unwritten
from cnmf3d.movies.formats.nwb_series import is_nwb, read_series
from cnmf3d.movies.stored import MATLAB_ORDERS, ORDERS, Index, LazyArray, Place, Stored

if TYPE_CHECKING:
    import h5py

MAGIC = b"\x89HDF\r\n\x1a\n"
MATLAB, OLD_MATLAB = b"MATLAB 7.3", (b"MATLAB 5", b"MATLAB 6", b"MATLAB 7.0")
"""First bytes of MATLAB's files: those of 7.3 are HDF5 behind 512 bytes of MATLAB's own."""
NAMED = 3
"""Datasets that a caution names; it counts the others."""
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
    """Whether the file begins as HDF5 or as a MATLAB file does, or is named so."""
    if place.path is None or place.path.is_dir():
        return False
    return place.head.startswith((MAGIC, MATLAB)) or place.suffix in SUFFIXES


def open_hdf5(place: Place, dataset: str | None, *, nwb: bool = False) -> Stored:
    """Open a dataset of an HDF5 file, or an imaging series where the file is NWB.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Its name; None where the file holds only one with three to five dimensions.
    nwb : bool
        Whether the file is NWB even if it doesn't say so.

    Raises
    ------
    InputError
        For a damaged file, or where the dataset isn't there or must be chosen; the message lists what there
        is.
    """
    file = open_file(place)
    try:
        if nwb or is_nwb(file.attrs):
            return read_series(place, Tree(place, file), dataset)
        chosen = _chosen(place, file, dataset)
        axes, facts = _axes(chosen), facts_of(chosen.attrs)
        warnings = (*facts.warnings, *cautions(place, file, chosen))
        facts = replace(facts, metadata={**facts.metadata, "dataset": chosen.name}, warnings=warnings)
        name, likely = ("MATLAB 7.3", MATLAB_ORDERS) if "MATLAB_class" in chosen.attrs else ("HDF5", ORDERS)
        return Stored(lazily(place, file, chosen), axes, name, facts, likely)
    except DAMAGE as error:
        file.close()
        problem = f"{place} can't be read as HDF5, it is damaged ({' '.join(str(error).split())})"
        raise InputError(problem, "Copy it again from where it was saved.") from error
    except BaseException:
        file.close()
        raise


@dataclass(frozen=True)
class Tree:
    """An HDF5 file as `nwb_series` reads it."""

    place: Place
    root: h5py.File

    def groups(self) -> dict[str, h5py.Group]:
        """All groups by path; links are not followed, so that each comes once."""
        import h5py

        found: dict[str, h5py.Group] = {}

        def look(name: str, item: Any) -> None:
            if isinstance(item, h5py.Group):
                found["/" + name] = item

        self.root.visititems(look)
        return found

    def child(self, group: h5py.Group, name: str) -> Any:
        """A group's member, or None; also where a link leads nowhere."""
        return group.get(name)

    def lazily(self, array: h5py.Dataset) -> LazyArray:
        """See `lazily`."""
        return lazily(self.place, self.root, array)

    def cautions(self, array: h5py.Dataset) -> tuple[str, ...]:
        """See `cautions`."""
        return cautions(self.place, self.root, array)


def open_file(place: Place) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises
    ------
    InputError
        Where it can't be.
    """
    import h5py

    if place.head.startswith(OLD_MATLAB):
        problem = f"{place} is a MATLAB file of an older kind than 7.3, which is not HDF5"
        beside = None if place.path is None else place.path.with_suffix(".sbx")
        if beside is not None and beside.is_file():
            raise InputError(f"{place} describes a recording of Scanbox", f"Open {beside}: this file is found by it.")
        raise InputError(
            problem, "Save it again in MATLAB: save('movie.mat', 'Y', '-v7.3'); of Scanbox, open the .sbx."
        )
    try:
        return h5py.File(place.path, "r")
    except OSError as error:
        problem = f"{place} can't be read as HDF5, it is damaged, cut short or being written ({error})"
        raise InputError(problem, "Wait until it is written, or copy it again from where it was saved.") from error


def lazily(place: Place, file: h5py.File, dataset: h5py.Dataset) -> LazyArray:
    """See a dataset as a lazy array: mapped where it lies in one uncompressed piece.

    Raises
    ------
    InputError
        Where its values aren't in this file, or in parts that are all there.
    """
    if place.path is not None:
        refuse_missing(dataset, place.path, whole=file)
    offset = dataset.id.get_offset()
    plain = dataset.chunks is None and offset is not None and not dataset.is_virtual
    if not plain or place.path is None or file.userblock_size or dataset.dtype.kind not in "uif":
        chunks = None if dataset.is_virtual else chunks_of(place, dataset)
        if chunks is None:
            return Dataset(place, file, dataset)
        file.close()
        return chunks
    data = Mapped(place.path, dataset.dtype, tuple(dataset.shape), int(offset))
    file.close()
    return data


def cautions(place: Place, file: h5py.File, *datasets: h5py.Dataset) -> tuple[str, ...]:
    """Warn of what was never written: HDF5 reads it as the fill value, with no warning."""
    missing = [text for each in datasets for text in unwritten(each, place.path, file)]
    if not missing:
        return ()
    named = "; ".join(missing[:NAMED]) + (f"; and parts of {len(missing) - NAMED} more" if missing[NAMED:] else "")
    fill = datasets[0].fillvalue
    text = f"{place}: {named} were never written and are read as fill values ({fill})"
    return (f"{text}. Was the recording stopped, or is it being written? Crop it, or copy it again.",)


def candidates(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Datasets of numbers with three to five dimensions, by name."""
    import h5py

    found: dict[str, h5py.Dataset] = {}

    def look(name: str, item: Any) -> None:
        numbers = isinstance(item, h5py.Dataset) and len(item.shape) in (3, 4, 5) and item.dtype.kind in "buif"
        if numbers and not name.startswith("#"):  # MATLAB keeps what cells refer to there
            found["/" + name] = item

    file.visititems(look)
    return found


def _chosen(place: Place, file: h5py.File, dataset: str | None) -> h5py.Dataset:
    """Find the dataset that was asked for, or the only one there is."""
    import h5py

    found = candidates(file)
    listed = [f"{name} {item.shape} {item.dtype}" for name, item in found.items()]
    listing = "; ".join(listed)
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
        raise ChoiceError(f"{place} holds {len(found)} datasets that could be the movie", fix, "dataset", listed)
    return next(iter(found.values()))


def _axes(dataset: h5py.Dataset) -> str:
    """Axes from labels or scales of the dimensions, an ``axes`` attribute or xarray's names; ``?`` without them."""
    rank = len(dataset.shape)
    labels = [_label(dataset, number) for number in range(rank)]
    if not all(labels):
        entries = dataset.attrs.get("axes", dataset.attrs.get("_ARRAY_DIMENSIONS", ""))
        entries = entries.decode() if isinstance(entries, bytes) else entries
        labels = [as_text(label) for label in entries]
    return letters_of(labels, rank)


def _label(dataset: h5py.Dataset, number: int) -> str:
    """What a dimension is called: its label, or else the name of its scale, as netCDF has it.

    The attributes are read as they are described in HDF5's "Dimension Scale Specification": its own functions take
    their types for granted, and end the process where they are other ones.
    """
    import h5py

    labels: Any = dataset.attrs.get("DIMENSION_LABELS")
    scales: Any = dataset.attrs.get("DIMENSION_LIST")
    label = as_text(labels[number]) if _each(labels, dataset) and isinstance(labels[number], (bytes, str)) else ""
    found: Any = np.ravel(scales[number]) if not label and _each(scales, dataset) else ()
    if len(found) and isinstance(found[0], h5py.Reference) and found[0]:
        return str(dataset.file[found[0]].name or "").rpartition("/")[2]
    return label


def _each(values: Any, dataset: h5py.Dataset) -> bool:
    """Whether an attribute has a value for each dimension of a dataset."""
    return isinstance(values, np.ndarray) and values.shape == (len(dataset.shape),)


FORMAT = Format("HDF5", SUFFIXES, recognises, open_hdf5)
