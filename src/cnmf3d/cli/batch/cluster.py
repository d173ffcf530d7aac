"""`cnmf3d batch export` and `cnmf3d batch sync`: items that are computed elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.batch.folder import Folder, SomeKeys
from cnmf3d.cli.batch.trust import ask

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item

ASKED = "What a job asks for (SLURM)"


def export(
    folder: Folder,
    keys: SomeKeys = None,
    slurm: Annotated[bool, typer.Option("--slurm", help="One sbatch script an item, and one for all.")] = False,
    shell: Annotated[bool, typer.Option("--shell", help="One plain bash script.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Where scripts go.")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Threads of an item.", rich_help_panel=ASKED)] = None,
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="8G", rich_help_panel=ASKED)] = None,
    time: Annotated[str | None, typer.Option(metavar="TIME", help="2h, or 2:00:00.", rich_help_panel=ASKED)] = None,
    python: Annotated[str | None, typer.Option(metavar="PATH", help="The interpreter there; this one.")] = None,
    template: Annotated[Path | None, typer.Option(help="A script template of your own (Jinja).")] = None,
    print_template: Annotated[
        bool, typer.Option("--print-template", help="Print the template, and write nothing.")
    ] = False,
) -> None:
    """Write scripts that compute items on another machine; `sync`, or the next `run`, picks up the results.

    All that waits, where no KEY is given.
    """
    from cnmf3d.batch import Batch
    from cnmf3d.batch.cluster import Wanted, export_shell, export_slurm, template_text
    from cnmf3d.errors import UsageError

    if slurm == shell:
        raise UsageError("for what kind of machine?", "Give one of --slurm and --shell.")
    if print_template:
        typer.echo(template_text("slurm.sh" if slurm else "shell.sh"), nl=False)
        return
    if out is None:
        raise UsageError("where shall the scripts go?", "Name a folder: -o jobs.")
    if shell and (memory or time):
        raise UsageError("--memory and --time are for SLURM", "Leave them out with --shell.")
    with Batch.open(folder) as batch:
        items = _chosen(batch, keys)
        ask(items)
        if slurm:
            wanted = Wanted.read(cores, memory, time)
            scripts = export_slurm(batch, items, out, template=template, wanted=wanted, python=python)
        else:
            scripts = export_shell(batch, items, out, template=template, cores=cores, python=python)
    for script in scripts:
        typer.echo(f"{script}")


def _chosen(batch: Batch, keys: list[str] | None) -> list[Item]:
    """The items that are named, or all that wait."""
    from cnmf3d.batch import Status

    if keys:
        return [batch.item(key) for key in dict.fromkeys(keys)]
    return [item for item in batch.items() if item.status in (Status.PENDING, Status.INTERRUPTED)]


def sync(folder: Folder) -> None:
    """Pick up what was computed elsewhere."""
    from cnmf3d.batch import Batch
    from cnmf3d.batch import sync as pick_up
    from cnmf3d.cli.batch.facts import plain
    from cnmf3d.cli.batch.live import ended

    with Batch.open(folder) as batch:
        found = pick_up(batch)
    for item in found:
        typer.echo(f"{item.status.value:11} {plain(item.name)}  {plain(ended(item))}".rstrip())
    if not found:
        typer.echo("nothing has changed")
