"""Pictures, parameters, provenance and stimuli in an NWB file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cnmf3d.results.curation import Entry
from cnmf3d.results.exports.exporter import Export, Interval
from cnmf3d.results.exports.nwb import names
from cnmf3d.results.exports.nwb.tables import quality_columns, tag_names
from cnmf3d.results.flat import flattened
from cnmf3d.results.model import Results

PICTURES = {
    "mean": "mean of the movie",
    "max": "maximum of the movie",
    "std": "standard deviation of the movie",
    "correlation": "correlation of each voxel with its neighbours",
    names.NOISE: "noise of each voxel",
}


def add_images(module: Any, results: Results) -> None:
    """Add projections of the movie: a picture a plane, as NWB has no pictures of volumes; each (x, y)."""
    from pynwb.base import ImageReferences, Images
    from pynwb.image import GrayscaleImage

    volumes = dict(results.projections)
    if results.noise is not None:
        volumes[names.NOISE] = results.noise
    resolution = None if results.voxel_size is None else 1e4 / results.voxel_size.x
    for name, volume in volumes.items():
        planes = [
            GrayscaleImage(
                name=f"z{z:03d}",
                data=plane.T.copy(),
                resolution=resolution,
                description=f"{PICTURES.get(name, name)}, plane {z}",
            )
            for z, plane in enumerate(volume)
        ]
        module.add(
            Images(
                name=names.images(name),
                images=planes,
                description=f"{PICTURES.get(name, name)}; its planes from the first to the last",
                order_of_images=ImageReferences(name="order_of_images", data=planes),
            )
        )


def add_provenance(module: Any, export: Export) -> None:
    """Add two tables of names and values: parameters, and where the results come from."""
    from hdmf.common import DynamicTable, VectorData

    results = export.results
    size = results.voxel_size
    told = {
        "shape_zyx": list(results.components.shape),
        "rate": float(results.rate),
        "voxel_size_zyx_um": None if size is None else list(size),
        "projections": list(results.projections),
        "quality": quality_columns(results.components.quality),
        "tags": tag_names(export),
        "timeline": json.loads(results.timeline.to_json()),
        "resting_light": json.loads(results.components.resting.to_json()),
        **asdict(results.provenance),
    }
    tables = {
        names.PARAMETERS: (
            "parameters that were used, every automatic one with the value that was found",
            results.parameters,
        ),
        names.PROVENANCE: ("where the results come from: movie, versions, time, what was measured and why", told),
    }
    for name, (text, values) in tables.items():
        rows = list(flattened(values))
        if rows:
            columns = [
                VectorData(
                    name="key", description="groups and name, with slashes between", data=[row[0] for row in rows]
                ),
                VectorData(name="value", description="as JSON", data=[row[1] for row in rows]),
            ]
            module.add(DynamicTable(name=name, description=text, columns=columns))


def add_curation(module: Any, log: Sequence[Entry]) -> None:
    """Add a table of what people did to the ROIs."""
    from hdmf.common import DynamicTable, VectorData

    if not log:
        return
    columns = {
        "time": ("when, ISO 8601", [entry.time for entry in log]),
        "who": ("name of the user of the computer", [entry.who for entry in log]),
        "what": ("what was done", [entry.what for entry in log]),
        "rois": ("numbers of the ROIs that it concerned, as JSON", [json.dumps(entry.ids) for entry in log]),
        "column": ("tag column that it concerned; empty for none", [str(e.values.get("column", "")) for e in log]),
    }
    data = [VectorData(name=name, description=text, data=values) for name, (text, values) in columns.items()]
    module.add(DynamicTable(name=names.CURATION, description="curation: what people did to the ROIs", columns=data))


def add_stimuli(file: Any, stimuli: Mapping[str, Sequence[Interval]]) -> None:
    """Add stimulus maps, one table each."""
    from pynwb.epoch import TimeIntervals

    for name, intervals in stimuli.items():
        if not intervals:
            continue
        text = f"periods of the stimulus map {name}, in seconds from the first volume"
        table = TimeIntervals(name=_table_name(name), description=text)
        table.add_column(name="stimulus", description="which stimulus")
        for each in sorted(intervals, key=lambda each: each.start):
            table.add_interval(start_time=float(each.start), stop_time=float(each.end), stimulus=each.name)
        file.add_time_intervals(table)


def _table_name(stimuli: str) -> str:
    """Name of a stimulus map's table, beside that of the segments."""
    name = stimuli.replace("/", "_").replace(":", "_")
    return f"stimuli_{name}" if name == names.SEGMENTS else name


def add_segments(file: Any, results: Results) -> None:
    """Add the segments of the recording as a table of intervals: files, trials."""
    from pynwb.epoch import TimeIntervals

    segments, seconds = results.timeline.segments, results.seconds
    if not segments:
        return
    text = "stretches of the recording, as files or trials: deconvolution does not run across their borders"
    table = TimeIntervals(name=names.SEGMENTS, description=text)
    table.add_column(name="segment", description="name of the file or trial")
    ends = [*(segment.start for segment in segments[1:]), len(seconds)]
    for segment, end in zip(segments, ends, strict=True):
        stop = float(seconds[end - 1] + 1 / results.rate)
        table.add_interval(start_time=float(seconds[segment.start]), stop_time=stop, segment=segment.name)
    file.add_time_intervals(table)
