"""Arrays in memory, zarr and dask arrays, HDF5 datasets: whatever has a shape, a type and an index."""

from __future__ import annotations

from typing import Any

from cnmf3d.errors import UsageError
from cnmf3d.movies.stored import Stored

NATURAL = {5: "tczyx", 4: "tzyx", 3: "tyx"}
"""Axes of an array by its number of dimensions, when nobody says otherwise."""


def open_array(source: Any) -> Stored:
    """Take an array as a movie; it is not copied.

    Raises
    ------
    UsageError
        For anything that isn't an array of 3 to 5 dimensions.
    """
    if not all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__")):
        raise UsageError(
            f"a movie can't be opened from a {type(source).__name__}",
            "Give a path, a list of paths, a folder, a pattern such as 'trial_*.tif', a URL, or an array.",
        )
    axes = NATURAL.get(len(source.shape))
    if axes is None:
        raise UsageError(f"the array has {len(source.shape)} dimensions", "Give one with the axes (T, Z, Y, X).")
    return Stored(source, axes, "array in memory")
