"""`cnmf3d batch`: one file for each group of commands."""

from __future__ import annotations

import typer

from cnmf3d.cli.batch import add, change, cluster, imports, listing, log, run, show, trust

app = typer.Typer(
    name="batch",
    help="Many movies, many parameter variants, unattended. A batch is a folder: DIR.",
    no_args_is_help=True,
)
app.command()(add.new)
app.command()(add.add)
app.command("list")(listing.list_items)
app.command()(show.show)
app.command()(show.diff)
app.command()(run.run)
app.command()(log.log)
app.command()(change.abort)
app.command()(change.retry)
app.command()(change.rename)
app.command()(change.delete)
app.command()(change.relink)
app.command()(cluster.export)
app.command()(cluster.sync)
app.command()(trust.trust)
app.command("import")(imports.import_items)
