"""`cnmf3d batch abort | retry | delete | rename`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.batch.folder import Folder, Key, Keys, SomeKeys

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
        batch.abort([item.uuid for item in chosen])
        _told("aborted", chosen)


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
) -> None:
    """Delete items with their results. Movies stay where they are."""
    from cnmf3d.batch import Batch
    from cnmf3d.errors import UsageError

    with Batch.open(folder) as batch:
        chosen = [batch.item(key) for key in keys]
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("nobody is there to be asked whether to delete", "Say so beforehand: --yes.")
            names = ", ".join(item.name for item in chosen)
            if not typer.confirm(f"Delete {names} and {'its' if len(chosen) == 1 else 'their'} results?"):
                typer.echo("nothing was deleted")
                return
        batch.delete([item.uuid for item in chosen])
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
        typer.echo(f"{what} {item.name}")
    if not items:
        typer.echo("there is none")
