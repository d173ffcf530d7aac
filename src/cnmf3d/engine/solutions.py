"""Results of single steps kept in files: a run that was stopped, or a variant of it, doesn't compute them again.

A result is found by a hash of everything that shapes it: the binned movie's content, settings, start, the program and
the machine. So what is read is, byte for byte, what would have been computed.
"""

from __future__ import annotations

import functools
import io
import platform
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash
from scipy import sparse

from cnmf3d.components import Float
from cnmf3d.engine.block import Fit
from cnmf3d.engine.estimates import CellSize
from cnmf3d.engine.volume import Solved
from cnmf3d.geometry import ZYX
from cnmf3d.stored_columns import stored_columns

Arrays = Mapping[str, npt.NDArray[Any]]

CHUNK = 2**24
"""Bytes of a file hashed at once."""

STALE = 3600.0
"""Seconds after which a file that isn't whole was left by a process that ended."""


@functools.cache
def program() -> str:
    """Hash of the engine's sources, of the libraries' versions and of the processor: the same hash, the same bytes."""
    from llvmlite import binding

    digest = xxhash.xxh3_128()
    folder = Path(__file__).parent
    for source in sorted(folder.rglob("*.py")):
        digest.update(f"{source.relative_to(folder).as_posix()}\n".encode() + source.read_bytes())
    names = ("cnmf3d", "numpy", "scipy", "numba")
    told = [*(version(name) for name in names), platform.system(), platform.machine(), binding.get_host_cpu_name()]
    digest.update(" ".join(told).encode())
    return digest.hexdigest()


def hash_of(*parts: Any) -> str:
    """Hash of arrays (their type, shape and values), sparse matrices and whatever tells itself by `repr`."""
    digest = xxhash.xxh3_128()
    for part in parts:
        if sparse.issparse(part):
            matrix: Any = part
            digest.update(hash_of(matrix.shape, matrix.indptr, matrix.indices, matrix.data).encode())
        elif isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str} {part.shape} ".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(f"{part!r} ".encode())
    return digest.hexdigest()


def hash_of_file(path: Path) -> str:
    """Hash of all of a file's bytes."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


@dataclass(frozen=True)
class Place:
    """A folder of kept results.

    Attributes
    ----------
    folder : Path
    most : int or None
        Bytes that they may take: those not used for longest go; None: no limit.
    """

    folder: Path
    most: int | None = None


@dataclass(frozen=True)
class Solutions:
    """Kept results of the steps on one binned movie; files of the name ``<key>-<hash of the content>.npz``.

    Attributes
    ----------
    content : str
        Hash of the binned movie.
    places : tuple of Place
        Where results are sought, and all kept; none: everything is computed.
    """

    content: str = ""
    places: tuple[Place, ...] = ()

    def once(self, what: str, shaping: tuple[Any, ...], compute: Callable[[], Arrays]) -> Arrays:
        """A step's result: read where it was kept, else computed and kept.

        Parameters
        ----------
        what : str
            The step.
        shaping : tuple
            All that shapes the result beside the binned movie, as `hash_of` takes it.
        compute : callable
        """
        if not self.places:
            return plain(compute())
        key = hash_of(program(), self.content, what, *shaping)
        found: Arrays | None = None
        lacking = []
        for place in self.places:
            read = _read(place.folder, key)
            found = found if read is None else read
            lacking += [place] if read is None else []
        if found is None:
            found = plain(compute())
        if lacking:
            _write(lacking, key, found)
        return found


def plain(arrays: Arrays) -> Arrays:
    """Arrays as they come out of a file: contiguous, so that later steps can't tell the difference."""
    return {name: np.ascontiguousarray(value).reshape(np.shape(value)) for name, value in arrays.items()}


def _read(folder: Path, key: str) -> Arrays | None:
    """A kept result; None where there is none, or a damaged one, which is removed."""
    for path in folder.glob(f"{key}-*.npz"):
        with suppress(OSError):
            content = path.read_bytes()
            if xxhash.xxh3_128_hexdigest(content) == path.stem.removeprefix(f"{key}-"):
                path.touch()
                with np.load(io.BytesIO(content), allow_pickle=False) as file:
                    return {name: file[name] for name in file.files}
            path.unlink()
    return None


def _write(places: list[Place], key: str, arrays: Arrays) -> None:
    """Keep a result, whole or not at all; where there is no room it just isn't kept."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    name = f"{key}-{xxhash.xxh3_128_hexdigest(content)}.npz"
    for place in places:
        part = place.folder / f".{name}.{uuid.uuid4().hex[:8]}.part"
        try:
            place.folder.mkdir(parents=True, exist_ok=True)
            if place.most is not None:
                _make_room(place.folder, place.most - len(content))
            part.write_bytes(content)
            part.replace(place.folder / name)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _make_room(folder: Path, most: int) -> None:
    """Remove the results that weren't used for longest until at most so many bytes are left."""
    for path in folder.glob(".*.part"):
        if time.time() - path.stat().st_mtime > STALE:
            path.unlink()
    files = sorted(((path.stat(), path) for path in folder.glob("*.npz")), key=lambda file: file[0].st_mtime_ns)
    total = sum(facts.st_size for facts, _ in files)
    for facts, path in files:
        if total <= most:
            break
        path.unlink(missing_ok=True)
        total -= facts.st_size


# ---- what is kept, as arrays -----------------------------------------------------------------------------------------


def block_arrays(solved: Solved, correlation: Float) -> Arrays:
    """A solved block and the local correlation image of its core; what no later step looks at is left out."""
    fit = solved.fit
    arrays = {
        "shape": np.array(fit.footprints.shape, np.int64),
        "data": fit.footprints.data,
        "indices": fit.footprints.indices,
        "indptr": fit.footprints.indptr,
        "traces": fit.traces,
        "spatial": fit.spatial,
        "temporal": fit.temporal,
        "moving": np.array(fit.moving),
        "correlation": correlation,
    }
    return arrays if solved.seeds is None else {**arrays, "seeds": solved.seeds}


def block_of(arrays: Arrays) -> tuple[Solved, Float]:
    """The inverse of `block_arrays`."""
    rows, _ = arrays["shape"].tolist()
    footprints = stored_columns(arrays["data"], arrays["indices"], arrays["indptr"], rows)
    spatial = arrays["spatial"]
    fit = Fit(footprints, arrays["traces"], spatial, arrays["temporal"], spatial[:0], int(arrays["moving"]))
    return Solved(fit, arrays.get("seeds")), arrays["correlation"]


def size_arrays(size: CellSize) -> Arrays:
    """The measured size of cells."""
    return {"sigma": np.array(size.sigma, np.float64), "cells": np.array(size.cells), "why": np.array(size.why)}


def size_of(arrays: Arrays) -> CellSize:
    """The inverse of `size_arrays`."""
    z, y, x = arrays["sigma"].tolist()
    return CellSize(ZYX(z, y, x), int(arrays["cells"]), str(arrays["why"]))
