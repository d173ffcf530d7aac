"""Times of planes, volumes and segments as text in a file that cnmf3d writes: opening it gives them back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np

from cnmf3d.movies.stored import Stored
from cnmf3d.movies.timing import PLANES, SEGMENTS, STAMPS, Times
from cnmf3d.timeline import Timeline

TAG = 65217
"""TIFF tag of the text: one of those that are free for programs' own use (65000 to 65535)."""

NAME = "cnmf3d"
"""Attribute of the text in Zarr, and the key in it that says that it is ours."""


def as_text(timeline: Timeline, frames: int) -> str:
    """Write times as JSON in ASCII; empty where there is nothing to keep.

    Parameters
    ----------
    timeline : Timeline
    frames : int
        Volumes of the movie.
    """
    entries: dict[str, Any] = {}
    if timeline.planes:
        entries[PLANES] = list(timeline.planes)
    if timeline.stamps is not None:
        entries[STAMPS] = timeline.stamps.tolist()
    if timeline.segments:
        entries[SEGMENTS] = [[segment.name, segment.start] for segment in timeline.segments]
    return json.dumps({NAME: 1, "volumes": frames, **entries}) if entries else ""


def with_kept(stored: Stored, text: object) -> Stored:
    """Add the times that a file keeps to what a format found in it.

    Parameters
    ----------
    stored : Stored
    text : object
        As `as_text` makes it. Anything else, or times of another number of volumes, changes nothing.
    """
    if not isinstance(text, str) or NAME not in text[:40] or "t" not in stored.axes:
        return stored
    frames = int(stored.data.shape[stored.axes.index("t")])
    try:
        entries = json.loads(text)
        if not isinstance(entries, dict) or entries.get(NAME) != 1 or entries.get("volumes") != frames:
            return stored
        kept = {name: Times(_numbers(entries[name])) for name in (PLANES, STAMPS) if name in entries}
        if len(kept.get(STAMPS, range(frames))) != frames:
            return stored
        if SEGMENTS in entries:
            kept[SEGMENTS] = Times((str(name), int(start)) for name, start in entries[SEGMENTS])
            starts = [start for _, start in kept[SEGMENTS]]
            if starts[:1] != [0] or (np.diff(starts) <= 0).any() or starts[-1] >= frames:
                return stored
    except (ValueError, TypeError, RecursionError):  # somebody else's, or damaged: the movie can be read without
        return stored
    return replace(stored, facts=replace(stored.facts, metadata={**stored.facts.metadata, **kept}))


def _numbers(values: object) -> list[float]:
    """Finite numbers."""
    if not isinstance(values, list) or not all(isinstance(each, (int, float)) for each in values):
        raise ValueError("no list of numbers")
    numbers = [float(each) for each in values]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("not finite")
    return numbers
