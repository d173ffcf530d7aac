"""`cnmf3d project new` and `cnmf3d project config`: the columns of a project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.flags import Json
from cnmf3d.cli.project.folder import Folder, pairs

if TYPE_CHECKING:
    from cnmf3d.project import Column, Config
    from cnmf3d.project.columns import Change

Names = list[str] | None


def new(folder: Folder) -> None:
    """Make an empty project."""
    from cnmf3d.project import Project

    with Project.create(folder) as project:
        typer.echo(f"made the project {project.folder}")
        typer.echo(f'Add columns: cnmf3d project config {folder} --add-roi-type "cell type" --add-custom age:whole')


def config(
    folder: Folder,
    add_roi_type: Annotated[Names, typer.Option(metavar="NAME", help="A column of tags of ROIs.")] = None,
    add_stimulus: Annotated[Names, typer.Option(metavar="NAME", help="A column of stimulus maps.")] = None,
    add_custom: Annotated[
        Names,
        typer.Option(metavar="NAME:TYPE[=DEFAULT]", help="A column of samples; TYPE is text, whole, decimal or bool."),
    ] = None,
    rename: Annotated[Names, typer.Option(metavar="OLD=NEW", help="Give a column another name.")] = None,
    remove: Annotated[Names, typer.Option(metavar="NAME", help="Take a column away, with its values.")] = None,
    visible: Annotated[str | None, typer.Option(metavar="A,B,...", help="Columns that are shown; empty: all.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only tell what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Show the columns of a project, or change them with all samples. `cnmf3d project undo` takes it back."""
    from cnmf3d.project import Add, Column, Kind, Project, Remove, Rename, Show

    changes: list[Change] = [
        *(Add(Column(name, Kind.ROI)) for name in add_roi_type or []),
        *(Add(Column(name, Kind.STIMULUS)) for name in add_stimulus or []),
        *(Add(custom(text)) for text in add_custom or []),
        *(Rename(name, other) for name, other in pairs(rename, "--rename").items()),
        *(Remove(name) for name in remove or []),
    ]
    if visible is not None:
        changes.append(Show(tuple(filter(None, (name.strip() for name in visible.split(","))))))
    with Project.open(folder) as project:
        if preview:
            for change in changes:
                typer.echo(str(project.preview(change)))
            return
        now = project.configure(*changes) if changes else project.config
    if as_json:
        typer.echo(json.dumps(now.to_dict()))
    else:
        _print(now)


def custom(text: str) -> Column:
    """A custom column as it is written: ``age:whole=12``."""
    from cnmf3d.errors import UsageError
    from cnmf3d.project import Column, Kind, Type

    head, given, default = text.partition("=")
    name, _, kind = head.rpartition(":") if ":" in head else (head, "", "text")
    words = {each.value: each for each in Type}
    if kind.strip() not in words:
        raise UsageError(
            f"--add-custom is {text!r}: there is no type {kind.strip()!r}",
            f"There are {', '.join(words)}: age:whole=12.",
        )
    return Column(name.strip(), Kind.CUSTOM, words[kind.strip()], default.strip() if given else None)


def _print(config: Config) -> None:
    from cnmf3d.project import Kind

    titles = {Kind.ROI: "tags of ROIs", Kind.STIMULUS: "stimuli", Kind.CUSTOM: "samples"}
    for kind, title in titles.items():
        texts = [
            each.name
            + (f" ({each.type}" if kind is Kind.CUSTOM else "")
            + (f", default {each.default}" if each.default is not None else "")
            + (")" if kind is Kind.CUSTOM else "")
            for each in config.of(kind)
        ]
        typer.echo(f"{title:13} {', '.join(texts) or '–'}")
    typer.echo(f"{'shown':13} {', '.join(config.visible) or 'all columns'}")
