"""`cnmf3d motion`: what a motion file says, and a page that shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.flags import Json

if TYPE_CHECKING:
    from cnmf3d.movies import Movie
    from cnmf3d.movies.registered import Motion


def motion(
    file: Annotated[Path, typer.Argument(help="Motion file (cnmf3d register).")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The page; FILE.html if not given.")] = None,
    movie: Annotated[
        str | None, typer.Option(help="The movie, where it isn't where it was: for pictures before and after.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what was found, and write a self-contained HTML page: shifts, confidence, means before and after."""
    from cnmf3d.errors import UsageError
    from cnmf3d.movies.registered import read_motion
    from cnmf3d.results.motion_report import facts_of, write_motion_report

    out = output or file.with_suffix(".html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out} would be no page by its name", "Give a name that ends in .html: -o page.html.")
    found = read_motion(file)
    source = _movie_of(found, file, movie)
    write_motion_report(found, out, source, title=file.name)
    facts = facts_of(found)
    if as_json:
        typer.echo(json.dumps({**facts, "page": str(out)}, default=str))
        return
    for name, value in facts.items():
        text = "; ".join(f"{inner} {entry}" for inner, entry in value.items()) if isinstance(value, dict) else value
        typer.echo(f"{name:20} {text}")
    if source is None:
        typer.echo("! The movie is not where it was: --movie MOVIE shows it before and after.")
    typer.echo(str(out))


def _movie_of(found: Motion, file: Path, given: str | None) -> Movie | None:
    """The recording of a motion: as given, where it was, or beside the file; None where it isn't there."""
    from cnmf3d.errors import Cnmf3dError
    from cnmf3d.movies import open_movie
    from cnmf3d.movies.registered.origin import opening_of, recordings_of

    opening = opening_of(found)
    if given is not None:
        return open_movie(given, **opening)
    for places in recordings_of(found, file):
        try:
            movie = open_movie(places[0] if len(places) == 1 else places, **opening)
        except Cnmf3dError:
            continue
        if movie.fingerprint() == found.fingerprint:
            return movie
    return None
