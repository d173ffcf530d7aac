"""Chunks of a Zarr array in a folder, decoded on all cores straight into memory: zarr copies every value twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies.chunks import LARGEST, Chunks, Decode, see_size
from cnmf3d.movies.positional import Reader, Scratch
from cnmf3d.movies.stored import Place

if TYPE_CHECKING:
    import zarr

DECODERS = {"zstd": "zstd_decode", "blosc": "blosc_decode"}
"""Names in imagecodecs of the compressions that zarr and OME-Zarr use unless somebody asks for others."""


@dataclass(frozen=True)
class Files:
    """Files of a folder that are chunks.

    Attributes
    ----------
    folder : Path
    key : callable
        Name of the file of the chunk with these numbers.
    decoder : str
        Name in imagecodecs.
    """

    folder: Path
    key: Callable[[tuple[int, ...]], str]
    decoder: str

    @contextmanager
    def reading(self) -> Iterator[Decode]:
        """Decode chunks in one thread."""
        import imagecodecs

        packed, decoder = Scratch(), getattr(imagecodecs, self.decoder)

        def decode(number: tuple[int, ...], out: npt.NDArray[Any]) -> bool:
            name = self.key(number)
            try:
                with Reader(self.folder / name) as file:
                    data = file.lent(0, file.size, packed)
            except FileNotFoundError:
                return False
            raw = out.reshape(-1).view(np.uint8)
            see_size(decoder(data, out=raw.data), raw, name)
            return True

        yield decode


def chunks_of(place: Place, array: zarr.Array) -> Chunks | None:
    """See an array as chunks that are decoded here.

    Returns
    -------
    Chunks or None
        None where it lies in no folder, has other codecs, or isn't read so correctly: then zarr has to.
    """
    decoder = DECODERS.get(_compression(array.metadata.to_dict()))
    dtype, sides = np.dtype(array.dtype), tuple(array.chunks)
    small = 0 < math.prod(sides) * dtype.itemsize <= LARGEST and 0 not in array.shape
    if place.path is None or not place.path.is_dir() or decoder is None or dtype.kind not in "uif" or not small:
        return None
    fill = dtype.type(0 if array.fill_value is None else array.fill_value)
    files = Files(place.path / array.store_path.path, array.metadata.encode_chunk_key, decoder)
    found = Chunks(place, str(array.name), tuple(array.shape), dtype, sides, fill, files.reading)
    first = (0,) * len(sides)
    return found if (files.folder / files.key(first)).is_file() and found.reads_as(array, first) else None


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
