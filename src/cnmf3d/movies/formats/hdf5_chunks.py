"""Compressed chunks of HDF5 datasets, decoded on all cores: HDF5 itself decodes for one thread at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.blocks import interleave, spans_of, touched, without_single
from cnmf3d.movies.positional import Reader, fresh
from cnmf3d.movies.side_by_side import in_threads
from cnmf3d.movies.stored import Index, Place

if TYPE_CHECKING:
    import h5py

DEFLATE, SHUFFLE = 1, 2
"""HDF5's numbers of the filters gzip and shuffle."""

MOST = 500_000
"""Chunks whose places are read when a file is opened: more would take seconds, and HDF5 finds them by itself."""

LARGEST = 2**28
"""Bytes of a chunk that are decoded here: larger ones are read in parts by HDF5, or are a damaged length."""


@dataclass(frozen=True)
class Chunks:
    """A dataset whose chunks are read at their places in the file.

    Attributes
    ----------
    place : Place
    name : str
        Of the dataset, for messages.
    shape : tuple of int
    dtype : numpy.dtype
    chunk : tuple of int
        Lengths of a chunk.
    at, size : integer arrays
        First byte and number of bytes of each chunk; 0 bytes for one that was never written.
    shuffled : bool
        Whether all first bytes of its values come first.
    fill : numpy scalar
        Value of what was never written.
    """

    place: Place
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    at: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    shuffled: bool
    fill: Any

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; only chunks that it touches are decoded. Several threads may read."""
        assert self.place.path is not None
        path, spans = self.place.path, spans_of(index, self.shape)
        out, todo = fresh([len(span) for span in spans], self.dtype), list(touched(spans, self.chunk))

        def work(part: range) -> None:
            values, room = np.empty(self.chunk, self.dtype), np.empty(self.chunk, self.dtype)
            with Reader(path) as file:
                for number, here, there in (todo[at] for at in part):
                    whole = out[here].shape == self.chunk and out[here].flags.c_contiguous
                    if not self.size[number]:
                        out[here] = self.fill
                    elif whole:
                        self._decode(file, number, out[here], room)
                    else:
                        self._decode(file, number, values, room)
                        out[here] = values[there]

        try:
            in_threads(work, len(todo), out.nbytes)
        except (OSError, EOFError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{self.place}: {self.name} can't be read ({error})",
                "The file is damaged, cut short or was changed: copy it again.",
            ) from error
        return without_single(out, index)

    def _decode(self, file: Reader, number: tuple[int, ...], out: npt.NDArray[Any], room: npt.NDArray[Any]) -> None:
        """Decode a chunk into memory of its size; `room` is as much, for what comes in between."""
        import imagecodecs

        raw = (room if self.shuffled else out).reshape(-1).view(np.uint8)
        data = file.exactly(int(self.at[number]), int(self.size[number]))
        found = memoryview(imagecodecs.deflate_decode(data, out=raw.data)).nbytes
        if found != raw.nbytes:
            raise ValueError(f"a chunk of {raw.nbytes} bytes holds {found}")
        if self.shuffled:
            interleave(raw.reshape(self.dtype.itemsize, -1), out.reshape(-1))


def chunks_of(place: Place, dataset: h5py.Dataset) -> Chunks | None:
    """See a dataset as chunks that are decoded here.

    Returns
    -------
    Chunks or None
        None where it isn't compressed by gzip alone, or isn't read so correctly: then HDF5 has to.
    """
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    if dataset.chunks is None or filters not in ([DEFLATE], [SHUFFLE, DEFLATE]) or dataset.dtype.kind not in "uif":
        return None
    counts = tuple(-(-n // side) for n, side in zip(dataset.shape, dataset.chunks, strict=True))
    bytes_of_chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if not 0 < math.prod(counts) <= MOST or bytes_of_chunk > LARGEST or not hasattr(dataset.id, "chunk_iter"):
        return None
    at, size = np.zeros(counts, np.int64), np.zeros(counts, np.int64)
    odd = False

    def note(info: Any) -> None:
        nonlocal odd
        number = tuple(first // side for first, side in zip(info.chunk_offset, dataset.chunks, strict=True))
        odd |= info.filter_mask != 0 or any(one >= other for one, other in zip(number, counts, strict=True))
        if not odd:
            at[number], size[number] = info.byte_offset, info.size

    dataset.id.chunk_iter(note)
    if odd or place.path is None or (at + size).max() > place.path.stat().st_size:
        return None
    shuffled = filters[0] == SHUFFLE and dataset.dtype.itemsize > 1
    found = Chunks(
        place, str(dataset.name), tuple(dataset.shape), dataset.dtype, dataset.chunks, at, size, shuffled,
        dataset.fillvalue,
    )  # fmt: skip
    return found if _reads_the_same(found, dataset) else None


def _reads_the_same(chunks: Chunks, dataset: h5py.Dataset) -> bool:
    """Whether the first chunk that was written is as HDF5 reads it; places may not count what comes before a file."""
    written = np.flatnonzero(chunks.size)
    if not written.size:
        return False
    number = np.unravel_index(int(written[0]), chunks.size.shape)
    part = tuple(slice(int(n) * side, (int(n) + 1) * side) for n, side in zip(number, chunks.chunk, strict=True))
    try:
        one, other = chunks[part], np.asarray(dataset[part])
    except (InputError, OSError, RuntimeError):
        return False
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
