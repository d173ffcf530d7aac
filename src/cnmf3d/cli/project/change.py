"""`cnmf3d project edit | rename | delete | undo | redo | log`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cnmf3d.cli.checks import see_folders, to_be_deleted
from cnmf3d.cli.flags import Json
from cnmf3d.cli.project.folder import Folder, Key, Keys, pairs


def edit(
    folder: Folder,
    key: Key,
    date: Annotated[str | None, typer.Option(help="Of the recording.")] = None,
    comments: Annotated[str | None, typer.Option(help="Whatever there is to say.")] = None,
    custom: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A value of a column; empty: none.")
    ] = None,
) -> None:
    """Change what is said of a sample."""
    from cnmf3d.errors import UsageError
    from cnmf3d.project import Project

    values: dict[str, Any] = {"date": date, "comments": comments, "custom": pairs(custom, "--set") or None}
    given = {name: value for name, value in values.items() if value is not None}
    if not given:
        raise UsageError("there is nothing to change", "Give --date, --comments or --set NAME=VALUE.")
    with Project.open(folder) as project:
        typer.echo(f"changed {project.edit(key, **given).id}")


def rename(
    folder: Folder,
    key: Annotated[
        str, typer.Argument(metavar="ID", help="A sample, animal/trial; or an animal, with all its samples.")
    ],
    name: Annotated[str, typer.Argument(metavar="NEW", help="animal/trial of the sample; or the animal's new ID.")],
) -> None:
    """Give a sample, or an animal in all of its samples, another ID."""
    from cnmf3d.project import Project

    with Project.open(folder) as project:
        animals = {each.info.animal for each in project.samples()}
        if "/" not in name and key in animals:
            renamed = project.rename_animal(key, name)
            typer.echo(f"{key} is now {name} in {len(renamed)} {'sample' if len(renamed) == 1 else 'samples'}")
            return
        animal, _, trial = name.rpartition("/")
        old = project.sample(key)
        typer.echo(f"{old.id} is now {project.edit(old.uuid, animal=animal or old.info.animal, trial=trial).id}")


def delete(
    folder: Folder, keys: Keys, yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False
) -> None:
    """Delete samples with their data, for good. Movies stay where they are."""
    from cnmf3d.project import Project

    with Project.open(folder) as project:
        chosen = [project.sample(key) for key in keys]
        if not to_be_deleted(f"{', '.join(each.id for each in chosen)} with all data", yes=yes):
            return
        project.delete([each.uuid for each in chosen])
    for each in chosen:
        typer.echo(f"deleted {each.id}")


def relink(
    folder: Folder,
    places: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Where to look, with all folders below.")],
) -> None:
    """Find movies that were moved, by their names and contents."""
    from cnmf3d.project import Project

    see_folders(places)
    with Project.open(folder) as project:
        for each in project.relink(places):
            typer.echo(f"{each.id}  {each.movie.paths[0]}")
        missing = project.without_movie()
    for each in missing:
        typer.echo(f"{each.id}  not found: {each.movie.paths[0]}", err=True)
    if missing:
        raise typer.Exit(1)
    typer.echo("all movies are there")


def undo(folder: Folder) -> None:
    """Take back the last change of columns or values."""
    from cnmf3d.project import Project

    with Project.open(folder) as project:
        typer.echo(f"undone: {project.undo()}")


def redo(folder: Folder) -> None:
    """Do again what was undone last."""
    from cnmf3d.project import Project

    with Project.open(folder) as project:
        typer.echo(f"done again: {project.redo()}")


def log(folder: Folder, as_json: Json = False) -> None:
    """Tell everything that was done to a project."""
    from cnmf3d.cli.batch.facts import plain
    from cnmf3d.project import Project

    with Project.open(folder) as project:
        entries = project.log()
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(each) for each in entries]))
        return
    for each in entries:
        state = {"undone": "  (undone)", "dropped": "  (undone)"}.get(each.state, "")
        typer.echo(f"{each.when[:19].replace('T', ' ')}  {plain(each.who)}  {plain(each.what)}{state}")
