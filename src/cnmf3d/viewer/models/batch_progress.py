"""How far a run is, from the events in its run folder: stage, part of the whole, time left, memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psutil

from cnmf3d.batch.processes import lives
from cnmf3d.batch.runfolder import RunFolder

STAGES: dict[str, tuple[str, float]] = {
    "compile": ("compiling kernels", 0.0),
    "ingest": ("reading the movie", 0.25),
    "estimate": ("measuring cells", 0.1),
    "blocks": ("finding cells", 0.35),
    "traces": ("traces", 0.1),
    "shapes": ("footprints", 0.1),
    "deconvolve": ("deconvolution", 0.08),
    "evaluate": ("evaluation", 0.01),
    "write": ("writing", 0.01),
}
"""What a user calls each stage, and its usual part of a run, in their order."""

LEAST_PART = 0.03
"""Part of a run before which nothing is said of the time that is left."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    stage : str
        As a user calls it; empty where nothing was told yet.
    part : float
        Of the whole run, 0 to 1, by what stages usually take.
    count : str
        Units of work of the stage: ``"136 of 600 frames"``.
    seconds : float
        Since its start.
    left : float or None
        Seconds that are left, roughly.
    memory : int
        Bytes that its process has; 0 where that isn't known.
    warnings : int
    """

    stage: str = ""
    part: float = 0.0
    count: str = ""
    seconds: float = 0.0
    left: float | None = None
    memory: int = 0
    warnings: int = 0

    def __str__(self) -> str:
        """Tell it in one line."""
        words = [f"{self.stage or 'starting'} {self.count}".strip(), clock(self.seconds)]
        if self.left is not None:
            words.append(f"about {clock(self.left)} left")
        if self.memory:
            words.append(f"{self.memory / 2**30:.1f} GiB")
        return " · ".join(words)


@dataclass
class Follower:
    """Reads what is new of a run.

    Parameters
    ----------
    folder : RunFolder
    started : str
        When the run began, ISO 8601.
    """

    folder: RunFolder
    started: str = ""
    _offset: int = 0
    _log: int = 0
    _part: float = 0.0
    _last: dict[str, Any] = field(default_factory=dict)
    _warnings: int = 0

    def lines(self) -> list[str]:
        """Lines of output that are new: notes, warnings, errors, beginnings of stages, and what was printed."""
        out: list[str] = []
        for offset, event in self.folder.events(self._offset):
            self._offset = offset
            line = self._take(event)
            if line:
                out.append(line)
        return out + self._printed()

    def progress(self) -> Progress:
        """How far it is, by what was read."""
        seconds = seconds_since(self.started)
        part = min(self._part, 0.999)
        left = seconds / part - seconds if part > LEAST_PART else None
        title, _ = STAGES.get(str(self._last.get("stage", "")), (str(self._last.get("stage", "")), 0.0))
        total = self._last.get("total", 0)
        count = f"{self._last.get('done', 0)} of {total} {self._last.get('unit', '')}" if total else ""
        return Progress(title, self._part, count, seconds, left, memory_of(self.folder), self._warnings)

    def _take(self, event: dict[str, Any]) -> str:
        """Take one event; a line for it, or nothing."""
        kind, text = event.get("kind"), str(event.get("text", ""))
        if kind == "progress":
            new = event.get("stage") != self._last.get("stage")
            self._last = event
            self._part = max(self._part, part_of(event))
            return STAGES.get(str(event.get("stage")), (str(event.get("stage")), 0.0))[0] + " …" if new else ""
        if kind == "caution":
            self._warnings += 1
            return f"! {text}"
        if kind == "error":
            return f"✗ {text}"
        if kind == "done":
            self._part = 1.0
            return f"✓ done in {clock(float(event.get('seconds', 0)))}"
        return f"· {text}" if text else ""

    def _printed(self) -> list[str]:
        """Whole lines that are new in the log."""
        try:
            with self.folder.log.open("rb") as file:
                file.seek(self._log)
                new = file.read(2**20)
        except OSError:
            return []
        whole = new.rfind(b"\n") + 1
        self._log += whole
        return new[:whole].decode("utf-8", errors="replace").splitlines()


def part_of(event: dict[str, Any]) -> float:
    """Part of a run that is behind an event of progress."""
    done = 0.0
    for name, (_, share) in STAGES.items():
        if name == event.get("stage"):
            total = float(event.get("total") or 0)
            return done + share * min(1.0, float(event.get("done") or 0) / total if total else 0.0)
        done += share
    return 0.0


def memory_of(folder: RunFolder) -> int:
    """Bytes that the process at work on a folder has, with its children; 0 where there is none here."""
    who = folder.worker()
    if not lives(who) or who is None:
        return 0
    try:
        process = psutil.Process(int(who["pid"]))
        return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
    except (psutil.Error, KeyError, ValueError):
        return 0


def seconds_since(when: str) -> float:
    """Seconds since a time in ISO 8601; 0 where there is none."""
    try:
        return max(0.0, (datetime.now().astimezone() - datetime.fromisoformat(when)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def clock(seconds: float) -> str:
    """A time as people say it: ``12 s``, ``3:05 min``, ``1:02 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    minutes = round(whole / 60)
    return f"{minutes // 60}:{minutes % 60:02} h"
