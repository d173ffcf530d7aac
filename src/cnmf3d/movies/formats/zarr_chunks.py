"""Chunks of a Zarr array in a folder, decoded on all cores straight into memory: zarr copies every value twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.blocks import spans_of, touched, without_single
from cnmf3d.movies.positional import Reader, fresh
from cnmf3d.movies.side_by_side import in_threads
from cnmf3d.movies.stored import Index, Place

if TYPE_CHECKING:
    import zarr

DECODERS = {"zstd": "zstd_decode", "blosc": "blosc_decode"}
"""Names in imagecodecs of the compressions that zarr and OME-Zarr use unless somebody asks for others."""

LARGEST = 2**28
"""Bytes of a chunk that are decoded here: larger ones may be a damaged length."""


@dataclass(frozen=True)
class Chunks:
    """An array whose chunks are files of a folder.

    Attributes
    ----------
    place : Place
    name : str
        Of the array, for messages.
    folder : Path
    key : callable
        Name of the file of the chunk with these numbers.
    shape : tuple of int
    dtype : numpy.dtype
    chunk : tuple of int
        Lengths of a chunk; those at the end are as large.
    decoder : str
        Name in imagecodecs.
    fill : numpy scalar
        Value of chunks that aren't there.
    """

    place: Place
    name: str
    folder: Path
    key: Callable[[tuple[int, ...]], str]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    decoder: str
    fill: Any

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part; only chunks that it touches are decoded. Several threads may read."""
        import imagecodecs

        spans, decode = spans_of(index, self.shape), getattr(imagecodecs, self.decoder)
        out, todo = fresh([len(span) for span in spans], self.dtype), list(touched(spans, self.chunk))

        def work(part: range) -> None:
            values = np.empty(self.chunk, self.dtype)
            for number, here, there in (todo[at] for at in part):
                whole = out[here].shape == self.chunk and out[here].flags.c_contiguous
                raw = (out[here] if whole else values).reshape(-1).view(np.uint8)
                try:
                    with Reader(self.folder / self.key(number)) as file:
                        data = file.exactly(0, file.size)
                except FileNotFoundError:
                    out[here] = self.fill
                    continue
                found = memoryview(decode(data, out=raw.data)).nbytes
                if found != raw.nbytes:
                    raise ValueError(f"{self.key(number)} of {raw.nbytes} bytes holds {found}")
                if not whole:
                    out[here] = values[there]

        try:
            in_threads(work, len(todo), out.nbytes)
        except (OSError, EOFError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{self.place}: a chunk of {self.name} can't be read ({error})",
                "The store is damaged or was changed: copy it again.",
            ) from error
        return without_single(out, index)


def chunks_of(place: Place, array: zarr.Array) -> Chunks | None:
    """See an array as chunks that are decoded here.

    Returns
    -------
    Chunks or None
        None where it lies in no folder, has other codecs, or isn't read so correctly: then zarr has to.
    """
    entries = array.metadata.to_dict()
    decoder = DECODERS.get(_compression(entries))
    dtype, sides = np.dtype(array.dtype), tuple(array.chunks)
    small = 0 < math.prod(sides) * dtype.itemsize <= LARGEST and 0 not in array.shape
    if place.path is None or not place.path.is_dir() or decoder is None or dtype.kind not in "uif" or not small:
        return None
    fill = dtype.type(0 if array.fill_value is None else array.fill_value)
    folder = place.path / array.store_path.path
    key: Callable[[tuple[int, ...]], str] = array.metadata.encode_chunk_key
    found = Chunks(place, str(array.name), folder, key, tuple(array.shape), dtype, sides, decoder, fill)
    return found if _reads_the_same(found, array) else None


def _compression(entries: Mapping[str, Any]) -> str:
    """Name of the only codec beside the values themselves in little-endian C order; empty for anything else."""
    if entries.get("zarr_format") == 2:
        codec = entries.get("compressor")
        plain = not entries.get("filters") and entries.get("order") == "C" and isinstance(codec, Mapping)
        return str(codec.get("id")) if plain and isinstance(codec, Mapping) else ""
    codecs = entries.get("codecs")
    if not isinstance(codecs, Sequence) or len(codecs) != 2 or not all(isinstance(each, Mapping) for each in codecs):
        return ""
    first, second = codecs
    little = (first.get("configuration") or {}).get("endian", "little") == "little"
    return str(second.get("name")) if first.get("name") == "bytes" and little else ""


def _reads_the_same(chunks: Chunks, array: zarr.Array) -> bool:
    """Whether the first chunk that is there is as zarr reads it."""
    counts = [-(-n // side) for n, side in zip(chunks.shape, chunks.chunk, strict=True)]
    number = (0,) * len(counts)
    if not (chunks.folder / chunks.key(number)).is_file():
        return False
    part = tuple(slice(0, side) for side in chunks.chunk)
    try:
        one, other = chunks[part], np.asarray(array[part])
    except (InputError, OSError, RuntimeError, ValueError, TypeError, KeyError):  # zarr says it better when it is read
        return False
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
