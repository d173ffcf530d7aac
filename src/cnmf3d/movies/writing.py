"""A movie as a file of its own that every program reads: TIFF or OME-Zarr."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xxhash

from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.events import Progress, Reporter, silent
from cnmf3d.movies.movie import Movie
from cnmf3d.written import whole

CHUNK_BYTES = 2**26
"""Bytes of frames that are read and written at once: more only takes memory."""

IMAGEJ_LIMIT = 4 * 10**9
"""Bytes that an ImageJ hyperstack holds; beyond, the movie is a BigTIFF."""

IMAGEJ_TYPES = ("uint8", "uint16", "float32")


class Frames(Protocol):
    """Frames as they are written."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values in the file."""
        ...

    def chunks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """First frame and values (t, Z, Y, X) of one chunk after the other."""
        ...


@dataclass(frozen=True)
class _AsTheyAre:
    """Frames as a movie has them."""

    movie: Movie

    @property
    def dtype(self) -> np.dtype[Any]:
        """The movie's, in this machine's order of bytes."""
        return self.movie.dtype.newbyteorder("=")

    def chunks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """First frame and values of one chunk after the other."""
        for start, stop in spans(self.movie.shape, self.dtype.itemsize):
            yield start, np.asarray(self.movie.read(start, stop), self.dtype)


@dataclass(frozen=True)
class _Summed:
    """Frames of which sums are kept, to compare them with what the file holds."""

    frames: Frames
    sums: list[str]

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of the frames."""
        return self.frames.dtype

    def chunks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """As of the frames."""
        for start, values in self.frames.chunks():
            self.sums.append(sum_of(values))
            yield start, values


def sum_of(values: npt.NDArray[Any]) -> str:
    """Checksum of values, whatever their order of bytes."""
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    return xxhash.xxh3_128(native.data).hexdigest()


def spans(shape: tuple[int, ...], itemsize: int) -> list[tuple[int, int]]:
    """First frame and one beyond the last of each chunk of a movie, (T, Z, Y, X)."""
    total, *inner = shape
    length = max(1, CHUNK_BYTES // (itemsize * int(np.prod(inner))))
    return [(start, min(start + length, total)) for start in range(0, total, length)]


def write_movie(movie: Movie, path: str | Path, *, check: bool = True, reporter: Reporter = silent) -> Path:
    """Write a movie as it is read; it appears under its name when it is complete.

    Parameters
    ----------
    movie : Movie
    path : path
        ``.tif`` or ``.tiff``: TZYX, uncompressed, an ImageJ hyperstack up to 4 GB; ``.zarr``: OME-Zarr 0.4. Nothing
        may be there.
    check : bool
        Read the file again and compare every value.
    reporter : Reporter
        Told of the frames that are written, and read again.

    Raises
    ------
    UsageError
        For another name.
    InputError
        Where the file exists, there is no room, or a movie can't be read.
    Cnmf3dError
        Where it can't be written, or holds something else than was written.
    """
    sums: list[str] = []
    frames = _AsTheyAre(movie)
    path = write_frames(movie, path, _Summed(frames, sums), reporter=reporter)
    if check:
        _check_same(path, movie, frames.dtype, sums, reporter)
    return path


def _check_same(path: Path, movie: Movie, dtype: np.dtype[Any], sums: list[str], reporter: Reporter) -> None:
    """See that a file holds what was written."""
    from cnmf3d.movies.opening import open_movie

    written = open_movie(path, axes="tzyx")
    for (start, stop), wanted in zip(spans(movie.shape, dtype.itemsize), sums, strict=True):
        if sum_of(np.asarray(written.read(start, stop), dtype)) != wanted:
            raise Cnmf3dError(
                f"{path} holds other values than were written, in frames {start} to {stop - 1}",
                "The disk or the network drive may be faulty: remove it and write it elsewhere.",
            )
        reporter(Progress("check", stop, movie.shape[0], "frames", stop * (movie.size // movie.shape[0])))


def write_frames(movie: Movie, path: str | Path, frames: Frames, *, reporter: Reporter = silent) -> Path:
    """Write frames with a movie's rate and voxel size; see `write_movie`.

    Parameters
    ----------
    movie : Movie
    path : path
    frames : Frames
        In the movie's shape.
    reporter : Reporter
    """
    path = Path(path)
    writers = {".tif": _write_tiff, ".tiff": _write_tiff, ".zarr": _write_zarr}
    if path.suffix.lower() not in writers:
        raise UsageError(f"{path} is no name of a movie that can be written", "Let it end in .tif or .ome.zarr.")
    if path.exists():
        raise InputError(f"{path} is there already", "Choose another name, or remove it.")
    with whole(path) as draft:
        _check_room(path, movie, frames.dtype)
        writers[path.suffix.lower()](draft, movie, frames, reporter)
    return path


def _check_room(path: Path, movie: Movie, dtype: np.dtype[Any]) -> None:
    """See that the movie fits onto the disk."""
    needed, free = movie.size * dtype.itemsize, shutil.disk_usage(path.parent).free
    if needed > free:
        raise InputError(
            f"{path} takes {needed / 1e9:.1f} GB and there are {free / 1e9:.1f} GB free", "Write it elsewhere."
        )


def _write_tiff(draft: Path, movie: Movie, frames: Frames, reporter: Reporter) -> None:
    """One contiguous TIFF."""
    import tifffile

    dtype = frames.dtype.newbyteorder("<") if frames.dtype != bool else np.dtype(np.uint8)  # TIFF packs bits
    small = movie.size * dtype.itemsize < IMAGEJ_LIMIT and frames.dtype.name in IMAGEJ_TYPES
    mapped = tifffile.memmap(
        draft,
        shape=movie.shape,
        dtype=dtype,
        imagej=small,
        ome=not small,
        bigtiff=not small,
        byteorder="<",
        photometric="minisblack",
        **(_imagej(movie) if small else _ome(movie)),
    )
    offset = int(mapped.offset)
    del mapped
    with draft.open("r+b") as file:
        file.seek(offset)
        for start, values in frames.chunks():
            file.write(np.ascontiguousarray(values, dtype).data)
            _report(reporter, movie, start + len(values))


def _imagej(movie: Movie) -> dict[str, Any]:
    """Rate and size of a voxel as ImageJ has them."""
    size = movie.voxel_size
    labels: dict[str, Any] = {"axes": "TZYX"}
    labels |= {} if movie.rate is None else {"finterval": 1 / movie.rate, "fps": movie.rate}
    if size is None:
        return {"metadata": labels}
    return {"metadata": labels | {"spacing": size.z, "unit": "um"}, "resolution": (1 / size.x, 1 / size.y)}


def _ome(movie: Movie) -> dict[str, Any]:
    """Rate and size of a voxel as OME has them; its default unit is µm."""
    size = movie.voxel_size
    labels: dict[str, Any] = {"axes": "TZYX"}
    labels |= {} if movie.rate is None else {"TimeIncrement": 1 / movie.rate, "TimeIncrementUnit": "s"}
    labels |= {} if size is None else {f"PhysicalSize{axis}": float(getattr(size, axis.lower())) for axis in "ZYX"}
    return {"metadata": labels}


def _write_zarr(draft: Path, movie: Movie, frames: Frames, reporter: Reporter) -> None:
    """OME-NGFF 0.4 on Zarr 2, which most programs read."""
    import zarr

    _, z, y, x = movie.shape
    root = zarr.open_group(draft, mode="w", zarr_format=2)
    array = root.create_array(
        "0",
        shape=movie.shape,
        dtype=frames.dtype,
        chunks=(1, z, min(y, 512), min(x, 512)),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    for start, values in frames.chunks():
        array[start : start + len(values)] = values
        _report(reporter, movie, start + len(values))
    size, rate = movie.voxel_size, movie.rate
    time = {} if rate is None else {"unit": "second"}
    space = {} if size is None else {"unit": "micrometer"}
    axes = [{"name": "t", "type": "time", **time}, *({"name": axis, "type": "space", **space} for axis in "zyx")]
    scale = [1.0 if rate is None else 1 / rate, *((1.0, 1.0, 1.0) if size is None else (float(side) for side in size))]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    name = Path(movie.paths[0]).name if movie.paths else "movie"
    root.attrs["multiscales"] = [{"version": "0.4", "name": name, "axes": axes, "datasets": [level]}]


def _report(reporter: Reporter, movie: Movie, done: int) -> None:
    reporter(Progress("write", done, movie.shape[0], "frames", done * (movie.size // movie.shape[0])))
