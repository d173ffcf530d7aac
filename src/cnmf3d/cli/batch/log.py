"""`cnmf3d batch log`: what an item's computation tells."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.batch.folder import Folder, Key
from cnmf3d.cli.batch.lines import Lines
from cnmf3d.regular import refuse_special

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, RunFolder

PAUSE = 0.3
"""Seconds between two looks."""


def log(
    folder: Folder,
    key: Key,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the item ends.")] = False,
) -> None:
    """Show what an item's computation told: stages, choices, warnings, and what it printed."""
    from cnmf3d.batch import Batch

    with Batch.open(folder) as batch:
        uuid = batch.item(key).uuid
        reader = _Reader(Lines(_write))
        try:
            while True:
                over = not _at_work(batch, uuid)
                reader.read(batch.run_folder(batch.item(uuid)))
                if over or not follow:
                    break
                time.sleep(PAUSE)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        if not reader.told:
            item = batch.item(uuid)
            typer.echo(item.error.rstrip() or f"nothing yet: it is {item.status.value}")


def _at_work(batch: Batch, uuid: str) -> bool:
    """Whether something may still be told: the item runs, or waits for its turn."""
    from cnmf3d.batch.processes import lives

    item = batch.item(uuid)
    return not item.status.over or lives(batch.run_folder(item).worker())


def _write(text: str, style: str) -> None:
    """A line on stdout, which is what was asked for."""
    colours = {"dim": {"dim": True}, "": {}}
    typer.secho(text, **colours.get(style, {"fg": style}))


@dataclass
class _Reader:
    """Reads a run folder from where it stopped."""

    lines: Lines
    events: int = 0
    printed: int = 0
    told: bool = False

    def read(self, folder: RunFolder) -> None:
        """Write what is new; from the beginning where another attempt has begun."""
        if _size(folder.events_file) < self.events:
            self.events = 0
        for position, event in folder.events(self.events):
            self.events, self.told = position, True
            if event.get("kind") != "error":  # it is among what was printed
                self.lines(event)
        self._output(folder)

    def _output(self, folder: RunFolder) -> None:
        """What the process printed."""
        from cnmf3d.cli.batch.facts import plain

        refuse_special(folder.log)
        try:
            with folder.log.open("rb") as file:
                file.seek(self.printed)
                new = file.read()
        except OSError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self.printed += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            self.told = True
            typer.echo(plain(line))


def _size(path: Path) -> int:
    """Bytes of a file; none where it isn't there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
