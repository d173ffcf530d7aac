"""`cnmf3d batch show`: everything about one item; `cnmf3d batch diff`: in what items differ."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from cnmf3d.cli.batch.folder import Folder, Key, SomeKeys
from cnmf3d.cli.flags import Json

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item

Line = tuple[str, str]
"""What is told and its value; a title where there is no value."""

WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False, "drop_whitespace": True}
"""Paths and values stay in one piece."""


def show(folder: Folder, key: Key, as_json: Json = False) -> None:
    """Show everything about an item: status, movie, parameters, history, output, the whole error."""
    from cnmf3d.batch import Batch
    from cnmf3d.cli.batch.facts import change_facts, facts

    with Batch.open(folder) as batch:
        item = batch.item(key)
        if as_json:
            history = [change_facts(change) for change in batch.history(item.uuid)]
            where = str(batch.run_folder(item).path.absolute())
            typer.echo(json.dumps({**facts(item), "history": history, "folder": where}))
            return
        _print(item, [*_about(item), *_movie(batch, item), *_parameters(item), *_output(batch, item)])
        _history(batch, item)


def _print(item: Item, lines: list[Line]) -> None:
    """Lines in two columns below the item's name, then its warnings and its error."""
    from cnmf3d.cli.batch.facts import plain

    typer.secho(plain(item.name), bold=True)
    width = max(len(name) for name, value in lines if value)
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10**6
    for name, value in lines:
        if not value:
            typer.secho(f"\n{name}", bold=True)
        elif name == "status":
            typer.echo(f"{name:{width}}  {_coloured(item)}")
        else:
            gap = " " * (width + 2)
            typer.echo(textwrap.fill(f"{name:{width}}  {plain(value)}", room, subsequent_indent=gap, **WHOLE))
    for text in item.warnings:
        typer.secho(f"! {plain(text)}", fg="yellow")
    if item.error:
        typer.secho("\nerror", bold=True)
        for line in item.error.rstrip().splitlines():
            typer.secho(plain(line), fg="red")


def _coloured(item: Item) -> str:
    """An item's status in its colour, where the terminal has any."""
    from rich.console import Console

    console = Console(highlight=False)
    with console.capture() as text:
        console.print(item.status.value, style=item.status.colour, end="")
    return text.get()


def _about(item: Item) -> Iterator[Line]:
    from cnmf3d.cli.batch.facts import clock, duration, time_of_day

    seconds = duration(item)
    yield "status", item.status.value
    yield "uuid", item.uuid
    yield "module", f"{item.module}, engine {item.engine}"
    yield "added", time_of_day(item.added)
    if item.started:
        times = f", time {item.attempts}" if item.attempts > 1 else ""
        yield "started", time_of_day(item.started) + times
    if seconds is not None:
        yield "took" if item.finished else "since", clock(seconds)


def _movie(batch: Batch, item: Item) -> Iterator[Line]:
    from cnmf3d.cli.batch.facts import value_text

    found = item.input.found(batch.folder)
    yield "movie", ""
    for path in found or item.input.paths:
        yield "file", path
    if not found:
        yield "missing", f"it isn't there: cnmf3d batch relink {batch.folder} FOLDER"
    for name, value in item.input.opening.items():
        yield name, value_text(value)
    yield "fingerprint", item.input.fingerprint
    if item.input.item:
        yield "registered by", _name(batch, item.input.item)


def _parameters(item: Item) -> Iterator[Line]:
    """Those that were set, then the others."""
    from cnmf3d.batch.differences import flat
    from cnmf3d.cli.batch.facts import value_text
    from cnmf3d.parameters import CnmfParameters, MotionParameters

    moving = item.module == "mcorr_3d"
    usual = flat("", {"motion": MotionParameters().model_dump(mode="json")} if moving else CnmfParameters().to_dict())
    given = flat("", item.parameters)
    changed = {name: value for name, value in given.items() if name not in usual or value != usual[name]}
    changed |= flat("", item.options)
    yield "parameters", ""
    for name, value in changed.items():
        yield name, value_text(value)
    rest = [f"{name.rpartition('.')[2]} {value_text(given[name])}" for name in given if name not in changed]
    yield "by default", "; ".join(rest)


def _name(batch: Batch, uuid: str) -> str:
    """Name and UUID of another item."""
    from cnmf3d.errors import UsageError

    try:
        return f"{batch.item(uuid).name} ({uuid[:8]})"
    except UsageError:
        return f"{uuid[:8]}, which was deleted"


def _output(batch: Batch, item: Item) -> Iterator[Line]:
    from cnmf3d.cli.batch.facts import motion_text, value_text

    folder = batch.run_folder(item)
    if not folder.path.is_dir():
        return
    yield "output", ""
    yield "folder", str(folder.path.absolute())
    if item.summary:
        shape = " × ".join(map(str, item.summary.get("shape", [])))
        if "largest" in item.summary:
            yield "motion file", folder.motion.name
            yield "page", folder.motion_page.name
            yield "motion", motion_text(item)
        else:
            yield "results", folder.results.name
            yield "cells", f"{item.summary.get('accepted')} accepted, {item.summary.get('rejected')} rejected"
        yield "movie size", f"{value_text(item.summary.get('frames'))} volumes of {shape} voxels (x × y × z)"


def _history(batch: Batch, item: Item) -> None:
    """Changes of status with their times."""
    from cnmf3d.cli.batch.facts import time_of_day

    typer.secho("\nhistory", bold=True)
    for change in batch.history(item.uuid):
        typer.echo(f"{time_of_day(change.when)}  {change.status.value:11}  {change.why}".rstrip())


def diff(folder: Folder, keys: SomeKeys = None, as_json: Json = False) -> None:
    """Show only the settings in which items differ; all items where none is named."""
    from cnmf3d.batch import Batch
    from cnmf3d.batch.differences import differing
    from cnmf3d.errors import UsageError

    with Batch.open(folder) as batch:
        items = [batch.item(key) for key in dict.fromkeys(keys)] if keys else batch.items()
    if len(items) < 2:
        raise UsageError("one item has nothing to differ from", "Name at least two, or none for all of the batch.")
    rows = differing(items)
    if as_json:
        named = [{"uuid": item.uuid, "name": item.name} for item in items]
        typer.echo(json.dumps({"items": named, "settings": rows}))
    elif rows:
        _table(items, rows)
    else:
        typer.echo(f"{len(items)} items with the same settings")


def _table(items: list[Item], rows: dict[str, list[Any]]) -> None:
    """One line for each item, one column for each setting that isn't everywhere the same."""
    from rich.console import Console

    from cnmf3d.cli.batch.columns import Cell, printed
    from cnmf3d.cli.batch.facts import plain, value_text

    if "movie" in rows:
        rows = rows | {"movie": _names(rows["movie"])}
    lines = [
        [
            Cell(plain(item.name)),
            Cell(item.uuid[:8], "dim"),
            *(Cell(value_text(values[number]), "cyan") for values in rows.values()),
        ]
        for number, item in enumerate(items)
    ]
    printed(("name", "uuid", *rows), lines, Console(highlight=False))


def _names(movies: list[list[str]]) -> list[list[str]]:
    """Paths of movies without the folder that all are in."""
    import os

    try:
        shared = os.path.commonpath([os.path.dirname(path) for paths in movies for path in paths])  # noqa: PTH120
    except ValueError:  # several drives, or an address
        return movies
    return [[os.path.relpath(path, shared) for path in paths] for paths in movies]
