"""`cnmf3d batch list`: all items at a glance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d import plain_json
from cnmf3d.cli.batch.folder import Folder
from cnmf3d.cli.flags import Json
from cnmf3d.regular import refuse_special

if TYPE_CHECKING:
    from cnmf3d.batch import Item, Status
    from cnmf3d.cli.batch.columns import Cell

TITLE = ("name", "uuid", "module", "status", "time", "cells", "warnings", "message")

TAIL = 4096
"""Bytes at the end of an item's events that are looked at."""


def list_items(
    folder: Folder,
    status: Annotated[
        list[str] | None, typer.Option(metavar="STATUS", help="Only these: pending, running, done, failed, ...")
    ] = None,
    find: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only where name, movie, parameters or error have this text.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the items of a batch."""
    from cnmf3d.batch.glance import items_of
    from cnmf3d.cli.batch.facts import facts

    wanted = [_status(word) for word in status or []]
    there = items_of(folder)
    items = [
        item
        for item in there
        if (not wanted or item.status in wanted) and (find is None or find.casefold() in _text(item))
    ]
    if as_json:
        typer.echo(json.dumps([facts(item) for item in items]))
    elif items:
        _print(folder, items)
    else:
        typer.echo("none of its items is like that" if there else f"no items yet: cnmf3d batch add {folder} MOVIE...")


def _print(folder: Path, items: list[Item]) -> None:
    """The table, and how many there are of each status."""
    from rich.console import Console

    from cnmf3d.cli.batch.columns import printed

    printed(TITLE, [_row(folder, item) for item in items], Console(highlight=False))
    if len(items) > 1:
        typer.echo(f"\n{len(items)} items: {counted(items)}")


def counted(items: list[Item]) -> str:
    """How many items have each status: ``3 done, 1 failed``."""
    from collections import Counter

    return ", ".join(f"{number} {status.value}" for status, number in Counter(item.status for item in items).items())


def _status(word: str) -> Status:
    """A status by its name."""
    from cnmf3d.batch import Status
    from cnmf3d.errors import UsageError

    try:
        return Status(word.casefold())
    except ValueError:
        raise UsageError(
            f"there is no status {word!r}", f"Choose one of {', '.join(status.value for status in Status)}."
        ) from None


def _text(item: Item) -> str:
    """All of an item in which a text is sought."""
    told = [item.name, item.uuid, item.module, *item.input.paths, json.dumps(dict(item.parameters)), item.error]
    return "\n".join(told).casefold()


def _row(folder: Path, item: Item) -> list[Cell]:
    """One line of the table."""
    from cnmf3d.cli.batch.columns import Cell
    from cnmf3d.cli.batch.facts import clock, duration, motion_text, plain

    seconds = duration(item)
    accepted = item.summary.get("accepted")
    return [
        Cell(plain(item.name)),
        Cell(item.uuid[:8], "dim"),
        Cell(item.module),
        Cell(item.status.value, item.status.colour),
        Cell("" if seconds is None else clock(seconds)),
        Cell("" if accepted is None else str(accepted)),
        Cell(str(len(item.warnings)) if item.warnings else "", "yellow"),
        Cell(plain(item.last_line), "red") if item.error else Cell(_stage(folder, item) or motion_text(item), "dim"),
    ]


def _stage(folder: Path, item: Item) -> str:
    """How far an item is that runs; empty for others."""
    from cnmf3d.batch.workdir import place_of
    from cnmf3d.cli.batch.lines import text_of

    if not item.status.active:
        return ""
    events = place_of(folder / "items" / item.uuid) / "events.jsonl"
    refuse_special(events)
    try:
        with events.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        try:
            event = plain_json.loads(line)
        except ValueError:  # not yet written to its end
            continue
        if isinstance(event, dict) and event.get("kind") == "progress":
            return text_of(event)
    return ""
