"""Imaging series of NWB files, in HDF5 or in Zarr: one reading for both.

NWB core schema 2: ``data`` of an image series is (frame, x, y) or (frame, x, y, z), x the width of the image, and
becomes intensities by its ``conversion`` and ``offset``; ``starting_time`` has the rate or ``timestamps`` the times,
in seconds; the imaging plane has ``grid_spacing`` and the series ``field_of_view``, both (x, y, z) in metres unless
they say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import ChoiceError, InputError
from cnmf3d.geometry import ZYX
from cnmf3d.movies.calibration import Calibration, calibration_of
from cnmf3d.movies.formats.attributes import as_text
from cnmf3d.movies.stored import Facts, LazyArray, Place, Stored
from cnmf3d.movies.timing import began, contradiction, rate_of
from cnmf3d.movies.units import TIMES, micrometres, plain_unit, seconds, voxel_size

PHOTONS = ("TwoPhotonSeries", "OnePhotonSeries")
IMAGES = "ImageSeries"
"""What motion correction writes; also videos of an animal, so it counts only where there are no `PHOTONS`."""

AXES = {3: "txy", 4: "txyz"}


class Tree(Protocol):
    """A file as groups and arrays, whichever way it is stored."""

    @property
    def root(self) -> Any:
        """The outermost group."""
        ...

    def groups(self) -> Mapping[str, Any]:
        """All groups by path, each path with a leading slash."""
        ...

    def child(self, group: Any, name: str) -> Any:
        """A group's array or group of that name, links followed; None where there is none."""
        ...

    def lazily(self, array: Any) -> LazyArray:
        """An array that is read where it is indexed; the file stays open as long as it needs."""
        ...

    def cautions(self, array: Any) -> tuple[str, ...]:
        """Warnings of parts that were never written."""
        ...


@dataclass(frozen=True)
class Series:
    """One imaging series.

    Attributes
    ----------
    tree : Tree
    path : str
    group : group of h5py or zarr
    """

    tree: Tree
    path: str
    group: Any

    @property
    def kind(self) -> str:
        """Its NWB type."""
        return as_text(self.group.attrs.get("neurodata_type", ""))

    def child(self, name: str) -> Any:
        """One of its arrays or groups, or None."""
        return self.tree.child(self.group, name)

    def listed(self) -> str:
        """Path and shape, for a list."""
        data = self.child("data")
        return f"{self.path} {'(no data)' if data is None else tuple(data.shape)}"


def is_nwb(attributes: Mapping[str, Any]) -> bool:
    """Whether these are the attributes of the outermost group of an NWB file."""
    return "nwb_version" in attributes or as_text(attributes.get("neurodata_type", "")) == "NWBFile"


def read_series(place: Place, tree: Tree, dataset: str | None) -> Stored:
    """Open an imaging series.

    Parameters
    ----------
    place : Place
    tree : Tree
    dataset : str or None
        Name of the series, such as ``TwoPhotonSeries`` or its whole path, where the file holds several.

    Raises
    ------
    InputError
        Where a series must be chosen, or where its images are in other files.
    """
    series = _chosen(place, tree, dataset)
    data = series.child("data")
    if data is None or 0 in data.shape:
        raise _elsewhere(place, series)
    if len(data.shape) not in AXES:
        raise InputError(f"{place}: {series.path} has {len(data.shape)} dimensions", "NWB series have 3 or 4.")
    axes, cautions = _axes(place, series, tuple(data.shape))
    facts = _facts(place, series, dict(zip(axes, data.shape, strict=True)))
    facts = replace(
        facts, warnings=(*cautions, *tree.cautions(data), *facts.warnings), calibration=calibration_in(data.attrs)
    )
    return Stored(tree.lazily(data), axes, "NWB", facts)


def _chosen(place: Place, tree: Tree, dataset: str | None) -> Series:
    """Find the series that was asked for, or the only one."""
    found = [Series(tree, path, group) for path, group in tree.groups().items()]
    found = [each for each in found if each.kind in (*PHOTONS, IMAGES)]
    listing = "; ".join(each.listed() for each in found)
    if dataset is not None:
        wanted = dataset.strip("/").removesuffix("/data")
        matches = [each for each in found if wanted in (each.path.strip("/"), each.path.rpartition("/")[2])]
        if len(matches) != 1:
            problem = f"{place} has {'no' if not matches else 'more than one'} imaging series {dataset!r}"
            raise InputError(problem, f"It holds: {listing or 'no imaging series'}. Give the whole path of one.")
        return matches[0]
    likely = [each for each in found if each.kind in PHOTONS] or found
    if not likely:
        raise InputError(f"{place} holds no TwoPhotonSeries and no OnePhotonSeries", "Open a file with raw images.")
    if len(likely) > 1:
        first = likely[0].path
        fix = f'Say which one, e.g. dataset="{first}" (--dataset {first}). It holds: {listing}.'
        choices = [each.listed() for each in likely]
        raise ChoiceError(f"{place} holds {len(likely)} imaging series", fix, "dataset", choices)
    return likely[0]


def _elsewhere(place: Place, series: Series) -> InputError:
    """Make the error for a series without images of its own."""
    external = series.child("external_file")
    names = [] if external is None else [as_text(name) for name in np.ravel(external[()])]
    if names:
        return InputError(f"{place}: {series.path} keeps its images in {', '.join(names)}", "Open these instead.")
    return InputError(f"{place}: {series.path} has no images", "Choose another series, or write the file again.")


def _axes(place: Place, series: Series, shape: tuple[int, ...]) -> tuple[str, tuple[str, ...]]:
    """Axes as the schema has them, unless the series' own ``dimension`` (pixels along x, y, z) says otherwise."""
    axes = AXES[len(shape)]
    turned = "t" + axes[:0:-1]
    entries = series.child("dimension")
    sides = () if entries is None else tuple(int(n) for n in np.ravel(entries[()]))
    if not sides or sides == shape[1:]:
        return axes, ()
    text = f"{place}: {series.path} says that its dimension (x, y, z) is {sides}, its data are {shape}"
    if sides == shape[:0:-1]:
        return turned, (f'{text}: read as {turned}, not as the schema\'s {axes}. If that is wrong, axes="{axes}".',)
    return axes, (f'{text}; read as {axes}, as the schema has it. If that is wrong, give axes="{turned}".',)


def is_image_series(attributes: Mapping[str, Any]) -> bool:
    """Whether these are the attributes of a group with images over time."""
    return as_text(attributes.get("neurodata_type", "")) in (*PHOTONS, IMAGES)


def calibration_in(entries: Mapping[str, Any]) -> Calibration | None:
    """How stored numbers become intensities, by the attributes of ``data``."""
    return calibration_of(entries.get("conversion"), entries.get("offset"), as_text(entries.get("unit", "")))


def _facts(place: Place, series: Series, lengths: Mapping[str, int]) -> Facts:
    """Rate, voxel size, and what describes the recording."""
    plane = series.child("imaging_plane")
    timed = _timing(place, series, plane, lengths)
    entries: dict[str, Any] = {"dataset": series.path, **timed.metadata}
    for name in ("indicator", "location", "description"):
        value = None if plane is None else series.tree.child(plane, name)
        if value is not None:
            entries[name] = as_text(value[()])
    for name in ("session_description", "session_start_time", "identifier"):
        value = series.tree.child(series.tree.root, name)
        if value is not None:
            entries[name] = as_text(value[()])
    entries |= began(str(entries.get("session_start_time", "")), float(entries.get("starting_time_s", 0.0)))
    return Facts(timed.rate, _voxel_size(series, plane, lengths), entries, timed.warnings)


def _timing(place: Place, series: Series, plane: Any, lengths: Mapping[str, int]) -> Facts:
    """Volume rate: from the time stamps, or as the series says, or as its imaging plane does."""
    where, planes = f"{place}: {series.path}", lengths.get("z", 1)
    stamps, start = series.child("timestamps"), series.child("starting_time")
    nominal = None if plane is None else series.tree.child(plane, "imaging_rate")
    timed = Facts() if stamps is None else _stamped(_in_seconds(stamps), lengths["t"], where)
    rates = {
        "timestamps": timed.rate,
        "starting_time": None if start is None else seconds(start.attrs.get("rate")),
        "imaging_rate of its plane": None if nominal is None else seconds(np.ravel(nominal[()])[0]),
    }
    source, rate = next(((name, each) for name, each in rates.items() if each), ("", None))
    warnings = list(timed.warnings)
    for name, other in rates.items():
        warnings += contradiction(rate, other, planes, f"{where}: {name}")
    if rate is not None and source.startswith("imaging_rate") and planes > 1:
        text = f"{where} has no rate of its own; the {source}, {rate:.4g} Hz, was taken as that of volumes"
        warnings.append(f"{text}, and may be that of single planes. Give rate= (--fps) if it is.")
    entries = dict(timed.metadata)
    begins = stamps if start is None else start
    if begins is not None and begins.size:
        entries["starting_time_s"] = float(_in_seconds(begins)[0])
    return Facts(rate, None, entries, tuple(warnings))


def _stamped(times: npt.NDArray[np.float64], frames: int, where: str) -> Facts:
    """What time stamps say, which should be one a frame."""
    found = rate_of(times.tolist(), where)
    if times.size == frames:
        return found
    text = f"{where} has {times.size} time stamps for {frames} frames. Check the rate, or give rate= (--fps)."
    return replace(found, warnings=(*found.warnings, text))


def _in_seconds(array: Any) -> npt.NDArray[np.float64]:
    """Read times; seconds unless the array says otherwise."""
    factor = TIMES.get(plain_unit(as_text(array.attrs.get("unit", "seconds"))), 1.0)
    return np.ravel(array[()]).astype(np.float64) * factor


def _voxel_size(series: Series, plane: Any, lengths: Mapping[str, int]) -> ZYX | None:
    """µm, from the spacing of the grid, or else from the field of view."""
    spacing = None if plane is None else series.tree.child(plane, "grid_spacing")
    if spacing is not None:
        sides = _micrometres(spacing)
        if len(sides) > 1 and sides[0] and sides[1]:
            return voxel_size(sides[2] if len(sides) > 2 else None, sides[1], sides[0])
    field = series.child("field_of_view")
    if field is None:
        return None
    sides = [side and side / lengths.get(axis, 1) for axis, side in zip("xyz", _micrometres(field), strict=False)]
    return None if len(sides) < 2 else voxel_size(sides[2] if len(sides) > 2 else None, sides[1], sides[0])


def _micrometres(array: Any) -> list[float | None]:
    """Lengths in µm; metres unless the array says otherwise."""
    unit = as_text(array.attrs.get("unit", "meters"))
    return [micrometres(side, unit) for side in np.ravel(array[()])]
