"""What the attributes of an HDF5 dataset or a zarr array say of a movie; one reading for both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnmf3d.movies.calibration import calibration_of
from cnmf3d.movies.stored import Facts
from cnmf3d.movies.units import micrometres, seconds, voxel_size

RATES = ("fr", "fps", "rate", "frame_rate")
"""Attributes that hold the number of volumes a second."""


def facts_of(entries: Mapping[str, Any]) -> Facts:
    """Read rate, voxel size and calibration from attributes.

    Parameters
    ----------
    entries : mapping
        ``fr``, ``fps``, ``rate`` or ``frame_rate`` (Hz); ``element_size_um`` (z, y, x); ``scale_factor``,
        ``add_offset`` and ``units`` as the conventions for climate and forecast data (CF) have them, which netCDF and
        xarray follow.

    Returns
    -------
    Facts
        ``metadata`` are all attributes that are one text or number.
    """
    plain = {name: as_text(value) if isinstance(value, bytes) else value for name, value in entries.items()}
    plain = {name: value for name, value in plain.items() if np.ndim(value) == 0}
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in plain.items()}
    plain = {name: value for name, value in plain.items() if isinstance(value, (str, int, float))}
    rates = (seconds(entries.get(name)) for name in RATES)
    sides, size = entries.get("element_size_um"), None
    if sides is not None and np.size(sides) == 3:
        size = voxel_size(*(micrometres(side) for side in np.ravel(sides)))
    found = calibration_of(entries.get("scale_factor"), entries.get("add_offset"), str(plain.get("units", "")))
    return Facts(next((rate for rate in rates if rate), None), size, plain, calibration=found)


def as_text(value: Any) -> str:
    """Read a text that may be held as bytes, or as an array of one."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
