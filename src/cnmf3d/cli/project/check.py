"""`cnmf3d project check`: every file, reference and fingerprint."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from cnmf3d.cli.flags import Json
from cnmf3d.cli.project.folder import Folder


def check(
    folder: Folder,
    quick: Annotated[bool, typer.Option("--quick", help="See that files are there, but don't read them.")] = False,
    as_json: Json = False,
) -> None:
    """Check every file, reference and fingerprint of a project; exit code 3 where something is wrong."""
    from cnmf3d.project import Project
    from cnmf3d.project.checking import check as look

    with Project.open(folder) as project:
        found = look(project, content=not quick)
        count = len(project.samples())
    wrong = [each for each in found if each.what != "stray"]
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(each) for each in found]))
    else:
        for each in found:
            typer.secho(f"! {each}", fg="yellow" if each.what == "stray" else "red")
        typer.echo(f"{count} samples, {len(wrong)} problems" if wrong else f"{count} samples, all is well")
    if wrong:
        raise typer.Exit(3)
