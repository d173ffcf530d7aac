"""`cnmf3d script`: a Python script with the names of the CNMF 3D page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cnmf3d.workspace import Workspace

BatchFolder = Annotated[
    Path | None,
    typer.Option("--batch", metavar="DIR", help="Batch that items are added to; made where it isn't there."),
]

ProjectFolder = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", help="Project that samples are added to; made where it isn't there."),
]


def script(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Python script.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="What the script finds in sys.argv.")
    ] = None,
    batch: BatchFolder = None,
    project: ProjectFolder = None,
) -> None:
    """Run a Python script that opens movies, adds them to a batch, processes it, and looks at the output.

    It finds get_module, get_batch_manager, ViewerWorkEnv, vi and the others.

    Options that this command doesn't have are the script's; all are after "--".
    """
    from cnmf3d.workspace.program import compiled, run_program, told

    try:
        program = compiled(file)
    except SyntaxError as error:
        typer.echo(told(error, file), err=True, nl=False)
        raise typer.Exit(1) from None
    with workspace(batch, project) as space:
        try:
            run_program(program, space.names(), words or [])
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the script's own, told as Python tells it
            sys.stdout.flush()
            typer.echo(told(error, program.path), err=True, nl=False)
            _report(error)
            # Not typer.Exit: 130 of it would be taken for a Ctrl-C of ours.
            raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None


script.context_settings = {"ignore_unknown_options": True}  # type: ignore[attr-defined]


def workspace(batch: Path | None, project: Path | None = None) -> Workspace:
    """The names of the page, with a batch and a project that are opened, or made where there are to be any."""
    from cnmf3d.cli.batch.live import shown
    from cnmf3d.progress import Plain
    from cnmf3d.workspace import Workspace

    space = Workspace(
        reporter=Plain(lambda text: print(text, file=sys.stderr, flush=True)),
        display=lambda: shown(as_json=False, quiet=False),
    )
    if batch is not None:
        space.manager.open_or_make(batch)
    if project is not None:
        space.viewer.open_project(project)
    return space


def _report(error: BaseException) -> None:
    """Keep the details of a mistake of ours in the log file."""
    from cnmf3d.workspace.program import ours

    if isinstance(error, Exception) and ours(error):
        from cnmf3d.cli.app import unexpected

        typer.echo(unexpected(error), err=True)
