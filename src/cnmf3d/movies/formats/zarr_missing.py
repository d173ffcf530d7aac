"""Chunks of a Zarr array that aren't there: zarr reads them as the fill value, with no warning.

Zarr's own count takes a millisecond of a processor for each chunk, and doesn't look into shards. Names in a folder are
listed, in a zip file too; of addresses nothing is counted, as listing them takes long or isn't allowed.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from os import walk
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d.movies.positional import Reader
from cnmf3d.movies.stored import Place

if TYPE_CHECKING:
    import zarr

MOST = 100_000
"""Files of an array that are listed, which takes seconds on a slow disk; more aren't."""

SPREAD = 2_000
"""Files that are looked for where there are too many to list: a recording that was stopped shows, one chunk doesn't."""

CHECKSUM = 4
"""Bytes behind a shard's index."""

NONE = np.uint64(2**64 - 1)
"""Place and length, in a shard's index, of a chunk that isn't in it ("Sharding codec" of Zarr 3)."""


def missing_chunks(place: Place, array: zarr.Array) -> str:
    """What of an array isn't there: ``3 of 40 chunks``; empty if all is, or it can't be seen.

    Parameters
    ----------
    place : Place
    array : zarr.Array
    """
    if place.path is None or 0 in array.shape:
        return ""
    sides = array.chunks if array.shards is None else array.shards
    counts = tuple(-(-n // side) for n, side in zip(array.shape, sides, strict=True))
    total = math.prod(counts)
    if place.path.is_dir() and total > MOST:
        return _of_some(place.path / array.store_path.path, array, counts)
    names = _names(place.path, array.store_path.path)
    there = list(_numbers(names, array.metadata.encode_chunk_key((1,) * array.ndim), counts))
    if array.shards is None:
        missing = total - len(there)
        return f"{missing} of {total} chunks" if missing else ""
    return _in_shards(place.path, array, counts, there)


def _names(path: Path, prefix: str) -> Iterator[str]:
    """Files of an array, as paths within it with ``/``."""
    if path.is_dir():
        folder = path / prefix
        for inside, _, names in walk(folder):
            begin = Path(inside).relative_to(folder).as_posix()
            yield from (name if begin == "." else f"{begin}/{name}" for name in names)
        return
    start = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    with zipfile.ZipFile(path) as archive:
        yield from {name.removeprefix(start) for name in archive.namelist() if name.startswith(start)}


def _numbers(names: Iterator[str], example: str, counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Numbers of chunks within an array that files are named after; `example` is the name of the one at (1, 1, ...)."""
    pattern = re.compile(re.escape(example).replace("1", "(\\d+)"))
    for name in names:
        found = pattern.fullmatch(name)
        number = tuple(map(int, found.groups())) if found else ()
        if found and all(n < count for n, count in zip(number, counts, strict=True)):
            yield number


def _of_some(folder: Path, array: zarr.Array, counts: tuple[int, ...]) -> str:
    """The same of chunks that are spread over an array."""
    flat = np.unique(np.linspace(0, math.prod(counts) - 1, SPREAD).astype(np.int64))
    asked = np.stack(np.unravel_index(flat, counts), 1).tolist()
    missing = sum(not (folder / array.metadata.encode_chunk_key(tuple(number))).is_file() for number in asked)
    kind = "chunks" if array.shards is None else "shards"
    return f"{missing} of {len(asked)} {kind} that were looked for ({math.prod(counts)} in all)" if missing else ""


def _in_shards(path: Path, array: zarr.Array, counts: tuple[int, ...], there: list[tuple[int, ...]]) -> str:
    """Chunks that lack in the shards that are there, and in those that aren't, by the shards' indexes."""
    location = _index_of(array.metadata.to_dict().get("codecs")) if path.is_dir() else None
    if location is None:
        gone = math.prod(counts) - len(there)
        return f"{gone} of {math.prod(counts)} shards" if gone else ""
    room = tuple(shard // side for shard, side in zip(array.shards, array.chunks, strict=True))
    ends = tuple(-(-n // side) for n, side in zip(array.shape, array.chunks, strict=True))
    present = 0
    for number in there:
        inside = tuple(slice(0, min(most, end - n * most)) for n, most, end in zip(number, room, ends, strict=True))
        file = path / array.store_path.path / array.metadata.encode_chunk_key(number)
        present += _present(file, room, inside, at_end=location == "end")
    missing = math.prod(ends) - present
    return f"{missing} of {math.prod(ends)} chunks" if missing else ""


def _index_of(codecs: Any) -> str | None:
    """Where the index of a shard is, ``start`` or ``end``; None where it is packed in a way of its own."""
    only = codecs[0] if isinstance(codecs, (list, tuple)) and len(codecs) == 1 else None
    told = only.get("configuration") if isinstance(only, Mapping) and only.get("name") == "sharding_indexed" else None
    if not isinstance(told, Mapping):
        return None
    names = [each.get("name") for each in told.get("index_codecs") or () if isinstance(each, Mapping)]
    return str(told.get("index_location", "end")) if names == ["bytes", "crc32c"] else None


def _present(file: Path, room: tuple[int, ...], inside: tuple[slice, ...], *, at_end: bool) -> int:
    """Chunks that a shard has, of those within the array; where its index can't be read, whoever reads it says so."""
    length = 16 * math.prod(room)
    try:
        with Reader(file) as shard:
            data = shard.exactly(shard.size - length - CHECKSUM if at_end else 0, length)
    except (OSError, EOFError, ValueError):
        return math.prod(each.stop for each in inside)
    index = np.frombuffer(data, "<u8").reshape(*room, 2)[inside]
    return int(np.count_nonzero((index != NONE).any(-1)))
