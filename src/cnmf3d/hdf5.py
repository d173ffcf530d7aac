"""HDF5 files: whether one holds its values itself, and how one is written through a full disk.

HDF5 lets a file name other files whose bytes are its values: external storage (any bytes of any file), external links
and virtual datasets. A results file from anybody could show, and have us write, what lies elsewhere; and where such a
file is missing, HDF5 gives zeros, with no warning.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d.damage import DAMAGE, explained
from cnmf3d.errors import InputError
from cnmf3d.hdf5_attributes import longest_attribute

if TYPE_CHECKING:
    import h5py


MOST_PACKED = 2000
"""Times a dataset may be larger than its file: deflate makes 1,030 of one byte at most. More is a size that is damaged,
for which memory would be taken until there is none."""


def refuse_elsewhere(file: h5py.File, path: str | Path) -> None:
    """See that all of a file's values are in the file: for files that we write, and those of other programs' results.

    Parameters
    ----------
    file : h5py.File
    path : path
        For the message.

    Raises
    ------
    InputError
        Where something is a link into another file, has its values in one, has no room in this one, or can't be read.
    """
    import h5py

    found: list[str] = []
    place = Path(path)
    size = place.stat().st_size if place.is_file() else sys.maxsize
    most = MOST_PACKED * size + 2**20

    def look(name: str, item: Any) -> None:
        refuse_long_texts(item, place)
        if isinstance(item, h5py.Group):
            found.extend(_links(item))
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                found.append(f"{item.name}, whose values are in {', '.join(files_named(item)) or 'other files'}")
            elif item.nbytes > most or _longest_text(item, place) > size:
                raise InputError(
                    f"{path} is damaged: {item.name} should have more bytes than there are in the file ({size})",
                    "Take another copy of it.",
                )

    with explained(path, "HDF5"):
        look("/", file)
        file.visititems(look)
    if found:
        raise InputError(
            f"{path} refers to other files, which results never do: {'; '.join(found[:3])}",
            "Nothing was read from there. Take a copy that holds its values itself (h5repack makes one of your own).",
        )


def refuse_long_texts(item: h5py.Group | h5py.Dataset, path: Path) -> None:
    """See that attributes don't claim texts that are longer than their file: HDF5 would take memory for them.

    Raises
    ------
    InputError
        Where one does.
    """
    if path.is_file() and (longest := longest_attribute(item, path)) > path.stat().st_size:
        raise InputError(
            f"{path} is damaged: an attribute of {item.name} should have {longest} bytes, more than the file",
            "Take another copy of it.",
        )


def _longest_text(dataset: h5py.Dataset, path: Path) -> int:
    """Bytes of the longest text of a dataset of texts, as its references to them say; HDF5 itself believes any."""
    import h5py

    if h5py.check_string_dtype(dataset.dtype) is None or not dataset.size or not path.is_file():
        return 0
    if dataset.dtype.kind != "O" or (offset := dataset.id.get_offset()) is None:
        return 0
    reference = np.dtype([("length", "<u4"), ("place", "V12")])  # "Variable-length types" in HDF5's file format
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(int(dataset.size) * reference.itemsize)
    whole = len(data) // reference.itemsize
    return int(np.frombuffer(data, reference, whole)["length"].max(initial=0))


def _links(group: h5py.Group) -> Iterator[str]:
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield f"{group.name.rstrip('/')}/{name}, a link to {link.filename}"


def files_named(dataset: h5py.Dataset) -> list[str]:
    """The files in which a dataset's values are."""
    if dataset.is_virtual:
        return sorted({source.file_name for source in dataset.virtual_sources() if source.file_name != "."})
    return sorted({str(name) for name, _, _ in dataset.external or ()})


@contextmanager
def written(path: Path, mode: str = "w") -> Iterator[h5py.File]:
    """An HDF5 file for writing that survives a full disk: HDF5's own driver kills the process there.

    Parameters
    ----------
    path : Path
        A temporary file that is there (`cnmf3d.written.whole_file`).
    mode : str
        ``w`` begins anew, ``r+`` changes what is there.

    Raises
    ------
    OSError
        Where not all could be written.
    """
    import h5py

    with path.open("r+b", buffering=0) as raw:
        sink = Sink(raw.fileno())
        with h5py.File(sink, mode) as file:
            yield file
        if sink.error is not None:
            raise sink.error


class Sink:
    """What h5py takes for a file: after the first write that fails, the rest goes to memory.

    HDF5 doesn't survive a write that fails when it closes a file, but has to close it. So none fails, and the error is
    told afterwards. What HDF5 reads back is what it wrote, from wherever that is.

    Parameters
    ----------
    handle : int
        Of a file that is open for reading and writing.

    Attributes
    ----------
    error : OSError or None
        The first one.
    """

    def __init__(self, handle: int) -> None:
        self.error: OSError | None = None
        self._handle = handle
        self._at = 0
        self._size = os.fstat(handle).st_size
        self._pages: dict[int, bytearray] = {}

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read bytes from there on."""
        out = bytearray(self._size - self._at if size < 0 else min(size, self._size - self._at))
        self.readinto(out)
        return bytes(out)

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill a buffer from there on; with zeros beyond the end."""
        view, read = memoryview(buffer).cast("B"), 0
        os.lseek(self._handle, self._at, os.SEEK_SET)
        while read < len(view) and (data := os.read(self._handle, len(view) - read)):
            view[read : read + len(data)] = data
            read += len(data)
        view[read:] = bytes(len(view) - read)
        for number in range(self._at // PAGE, (self._at + len(view) - 1) // PAGE + 1) if self._pages else ():
            page, start = self._pages.get(number), number * PAGE
            if page is not None:
                first, last = max(start, self._at), min(start + PAGE, self._at + len(view))
                view[first - self._at : last - self._at] = page[first - start : last - start]
        self._at += len(view)
        return len(view)

    def write(self, buffer: bytes | memoryview) -> int:
        """Write bytes from there on."""
        view, done = memoryview(buffer).cast("B"), 0
        while self.error is None and done < len(view):
            try:
                os.lseek(self._handle, self._at + done, os.SEEK_SET)
                done += os.write(self._handle, view[done:])
            except OSError as error:
                self.error = error
        if done < len(view):
            self._keep(self._at + done, view[done:])
        self._at += len(view)
        self._size = max(self._size, self._at)
        return len(view)

    def _keep(self, at: int, view: memoryview) -> None:
        """Keep bytes in memory, with what is around them on the disk."""
        for number in range(at // PAGE, (at + len(view) - 1) // PAGE + 1):
            start = number * PAGE
            if number not in self._pages:
                os.lseek(self._handle, start, os.SEEK_SET)
                self._pages[number] = bytearray(os.read(self._handle, PAGE).ljust(PAGE, b"\0"))
            first, last = max(start, at), min(start + PAGE, at + len(view))
            self._pages[number][first - start : last - start] = view[first - at : last - at]

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        self._size = self._at if size is None else size
        if self.error is None:
            try:
                os.ftruncate(self._handle, self._size)
            except OSError as error:
                self.error = error
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""


PAGE = 2**16
"""Bytes that are kept together once a disk is full."""


def holds(path: str | Path, *names: str) -> bool:
    """Whether a file is HDF5 with all of these in it, as paths; False for one that is damaged there.

    Parameters
    ----------
    path : path
    *names : str
        Of groups or datasets.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return all(name in file for name in names)
    except DAMAGE:
        return False
