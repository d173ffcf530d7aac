"""`cnmf3d cache`: what is kept of movies for later runs, and making room."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnmf3d.cli.flags import Json

if TYPE_CHECKING:
    from cnmf3d.caches import Caches, Entry

app = typer.Typer(name="cache", help="What is kept of movies for later runs: list it, make room.", no_args_is_help=True)

Where = Annotated[
    Path | None, typer.Option("--folder", help="Folder of the caches; CNMF3D_CACHE, or the user's place for them.")
]


@app.command("list")
def list_caches(folder: Where = None, as_json: Json = False) -> None:
    """List the caches, the one used last first."""
    caches = _caches(folder)
    entries = caches.entries()
    if as_json:
        typer.echo(json.dumps([facts(entry) for entry in entries]))
        return
    from cnmf3d.caches.room import readable

    if entries:
        _table(entries)
        most = readable(caches.limit())
        typer.echo(f"\n{readable(caches.size())} of at most {most} in {caches.folder}")
    else:
        typer.echo(f"nothing is kept in {caches.folder}")


@app.command()
def prune(
    folder: Where = None,
    limit: Annotated[str | None, typer.Option(metavar="SIZE", help="How much may stay: 10GB.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove kept ones, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Remove caches, those used least recently first, until the rest is within the limit.

    One in use is never removed, one that an item of a batch keeps only with --all.
    """
    from cnmf3d.caches import bytes_of
    from cnmf3d.caches.room import readable
    from cnmf3d.errors import EngineError, UsageError

    if everything and limit is not None:
        raise UsageError("--all and --limit exclude one another", "Give one of them.")
    caches = _caches(folder)
    most = None if limit is None else bytes_of(limit, "--limit")
    try:
        gone = caches.prune(most, everything=everything, dry=dry_run)
    except OSError as error:
        raise EngineError(
            f"{caches.folder} can't be changed: {error.strerror or error}",
            "See whether it is yours, and not read-only.",
        ) from error
    if as_json:
        typer.echo(json.dumps([facts(entry) for entry in gone]))
        return
    for entry in gone:
        typer.echo(f"{movie_of(entry)}  {shape_of(entry)}  {readable(entry.size)}")
    verb = "would be removed" if dry_run else "removed"
    typer.echo(f"{len(gone)} {verb}, {readable(sum(entry.size for entry in gone))}")


def _caches(folder: Path | None) -> Caches:
    from cnmf3d.caches import Caches, default_folder

    return Caches(folder or default_folder())


def _table(entries: list[Entry]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cnmf3d.caches.room import readable

    table = Table(box=None, pad_edge=False)
    table.add_column("movie", overflow="fold", ratio=1)
    for title in ("shape (t × z × y × x)", "size", "last use", ""):
        table.add_column(title, no_wrap=True)
    for entry in entries:
        when = "" if entry.used == 0 else f"{datetime.fromtimestamp(entry.used):%Y-%m-%d %H:%M}"
        table.add_row(Text(movie_of(entry)), shape_of(entry), readable(entry.size), when, state_of(entry))
    Console(highlight=False).print(table)


def movie_of(entry: Entry) -> str:
    """What to call the movie of an entry."""
    paths = entry.about.get("movie")
    if not isinstance(paths, list):
        return "(unreadable)"
    more = f" (and {len(paths) - 1} more files)" if len(paths) > 1 else ""
    return f"{paths[0]}{more}" if paths else "(an array)"


def shape_of(entry: Entry) -> str:
    """Length and volume of an entry's movie: ``600 × 12 × 100 × 100``."""
    volume = entry.about.get("shape")
    return " × ".join(map(str, [entry.about.get("frames"), *volume])) if isinstance(volume, list) else "?"


def state_of(entry: Entry) -> str:
    """Why an entry stays: in use, kept."""
    return ", ".join(word for word, true in (("in use", entry.in_use), ("kept", bool(entry.owners))) if true)


def facts(entry: Entry) -> dict[str, Any]:
    """One entry for programs."""
    return {
        "key": entry.key,
        "folder": str(entry.folder),
        "movie": entry.about.get("movie", []),
        "frames": entry.about.get("frames"),
        "shape": entry.about.get("shape"),
        "bytes": entry.size,
        "last_use": datetime.fromtimestamp(entry.used, UTC).isoformat(timespec="seconds"),
        "in_use": entry.in_use,
        "kept_by": list(entry.owners),
    }
