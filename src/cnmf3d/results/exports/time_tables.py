"""Tables of what belongs to the whole recording: its segments, and volumes that were left out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cnmf3d.results.exports.columns import RATIO, About
from cnmf3d.results.exports.roi_table import Column
from cnmf3d.results.model import Results

SEGMENTS = {
    "segment": About("", "name of a stretch of the recording: a file, a trial"),
    "first_volume": About(RATIO, "its first volume, from 0"),
    "volumes": About(RATIO, "how many it has"),
    "seconds": About("s", "time of its first volume since the recording's first"),
}
LEFT_OUT = {
    "volume": About(RATIO, "number of a volume that was left out, from 0"),
    "seconds": About("s", "its time"),
    "why": About("", "why it was left out"),
}
"""Columns of the two tables."""

TIME_TABLES = ("segments", "left_out")


def time_tables(results: Results) -> dict[str, tuple[dict[str, Column], Mapping[str, About]]]:
    """The tables that there are, by name: columns, and what these are. Seconds only where the rate is known."""
    timeline, seconds = results.timeline, results.seconds
    out: dict[str, tuple[dict[str, Column], Mapping[str, About]]] = {}
    if timeline.segments:
        starts = np.array([segment.start for segment in timeline.segments], np.int64)
        table: dict[str, Column] = {
            "segment": [segment.name for segment in timeline.segments],
            "first_volume": starts,
            "volumes": np.diff(np.append(starts, len(seconds))),
            "seconds": seconds[starts],
        }
        out["segments"] = (table, SEGMENTS)
    frames = sorted((frame, why) for why, some in timeline.left_out.items() for frame in some)
    if frames:
        numbers = np.array([frame for frame, _ in frames], np.int64)
        whys: Column = [why for _, why in frames]
        out["left_out"] = ({"volume": numbers, "seconds": seconds[numbers], "why": whys}, LEFT_OUT)
    if not results.rate:
        out = {
            name: ({k: v for k, v in table.items() if k != "seconds"}, about) for name, (table, about) in out.items()
        }
    return {name: (table, {head: about[head] for head in table}) for name, (table, about) in out.items()}
