"""`cnmf3d sample`: what a sample's history is good for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.flags import Json
from cnmf3d.cli.project.folder import Key

if TYPE_CHECKING:
    from cnmf3d.project.rerunning import Comparison

app = typer.Typer(name="sample", help="Samples of a project.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Samples of a project."""


@app.command()
def rerun(
    key: Key,
    project: Annotated[
        Path | None, typer.Option("--project", metavar="DIR", help="The project; else the folder that this is in.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; all cores by default.")] = None,
    as_json: Json = False,
) -> None:
    """Run the recorded history of a sample again, from its movie, and tell what differs. Exit code 1 where it does."""
    from cnmf3d.cli.progress import shown
    from cnmf3d.project import Project
    from cnmf3d.project.rerunning import rerun as again

    with Project.open(project or _here()) as opened:
        sample = opened.sample(key)
        with shown(as_json=False, quiet=as_json) as reporter:
            found = again(opened, sample.uuid, reporter=reporter, workers=workers)
    if as_json:
        typer.echo(json.dumps({"sample": sample.id, **found.to_dict()}))
    else:
        _print(sample.id, found)
    if not found.identical:
        raise typer.Exit(1)


def _here() -> Path:
    """The project that the current folder is in, or is."""
    from cnmf3d.errors import UsageError
    from cnmf3d.project.schema import FILE

    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise UsageError("this folder is in no project", "Name it: --project DIR, or go there.")


def _print(name: str, found: Comparison) -> None:
    old, new = found.components
    for package, (then, now) in found.versions.items():
        typer.echo(f"{package} was {then or 'absent'}, is {now or 'absent'}")
    if found.identical:
        typer.echo(f"{name}: identical, {old} components")
        return
    typer.echo(f"{name}: {old} components then, {new} now; {found.matched} have a partner")
    if found.matched:
        typer.echo(f"partners: footprint cosine {found.cosine:.6f} or more, traces {found.correlation:.6f} or more")
    for each in found.differences:
        if each.largest == each.largest:
            typer.echo(f"{each.what}: differs by at most {each.largest:.3g} ({each.relative:.3g} of the largest value)")
        else:
            typer.echo(f"{each.what}: has another shape")
