"""Any movie as the memory-mapped file that CaImAn reads, written a few volumes at a time.

The file holds one float32 course a voxel, voxels in Fortran order over (X, Y, Z), which is C order over (Z, Y, X); its
size is told by its name.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from cnmf3d.components import VolumeShape
from cnmf3d.errors import EngineError
from cnmf3d.events import Caution, Progress, Reporter
from cnmf3d.movies import Movie

OFFSET = np.float32(1e-4)
"""What CaImAn adds to every value when it writes such a file; so do we, for the same file."""

LEAST_CHUNK = 2**28
"""Bytes of float32 values that may be held at once in any case."""


def chunk_bytes() -> int:
    """Bytes of float32 values to hold at once: the more, the fewer times the file's pages are written."""
    return max(LEAST_CHUNK, psutil.virtual_memory().available // 8)


def file_name(movie: Movie, prefix: str) -> str:
    """How CaImAn wants the file of a movie to be called."""
    frames, z, y, x = movie.shape
    return f"{prefix}_d1_{x}_d2_{y}_d3_{z}_order_C_frames_{frames}.mmap"


def write_memmap(movie: Movie, path: Path, reporter: Reporter) -> Path:
    """Write a movie; the file appears whole or not at all.

    Parameters
    ----------
    movie : Movie
    path : Path
        See `file_name`.
    reporter : Reporter
        Told of progress, and of values that are not finite: they become 0.

    Raises
    ------
    EngineError
        Where there is no room for it.
    """
    frames, voxels = movie.shape[0], int(np.prod(movie.shape[1:]))
    needed, free = 4 * frames * voxels, shutil.disk_usage(path.parent).free
    if needed > free:
        raise EngineError(
            f"CaImAn's memory map needs {needed / 2**30:.1f} GiB, {path.parent} has {free / 2**30:.1f} GiB left",
            "Free some space, or move the batch to another disk.",
        )
    temporary = path.with_suffix(".part")
    step = max(1, chunk_bytes() // (4 * voxels))
    unknown = 0
    try:
        out = np.memmap(temporary, np.float32, "w+", shape=(voxels, frames))
        for start in range(0, frames, step):
            volumes = movie.read(start, start + step).reshape(-1, voxels).astype(np.float32)
            finite = np.isfinite(volumes)
            if not finite.all():
                unknown += int(volumes.size - finite.sum())
                volumes[~finite] = 0
            volumes += OFFSET
            done = start + len(volumes)
            out[:, start:done] = volumes.T
            reporter(Progress("ingest", done, frames, voxel_frames=done * voxels))
        out.flush()
        del out
        temporary.replace(path)
    except OSError as error:
        raise EngineError(f"{path} could not be written: {error.strerror}", "Is the disk full?") from error
    finally:
        temporary.unlink(missing_ok=True)
    if unknown:
        share = unknown / (frames * voxels)
        reporter(Caution("ingest", f"{unknown} values ({share:.2%}) are not finite (NaN or infinity): 0 for CaImAn"))
    return path


def projections(path: Path, frames: int, volume: VolumeShape) -> dict[str, npt.NDArray[np.float32]]:
    """Mean, max and standard deviation of every voxel of a file that `write_memmap` wrote."""
    voxels = int(np.prod(volume))
    courses = np.memmap(path, np.float32, "r", shape=(voxels, frames))
    images = {name: np.empty(voxels, np.float32) for name in ("mean", "max", "std")}
    step = max(1, LEAST_CHUNK // (4 * frames))
    for start in range(0, voxels, step):
        block = np.asarray(courses[start : start + step])
        part = slice(start, start + len(block))
        images["mean"][part] = block.mean(axis=1, dtype=np.float64) - OFFSET
        images["max"][part] = block.max(axis=1) - OFFSET
        images["std"][part] = block.std(axis=1, dtype=np.float64)
    return {name: image.reshape(volume) for name, image in images.items()}
