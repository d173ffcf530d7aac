"""Whether a movie's values are in its file: virtual datasets, whose parts lie elsewhere, and what was never written.

HDF5 reads parts that aren't there, and chunks that were never written, as the fill value, with no warning; so does it
with chunks of a part, and of a part's part.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from cnmf3d.errors import InputError
from cnmf3d.hdf5 import files_named, refuse_long_texts

Box = tuple[tuple[int, ...], tuple[int, ...]]
"""First and last places along each dimension."""


def refuse_missing(dataset: h5py.Dataset, path: Path, *, whole: h5py.File | None = None, depth: int = 0) -> None:
    """See that a movie's values are in its file, or in parts of a virtual dataset that are all there.

    Parameters
    ----------
    dataset : h5py.Dataset
    path : Path
        The movie's file.
    whole : h5py.File
        The same, open; of a part that was just opened its own file.
    depth : int
        How many virtual datasets it is a part of.

    Raises
    ------
    InputError
        For a dataset of another file, values that are the bytes of other files, and missing parts.
    """
    if dataset.file.filename != (os.fspath(path) if whole is None else whole.filename):
        other = dataset.file.filename
        raise InputError(f"{path}: {dataset.name} is a link to {other}", f"Open that file itself: {other}")
    for item in (dataset, dataset.parent, dataset.file["/"]):
        refuse_long_texts(item, path)
    if dataset.external:
        raise InputError(
            f"{path}: the values of {dataset.name} are the bytes of other files ({', '.join(files_named(dataset))})",
            "A file can name any file so, which is why they aren't read. Copy them into one: h5repack IN.h5 OUT.h5.",
        )
    if not dataset.is_virtual:
        return
    _refuse_endless(dataset, path, depth)
    for source in dataset.virtual_sources():
        with _part(source.file_name, source.dset_name, path, whole) as (place, part):
            if part is None:
                raise InputError(
                    f"{path}: {dataset.name} is put together from other files, and {source.file_name} with "
                    f"{source.dset_name} isn't there: HDF5 would read it as zeros",
                    "Copy all files of the recording to one folder.",
                )
            refuse_missing(part, place, whole=whole if source.file_name == "." else None, depth=depth + 1)


MOST_PARTS_OF_PARTS = 4
"""Virtual datasets of virtual datasets that are followed: recordings have one or two."""


def _refuse_endless(dataset: h5py.Dataset, path: Path | None, depth: int) -> None:
    if depth > MOST_PARTS_OF_PARTS:
        raise InputError(
            f"{path}: {dataset.name} is put together from parts of parts without end", "Copy it: h5repack."
        )


@contextmanager
def _part(name: str, dataset: str, path: Path, whole: h5py.File | None) -> Iterator[tuple[Path, h5py.Dataset | None]]:
    """A part of a virtual dataset where HDF5 looks for it, or None; of a pattern, its first file's."""
    dataset = dataset.replace("%b", "0")
    if name == ".":
        if whole is not None:
            yield path, _dataset(whole, dataset)
            return
        name = path.name
    for place in (path.parent / name, Path(name)):
        place = Path(str(place).replace("%b", "0"))
        if place.is_file():
            try:
                file = h5py.File(place, "r")
            except OSError:
                break
            with file:
                yield place, _dataset(file, dataset)
            return
    yield path, None


def _dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    found = file.get(name)
    return found if isinstance(found, h5py.Dataset) else None


def unwritten(dataset: h5py.Dataset, path: Path | None, whole: h5py.File) -> tuple[str, ...]:
    """What of a dataset, and of its parts, was never written.

    Parameters
    ----------
    dataset : h5py.Dataset
        One for which `refuse_missing` raised nothing.
    path : Path or None
        Its file; without one, parts in other files aren't looked at.
    whole : h5py.File
        The same, open.

    Returns
    -------
    tuple of str
        Such as ``3 of 40 chunks of /m``, ``2 of 8 chunks of /d in part.h5``.
    """
    return tuple(_unwritten(dataset, path, whole, None, "", 0))


def _unwritten(
    dataset: h5py.Dataset, path: Path | None, whole: h5py.File, box: Box | None, where: str, depth: int
) -> Iterator[str]:
    """The same of what a box touches, or of all without one."""
    name = f"{dataset.name}{where}"
    if dataset.external or not dataset.size:
        return
    if not dataset.is_virtual:
        missing, wanted = _chunks_missing(dataset, box)
        if missing:
            yield f"all of {name}" if dataset.chunks is None else f"{missing} of {wanted} chunks of {name}"
        return
    _refuse_endless(dataset, path, depth)
    sources = dataset.virtual_sources()
    given = [source.vspace.get_select_npoints() for source in sources]
    lacking = int(dataset.size) - sum(given)
    if lacking > 0 and all(0 <= points <= dataset.size for points in given):  # a part that grows has no number
        yield f"{lacking} of {dataset.size} values of {name}"
    if path is None:
        return
    for source in sources:
        inside = source.file_name == "."
        with _part(source.file_name, source.dset_name, path, whole) as (place, part):
            if part is not None:
                named = where if inside else f" in {place.name}"
                taken = _bounds(source.src_space, part)
                yield from _unwritten(part, place, whole if inside else part.file, taken, named, depth + 1)


def _bounds(space: Any, part: h5py.Dataset) -> Box | None:
    """What a virtual dataset takes of a part; None where that is all, or the part grows."""
    try:
        low, high = space.get_select_bounds()
    except (RuntimeError, ValueError):
        return None
    fits = len(low) == part.ndim and all(end < size for end, size in zip(high, part.shape, strict=True))
    whole = not any(low) and all(end + 1 == size for end, size in zip(high, part.shape, strict=False))
    return (tuple(low), tuple(high)) if fits and not whole else None


def _chunks_missing(dataset: h5py.Dataset, box: Box | None) -> tuple[int, int]:
    """How many chunks of a dataset, or of what a box touches, were never written, and how many there should be."""
    if dataset.chunks is None:
        return int(dataset.id.get_storage_size() == 0), 1
    box = box if hasattr(dataset.id, "chunk_iter") else None  # HDF5 before 1.12.3 has none
    low, high = box or ((0,) * dataset.ndim, tuple(size - 1 for size in dataset.shape))
    first = [start // side for start, side in zip(low, dataset.chunks, strict=True)]
    last = [end // side for end, side in zip(high, dataset.chunks, strict=True)]
    wanted = math.prod(end - start + 1 for start, end in zip(first, last, strict=True))
    if box is None:
        return max(wanted - int(dataset.id.get_num_chunks()), 0), wanted
    there = 0

    def count(info: Any) -> None:
        nonlocal there
        number = [offset // side for offset, side in zip(info.chunk_offset, dataset.chunks, strict=True)]
        there += all(start <= n <= end for start, n, end in zip(first, number, last, strict=True))

    dataset.id.chunk_iter(count)
    return max(wanted - there, 0), wanted
