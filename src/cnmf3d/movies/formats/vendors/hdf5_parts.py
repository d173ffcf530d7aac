"""A movie that lies in many datasets of an HDF5 file: one for each volume, or for each channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import h5py
import numpy as np

from cnmf3d.damage import DAMAGE
from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import folded
from cnmf3d.movies.chained import Chained
from cnmf3d.movies.formats.hdf5 import cautions, lazily, open_file
from cnmf3d.movies.stored import Index, LazyArray, Place


@contextmanager
def opened(place: Place) -> Iterator[h5py.File]:
    """Open an HDF5 file for as long as its labels are read.

    Raises
    ------
    InputError
        Where it is damaged: HDF5 reports damage with errors of many kinds.
    """
    file = open_file(place)
    try:
        yield file
    except DAMAGE as error:
        raise InputError(f"{place} is damaged ({error})", "Copy it again from where it was recorded.") from error
    finally:
        file.close()


MOST_COUNTED = 20_000
"""Datasets in which chunks that were never written are sought: opening more takes seconds."""


def never_written(place: Place, file: h5py.File, names: Sequence[str]) -> tuple[str, ...]:
    """Warn of chunks of these datasets that were never written."""
    found = (file.get(name) for name in names[:MOST_COUNTED])
    return cautions(place, file, *(each for each in found if isinstance(each, h5py.Dataset)))


class Corner:
    """The first items along each dimension of an array, with a new dimension of length 1 before it or without.

    Programs write volumes of whole chunks: what lies beyond the image is padding.
    """

    def __init__(self, source: LazyArray, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.dtype = np.dtype(source.dtype)
        self._source = source

    def __getitem__(self, index: Index, /) -> np.ndarray:
        """Read a part."""
        sizes = self.shape[-len(self._source.shape) :]
        parts = index[len(self.shape) - len(sizes) :]
        bounded = tuple(
            slice(*part.indices(size)) if isinstance(part, slice) else part
            for part, size in zip(parts, sizes, strict=True)
        )
        block = np.asarray(self._source[bounded])
        if len(self.shape) == len(sizes):
            return block
        return block[np.newaxis][index[0]]


def joined(place: Place, names: Sequence[str], lead: tuple[int, ...], inner: tuple[int, ...]) -> LazyArray:
    """See datasets as one array.

    Parameters
    ----------
    place : Place
        The HDF5 file.
    names : sequence of str
        Of the datasets, in the order of the leading dimensions.
    lead : tuple of int
        Leading dimensions; where their product is larger than the number of datasets, each holds several.
    inner : tuple of int
        Of each item, e.g. (Z, Y, X): the image in the padded datasets.

    Raises
    ------
    InputError
        Where a dataset is missing, or smaller than the image.
    """
    each = int(np.prod(lead)) // len(names)
    shape = (each, *inner)
    first = _part(place, shape, names, 0)
    chained = Chained(
        [f"{place} {name}" for name in names],
        [each] * len(names),
        inner,
        first.dtype,
        partial(_part, place, shape, names),
    )
    data = folded(chained, lead)
    assert data is not None
    return data


def _part(place: Place, shape: tuple[int, ...], names: Sequence[str], number: int) -> LazyArray:
    """Open a dataset."""
    file = open_file(place)
    try:
        item = file.get(names[number])
    except DAMAGE as error:
        file.close()
        raise InputError(f"{place} is damaged ({error})", "Copy it again from where it was recorded.") from error
    if not isinstance(item, h5py.Dataset):
        file.close()
        raise InputError(
            f"{place} has no dataset {names[number]}", "The recording was stopped, or not all of it was copied."
        )
    wanted = shape if len(item.shape) == len(shape) else shape[1:]
    if len(item.shape) != len(wanted) or any(there < here for there, here in zip(item.shape, wanted, strict=True)):
        file.close()
        raise InputError(
            f"{place}: {names[number]} is {item.shape}, smaller than {wanted}, which the file says is its size",
            "Copy it again from where it was recorded.",
        )
    data = lazily(place, file, item)
    return data if tuple(data.shape) == shape else Corner(data, shape)
