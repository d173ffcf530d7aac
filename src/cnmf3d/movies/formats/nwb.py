"""NWB files: TwoPhotonSeries and OnePhotonSeries, read as HDF5.

NWB core schema 2: ``data`` is (frame, x, y) or (frame, x, y, z), x the width of the image; ``starting_time``
has the rate or ``timestamps`` the times; the imaging plane has ``grid_spacing`` (x, y, z), in metres unless
it says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.hdf5 import MAGIC, lazily, open_file
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.timing import rate_of
from cnmf3d.movies.units import micrometres, seconds, voxel_size

if TYPE_CHECKING:
    import h5py

KINDS = ("TwoPhotonSeries", "OnePhotonSeries")
AXES = {3: "txy", 4: "txyz"}


def recognises(place: Place) -> bool:
    """Whether the file is named ``.nwb``."""
    return place.path is not None and place.suffix == ".nwb" and (not place.head or place.head.startswith(MAGIC))


def open_nwb(place: Place, dataset: str | None) -> Stored:
    """Open an imaging series of an NWB file.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Name of the series, such as ``TwoPhotonSeries`` or its whole path, where the file holds several.

    Raises
    ------
    InputError
        For a damaged file, where a series must be chosen, or where its images are in other files.
    """
    file = open_file(place)
    try:
        series = _chosen(place, file, dataset)
        data = series.get("data")
        if data is None or 0 in data.shape:
            raise _elsewhere(place, series)
        axes = AXES.get(len(data.shape))
        if axes is None:
            raise InputError(f"{place}: {series.name} has {len(data.shape)} dimensions", "NWB series have 3 or 4.")
        facts = _facts(place, series)
        return Stored(lazily(place, file, data), axes, "NWB", facts)
    except BaseException:
        file.close()
        raise


def _chosen(place: Place, file: h5py.File, dataset: str | None) -> h5py.Group:
    """Find the series that was asked for, or the only one."""
    import h5py

    found: dict[str, h5py.Group] = {}

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and _text(item.attrs.get("neurodata_type", "")) in KINDS:
            found["/" + name] = item

    file.visititems(look)
    listing = "; ".join(f"{name} {_shape(item)}" for name, item in found.items())
    if not found:
        raise InputError(f"{place} holds no TwoPhotonSeries and no OnePhotonSeries", "Open a file with raw images.")
    if dataset is not None:
        wanted = dataset.strip("/").removesuffix("/data")
        matches = [item for name, item in found.items() if wanted in (name.strip("/"), name.rpartition("/")[2])]
        if len(matches) != 1:
            raise InputError(f"{place} has no imaging series {dataset!r}", f"It holds: {listing}.")
        return matches[0]
    if len(found) > 1:
        first = next(iter(found))
        fix = f'Say which one, e.g. dataset="{first}" (--dataset {first}). It holds: {listing}.'
        raise InputError(f"{place} holds {len(found)} imaging series", fix)
    return next(iter(found.values()))


def _shape(series: h5py.Group) -> str:
    """Shape of a series, for a list."""
    return str(series["data"].shape) if "data" in series else "(no data)"


def _elsewhere(place: Place, series: h5py.Group) -> InputError:
    """Make the error for a series without images of its own."""
    names = [_text(name) for name in np.ravel(series["external_file"][()])] if "external_file" in series else []
    if names:
        return InputError(f"{place}: {series.name} keeps its images in {', '.join(names)}", "Open these instead.")
    return InputError(f"{place}: {series.name} has no images", "Choose another series, or write the file again.")


def _facts(place: Place, series: h5py.Group) -> Facts:
    """Rate, voxel size, and what describes the recording."""
    plane = series.get("imaging_plane")
    timed = Facts()
    if "timestamps" in series:
        timed = rate_of(series["timestamps"][()], f"{place}: {series.name}")
    rate = timed.rate
    if "starting_time" in series:
        rate = rate or seconds(series["starting_time"].attrs.get("rate"))
    size = None
    told: dict[str, Any] = {"dataset": series.name, **timed.metadata}
    if plane is not None:
        if rate is None and "imaging_rate" in plane:
            rate = seconds(plane["imaging_rate"][()])
        if "grid_spacing" in plane:
            spacing = plane["grid_spacing"]
            unit = _text(spacing.attrs.get("unit", "meters"))
            sides = [micrometres(side, unit) for side in np.ravel(spacing[()])]
            size = voxel_size(sides[2] if len(sides) > 2 else None, sides[1], sides[0])
        for name in ("indicator", "location", "description"):
            if name in plane:
                told[name] = _text(plane[name][()])
    for name in ("session_description", "session_start_time", "identifier"):
        if name in series.file:
            told[name] = _text(series.file[name][()])
    return Facts(rate, size, told, timed.warnings)


def _text(value: Any) -> str:
    """Read a text that HDF5 may hold as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


FORMAT = Format("NWB", (".nwb",), recognises, open_nwb)
