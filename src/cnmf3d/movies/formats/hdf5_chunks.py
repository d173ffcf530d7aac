"""Compressed chunks of HDF5 datasets, decoded on all cores: HDF5 itself decodes for one thread at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.blocks import interleave
from cnmf3d.movies.chunks import LARGEST, Chunks, Decode, see_size
from cnmf3d.movies.positional import Reader, Scratch
from cnmf3d.movies.stored import Place

if TYPE_CHECKING:
    import h5py

DEFLATE, SHUFFLE = 1, 2
"""HDF5's numbers of the filters gzip and shuffle."""

MOST = 500_000
"""Chunks whose places are read when a file is opened: more would take seconds, and HDF5 finds them by itself."""


@dataclass(frozen=True)
class Places:
    """Where the chunks of a dataset lie in its file.

    Attributes
    ----------
    path : Path
    at, size : integer arrays
        First byte and number of bytes of each chunk; 0 bytes for one that was never written.
    shuffled : bool
        Whether all first bytes of its values come first.
    """

    path: Path
    at: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    shuffled: bool

    @contextmanager
    def reading(self) -> Iterator[Decode]:
        """Decode chunks in one thread."""
        import imagecodecs

        packed, between = Scratch(), Scratch()
        with Reader(self.path) as file:

            def decode(number: tuple[int, ...], out: npt.NDArray[Any]) -> bool:
                if not self.size[number]:
                    return False
                data = file.lent(int(self.at[number]), int(self.size[number]), packed)
                raw = between.of(out.nbytes) if self.shuffled else out.reshape(-1).view(np.uint8)
                unpack: Any = imagecodecs.deflate_decode  # its stubs know of bytes alone
                see_size(unpack(data, out=raw.data), raw, "a chunk")
                if self.shuffled:
                    interleave(raw.reshape(out.itemsize, -1), out.reshape(-1))
                return True

            yield decode


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
    written = np.flatnonzero(size)
    if odd or not written.size or place.path is None or (at + size).max() > place.path.stat().st_size:
        return None
    places = Places(place.path, at, size, filters[0] == SHUFFLE and dataset.dtype.itemsize > 1)
    found = Chunks(
        place, str(dataset.name), tuple(dataset.shape), dataset.dtype, dataset.chunks, dataset.fillvalue, places.reading
    )
    first = tuple(int(n) for n in np.unravel_index(int(written[0]), counts))
    return found if found.reads_as(dataset, first) else None  # places may not count what comes before a file
