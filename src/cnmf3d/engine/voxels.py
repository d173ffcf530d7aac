"""The binned movie kept for later runs: an entry of the caches, checked before it is used again."""

from __future__ import annotations

import dataclasses
import io
import json
import stat
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from cnmf3d import plain_json
from cnmf3d.caches.listing import ABOUT
from cnmf3d.engine.cache import Cache, Statistics, kernel_type, source_hash
from cnmf3d.engine.solutions import hash_of, hash_of_file, program
from cnmf3d.movies import Movie

FORMAT = 1
"""Of an entry's files."""

BINS, STATISTICS, SOLUTIONS = "bins.i16", "statistics.npz", "solutions"


class DamagedError(Exception):
    """An entry that isn't what it should be; the message says what is wrong."""


class OutdatedError(DamagedError):
    """An entry of another movie, or of another state of this one."""


def voxel_key(
    movie: Movie, width: int, left_out: tuple[int | str, ...] | None = None, fingerprint: str | None = None
) -> str:
    """Key of a movie's binned cache: the movie's content and all that shapes the cache's bytes.

    Parameters
    ----------
    movie : Movie
    width : int
        Frames a time bin.
    left_out : tuple of int or str, optional
        Bad frames that were given, and what names more of them; None: as the movie's content tells.
    fingerprint : str, optional
        The movie's, where it is known.
    """
    seen = (kernel_type(movie.dtype).str, movie.dtype.itemsize)
    given = () if left_out is None else ("without", *left_out)
    return hash_of(FORMAT, program(), fingerprint or movie.fingerprint(), movie.shape, width, seen, *given)


def files_of(movie: Movie) -> list[list[Any]]:
    """Path, size and time of change of each of a movie's files; empty where it has others than local files."""
    facts: list[list[Any]] = []
    for path in movie.paths:
        try:
            file = Path(path).stat()
        except (OSError, ValueError):
            return []
        if not stat.S_ISREG(file.st_mode):  # a folder doesn't tell when something in it was written
            return []
        facts.append([str(Path(path).absolute()), file.st_size, file.st_mtime_ns])
    return facts


def write_entry(folder: Path, key: str, cache: Cache, movie: Movie) -> str:
    """Write what belongs to the bins in `folder`; the hash of the content (see `content_of`).

    Parameters
    ----------
    folder : Path
        Holds the file of bins already.
    key : str
    cache : Cache
    movie : Movie
    """
    buffer = io.BytesIO()
    arrays = {"centre": cache.centre, "scale": cache.scale, **vars(cache.statistics)}
    np.savez(buffer, allow_pickle=False, **arrays)
    (folder / STATISTICS).write_bytes(buffer.getvalue())
    files = files_of(movie)
    checksum = hash_of_file(cache.path)
    content = content_of(cache, movie.shape[0], checksum)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "key": key,
        "movie": [path for path, *_ in files] or list(movie.paths),
        "files": files,
        "frames": movie.shape[0],
        "shape": list(cache.shape),
        "bins": cache.bins,
        "width": cache.width,
        "chunk_bins": cache.chunk_bins,
        "bytes": cache.path.stat().st_size,
        "source": cache.source,
        "checksum": checksum,
        "statistics": xxhash.xxh3_128_hexdigest(buffer.getvalue()),
        "content": content,
    }
    _describe(folder, facts)
    return content


def _describe(folder: Path, facts: Mapping[str, Any]) -> None:
    part = folder / f".{ABOUT}.{uuid.uuid4().hex[:8]}"
    part.write_text(json.dumps({**facts, "seal": seal(facts)}, indent=1), encoding="utf-8")
    part.replace(folder / ABOUT)


def seal(facts: Mapping[str, Any]) -> str:
    """Hash of what an entry says of itself."""
    return hash_of(json.dumps({name: value for name, value in facts.items() if name != "seal"}, sort_keys=True))


def content_of(cache: Cache, frames: int, checksum: str) -> str:
    """Hash of everything that later steps see of a binned movie.

    Parameters
    ----------
    cache : Cache
    frames : int
        Length of the movie.
    checksum : str
        Hash of the file of bins.
    """
    arrays = (cache.centre, cache.scale, *vars(cache.statistics).values())
    return hash_of(checksum, cache.shape, cache.bins, cache.width, cache.chunk_bins, frames, *arrays)


def read_entry(folder: Path, key: str, movie: Movie, workers: int) -> tuple[Cache, str]:
    """Read an entry and check all of it.

    Parameters
    ----------
    folder : Path
    key : str
    movie : Movie
        The movie that it should have been made of.
    workers : int

    Returns
    -------
    Cache
    str
        Hash of the content.

    Raises
    ------
    DamagedError
        Where anything is missing or isn't as it was written.
    OutdatedError
        Where the movie isn't the one that it was made of.
    """
    try:
        facts = plain_json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if facts["format"] != FORMAT or facts["key"] != key or facts["seal"] != seal(facts):
            raise DamagedError("its description isn't what was written")
        stored = (folder / STATISTICS).read_bytes()
        if xxhash.xxh3_128_hexdigest(stored) != facts["statistics"]:
            raise DamagedError("its statistics aren't what was written")
        bins = folder / BINS
        if bins.stat().st_size != facts["bytes"] or hash_of_file(bins) != facts["checksum"]:
            raise DamagedError("its time bins aren't what was written")
    except FileNotFoundError as error:
        raise DamagedError(f"{Path(error.filename).name} is missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"it can't be read: {error}") from None
    with np.load(io.BytesIO(stored), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    statistics = Statistics(**{field.name: arrays[field.name] for field in dataclasses.fields(Statistics)})
    z, y, x = facts["shape"]
    sizes = (facts["bins"], facts["width"], facts["chunk_bins"])
    cache = Cache(bins, (z, y, x), *sizes, arrays["centre"], arrays["scale"], statistics, facts["source"])
    _same_movie(folder, facts, movie, cache, workers)
    return cache, str(facts["content"])


def _same_movie(folder: Path, facts: dict[str, Any], movie: Movie, cache: Cache, workers: int) -> None:
    """See that a movie is the one that an entry was made of: the fingerprint in the key is only of samples.

    It is where its files have the same names, sizes and times of change; else all of it is read and compared, once.
    """
    files = files_of(movie)
    known = [file for file in files if file in facts["files"]]
    if files and known == files:
        return
    if source_hash(movie, cache, workers) != cache.source:
        raise OutdatedError("a movie that is alike, or an earlier state of this one, was there")
    names = {file[0] for file in files}
    facts["files"] = [file for file in facts["files"] if file[0] not in names] + files
    with suppress(OSError):
        _describe(folder, facts)
