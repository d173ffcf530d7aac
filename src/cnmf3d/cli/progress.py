"""How a running computation shows itself: a live line on a terminal, plain lines in a log, JSON lines for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cnmf3d.events import Caution, Event, Note, Progress, Reporter, silent, to_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

TITLES = {
    "compile": "compiling kernels",
    "ingest": "reading the movie",
    "estimate": "measuring cells",
    "blocks": "finding cells",
    "traces": "traces",
    "shapes": "footprints",
    "deconvolve": "deconvolution",
    "evaluate": "evaluation",
    "write": "writing",
}
"""What a user calls each stage."""

PLAIN_SECONDS = 10.0
"""Seconds between lines about one stage, where there is no terminal."""


@contextmanager
def shown(*, as_json: bool, quiet: bool) -> Iterator[Reporter]:
    """A reporter that shows events on stderr; as JSON lines on stdout where asked for.

    Parameters
    ----------
    as_json, quiet : bool
    """
    if as_json:
        yield _json_line
    elif quiet:
        yield silent
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield Terminal(bars)
    else:
        yield Plain(lambda text: print(text, file=sys.stderr, flush=True))


def _json_line(event: Event) -> None:
    print(to_json(event), flush=True)


def memory() -> str:
    """Memory of this process now."""
    import psutil

    return f"{psutil.Process().memory_info().rss / 2**30:.2f} GiB"


def _bars(console: Console | None = None) -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:18}"),
        BarColumn(bar_width=28),
        TextColumn("{task.completed:>6.0f}/{task.total:.0f} {task.fields[unit]:<10}"),
        TextColumn("{task.fields[rate]:>14}"),
        TimeRemainingColumn(compact=True),
        TextColumn("[dim]{task.fields[memory]}"),
    )
    return Progress(*columns, console=console or Console(stderr=True), refresh_per_second=8)


class Terminal:
    """One live line for each stage, with rate, time left and memory."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}
        self.began: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, Caution):
            self.bars.console.print(f"[yellow]![/yellow] {event.text}", highlight=False)
        else:
            self.bars.console.print(f"[dim]· {event.text}[/dim]", highlight=False)

    def _progress(self, event: Progress) -> None:
        now = time.monotonic()
        task = self.tasks.get(event.stage)
        if task is None or (self.bars.tasks[task].finished and event.done < event.total):
            title = TITLES.get(event.stage, event.stage)
            task = self.bars.add_task(title, total=event.total, unit=event.unit, rate="", memory="")
            self.tasks[event.stage], self.began[event.stage] = task, now
        rate = speed(event.voxel_frames, now - self.began[event.stage])
        self.bars.update(task, completed=event.done, total=event.total, rate=rate, memory=memory())


class Plain:
    """A line at the beginning and end of each stage, and now and then between."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write
        self.began: dict[str, float] = {}
        self.last: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Write one event, if it is time to."""
        if isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, (Caution, Note)):
            self.write(f"{'! ' if isinstance(event, Caution) else ''}{event.text}")

    def _progress(self, event: Progress) -> None:
        now = time.monotonic()
        began = self.began.setdefault(event.stage, now)
        finished = event.done >= event.total
        if not finished and now - self.last.setdefault(event.stage, now) < PLAIN_SECONDS:
            return
        self.last[event.stage] = now
        title = TITLES.get(event.stage, event.stage)
        rate = speed(event.voxel_frames, now - began)
        self.write(f"{title}: {event.done}/{event.total} {event.unit}  {rate}  {memory()}".rstrip())
        if finished:
            self.began.pop(event.stage)
            self.last.pop(event.stage, None)


def speed(voxel_frames: int, seconds: float) -> str:
    """Million voxel-frames a second; empty where that says nothing."""
    if voxel_frames == 0 or seconds < 0.05:
        return ""
    return f"{voxel_frames / seconds / 1e6:.0f} Mvoxel/s"
