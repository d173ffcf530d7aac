"""How a batch that runs shows itself: a live line an item on a terminal, plain lines in a log, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cnmf3d.cli.batch.facts import clock, duration, motion_text, plain
from cnmf3d.cli.batch.lines import Lines, text_of, title

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from cnmf3d.batch import Item
    from cnmf3d.batch.supervisor import Told


@contextmanager
def shown(*, as_json: bool, quiet: bool) -> Iterator[Told]:
    """What is told of each event of each item: on stderr, or as JSON lines on stdout where asked for.

    Parameters
    ----------
    as_json, quiet : bool
    """
    if as_json:
        yield _json_line
    elif quiet:
        from cnmf3d.batch.supervisor import quiet as nobody

        yield nobody
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield Terminal(bars)
    else:
        yield Plain()


def _json_line(item: Item, event: dict[str, Any]) -> None:
    print(json.dumps({"item": item.uuid, "name": item.name, **event}), flush=True)


def ended(item: Item) -> str:
    """How an item ended: cells or motion, and time, or the last line of its error."""
    if item.error:
        return item.last_line
    seconds, accepted = duration(item), item.summary.get("accepted")
    told = [] if accepted is None else [f"{accepted} cells ({item.summary.get('rejected', 0)} rejected)"]
    told += filter(None, [motion_text(item)])
    return ", ".join([*told, *([] if seconds is None else [clock(seconds)])])


class Plain:
    """Lines that begin with the item's name."""

    def __init__(self) -> None:
        self.lines = Lines(lambda text, style: print(text, file=sys.stderr, flush=True), notes=False)

    def __call__(self, item: Item, event: dict[str, Any]) -> None:
        """Write one event, if it is time to."""
        name = f"{plain(item.name)}: "
        if event["kind"] == "start":
            self.lines.write(f"{name}started", "")
        elif event["kind"] == "moving":
            self.lines.write(f"{name}moved to {event['to']}", "")
        elif event["kind"] == "end":
            self.lines.write(f"{name}{item.status.value} {plain(ended(item))}".rstrip(), "")
        elif event["kind"] not in ("error", "done"):
            self.lines(event, name)


def _bars(console: Console | None = None) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[stage]}", markup=False),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console or Console(stderr=True, highlight=False), refresh_per_second=8)


class Terminal:
    """A live line for each item that runs; one that stays for each that ended."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, item: Item, event: dict[str, Any]) -> None:
        """Show one event."""
        kind = event["kind"]
        if kind == "end":
            self._end(item)
            return
        if item.uuid not in self.tasks:
            self.tasks[item.uuid] = self.bars.add_task(plain(item.name), total=None, stage="starting")
        task = self.tasks[item.uuid]
        if kind == "progress":
            stage = f"{title(event)} {event['done']}/{event['total']} {event['unit']}"
            self.bars.update(task, completed=event["done"], total=event["total"], stage=stage)
        elif kind == "moving":
            self.bars.update(task, completed=0, total=None, stage=f"moving to {event['to']}")
        elif kind == "caution":
            self._line(f"{plain(item.name)} {text_of(event)}", "yellow")

    def _end(self, item: Item) -> None:
        """The line that stays."""
        from rich.text import Text

        if item.uuid in self.tasks:
            self.bars.remove_task(self.tasks.pop(item.uuid))
        told = ended(item)
        line = Text.assemble(
            (f"{item.status.value:11} ", item.status.colour), plain(item.name), (f"  {plain(told)}", "dim")
        )
        self.bars.console.print(line)

    def _line(self, text: str, style: str) -> None:
        from rich.text import Text

        self.bars.console.print(Text(text, style=style))
