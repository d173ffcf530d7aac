"""A movie as a file of its own that every program reads: TIFF or OME-Zarr."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xxhash

from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.events import Progress, Reporter, silent
from cnmf3d.movies import kept_times
from cnmf3d.movies.movie import Movie
from cnmf3d.movies.resuming import Work, about_movie, at_work
from cnmf3d.written import settle, to_disk, whole

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

    A program that was killed while it wrote goes on where it was, when the same movie is written there again.

    Parameters
    ----------
    movie : Movie
    path : path
        ``.tif`` or ``.tiff``: TZYX, uncompressed, an ImageJ hyperstack up to 4 GB; ``.zarr``: OME-Zarr 0.4. Nothing
        may be there.
    check : bool
        Read the file again and compare every value, before it appears.
    reporter : Reporter
        Receives events about the frames that are written, and read again.

    Raises
    ------
    UsageError
        For another name.
    InputError
        Where the file exists, there is no room, or a movie can't be read.
    Cnmf3dError
        Where it can't be written, or holds something else than was written.
    """
    path = _free(path)
    dtype = movie.dtype.newbyteorder("=")
    with at_work(path, about_movie(movie, dtype=dtype.str, chunk=CHUNK_BYTES)) as work:
        sink = _resumed(work, movie, dtype)
        if not work.sums:
            _check_room(path, movie, dtype)
            sink = _SINKS[path.suffix.lower()].made(work.draft, movie, dtype)
            work.begin({"offset": sink.offset})
        for start, stop in spans(movie.shape, dtype.itemsize)[len(work.sums) :]:
            values = np.asarray(movie.read(start, stop), dtype)
            sink.put(start, values)
            sink.flush()
            work.add(sum_of(values))
            _report(reporter, movie, stop)
        sink.end(movie)
        if check:
            _check_same(path, work, movie, dtype, reporter)
        settle(work.draft, path)
    return path


def _resumed(work: Work, movie: Movie, dtype: np.dtype[Any]) -> Sink:
    """Go on with a draft; its last chunk is looked at, and written again where it isn't as it should be."""
    sink = _SINKS[work.draft.suffix.lower()](work.draft, int(work.head.get("offset", 0)), movie.shape, dtype)
    if work.sums:
        start, stop = spans(movie.shape, dtype.itemsize)[len(work.sums) - 1]
        try:
            whole = sum_of(np.asarray(sink.read(start, stop), dtype)) == work.sums[-1]
        except (OSError, ValueError, KeyError):
            whole = False
        if not whole:
            work.drop_last()
    return sink


def _check_same(path: Path, work: Work, movie: Movie, dtype: np.dtype[Any], reporter: Reporter) -> None:
    """See that a draft holds what was written; it is thrown away where it doesn't."""
    from cnmf3d.movies.opening import open_movie

    written = open_movie(work.draft, axes="tzyx")
    for (start, stop), wanted in zip(spans(movie.shape, dtype.itemsize), work.sums, strict=True):
        if sum_of(np.asarray(written.read(start, stop), dtype)) != wanted:
            work.sums.clear()
            raise Cnmf3dError(
                f"{path} would hold other values than were written, in frames {start} to {stop - 1}",
                "The disk or the network drive may be faulty: write it elsewhere.",
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
    path = _free(path)
    with whole(path) as draft:
        _check_room(path, movie, frames.dtype)
        sink = _SINKS[path.suffix.lower()].made(draft, movie, frames.dtype)
        for start, values in frames.chunks():
            sink.put(start, values)
            _report(reporter, movie, start + len(values))
        sink.end(movie)
    return path


def _free(path: str | Path) -> Path:
    """A name that can be written, at which nothing is."""
    path = Path(path)
    if path.suffix.lower() not in _SINKS:
        raise UsageError(f"{path} is no name of a movie that can be written", "Let it end in .tif or .ome.zarr.")
    if path.exists():
        raise InputError(f"{path} is there already", "Choose another name, or remove it.")
    return path


def _check_room(path: Path, movie: Movie, dtype: np.dtype[Any]) -> None:
    """See that the movie fits onto the disk."""
    needed, free = movie.size * dtype.itemsize, shutil.disk_usage(path.parent).free
    if needed > free:
        raise InputError(
            f"{path} takes {needed / 1e9:.1f} GB and there are {free / 1e9:.1f} GB free", "Write it elsewhere."
        )


class Sink(Protocol):
    """A file that takes frames."""

    offset: int

    def put(self, start: int, values: npt.NDArray[Any]) -> None:
        """Write frames (t, Z, Y, X) from `start` on."""
        ...

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read frames that were written."""
        ...

    def flush(self) -> None:
        """See that what was written is on the disk."""
        ...

    def end(self, movie: Movie) -> None:
        """Write what belongs behind the frames."""
        ...


class _Tiff:
    """One contiguous TIFF."""

    def __init__(self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        # TIFF packs bits.
        self._dtype = dtype.newbyteorder("<") if dtype.kind != "b" else np.dtype(np.uint8)
        self.offset, self._path, self._shape = offset, path, shape
        self._frame = math.prod(shape[1:]) * self._dtype.itemsize

    @classmethod
    def made(cls, path: Path, movie: Movie, dtype: np.dtype[Any]) -> _Tiff:
        """An empty one, with its labels."""
        import tifffile

        sink = cls(path, 0, movie.shape, dtype)
        small = movie.size * sink._dtype.itemsize < IMAGEJ_LIMIT and dtype.name in IMAGEJ_TYPES
        path.unlink(missing_ok=True)
        mapped = tifffile.memmap(
            path,
            shape=movie.shape,
            dtype=sink._dtype,
            imagej=small,
            ome=not small,
            bigtiff=not small,
            byteorder="<",
            photometric="minisblack",
            extratags=_times(movie),
            **(_imagej(movie) if small else _ome(movie)),
        )
        sink.offset = int(mapped.offset)
        return sink

    def put(self, start: int, values: npt.NDArray[Any]) -> None:
        """Write frames."""
        with self._path.open("r+b") as file:
            file.seek(self.offset + start * self._frame)
            file.write(np.ascontiguousarray(values, self._dtype).data)

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read frames that were written."""
        with self._path.open("rb") as file:
            file.seek(self.offset + start * self._frame)
            values = np.frombuffer(file.read((stop - start) * self._frame), self._dtype)
        return values.reshape(stop - start, *self._shape[1:])

    def flush(self) -> None:
        """See that what was written is on the disk."""
        to_disk(self._path)

    def end(self, movie: Movie) -> None:
        """Nothing more."""
        del movie


def _times(movie: Movie) -> list[tuple[int, str, int, str, bool]]:
    """The tag that keeps the times of planes, volumes and segments, where there are any."""
    text = kept_times.as_text(movie.timeline, movie.shape[0])
    return [(kept_times.TAG, "s", 0, text, True)] if text else []


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


class _Zarr:
    """OME-NGFF 0.4 on Zarr 2, which most programs read."""

    offset = 0

    def __init__(self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        del offset, shape, dtype
        self._path = path

    @classmethod
    def made(cls, path: Path, movie: Movie, dtype: np.dtype[Any]) -> _Zarr:
        """An empty one."""
        import zarr

        _, z, y, x = movie.shape
        zarr.open_group(path, mode="w", zarr_format=2).create_array(
            "0",
            shape=movie.shape,
            dtype=dtype,
            chunks=(1, z, min(y, 512), min(x, 512)),
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        return cls(path, 0, movie.shape, dtype)

    @cached_property
    def _array(self) -> Any:
        import zarr

        return zarr.open_array(self._path / "0", mode="r+")

    def put(self, start: int, values: npt.NDArray[Any]) -> None:
        """Write frames."""
        self._array[start : start + len(values)] = values

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read frames that were written."""
        return np.asarray(self._array[start:stop])

    def flush(self) -> None:
        """Its many files go to the disk when all are written; what a loss of power took is seen when they are read."""

    def end(self, movie: Movie) -> None:
        """Axes, rate and size of a voxel."""
        import zarr

        size, rate = movie.voxel_size, movie.rate
        time = {} if rate is None else {"unit": "second"}
        space = {} if size is None else {"unit": "micrometer"}
        axes = [{"name": "t", "type": "time", **time}, *({"name": axis, "type": "space", **space} for axis in "zyx")]
        sides = (1.0, 1.0, 1.0) if size is None else (float(side) for side in size)
        scale = [1.0 if rate is None else 1 / rate, *sides]
        level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        name = Path(movie.paths[0]).name if movie.paths else "movie"
        root = zarr.open_group(self._path, mode="r+")
        kept = kept_times.as_text(movie.timeline, movie.shape[0])
        if kept:
            root.attrs[kept_times.NAME] = kept
        root.attrs["multiscales"] = [{"version": "0.4", "name": name, "axes": axes, "datasets": [level]}]


_SINKS: dict[str, type[_Tiff] | type[_Zarr]] = {".tif": _Tiff, ".tiff": _Tiff, ".zarr": _Zarr}


def _report(reporter: Reporter, movie: Movie, done: int) -> None:
    reporter(Progress("write", done, movie.shape[0], "frames", done * (movie.size // movie.shape[0])))
