"""What the columns of exported tables are: unit and meaning of each, in one place for CSV, Parquet and OME-Zarr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.results.exports.exporter import Export
from cnmf3d.results.exports.nwb.names import METRICS
from cnmf3d.traces import events_of

RATIO = "1"
"""Unit of what is a ratio or a count of standard deviations."""

TRACE = "movie units (footprint of norm 1)"
"""Unit of traces: footprint times trace is in the movie's values, and the footprint has the Euclidean norm 1."""


class About(NamedTuple):
    """What a column is."""

    unit: str
    text: str


class Kind(NamedTuple):
    """A kind of trace: its values, and what they are."""

    values: Callable[[Export], Float]
    about: About


KINDS: Mapping[str, Kind] = {
    "raw": Kind(
        lambda export: export.results.components.raw,
        About(TRACE, "demixed raw trace, before deconvolution; its footprint times it is the cell's part of the movie"),
    ),
    "dff": Kind(
        lambda export: export.results.components.dff,
        About(RATIO, "dF/F of the raw trace; 0.5 is half of the resting light more; NaN where that isn't known"),
    ),
    "denoised": Kind(lambda export: export.results.components.traces, About(TRACE, "denoised calcium trace")),
    "spikes": Kind(
        lambda export: export.results.components.spikes,
        About(TRACE, "deconvolved activity: by how much calcium jumps in each volume; it doesn't count spikes"),
    ),
    "denoised_sd": Kind(
        lambda export: errors_of(export, "traces_sd"),
        About(TRACE, "standard error of the denoised trace (posterior standard deviation)"),
    ),
    "spikes_sd": Kind(
        lambda export: errors_of(export, "spikes_sd"),
        About(TRACE, "standard error of each volume's spikes; those of an event are uncertain together: see events"),
    ),
    "seen": Kind(
        lambda export: export.results.components.share_seen(),
        About(RATIO, "share of the footprint's light that the volume shows; traces are NaN where it is hardly any"),
    ),
}
"""Name of a table of traces, and what is in it."""


FIELDS = {"seen": "seen", "denoised_sd": "traces_sd", "spikes_sd": "spikes_sd"}
"""Tables that there are only where results have this field: seen only where something wasn't, errors where known."""


def kinds_of(export: Export) -> dict[str, Kind]:
    """The tables of traces of an export."""
    components = export.results.components
    found = {name: kind for name, kind in KINDS.items() if name not in FIELDS or components.has(FIELDS[name])}
    for channel in components.channels:
        found |= {f"{name}_{channel}": _of_channel(name, channel) for name in CHANNEL_FIELDS}
    return found


def about_kind(name: str) -> About:
    """What the traces of a table are, also of another channel (``raw_channel1``)."""
    kind, _, channel = name.partition("_channel")
    return _of_channel(kind, f"channel{channel}").about if channel else KINDS[name].about


CHANNEL_FIELDS = {"raw": "raw", "dff": "dff", "denoised": "traces", "spikes": "spikes"}
"""Tables that each further functional channel has, ``raw_channel1``, and its traces' names."""


def _of_channel(name: str, channel: str) -> Kind:
    """A kind of trace of another channel."""
    about = KINDS[name].about
    return Kind(
        lambda export: getattr(export.results.components.channels[channel], CHANNEL_FIELDS[name]),
        About(about.unit, f"{channel} on the same footprints: {about.text}"),
    )


def errors_of(export: Export, field: str) -> Float:
    """Standard errors of an export; NaN where they aren't known."""
    values: Float | None = getattr(export.results.components, field)
    return np.full_like(export.results.components.traces, np.nan) if values is None else values


EVENTS = {
    "roi": About("", "number of the ROI"),
    "start": About("s", "time of the event's first volume (its number where the rate isn't known)"),
    "peak": About("s", "time of the volume with most of it"),
    "end": About("s", "time of the event's last volume"),
    "size": About(TRACE, "sum of the spikes of its volumes"),
    "size_sd": About(TRACE, "standard error of the size"),
}
"""Columns of the table of events."""


def event_table(export: Export) -> dict[str, npt.NDArray[Any]] | None:
    """Events with their sizes and standard errors, a row each; None where errors aren't known."""
    components = export.results.components
    if components.events_sd is None:
        return None
    found, seconds = events_of(components.spikes, components.events_sd), export.results.seconds
    return {
        "roi": np.asarray(export.ids)[found["component"]],
        **{name: seconds[found[of]] for name, of in (("start", "first"), ("peak", "peak"), ("end", "last"))},
        "size": found["size"],
        "size_sd": found["size_sd"],
    }


TIMES = {
    "seconds": About("s", "time from the first volume"),
    "volume": About(RATIO, "number of the volume, from 0"),
}
"""The first column of a table of traces."""

FIXED = {
    "id": About("", "number of the ROI, which never changes"),
    "accepted": About("", "whether the ROI was judged a cell"),
    **{f"{axis}_voxels": About("voxels", f"centre of mass along {axis}, from the first voxel") for axis in "xyz"},
    **{f"{axis}_um": About("µm", f"centre of mass along {axis}, from the first voxel") for axis in "xyz"},
    "voxels": About("voxels", "size of the footprint"),
}
"""Columns of the table of ROIs that every export has."""

MEASURES = {
    "f0": TRACE,
    "noise": TRACE,
    "decay": "s",
    "rise": "s",
    "radius": "pixels",
    "width": "voxels",
    "label": "",
    "seed": "",
    "time_offset": "s",
    "red": "of the channel",
}
"""Units of quality measures that aren't ratios; none for numbers that are names."""


def about_rois(export: Export, names: Iterable[str]) -> dict[str, About]:
    """What the columns of the table of ROIs are, by name."""
    return {name: FIXED.get(name) or _measure(export, name) for name in names}


def about_measure(name: str) -> About:
    """What a quality measure is."""
    return About(MEASURES.get(name, RATIO), METRICS.get(name, f"quality measure {name}"))


def _measure(export: Export, name: str) -> About:
    if name in export.results.components.quality:
        return about_measure(name)
    return About("", f"tag {name.removeprefix('tag_') if name not in export.tags else name}, given by people")


def metadata_of(export: Export) -> dict[str, str]:
    """What a whole table is of: software, movie, rate and size of a voxel; as text, for files with such a place."""
    results = export.results
    source, size = results.provenance, results.voxel_size
    told = {
        "software": dict(source.versions),
        "movie": list(source.input_paths),
        "movie_fingerprint": source.fingerprint,
        "rate_hz": results.rate or None,
        "voxel_size_xyz_um": None if size is None else list(size.xyz),
        "shape_xyz": list(reversed(results.components.shape)),
        "parameters": dict(results.parameters),
    }
    return {f"cnmf3d.{name}": json.dumps(value, ensure_ascii=False) for name, value in told.items()}
