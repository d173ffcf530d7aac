"""Fingerprint of a movie's content, from samples: the same in any format, in seconds for any size."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cnmf3d.movies.movie import Movie

SAMPLES = 64
"""Places in a movie that are looked at."""

SAMPLE_BYTES = 2**18
"""At most so many bytes are looked at in each place."""


def fingerprint_of(movie: Movie) -> str:
    """Hash shape, type and up to `SAMPLES` bands of rows, spread over time, planes and rows.

    A change of a value between the samples goes unnoticed; other recordings, other crops and other lengths
    don't. Of a movie that is registered as it is read, all of its motion counts.

    Parameters
    ----------
    movie : Movie

    Returns
    -------
    str
        32 hexadecimal digits (BLAKE2b).
    """
    motion = movie.metadata.get("motion")
    time, planes, height, width = movie.shape
    dtype = movie.dtype.newbyteorder("<")
    digest = hashlib.blake2b(f"{movie.shape} {dtype.str}".encode(), digest_size=16)
    if isinstance(motion, dict):
        digest.update(str(motion.get("digest")).encode())
    rows = max(1, min(height, SAMPLE_BYTES // (width * dtype.itemsize)))
    samples = min(SAMPLES, time)
    for number, t in enumerate(np.linspace(0, time - 1, samples).astype(int)):
        plane = number * 5 % planes
        start = number * 7919 % (height - rows + 1)
        band = movie.frames.read_rows(int(t), plane, slice(start, start + rows))
        digest.update(np.ascontiguousarray(band, dtype=dtype).tobytes())
    return digest.hexdigest()
