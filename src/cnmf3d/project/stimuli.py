"""Stimulus maps: when which stimulus was."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError, UsageError
from cnmf3d.project.csv_files import read_rows

Double = npt.NDArray[np.float64]
Units = Literal["frames", "seconds"]
UNITS: tuple[Units, ...] = get_args(Units)

HEADER = "The header is name,start,end; one stimulus a line."


@dataclass(frozen=True)
class Period:
    """One stimulus, from `start` on, until before `end`."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class StimulusMap:
    """When which stimulus was, in one recording.

    Attributes
    ----------
    periods : tuple of Period
        In the order in which they were given; they may overlap.
    units : str
        Of start and end: ``frames`` (volumes, from 0) or ``seconds``, from the first volume on.
    """

    periods: tuple[Period, ...] = ()
    units: Units = "seconds"

    def __post_init__(self) -> None:
        if self.units not in UNITS:
            raise UsageError(f"stimuli are given in {self.units!r}", "Say frames or seconds.")
        for number, each in enumerate(self.periods, 1):
            if not each.name.strip():
                raise InputError(f"stimulus {number} has no name", HEADER)
            if not (math.isfinite(each.start) and math.isfinite(each.end) and 0 <= each.start < each.end):
                raise InputError(
                    f"stimulus {number} ({each.name}) lasts from {each.start:g} to {each.end:g}",
                    "Start is 0 or more, and end is after it.",
                )

    def within(self, units: Units, rate: float | None, seconds: Double | None = None) -> tuple[Period, ...]:
        """The periods in frames or in seconds.

        Parameters
        ----------
        units : str
        rate : float or None
            Volumes a second.
        seconds : (frames,) float64, optional
            Time of each volume, where they are not evenly spaced.

        Raises
        ------
        UsageError
            Where the rate is needed and not known.
        """
        if units == self.units:
            return self.periods
        if not rate or rate <= 0:
            raise UsageError(
                f"these stimuli are in {self.units}, and the rate of the recording is not known",
                f"Give them in {units}.",
            )
        if seconds is not None and len(seconds) > 1:
            return tuple(self._at(each, units, seconds, 1 / rate) for each in self.periods)
        factor = rate if units == "frames" else 1 / rate
        return tuple(Period(each.name, each.start * factor, each.end * factor) for each in self.periods)

    @staticmethod
    def _at(period: Period, units: Units, seconds: Double, step: float) -> Period:
        """A period by the times of volumes; a volume lasts until a regular next one would begin."""
        frames = np.arange(len(seconds) + 1.0)
        times = np.append(seconds, seconds[-1] + step)
        table = (times, frames) if units == "frames" else (frames, times)
        start, end = (float(np.interp(each, *table)) for each in (period.start, period.end))
        return Period(period.name, start, end)

    def see_inside(self, frames: int, rate: float, column: str, seconds: Double | None = None) -> None:
        """See that every stimulus begins while the recording lasts.

        Raises
        ------
        InputError
            Where one doesn't: often, frames were taken for seconds.
        """
        last = frames / rate if seconds is None and rate > 0 else math.inf
        if seconds is not None and len(seconds) and rate > 0:
            last = float(seconds[-1]) + 1 / rate
        end = float(frames) if self.units == "frames" else last
        for each in self.periods:
            if each.start >= end:
                raise InputError(
                    f"{column}: {each.name} starts at {each.start:g} {self.units}, and the recording ends at {end:g}",
                    "Are the stimuli in frames or in seconds? Say which.",
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stimuli, each once, in the order in which they came."""
        return tuple(dict.fromkeys(each.name for each in self.periods))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"units": self.units, "periods": [[each.name, each.start, each.end] for each in self.periods]}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> StimulusMap:
        """Read what `to_dict` gave."""
        return cls(tuple(Period(str(n), float(s), float(e)) for n, s, e in told["periods"]), told["units"])


def read_stimuli(source: Any, units: Units = "seconds") -> StimulusMap:
    """Read a stimulus map.

    Parameters
    ----------
    source : path, DataFrame, StimulusMap, or rows of (name, start, end)
        A CSV file with the columns ``name``, ``start``, ``end``; a DataFrame with these; or the rows themselves.
    units : str
        ``frames`` or ``seconds``.

    Raises
    ------
    InputError
        Where a column is missing, or a start or an end is no number, or they lie the wrong way round.
    """
    if isinstance(source, StimulusMap):
        return source
    if isinstance(source, (str, Path)):
        return StimulusMap(tuple(_periods(_of_file(Path(source)), str(source))), units)
    if hasattr(source, "columns") and hasattr(source, "to_dict"):
        rows = ({str(name).strip().lower(): value for name, value in row.items()} for row in source.to_dict("records"))
        _whole({str(name).strip().lower() for name in source.columns}, "the stimulus table")
        return StimulusMap(tuple(_periods(rows, "the stimulus table")), units)
    try:
        named = [dict(zip(("name", "start", "end"), row, strict=True)) for row in source]
    except (TypeError, ValueError) as error:
        raise UsageError(f"stimuli can't be read from {type(source).__name__}: {error}", HEADER) from error
    return StimulusMap(tuple(_periods(named, "the stimuli")), units)


def _of_file(path: Path) -> list[dict[str, str]]:
    names, rows = read_rows(path, HEADER)
    _whole({name.lower() for name in names}, str(path))
    return [{name.lower(): cell for name, cell in row.items()} for row in rows]


def _whole(names: set[str], where: str) -> None:
    missing = [name for name in ("name", "start", "end") if name not in names]
    if missing:
        raise InputError(f"{where} has no column {' and no column '.join(missing)}", HEADER)


def _periods(rows: Iterable[Mapping[str, Any]], where: str) -> Iterable[Period]:
    for number, row in enumerate(rows, 1):
        start, end = row.get("start"), row.get("end")
        try:
            yield Period(str(row.get("name") or ""), float(start), float(end))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise InputError(
                f"{where}: stimulus {number} has start {start!r} and end {end!r}", "Both are numbers. " + HEADER
            ) from None
