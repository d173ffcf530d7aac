"""When a movie's volumes, planes and segments were taken: as given, as its sidecar says, or as its file says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import UsageError
from cnmf3d.movies.stored import Facts
from cnmf3d.movies.timing import BEGAN, PLANES, SEGMENTS, STAMPS, Times
from cnmf3d.timeline import Segment, Timeline

OTHER = 0.1
"""Part by which the rate may differ from the one that belongs to the time stamps: beyond it another rate was given, so
that the stamps are wrong. Less would lose the gaps where a rate is given with two digits."""

CLOCK = 1.0
"""Seconds by which a file's date may be wrong where dates are written in whole seconds."""

SHORT = 20
"""Volumes that files need to be segments: shorter ones are pieces of a stream, as some programs save it. Fewer would
cut such a stream, more would take short trials for one stretch."""


def plane_times_given(value: Any) -> tuple[float, ...] | None:
    """Seconds of each plane since its volume began, as a user gave them.

    Parameters
    ----------
    value : number, sequence of numbers, str or None
        One number is the time from a plane to the next; ``"none"``: all planes at once. As text with commas, too.

    Raises
    ------
    UsageError
        Where they can't be times.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
        return None if value is None else ()
    parts: list[Any] = []
    try:
        parts = list(np.ravel(value)) if not isinstance(value, str) else value.split(",")
        times = tuple(float(part) for part in parts if isinstance(part, (str, Real)))
    except ValueError:
        times = ()
    if not times or len(times) != len(parts) or not all(math.isfinite(each) for each in times):
        fix = "Give seconds since the volume began, one for each plane, or one number from plane to plane; or none."
        raise UsageError(f"plane_times is {value!r} (--plane-times)", fix)
    return times


def timeline_of(
    known: Sequence[tuple[str, Facts]],
    given: tuple[float, ...] | None,
    shape: tuple[int, int, int, int],
    rate: float | None,
) -> tuple[Timeline, list[str]]:
    """Timeline of a movie, with cautions.

    Parameters
    ----------
    known : sequence of (name, Facts)
        The first one that says something wins.
    given : tuple of float or None
        As `plane_times_given` has them.
    shape : (T, Z, Y, X)
    rate : float or None
        Volumes a second.

    Raises
    ------
    UsageError
        Where as many times of planes are given as there are not.
    """
    frames, planes = shape[:2]
    cautions: list[str] = []
    late, source = _planes(known, given, planes, cautions)
    if late and rate and (span := max(late) - min(late)) >= 1 / rate:
        cautions.append(
            f"the times of the planes span {span:.3g} s, but a volume lasts {1 / rate:.3g} s at {rate:.4g} Hz: check "
            "the rate (--fps) and the planes' times (--plane-times)."
        )
    stamped = next((facts for _, facts in known if _times(facts, STAMPS) is not None), None)
    named = next((found for _, facts in known if (found := _times(facts, SEGMENTS)) is not None), ())
    segments = tuple(Segment(name, start) for name, start in named)
    clock = None
    if stamped is not None and len(stamped.metadata[STAMPS]) == frames:
        own = stamped.rate  # which isn't one by the median interval where most volumes are missing
        if rate is None or own is None or abs(rate / own - 1) <= OTHER:
            seconds = np.asarray(stamped.metadata[STAMPS], np.float64)
            clock = seconds - seconds[0]
    return Timeline(segments if len(segments) > 1 else (), clock, late, source), cautions


def without_times(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without what the timeline holds."""
    return {name: value for name, value in metadata.items() if not isinstance(value, Times)}


def segments_of_files(names: Sequence[str], volumes: Sequence[int]) -> dict[str, Any]:
    """Metadata that say that files are segments; none where they are too short for trials."""
    if len(names) < 2 or np.median(volumes) < SHORT:
        return {}
    starts = np.concatenate([[0], np.cumsum(volumes)[:-1]]).tolist()
    short = [name.rstrip("/").replace("\\", "/").rpartition("/")[2] for name in names]
    unique = short if len(set(short)) == len(short) else list(names)
    return {SEGMENTS: Times(zip(unique, starts, strict=True))}


def between_files(begins: Sequence[Facts], volumes: Sequence[int]) -> dict[str, Any]:
    """Metadata that say when each volume of several files was taken, by the clock at which each file began.

    Parameters
    ----------
    begins : sequence of Facts
        Of each file.
    volumes : sequence of int
        Of each file.

    Returns
    -------
    dict
        Empty where a file doesn't tell when it began, where files overlap in time, or follow one another at once.
    """
    clocks = [_times(facts, BEGAN) for facts in begins]
    rate = begins[0].rate
    if rate is None or any(clock is None for clock in clocks):
        return {}
    starts = np.array([clock[0] for clock in clocks if clock is not None], np.float64)
    # A clock that shows whole seconds doesn't say what happened within one.
    unsure = (CLOCK if (starts == np.floor(starts)).all() else 0.0) + 0.5 / rate
    parts: list[npt.NDArray[np.float64]] = []
    gap = False
    for facts, count, start in zip(begins, volumes, starts - starts[0], strict=True):
        stamps = _times(facts, STAMPS)
        own = np.arange(count) / rate if stamps is None or len(stamps) != count else np.asarray(stamps, np.float64)
        least = parts[-1][-1] + 1 / rate if parts else 0.0
        if start < least - unsure:
            return {}
        later = start > least + unsure
        gap |= later or stamps is not None
        parts.append((start if later else least) + own - own[0])
    return {STAMPS: Times(np.concatenate(parts).tolist())} if gap else {}


def _planes(
    known: Sequence[tuple[str, Facts]], given: tuple[float, ...] | None, planes: int, cautions: list[str]
) -> tuple[tuple[float, ...], str]:
    """Seconds of each plane, and who says so; none for one plane. Times of another number of planes are a caution."""
    if given is not None:
        times = tuple(given[0] * z for z in range(planes)) if len(given) == 1 else given
        if times and len(times) != planes:
            fix = f"Give {planes} times, or one from plane to plane (--plane-times)."
            raise UsageError(f"plane_times has {len(times)} times, but the movie {planes} planes", fix)
        return (times, "given") if planes > 1 else ((), "")
    for name, facts in known:
        found = _times(facts, PLANES)
        if found is None or planes == 1:
            continue
        times = tuple(found[0] * z for z in range(planes)) if len(found) == 1 else tuple(found)
        if len(times) in (0, planes):  # none: all planes at once
            return (times, name) if any(times) else ((), "")
        cautions.append(f"{name} has times of {len(found)} planes, and the movie {planes}: they are not used.")
    return (), ""


def _times(facts: Facts, name: str) -> Times | None:
    """An entry about time; None where there is none of ours."""
    found = facts.metadata.get(name)
    return found if isinstance(found, Times) else None
