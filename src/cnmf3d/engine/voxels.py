"""The binned movie kept for later runs: an entry of the caches, checked before it is used again."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from cnmf3d.caches.listing import ABOUT
from cnmf3d.engine.cache import Cache, Statistics, kernel_type
from cnmf3d.engine.solutions import hash_of, hash_of_file, program
from cnmf3d.movies import Movie

FORMAT = 1
"""Of an entry's files."""

BINS, STATISTICS, SOLUTIONS = "bins.i16", "statistics.npz", "solutions"


class DamagedError(Exception):
    """An entry that isn't what it should be; the message says what is wrong."""


class OutdatedError(DamagedError):
    """An entry of a movie whose file was written since."""


def voxel_key(movie: Movie, width: int, fingerprint: str | None = None) -> str:
    """Key of a movie's binned cache: the movie's content and all that shapes the cache's bytes.

    Parameters
    ----------
    movie : Movie
    width : int
        Frames a time bin.
    fingerprint : str, optional
        The movie's, where it is known.
    """
    seen = (kernel_type(movie.dtype).str, movie.dtype.itemsize)
    return hash_of(FORMAT, program(), fingerprint or movie.fingerprint(), movie.shape, width, seen)


def files_of(movie: Movie) -> list[list[Any]]:
    """Path, size and time of change of each of a movie's local files."""
    facts: list[list[Any]] = []
    for path in movie.paths:
        try:
            stat = os.stat(path)  # noqa: PTH116 - may be an address
        except (OSError, ValueError):
            continue
        facts.append([os.path.abspath(path), stat.st_size, stat.st_mtime_ns])  # noqa: PTH100
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
        "checksum": checksum,
        "statistics": xxhash.xxh3_128_hexdigest(buffer.getvalue()),
        "content": content,
    }
    (folder / ABOUT).write_text(json.dumps({**facts, "seal": seal(facts)}, indent=1), encoding="utf-8")
    return content


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


def read_entry(folder: Path, key: str, movie: Movie) -> tuple[Cache, str]:
    """Read an entry and check all of it.

    Parameters
    ----------
    folder : Path
    key : str
    movie : Movie
        The movie that it should have been made of.

    Returns
    -------
    Cache
    str
        Hash of the content.

    Raises
    ------
    DamagedError
        Where anything is missing or isn't as it was written.
    """
    try:
        facts = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if facts["format"] != FORMAT or facts["key"] != key or facts["seal"] != seal(facts):
            raise DamagedError("its description isn't what was written")
        about_files(facts["files"], movie)
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
    names = [field.name for field in dataclasses.fields(Statistics)]
    statistics = Statistics(**{name: arrays[name] for name in names})
    z, y, x = facts["shape"]
    sizes = (facts["bins"], facts["width"], facts["chunk_bins"])
    cache = Cache(bins, (z, y, x), *sizes, centre=arrays["centre"], scale=arrays["scale"], statistics=statistics)
    return cache, str(facts["content"])


def about_files(then: list[list[Any]], movie: Movie) -> None:
    """See that no file of the movie was written since under the same name: its fingerprint is only of samples."""
    known = {path: facts for path, *facts in then}
    for path, *facts in files_of(movie):
        if path in known and known[path] != facts:
            raise OutdatedError(f"{path} was written since")
