"""Femtonics' MESc files: HDF5 with measurement units (``MSession_0/MUnit_3``), a dataset for each channel.

A channel's array is (frames, Y, X) of 16-bit numbers, which a linear conversion of the channel turns into intensities;
in most recordings it turns them around. The first axis is time where its conversion is in milliseconds, and depth
where it is in micrometres. Texts are arrays of character codes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import h5py
import numpy as np

from cnmf3d.errors import ChoiceError, InputError
from cnmf3d.movies.calibration import Calibration, calibration_of
from cnmf3d.movies.formats.descriptions import named
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.vendors.hdf5_parts import joined, never_written, opened
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.timing import began_at
from cnmf3d.movies.units import micrometres, seconds, voxel_size

UNIT = re.compile(r"MSession_(?P<session>\d+)/MUnit_(?P<unit>\d+)$")
CHANNEL = re.compile(r"Channel_(?P<number>\d+)$")
SUFFIX = ".mesc"


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open a measurement unit.

    Parameters
    ----------
    place : Place
    dataset : str or None
        ``MSession_0/MUnit_3``, or one of its channels, ``MSession_0/MUnit_3/Channel_0``; None where there is one unit.

    Raises
    ------
    InputError
        For a damaged file, and where a unit must be chosen; the message lists what there is.
    """
    with opened(place) as file:
        unit, names = _chosen(place, file, dataset)
        group = file[unit]
        shapes = {file[name].shape for name in names}
        if len(shapes) > 1:
            raise InputError(
                f"{place}: the channels of {unit} have several shapes ({', '.join(map(str, sorted(shapes)))})",
                f"Choose one: dataset={names[0]!r} (--dataset {names[0]}).",
            )
        calibrations = {name: _calibration(group, name) for name in names}
        if len(set(calibrations.values())) > 1:
            raise InputError(
                f"{place}: the channels of {unit} have several conversions to intensities",
                f"Choose one: dataset={names[0]!r} (--dataset {names[0]}).",
            )
        facts = _facts(group, unit, names, calibrations[names[0]])
        facts = replace(facts, warnings=never_written(place, file, names))
        first = "t" if seconds(1, _text(group.attrs.get("ZAxisConversionUnitName"))) else "z"
        shape = next(iter(shapes))
    data = joined(place, names, (len(names), shape[0]), tuple(shape[1:]))
    return Stored(data, f"c{first}yx", "Femtonics MESc", facts)


def _chosen(place: Place, file: h5py.File, dataset: str | None) -> tuple[str, list[str]]:
    """Choose a unit and its channels."""
    units: dict[str, list[str]] = {}

    def look(name: str, item: Any) -> None:
        unit, _, last = name.rpartition("/")
        if isinstance(item, h5py.Dataset) and CHANNEL.match(last) and UNIT.search(unit) and len(item.shape) == 3:
            units.setdefault(unit, []).append(name)

    file.visititems(look)
    for names in units.values():
        names.sort(key=lambda name: int(CHANNEL.search(name)["number"]))  # type: ignore[index]
    listed = [
        f"{unit} ({' × '.join(map(str, file[names[0]].shape[::-1]))}, {len(names)} channels)"
        for unit, names in units.items()
    ]
    listing = "; ".join(listed)
    if not units:
        raise InputError(f"{place} holds no movies of MESc", "Export the measurement from MESc again.")
    if dataset is None:
        if len(units) > 1:
            name = next(iter(units))
            raise ChoiceError(
                f"{place} holds {len(units)} measurements",
                f"Say which one, e.g. dataset={name!r} (--dataset {name}). It holds: {listing}.",
                "dataset",
                listed,
            )
        return next(iter(units.items()))
    wanted = dataset.strip("/")
    for unit, names in units.items():
        if wanted == unit:
            return unit, names
        if wanted in names:
            return unit, [wanted]
    raise InputError(f"{place} has no measurement {dataset!r}", f"It holds: {listing}.")


def _calibration(group: h5py.Group, name: str) -> Calibration | None:
    """Conversion of a channel."""
    start = f"{name.rpartition('/')[2]}_Conversion_ConversionLinear"
    return calibration_of(group.attrs.get(f"{start}Scale"), group.attrs.get(f"{start}Offset"))


def _facts(group: h5py.Group, unit: str, names: list[str], calibration: Calibration | None) -> Facts:
    """Rate, size of a voxel, names of the channels and the date of a unit."""

    def scale(axis: str) -> tuple[Any, str]:
        entries = group.attrs.get(f"{axis}AxisConversionConversionLinearScale")
        return entries, _text(group.attrs.get(f"{axis}AxisConversionUnitName"))

    interval = seconds(*scale("Z"))
    size = voxel_size(micrometres(*scale("Z")), micrometres(*scale("Y")), micrometres(*scale("X")))
    named = [_text(group.attrs.get(f"{name.rpartition('/')[2]}_Name")) for name in names]
    day = seconds(group.attrs.get("MeasurementDatePosix"))
    clock = began_at(day + (seconds(group.attrs.get("MeasurementDateNanoSecs"), "ns") or 0.0)) if day else {}
    metadata: dict[str, Any] = {"dataset": unit, "channels": named, **clock}
    comment = _text(group.attrs.get("Comment"))
    if comment:
        metadata["description"] = comment
    return Facts(1 / interval if interval else None, size, metadata, calibration=calibration)


def _text(value: Any) -> str:
    """Read a text, which is an array of character codes that ends with 0."""
    if value is None or isinstance(value, h5py.Empty):
        return ""
    codes = np.asarray(value).ravel()
    if codes.dtype.kind not in "iu":
        return ""
    return "".join(chr(int(code) & 0xFFFF) for code in codes if code)


FORMAT = Format("Femtonics MESc", (SUFFIX,), named(SUFFIX), open_recording)
