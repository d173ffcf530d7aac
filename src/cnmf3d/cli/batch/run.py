"""`cnmf3d batch run`: compute what waits."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.batch.folder import Folder
from cnmf3d.cli.batch.trust import ask

if TYPE_CHECKING:
    from cnmf3d.batch import Outcome


def run(
    folder: Folder,
    only: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Only this item; several times: these.")] = None,
    start_at: Annotated[
        str | None, typer.Option(metavar="KEY", help="From this item on; those before it wait.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="HH:MM", help="Start at this time of day.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads of an item; all cores if not given.")] = None,
    work_dir: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Fast disk: items are moved there and back.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A dask.distributed scheduler, or its scheduler file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One event a line on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only how many ended how.")] = False,
) -> None:
    """Run all items that wait, each in a process of its own; go on with what was interrupted.

    Items can be added, aborted and renamed from other terminals meanwhile.
    """
    from cnmf3d.batch import Batch, supervise
    from cnmf3d.cli.batch.clock import next_time, wait_until
    from cnmf3d.cli.batch.live import shown

    moment = None if at is None else next_time(at, datetime.now())
    with Batch.open(folder) as batch:
        for key in [*(only or []), *([start_at] if start_at else [])]:
            batch.item(key)  # a typing error is told before the night, not after
        if not as_json:
            ask(item for item in batch.items() if not item.status.over)
        try:
            if moment is not None:
                wait_until(moment, quiet=quiet or as_json)
            with shown(as_json=as_json, quiet=quiet) as reporter:
                outcome = supervise(
                    batch,
                    keys=only,
                    start_at=start_at,
                    workers=workers,
                    scheduler=scheduler,
                    work_dir=work_dir,
                    reporter=reporter,
                )
        except KeyboardInterrupt:
            typer.echo(f"Stopped. `cnmf3d batch run {folder}` goes on where it was.", err=True)
            raise typer.Exit(130) from None
    _tell(outcome, folder, as_json)
    if outcome.failed:
        raise typer.Exit(1)


def _tell(outcome: Outcome, folder: Path, as_json: bool) -> None:
    """How many ended how."""
    import dataclasses

    counts = dataclasses.asdict(outcome)
    if as_json:
        typer.echo(json.dumps({"kind": "outcome", **counts}))
        return
    told = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    typer.echo(told or f"nothing waits in {folder}")
    if outcome.failed:
        typer.echo(f"What went wrong: cnmf3d batch show {folder} KEY", err=True)
