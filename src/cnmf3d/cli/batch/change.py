"""`cnmf3d batch abort | retry | delete | rename | relink`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.batch.facts import plain
from cnmf3d.cli.batch.folder import Folder, Key, Keys, SomeKeys
from cnmf3d.cli.checks import see_folders, to_be_deleted

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item, Status


def abort(
    folder: Folder,
    keys: SomeKeys = None,
    everything: Annotated[bool, typer.Option("--all", help="All that runs or waits.")] = False,
) -> None:
    """Stop items, running or waiting, wherever they run."""
    from cnmf3d.batch import Batch, Status

    with Batch.open(folder) as batch:
        chosen = _chosen(batch, keys, everything, "--all", (Status.PENDING, Status.MOVING, Status.RUNNING))
        _told_abort(batch.abort([item.uuid for item in chosen if not item.status.over]), chosen)


def retry(
    folder: Folder,
    keys: SomeKeys = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
) -> None:
    """Put items that failed, were aborted or interrupted in line again."""
    from cnmf3d.batch import Batch, Status

    with Batch.open(folder) as batch:
        chosen = _chosen(batch, keys, failed, "--failed", (Status.FAILED,))
        batch.retry([item.uuid for item in chosen])
        _told("in line again:", chosen)


def delete(
    folder: Folder,
    keys: Keys,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also items that register the movies of others, which stay.")
    ] = False,
) -> None:
    """Delete items with their results. Movies stay where they are."""
    from cnmf3d.batch import Batch

    with Batch.open(folder) as batch:
        chosen = [batch.item(key) for key in keys]
        names = ", ".join(plain(item.name) for item in chosen)
        uuids = [item.uuid for item in chosen]
        users = ", ".join(plain(item.name) for item in batch.users(uuids))
        what = f"{names} and {'its' if len(chosen) == 1 else 'their'} results"
        if users and not force and sys.stdin.isatty() and not yes:  # asked once, with all that matters
            what, force = f"{what}, although it registers the movie of {users}", True
        elif users and not force:
            batch.delete(uuids)  # says why not
        if not to_be_deleted(what, yes=yes):
            return
        batch.delete(uuids, force=force)
        _told("deleted", chosen)


def rename(
    folder: Folder, key: Key, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]
) -> None:
    """Give an item another name."""
    from cnmf3d.batch import Batch

    with Batch.open(folder) as batch:
        item = batch.item(key)
        batch.rename(item.uuid, name)
        typer.echo(f"{item.name} is now {name}")


def relink(
    folder: Folder,
    places: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Where movies may be now.")],
) -> None:
    """Find movies that were moved or renamed folders, by name and content."""
    from cnmf3d.batch import Batch

    see_folders(places)
    with Batch.open(folder) as batch:
        for item in batch.relink(places):
            typer.echo(f"{plain(item.name)}  {item.input.paths[0]}")
        missing = [item for item in batch.items() if not item.input.found(batch.folder)]
    for item in missing:
        typer.echo(f"{plain(item.name)}  not found: {item.input.paths[0]}", err=True)
    if missing:
        raise typer.Exit(1)
    typer.echo("all movies are there")


def _told_abort(asked: list[Item], chosen: list[Item]) -> None:
    """Say what becomes of items that were to be aborted."""
    from cnmf3d.batch import Status

    now = {item.uuid: item for item in asked}
    for before in chosen:
        item = now.get(before.uuid)
        if item is None:
            typer.echo(f"{plain(before.name)} is {before.status.value} already")
        else:
            typer.echo(f"{'aborted' if item.status is Status.ABORTED else 'told to end:'} {plain(item.name)}")
    if not chosen:
        typer.echo("there is none")


def _chosen(
    batch: Batch, keys: list[str] | None, everything: bool, flag: str, statuses: tuple[Status, ...]
) -> list[Item]:
    """The items that keys name, or all with one of these statuses."""
    from cnmf3d.errors import UsageError

    if bool(keys) == everything:
        raise UsageError(
            "which items?" if not keys else f"keys and {flag} exclude one another", f"Name some, or {flag}."
        )
    if everything:
        return [item for item in batch.items() if item.status in statuses]
    return [batch.item(key) for key in dict.fromkeys(keys or [])]


def _told(what: str, items: list[Item]) -> None:
    """Say which items were changed."""
    for item in items:
        typer.echo(f"{what} {plain(item.name)}")
    if not items:
        typer.echo("there is none")
