"""What an item tells, for people and for programs."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnmf3d.batch import Change, Item


def facts(item: Item) -> dict[str, Any]:
    """An item as plain values, for JSON."""
    return {**dataclasses.asdict(item), "status": item.status.value}


def change_facts(change: Change) -> dict[str, str]:
    """A change of status as plain values, for JSON."""
    return {**dataclasses.asdict(change), "status": change.status.value}


def motion_text(item: Item) -> str:
    """What an item has found of motion, in a few words; empty where it hasn't looked."""
    if "largest" not in item.summary:
        return ""
    shift = ", ".join(f"{value:.2f}" for value in item.summary["largest"])
    bad = item.summary.get("bad_frames")
    kind, more = item.summary.get("kind"), f"; {bad} bad frames" if bad else ""
    return f"{kind}: up to {shift} voxels (x, y, z){more}" if any(item.summary["largest"]) else f"{kind}{more}"


def duration(item: Item) -> float | None:
    """Seconds from start to end, or until now; None where it isn't begun, or waits to go on."""
    if item.started and (item.finished or item.status.active):
        end = datetime.fromisoformat(item.finished) if item.finished else datetime.now().astimezone()
        told = item.summary.get("seconds")
        return float(told) if told else (end - datetime.fromisoformat(item.started)).total_seconds()
    return None


def clock(seconds: float) -> str:
    """Seconds as people read them: ``8.2 s``, ``3:05``, ``2:10:00``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def time_of_day(moment: str) -> str:
    """A moment as it stands in the database, shorter and in local time; empty where there is none."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def plain(text: str) -> str:
    """A text on one line, without characters that a terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in text)


def value_text(value: Any) -> str:
    """A parameter's value as people write it: ``4, 4, 2``."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(value_text, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return plain(f"{value:g}" if isinstance(value, float) else str(value))
