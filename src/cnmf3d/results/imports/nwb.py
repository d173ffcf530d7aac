"""ROIs of NWB files: a PlaneSegmentation with voxel, pixel or image masks, and the series that refer to it.

Read as HDF5, so that pynwb isn't needed. Files of `cnmf3d export nwb` come back as they were; in those of other
programs, series are told by their names.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Background, Components, Float, Kinetics, RestingLight, Traced, VolumeShape
from cnmf3d.damage import DAMAGE
from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.hdf5 import refuse_elsewhere
from cnmf3d.movies.calibration import calibrated, calibration_of
from cnmf3d.movies.timing import STAMPS, rate_of
from cnmf3d.movies.units import micrometres
from cnmf3d.results.curation import Entry, Value, with_log
from cnmf3d.results.exports.nwb import names
from cnmf3d.results.flat import nested
from cnmf3d.results.footprints import unit
from cnmf3d.results.imports.importer import Given, Importer
from cnmf3d.results.model import Provenance, Results
from cnmf3d.stored_columns import stored_columns
from cnmf3d.timeline import Timeline

OTHER = re.compile(rf"(?P<kind>{'|'.join(names.CHANNEL_TRACES)})_(?P<channel>channel\d+)$")
"""Series of further channels in files of ours."""

MASKS_AT_ONCE = 2**24
"""Voxels of whole images that are in memory at a time."""


@dataclass(frozen=True)
class Found:
    """What was found in the file.

    Attributes
    ----------
    path : Path
    segmentation : h5py.Group
        The chosen PlaneSegmentation.
    series : mapping of name to h5py.Group
        RoiResponseSeries that refer to it.
    told : mapping
        Our own provenance; empty in a file of another program.
    """

    path: Path
    segmentation: h5py.Group
    series: dict[str, h5py.Group]
    told: dict[str, Any]


def read_nwb(path: Path, given: Given) -> Results:
    """Read the ROIs of an NWB file.

    Parameters
    ----------
    path : Path
    given : Given
        `member`: name of the PlaneSegmentation, where there are several. `shape`, where only voxel or pixel masks
        say how large the volume is; otherwise it ends at the last voxel of a mask. `rate` and `voxel_size` win over
        the file's.

    Raises
    ------
    InputError
        For a file that isn't NWB, is damaged, or has no ROIs.
    """
    try:
        with h5py.File(path, "r") as file:
            refuse_elsewhere(file, path)
            return _results(_found(file, path, given.member), given)
    except OSError as error:
        fix = "It may be cut short or another kind of file; NWB files on Zarr can't be read."
        raise InputError(f"{path} can't be read as HDF5: {error}", fix) from error
    except DAMAGE as error:
        raise InputError(f"{path} holds ROIs that are damaged: {error}", "Export them again.") from error


def _of_type(file: h5py.File, kind: str) -> dict[str, h5py.Group]:
    """All groups of a neurodata type, by path."""
    found: dict[str, h5py.Group] = {}

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and _text(item.attrs.get("neurodata_type", "")) == kind:
            found["/" + name] = item

    file.visititems(look)
    return found


def _found(file: h5py.File, path: Path, member: str | None) -> Found:
    tables = _of_type(file, "PlaneSegmentation")
    ours = {name: table for name, table in tables.items() if not name.endswith(f"/{names.BACKGROUND}")}
    if not ours:
        raise InputError(f"{path} has no PlaneSegmentation", "Give an NWB file with ROIs.")
    listing = "; ".join(f"{name} ({len(table['id'])} ROIs)" for name, table in ours.items())
    if member is not None:
        wanted = member.strip("/")
        ours = {n: t for n, t in ours.items() if wanted in (n.strip("/"), n.rpartition("/")[2])}
        if len(ours) != 1:
            raise InputError(f"{path} has no PlaneSegmentation {member!r}", f"It has: {listing}.")
    if len(ours) > 1:
        fix = f"Say which one, e.g. --member {next(iter(ours)).rpartition('/')[2]}. It has: {listing}."
        raise InputError(f"{path} has {len(ours)} PlaneSegmentations", fix)
    [(_, segmentation)] = ours.items()
    series = {
        "/".join(name.split("/")[-2:]): each
        for name, each in _of_type(file, "RoiResponseSeries").items()
        if file[each["rois"].attrs["table"]] == segmentation
    }
    told = _table(file, names.PROVENANCE)
    return Found(path, segmentation, series, told)


def _table(file: h5py.File, name: str) -> dict[str, Any]:
    """A table of names and values of ours; empty where the file has none."""
    group = file.get(f"processing/{names.MODULE}/{name}")
    if group is None:
        return {}
    return nested(zip(map(_text, group["key"][()]), map(_text, group["value"][()]), strict=True))


def _results(found: Found, given: Given) -> Results:
    file = found.segmentation.file
    shape, footprints = _footprints(found, given)
    count = footprints.shape[1]
    traces, timeline = _traces(found, count), _timeline(found)
    errors: dict[str, Any] = {field: traces.get(name) for field, (name, _) in names.ERRORS.items()}
    frames = traces["Denoised"].shape[1]
    components = Components(
        shape=shape,
        footprints=footprints,
        traces=traces["Denoised"],
        residuals=traces["Residuals"],
        spikes=traces["Deconvolved"],
        background=_background(file, shape, frames),
        kinetics=_kinetics(found, count),
        dff=traces[names.DFF],
        quality=_quality(found, count),
        accepted=_accepted(found, count),
        resting=_resting(found),
        seen=traces.get(names.SEEN),
        plane_times=timeline.late,
        channels=_channels(found, count),
        **errors,
    )
    pictures = {name: _picture(file, name) for name in [*(found.told.get("projections") or []), names.NOISE]}
    known = {name: volume for name, volume in pictures.items() if volume is not None and volume.shape == shape}
    noise = known.pop(names.NOISE, None)
    results = Results(
        components=components,
        parameters=_table(file, names.PARAMETERS),
        rate=given.rate or _rate(found),
        voxel_size=given.voxel_size or _voxel_size(found),
        noise=noise,
        projections=known,
        provenance=_provenance(found, given, shape),
        timeline=timeline,
    )
    return with_log(results, _tags(found, count))


def _footprints(found: Found, given: Given) -> tuple[VolumeShape, sparse.csc_array[Any]]:
    """Size of the volume, and footprints of norm 1."""
    table = found.segmentation
    name = "voxel_mask" if "voxel_mask" in table else "pixel_mask"
    if "image_mask" in table and table["image_mask"].ndim >= 3 and not (found.told and name in table):
        return _image_masks(table["image_mask"])
    if name not in table:
        raise InputError(f"{found.path}: {table.name} has no masks", "Give a file with voxel, pixel or image masks.")
    voxels, ends = table[name][()], table[f"{name}_index"][()].astype(np.int64)
    places = [
        voxels[axis].astype(np.int64) if axis in voxels.dtype.names else np.zeros(len(voxels), int) for axis in "zyx"
    ]
    shape = _shape(found, given, places)
    if any((place >= side).any() for place, side in zip(places, shape, strict=True)):
        z, y, x = (int(place.max()) + 1 for place in places)
        raise InputError(f"{found.path}: masks reach beyond the volume", f"It is at least --shape {x},{y},{z}.")
    rows = np.ravel_multi_index(places, shape)
    starts = np.concatenate([[0], ends])
    if (np.diff(starts) < 0).any() or starts[-1] != len(voxels):
        raise ValueError(f"{name}_index does not fit {name}")
    stored = stored_columns(voxels["weight"].astype(np.float32), rows, starts, int(np.prod(shape)))
    stored.sum_duplicates()
    return shape, stored if found.told else unit(stored)[0]


def _image_masks(masks: h5py.Dataset) -> tuple[VolumeShape, sparse.csc_array[Any]]:
    """Footprints of whole images, (ROI, x, y) or (ROI, x, y, z), some at a time."""
    x, y, z = (*masks.shape[1:], 1)[:3]
    step = max(1, MASKS_AT_ONCE // (x * y * z))
    parts = []
    for start in range(0, len(masks), step):
        some = masks[start : start + step].astype(np.float32).reshape(-1, x, y, z).transpose(0, 3, 2, 1)
        parts.append(sparse.csc_array(some.reshape(len(some), -1).T))
    return (z, y, x), unit(sparse.csc_array(sparse.hstack(parts, format="csc")))[0]


def _shape(found: Found, given: Given, places: list[npt.NDArray[np.int64]]) -> VolumeShape:
    told = given.shape or found.told.get("shape_zyx")
    if told is None:
        told = [int(place.max(initial=0)) + 1 for place in places]
    z, y, x = (int(side) for side in told)
    return z, y, x


def _traces(found: Found, count: int) -> dict[str, Float]:
    """Every kind of trace, (ROI, time); zero where the file has none, and NaN for ΔF/F, which is unknown then."""
    kinds: dict[str, Float] = {}
    for name, group in found.series.items():
        kind = _kind(name)
        if found.told and OTHER.search(name):
            continue
        if kind and kind not in kinds:
            kinds[kind] = _series(found, group, count)
    frames = max((values.shape[1] for values in kinds.values()), default=0)
    if any(values.shape[1] != frames for values in kinds.values()):
        raise InputError(f"{found.path}: series of one segmentation differ in length", "Export them again.")
    none = np.zeros((count, frames), np.float32)
    raw = kinds.get("Raw")
    kinds.setdefault("Denoised", none if raw is None else raw)
    kinds.setdefault("Residuals", none if raw is None else raw - kinds["Denoised"])
    return {"Deconvolved": none, names.DFF: np.full_like(none, np.nan), **kinds}


def _channels(found: Found, count: int) -> dict[str, Traced]:
    """Traces of other functional channels, in our own files."""
    parts: dict[str, dict[str, Float]] = {}
    for name, group in found.series.items() if found.told else ():
        if match := OTHER.search(name):
            parts.setdefault(match["channel"], {})[match["kind"]] = _series(found, group, count)
    return {
        channel: Traced(kinds["Denoised"], kinds["Residuals"], kinds["Deconvolved"], kinds[names.DFF])
        for channel, kinds in parts.items()
        if set(names.CHANNEL_TRACES) <= set(kinds)
    }


def _kind(name: str) -> str:
    """Which trace a series is, by its name or its container's; empty where it is none of ROIs."""
    lower = name.lower()
    for words, kind in (
        *(((known.lower(),), known) for known in (names.SEEN, *(name for name, _ in names.ERRORS.values()))),
        (("residual",), "Residuals"),
        (("neuropil", "background"), ""),
        (("deconv", "spike", "event"), "Deconvolved"),
        (("denois",), "Denoised"),
        (("dfoverf", "df_over_f", "dff", "df/f"), names.DFF),
    ):
        if any(word in lower for word in words):
            return kind
    return "Raw"


def _series(found: Found, group: h5py.Group, count: int) -> Float:
    """Values of a series in the order of the table's rows."""
    data = group["data"][()]
    rows = group["rois"][()]
    if data.ndim == 1:
        data = data[:, None]
    if data.shape[1] != len(rows) and data.shape[0] == len(rows):
        data = data.T  # turned by the program that wrote it, which nwbinspector reports
    told = group["data"].attrs
    meant = calibrated(data.T, calibration_of(told.get("conversion"), told.get("offset")))
    values = np.zeros((count, data.shape[0]), np.float32)
    values[rows] = meant[(slice(None), slice(None))]
    return values


def _background(file: h5py.File, shape: VolumeShape, frames: int) -> Background:
    module = f"processing/{names.MODULE}"
    table = file.get(f"{module}/ImageSegmentation/{names.BACKGROUND}")
    courses = file.get(f"{module}/Fluorescence/{names.COURSES}")
    if table is None or courses is None:
        voxels = int(np.prod(shape))
        return Background(np.zeros((voxels, 0), np.float32), np.zeros((0, frames), np.float32))
    images = table["image_mask"][()]
    images = images.reshape(*images.shape[:3], -1).transpose(0, 3, 2, 1)  # (x, y) of one plane, or (x, y, z)
    return Background(
        np.ascontiguousarray(images.reshape(len(images), -1).T), np.ascontiguousarray(courses["data"][()].T)
    )


def _column(found: Found, name: str, count: int) -> npt.NDArray[Any] | None:
    column = found.segmentation.get(name)
    if not isinstance(column, h5py.Dataset) or column.ndim == 0 or len(column) != count:
        return None
    return np.asarray(column[()])


def _kinetics(found: Found, count: int) -> Kinetics:
    def each(name: str) -> Float:
        values = _column(found, name, count)
        return np.zeros(count, np.float32) if values is None or values.dtype.kind != "f" else values.astype(np.float32)

    g = _column(found, names.AR, count)
    fields = {field: each(name) for field, (name, _) in names.KINETICS.items()}
    return Kinetics(np.zeros((count, 0), np.float32) if g is None else g.astype(np.float32), **fields)


def _quality(found: Found, count: int) -> dict[str, Float]:
    """Quality measures; in files of other programs, every column of numbers."""
    columns = (found.told["quality"] or {}) if found.told else {name: name for name in found.segmentation}
    values = {name: _column(found, column, count) for name, column in columns.items()}
    return {
        name: column.astype(np.float32)
        for name, column in values.items()
        if column is not None and column.ndim == 1 and column.dtype.kind == "f"
    }


def _accepted(found: Found, count: int) -> npt.NDArray[np.bool_]:
    """Accepted ROIs; all of them where nothing was judged."""
    for name in ("accepted", "Accepted", "is_cell", "iscell"):
        values = _column(found, name, count)
        if values is not None and values.dtype.kind in "biuf":
            return np.asarray(values if values.ndim == 1 else values[:, 0], bool)
    return np.ones(count, bool)


def _tags(found: Found, count: int) -> list[Entry]:
    """Tags, as steps of curation that give them. In other programs' files, columns of text."""
    columns = (found.told.get("tags") or {}) if found.told else {name: name for name in found.segmentation}
    log = []
    for name, column in columns.items():
        values = _column(found, column, count)
        if values is None or values.ndim != 1 or (not found.told and values.dtype.kind != "O"):
            continue
        plain = [_tag(value) for value in values.tolist()]
        kept = [i for i, value in enumerate(plain) if value is not None]
        log.append(Entry.now("tag", kept, column=name, values=[plain[i] for i in kept]))
    return log


def _tag(value: Any) -> Value | None:
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return value if isinstance(value, Value) and value != "" else None


def _picture(file: h5py.File, name: str) -> Float | None:
    """A volume from its planes; None where the file has none."""
    group = file.get(f"processing/{names.MODULE}/{names.images(name)}")
    if group is None:
        return None
    planes = sorted(key for key in group if key.startswith("z"))
    return np.ascontiguousarray(np.stack([group[key][()].T for key in planes]), np.float32)


def _rate(found: Found) -> float:
    if found.told.get("rate"):
        return float(found.told["rate"])
    for group in found.series.values():
        if "starting_time" in group and group["starting_time"].attrs.get("rate"):
            return float(group["starting_time"].attrs["rate"])
        if "timestamps" in group and (rate := rate_of(group["timestamps"][()], str(found.path)).rate):
            return rate
    plane = found.segmentation.get("imaging_plane")
    return float(plane["imaging_rate"][()]) if plane is not None and "imaging_rate" in plane else 0.0


def _timeline(found: Found) -> Timeline:
    """When frames were taken: as our own files say, and by time stamps that aren't even."""
    stamps = next((each["timestamps"][()] for each in found.series.values() if "timestamps" in each), None)
    uneven = () if stamps is None else rate_of(stamps, str(found.path)).metadata.get(STAMPS, ())
    clock = np.asarray(stamps, np.float64) if found.told and stamps is not None else np.array(uneven, np.float64)
    return Timeline.from_json(json.dumps(found.told.get("timeline") or {}), clock if clock.size else None)


def _resting(found: Found) -> RestingLight:
    """How F0 was taken, as our own files say it."""
    told = found.told.get("resting_light")
    return RestingLight.from_json(json.dumps(told)) if told else RestingLight()


def _voxel_size(found: Found) -> ZYX | None:
    if "voxel_size_zyx_um" in found.told:
        told = found.told["voxel_size_zyx_um"]
        return None if told is None else ZYX(*(float(side) for side in told))
    plane = found.segmentation.get("imaging_plane")
    if plane is None or "grid_spacing" not in plane:
        return None
    spacing = plane["grid_spacing"]
    unit = _text(spacing.attrs.get("unit", "meters"))
    sides = [micrometres(float(side), unit) for side in np.ravel(spacing[()])]
    if len(sides) < 3 or any(side is None for side in sides):
        return None
    x, y, z = (float(side) for side in sides if side is not None)
    return ZYX(z, y, x)


def _size_caution(shape: VolumeShape) -> str:
    z, y, x = shape
    end = f"at {x} × {y} × {z} (x × y × z)"
    return (
        f"the file doesn't say how large the image is: it ends at the last voxel of a mask, {end}; say it with --shape"
    )


def _provenance(found: Found, given: Given, shape: VolumeShape) -> Provenance:
    told = found.told
    if not told:
        guessed = given.shape is None and "image_mask" not in found.segmentation
        return Provenance(warnings=(_size_caution(shape),) if guessed else ())
    known = {field.name: told.get(field.name) for field in fields(Provenance)}
    values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in known.items()}
    return Provenance(**{name: value for name, value in values.items() if value is not None})


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


IMPORTER = Importer(
    "nwb",
    "PlaneSegmentation of an NWB file, with its series",
    read_nwb,
    frozenset({"rate", "voxel_size", "shape", "member"}),
)
