"""Events of items, as they stand in run folders, as lines of text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cnmf3d.progress import PLAIN_SECONDS, TITLES

Event = Mapping[str, Any]

STYLES = {"caution": "yellow", "error": "red", "note": "dim"}
"""Colours of lines by the kind of event."""


def title(event: Event) -> str:
    """What a user calls the stage of an event."""
    stage = str(event.get("stage", ""))
    return TITLES.get(stage, stage)


def text_of(event: Event) -> str:
    """An event in words; empty where it has none."""
    from cnmf3d.cli.batch.facts import clock, plain

    kind = event.get("kind")
    if kind == "progress":
        return f"{title(event)}: {event.get('done')}/{event.get('total')} {event.get('unit', '')}".rstrip()
    if kind == "caution":
        return f"! {plain(str(event.get('text', '')))}"
    if kind == "note":
        return plain(str(event.get("text", "")))
    if kind == "error":
        return "\n".join(map(plain, str(event.get("text", "")).rstrip().splitlines()))
    if kind == "done":
        return f"done in {clock(float(event.get('seconds', 0)))}"
    return ""


class Lines:
    """Writes events as lines: each stage when it ends, and now and then on the way.

    Parameters
    ----------
    write : callable
        Takes a text and the name of its colour.
    notes : bool
        Whether notes are told, too.
    """

    def __init__(self, write: Callable[[str, str], None], *, notes: bool = True) -> None:
        self.write = write
        self.notes = notes
        self.last: dict[tuple[str, Any], float] = {}

    def __call__(self, event: Event, prefix: str = "") -> None:
        """Write one event, if it is time to."""
        kind = str(event.get("kind"))
        if kind == "note" and not self.notes:
            return
        if kind == "progress" and not self._due(prefix, event):
            return
        if text := text_of(event):
            self.write(prefix + text, STYLES.get(kind, ""))

    def _due(self, prefix: str, event: Event) -> bool:
        """Whether a stage has ended, or nothing was told of it for a while."""
        key, now = (prefix, event.get("stage")), time.monotonic()
        if event.get("done", 0) >= event.get("total", 0):
            self.last.pop(key, None)
            return True
        if now - self.last.setdefault(key, now) < PLAIN_SECONDS:
            return False
        self.last[key] = now
        return True
