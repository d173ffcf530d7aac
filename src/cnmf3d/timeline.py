"""Timeline: when each part of a movie was taken (volumes, planes within them, segments), and what is left out.

A scanned plane is taken later than the one before. Files of a recording, or trials, are segments: between them time
may be missing, and what happened there is not known. This is the one place that turns frames into seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d import plain_json

Double = npt.NDArray[np.float64]

GAP = 1.5
"""Typical intervals that one must last to be a gap: less would make gaps of jitter, more would hide one lost volume."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording: a file, a trial.

    Attributes
    ----------
    name : str
    start : int
        Its first frame.
    """

    name: str
    start: int


@dataclass(frozen=True, eq=False)
class Timeline:
    """When frames were taken.

    Attributes
    ----------
    segments : tuple of Segment
        In the order of time, the first at frame 0; empty for a recording without any.
    stamps : (T,) float64 or None
        Seconds of each volume since the first, by time stamps that have gaps or are irregular; None: evenly spaced.
    planes : tuple of float
        Seconds of each plane since its volume began; empty: all at once, or not known.
    source : str
        Where the times of the planes are from.
    left_out : mapping of str to tuple of int
        Why frames were left out, and which.
    aligned : bool
        Whether traces were brought to the time at which their volume began.
    """

    segments: tuple[Segment, ...] = ()
    stamps: Double | None = None
    planes: tuple[float, ...] = ()
    source: str = ""
    left_out: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    aligned: bool = False

    @property
    def starts(self) -> tuple[int, ...]:
        """First frames of segments, beside frame 0."""
        return tuple(segment.start for segment in self.segments if segment.start > 0)

    def seconds(self, frames: int, rate: float) -> Double:
        """Seconds of each volume since the first, (frames,) float64.

        Parameters
        ----------
        frames : int
        rate : float
            Volumes a second; 0 where it isn't known: then numbers of frames.
        """
        if self.stamps is not None and len(self.stamps) == frames:
            return self.stamps
        return np.arange(frames) / (rate if rate > 0 else 1.0)

    @property
    def even(self) -> bool:
        """Whether volumes are evenly spaced."""
        return self.stamps is None

    def gaps(self) -> tuple[int, ...]:
        """Frames before which time is missing, by the time stamps."""
        if self.stamps is None or len(self.stamps) < 3:
            return ()
        return tuple((np.flatnonzero(gaps_of(np.diff(self.stamps))) + 1).tolist())

    def breaks(self) -> tuple[int, ...]:
        """Frames, beside 0, before which nothing is known of what went on: segments begin there, or time is missing."""
        return tuple(sorted({*self.starts, *self.gaps()}))

    @property
    def late(self) -> tuple[float, ...]:
        """Times of planes that traces still have; empty where they were brought to those of their volumes."""
        return () if self.aligned else self.planes

    def within(self, start: int, stop: int, z: tuple[int, int]) -> Timeline:
        """Timeline of the frames ``start:stop`` and some planes of a movie."""
        kept = [segment for segment in self.segments if segment.start < stop]
        first = max((n for n, segment in enumerate(kept) if segment.start <= start), default=0)
        segments = tuple(replace(each, start=max(0, each.start - start)) for each in kept[first:])
        stamps = None if self.stamps is None else self.stamps[start:stop] - self.stamps[start]
        out = {why: tuple(t - start for t in frames if start <= t < stop) for why, frames in self.left_out.items()}
        planes = self.planes[z[0] : z[1]]
        return replace(self, segments=segments, stamps=stamps, planes=planes, left_out=out)

    def to_json(self) -> str:
        """As text, for a file; without time stamps, which are an array of their own."""
        return json.dumps(
            {
                "segments": [[segment.name, segment.start] for segment in self.segments],
                "planes": list(self.planes),
                "source": self.source,
                "left_out": {why: list(frames) for why, frames in self.left_out.items()},
                "aligned": self.aligned,
            }
        )

    @classmethod
    def from_json(cls, text: str, stamps: Double | None = None) -> Timeline:
        """The inverse of `to_json`; what is missing or null is as of a recording of which nothing is known."""
        told = plain_json.loads(text)
        return cls(
            segments=tuple(Segment(str(name), int(start)) for name, start in told.get("segments") or ()),
            stamps=stamps,
            planes=tuple(float(each) for each in told.get("planes") or ()),
            source=str(told.get("source") or ""),
            left_out={why: tuple(frames) for why, frames in (told.get("left_out") or {}).items()},
            aligned=bool(told.get("aligned", False)),
        )


def frame_at(seconds: Double, when: float) -> int:
    """The frame that is nearest to a time, among those whose `seconds` rise."""
    after = int(np.clip(np.searchsorted(seconds, when), 0, len(seconds) - 1))
    before = max(after - 1, 0)
    return before if when - seconds[before] < seconds[after] - when else after


def with_gaps(seconds: Double, values: npt.NDArray[Any], gaps: tuple[int, ...]) -> tuple[Double, npt.NDArray[Any]]:
    """A course to draw: NaN where time is missing, so that no line is drawn across.

    Parameters
    ----------
    seconds, values : (frames,) array
    gaps : tuple of int
        Frames before which time is missing.
    """
    if not gaps:
        return seconds, values
    where = np.array(gaps)
    return np.insert(seconds, where, seconds[where]), np.insert(values.astype(np.float64), where, np.nan)


def gaps_of(intervals: Double) -> npt.NDArray[np.bool_]:
    """Which intervals between volumes are gaps."""
    return np.asarray(intervals > GAP * np.median(intervals), bool)


def stretches(frames: int, breaks: tuple[int, ...]) -> list[tuple[int, int]]:
    """(start, stop) of the stretches between `breaks`, of all `frames`."""
    edges = [0, *sorted({each for each in breaks if 0 < each < frames}), frames]
    return list(pairwise(edges))
