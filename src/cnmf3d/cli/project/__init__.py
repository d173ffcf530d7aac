"""`cnmf3d project`: one file for each group of commands."""

from __future__ import annotations

import typer

from cnmf3d.cli.project import add, change, check, config, export, listing

app = typer.Typer(
    name="project",
    help="Samples with curated ROIs, and everything that led to them. A project is a folder: DIR.",
    no_args_is_help=True,
)
app.command()(config.new)
app.command()(config.config)
app.command()(add.add)
app.command("list")(listing.list_samples)
app.command()(listing.show)
app.command()(change.edit)
app.command()(change.rename)
app.command()(change.delete)
app.command()(change.relink)
app.command()(change.undo)
app.command()(change.redo)
app.command()(change.log)
app.command()(export.export)
app.command()(check.check)
