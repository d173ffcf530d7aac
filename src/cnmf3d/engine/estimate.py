"""What a run will need: memory, disk and time, before it starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmf3d.engine.cache import CHUNK_VALUES
from cnmf3d.engine.parallel import cores
from cnmf3d.engine.plan import BLOCK_BYTES
from cnmf3d.engine.planning import bins_of
from cnmf3d.movies import Movie
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.parameters.reading import Source

RATE = 20e6
"""Voxel-frames a second and core, conservatively (see benchmarks)."""

BASE = 300 * 2**20
"""Bytes of the interpreter, its libraries and compiled kernels."""


@dataclass(frozen=True)
class Estimate:
    """What a run will need.

    Attributes
    ----------
    memory, disk : int
        Bytes: peak of the process, and of the temporary file.
    seconds : float
        Rough.
    """

    memory: int
    disk: int
    seconds: float


def estimate(movie: Movie, parameters: Source | None = None, workers: int | None = None) -> Estimate:
    """What `run` will need for a movie, roughly.

    Parameters
    ----------
    movie : Movie
    parameters : CnmfParameters, mapping or file, optional
    workers : int, optional
        Threads; all cores by default.

    Raises
    ------
    UsageError
        Where parameters don't fit the movie.
    """
    parameters = parameters if isinstance(parameters, CnmfParameters) else read_parameters(parameters)
    workers = workers or cores()
    frames, voxels = movie.shape[0], int(np.prod(movie.shape[1:]))
    width = bins_of(movie, parameters, parameters.data.fr or movie.rate or 10.0)
    disk = 2 * voxels * max(1, frames // width)
    block = min(BLOCK_BYTES, disk) * 4
    chunk = CHUNK_VALUES * 4 * 4
    maps = 60 * voxels
    return Estimate(
        memory=BASE + maps + workers * max(block, chunk),
        disk=disk,
        seconds=frames * voxels / (RATE * min(workers, 8)) * (1.6 if parameters.refit else 1.0) + 2,
    )
