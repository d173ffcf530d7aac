"""How a running computation shows itself: a live line on a terminal, plain lines in a log, JSON lines for programs."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnmf3d.events import Caution, Event, Note, Progress, Reporter, silent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID
    from rich.text import Text

TITLES = {
    "compile": "compiling kernels",
    "register": "registering",
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
def by_default() -> Iterator[Reporter]:
    """A reporter for those who name none: it shows bars in a notebook or on a terminal, and nothing elsewhere."""
    if in_notebook():
        yield Notebook()
    elif sys.stderr is not None and sys.stderr.isatty():
        with bars_on() as bars:
            yield Terminal(bars)
    else:
        yield silent


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel with a front end of its own."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def memory() -> str:
    """Memory of this process now."""
    import psutil

    return f"{psutil.Process().memory_info().rss / 2**30:.2f} GiB"


def bars_on(console: Console | None = None) -> Bars:
    """Live lines of rich; on stderr where no console is named."""
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
            self.bars.console.print(self._text(f"! {event.text}", "yellow"))
        else:
            self.bars.console.print(self._text(f"· {event.text}", "dim"))

    @staticmethod
    def _text(text: str, style: str) -> Text:
        """Text with its first character in a style, or all of it where that is dim; brackets stay as they are."""
        from rich.text import Text

        styled = Text(text)
        styled.stylize(style, 0, len(text) if style == "dim" else 1)
        return styled

    def _progress(self, event: Progress) -> None:
        now = time.monotonic()
        task = self.tasks.get(event.stage)
        if task is None or (self.bars.tasks[task].finished and event.done < event.total):
            title = TITLES.get(event.stage, event.stage)
            task = self.bars.add_task(title, total=event.total, unit=event.unit, rate="", memory="")
            self.tasks[event.stage], self.began[event.stage] = task, now
        rate = speed(event.voxel_frames, now - self.began[event.stage])
        self.bars.update(task, completed=event.done, total=event.total, rate=rate, memory=memory())


REFRESH_SECONDS = 0.25
"""Seconds between two pictures of a notebook's table at least; each is a message to the browser."""


class Notebook:
    """A table below the cell of a notebook: a bar for each stage, cautions and choices below."""

    def __init__(self) -> None:
        self.stages: dict[str, Progress] = {}
        self.texts: list[str] = []
        self.shown = 0.0
        self.handle: Any = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            self.stages[event.stage] = event
            if event.done < event.total and time.monotonic() - self.shown < REFRESH_SECONDS:
                return
        else:
            self.texts.append(f"{'⚠' if isinstance(event, Caution) else '·'} {event.text}")
        self.show()

    def show(self) -> None:
        """Draw the table anew."""
        output: Any = import_module("IPython.display")
        self.shown = time.monotonic()
        picture = {"text/html": self.markup(), "text/plain": self.plain()}
        if self.handle is None:
            self.handle = output.display(picture, raw=True, display_id=True)
        else:
            self.handle.update(picture, raw=True)

    def plain(self) -> str:
        """The last line of the table, for consoles that show no HTML."""
        last = [
            f"{TITLES.get(each.stage, each.stage)} {each.done}/{each.total} {each.unit}"
            for each in self.stages.values()
        ]
        return "\n".join([*self.texts, *last[-1:]])

    def markup(self) -> str:
        """The table as HTML."""
        rows = [
            f"<tr><td>{TITLES.get(stage, stage)}</td><td><progress value='{event.done}' max='{max(event.total, 1)}'>"
            f"</progress></td><td>{event.done}/{event.total} {event.unit}</td></tr>"
            for stage, event in self.stages.items()
        ]
        return f"<table>{''.join(rows)}</table>" + "<br>".join(map(html.escape, self.texts))


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
