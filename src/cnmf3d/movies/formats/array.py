"""Arrays in memory, zarr and dask arrays, HDF5 datasets, xarray: whatever has a shape, a type and an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cnmf3d.errors import UsageError
from cnmf3d.movies.axes import letters_of
from cnmf3d.movies.formats.attributes import facts_of
from cnmf3d.movies.formats.nwb_series import AXES, calibration_in, is_image_series
from cnmf3d.movies.stored import Facts, Stored

NATURAL = {5: "tczyx", 4: "tzyx", 3: "tyx"}
"""Axes of an array by its number of dimensions, when neither the user nor the array says otherwise."""


def open_array(source: Any) -> Stored:
    """Take an array as a movie; it is not copied.

    Names of dimensions (xarray, zarr, HDF5) are its axes, and its attributes count as those of a file.

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
    rank = len(source.shape)
    axes = NATURAL.get(rank)
    if axes is None:
        raise UsageError(f"the array has {rank} dimensions", "Give one with the axes (T, Z, Y, X).")
    attributes = getattr(source, "attrs", None)
    facts = facts_of(dict(attributes)) if isinstance(attributes, Mapping) else Facts()
    if is_image_series(getattr(getattr(source, "parent", None), "attrs", {})) and rank in AXES:
        return Stored(source, AXES[rank], "array of NWB", replace(facts, calibration=calibration_in(attributes or {})))
    named = letters_of(_names(source), rank)
    return Stored(source, axes if set(named) == {"?"} else named, "array in memory", facts)


def _names(source: Any) -> list[str | None] | None:
    """What an array calls its dimensions, where it calls them anything."""
    dims = getattr(source, "dims", None)
    names = dims if dims is not None else getattr(getattr(source, "metadata", None), "dimension_names", None)
    try:
        return None if names is None else [str(getattr(name, "label", name) or "") for name in names]
    except TypeError:
        return None
