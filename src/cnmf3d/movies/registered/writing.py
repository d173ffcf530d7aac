"""A registered movie as a file of its own, for other programs: TIFF or OME-Zarr."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError, UsageError
from cnmf3d.events import Progress, Reporter, silent
from cnmf3d.movies.movie import Movie
from cnmf3d.movies.registered.frames import Registered
from cnmf3d.written import whole

Border = bool | Literal["copy", "min", "auto"]
"""As `MotionParameters.border_nan`."""

CHUNK_BYTES = 2**26
"""Bytes of frames that are registered and written at once: more only takes memory."""

IMAGEJ_LIMIT = 4 * 10**9
"""Bytes that an ImageJ hyperstack holds; beyond, the movie is a BigTIFF."""

IMAGEJ_TYPES = ("uint8", "uint16", "float32")


def write_registered(movie: Movie, path: str | Path, *, border: Border = "auto", reporter: Reporter = silent) -> Path:
    """Write a registered movie; it appears under its name when it is complete.

    Parameters
    ----------
    movie : Movie
        From `registered` or ``open_movie(..., motion=)``.
    path : path
        ``.tif`` or ``.tiff``: TZYX, uncompressed; ``.zarr``: OME-Zarr 0.4. Nothing may be there.
    border : bool, "copy", "min" or "auto"
        What voxels get that a frame doesn't show. True: NaN, which makes the file float32. "copy": the nearest voxel of
        the frame; "min": the frame's lowest value; False: 0; with these the file has the recording's type. "auto": NaN
        for recordings of floating-point numbers, else "copy". Bad frames are NaN where borders are, else moved like
        others.
    reporter : Reporter
        Told of the frames that are written.

    Raises
    ------
    UsageError
        For another name, or a movie that isn't registered.
    InputError
        Where the file exists or can't be written.
    Cnmf3dError
        Where the disk is full.
    """
    path = Path(path)
    if not isinstance(movie.frames, Registered):
        raise UsageError("the movie isn't registered", "Open it with its motion: open_movie(path, motion=FILE).")
    writers = {".tif": _write_tiff, ".tiff": _write_tiff, ".zarr": _write_zarr}
    if path.suffix.lower() not in writers:
        raise UsageError(f"{path} is no name of a movie that can be written", "Let it end in .tif or .ome.zarr.")
    if path.exists():
        raise InputError(f"{path} is there already", "Choose another name, or remove it.")
    source = _bordered(movie.frames, border)
    with whole(path) as draft:
        _check_room(path, movie, source.dtype)
        writers[path.suffix.lower()](draft, movie, source, reporter)
    return path


@dataclass(frozen=True)
class _Source:
    """Frames as they are written."""

    frames: Registered
    dtype: np.dtype[Any]
    fill: Border

    def chunks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """First frame and values of one chunk after the other."""
        total, *shape = self.frames.shape
        length = max(1, CHUNK_BYTES // (4 * int(np.prod(shape))))
        for start in range(0, total, length):
            yield start, self._filled(self.frames.read(start, min(start + length, total)))

    def _filled(self, values: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """Values of the type of the file, none of them missing where it can't hold that."""
        if self.fill in ("min", False):
            for frame in values:
                hidden = ~np.isfinite(frame)
                lowest = frame[~hidden].min() if self.fill == "min" and not hidden.all() else 0
                frame[hidden] = lowest
        if self.dtype.kind not in "iu":
            return values
        limits = np.iinfo(self.dtype)
        whole = np.rint(np.nan_to_num(values))
        return np.asarray(np.clip(whole, limits.min, limits.max), self.dtype)


def _bordered(frames: Registered, border: Border) -> _Source:
    """Frames with the type of the file and what hidden voxels get."""
    recorded = frames.source.dtype
    exact = recorded.kind in "iu" and recorded.itemsize <= 2
    if border == "auto":
        border = "copy" if exact else True
    dtype = np.dtype(np.float32) if border is True or not exact else recorded.newbyteorder("=")
    if border is True:
        return _Source(frames, dtype, True)
    moved = replace(frames.motion, bad_frames=np.zeros(frames.motion.frames, bool))
    return _Source(Registered(frames.source, moved, hidden=border != "copy"), dtype, border)


def _check_room(path: Path, movie: Movie, dtype: np.dtype[Any]) -> None:
    """See that the movie fits onto the disk."""
    needed, free = movie.size * dtype.itemsize, shutil.disk_usage(path.parent).free
    if needed > free:
        raise InputError(
            f"{path} takes {needed / 1e9:.1f} GB and there are {free / 1e9:.1f} GB free", "Write it elsewhere."
        )


def _write_tiff(draft: Path, movie: Movie, source: _Source, reporter: Reporter) -> None:
    """One contiguous TIFF."""
    import tifffile

    dtype = source.dtype.newbyteorder("<")
    small = movie.size * dtype.itemsize < IMAGEJ_LIMIT and source.dtype.name in IMAGEJ_TYPES
    size = movie.voxel_size
    labels: dict[str, Any] = {"axes": "TZYX"}
    labels |= {} if movie.rate is None else {"finterval": 1 / movie.rate, "fps": movie.rate}
    labels |= {} if size is None else {"spacing": size.z, "unit": "um"}
    resolution = None if size is None else (1 / size.x, 1 / size.y)
    mapped = tifffile.memmap(
        draft,
        shape=movie.shape,
        dtype=dtype,
        imagej=small,
        bigtiff=not small,
        byteorder="<",
        metadata=labels,
        **({} if resolution is None else {"resolution": resolution}),
    )
    offset = int(mapped.offset)
    del mapped
    with draft.open("r+b") as file:
        file.seek(offset)
        for start, values in source.chunks():
            file.write(values.astype(dtype, copy=False).data)
            _report(reporter, movie, start + len(values))


def _write_zarr(draft: Path, movie: Movie, source: _Source, reporter: Reporter) -> None:
    """OME-NGFF 0.4 on Zarr 2, which most programs read."""
    import zarr

    _, z, y, x = movie.shape
    root = zarr.open_group(draft, mode="w", zarr_format=2)
    array = root.create_array(
        "0",
        shape=movie.shape,
        dtype=source.dtype,
        chunks=(1, z, min(y, 512), min(x, 512)),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    for start, values in source.chunks():
        array[start : start + len(values)] = values
        _report(reporter, movie, start + len(values))
    size, rate = movie.voxel_size, movie.rate
    time = {} if rate is None else {"unit": "second"}
    space = {} if size is None else {"unit": "micrometer"}
    axes = [{"name": "t", "type": "time", **time}, *({"name": axis, "type": "space", **space} for axis in "zyx")]
    scale = [1.0 if rate is None else 1 / rate, *((1.0, 1.0, 1.0) if size is None else (float(side) for side in size))]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    root.attrs["multiscales"] = [{"version": "0.4", "name": "registered", "axes": axes, "datasets": [level]}]


def _report(reporter: Reporter, movie: Movie, done: int) -> None:
    reporter(Progress("write", done, movie.shape[0], "frames", done * (movie.size // movie.shape[0])))
