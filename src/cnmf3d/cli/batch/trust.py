"""`cnmf3d batch trust`, and the question before a batch's own choice of a program is run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnmf3d.batch import Item


def trust(program: Annotated[str, typer.Argument(metavar="PYTHON", help="The Python that has your CaImAn.")]) -> None:
    """Agree to run this Python for items of the engine caiman, whichever batch names it.

    A batch from somebody else may name any program; only those are run that you named yourself.
    """
    from cnmf3d.trusted import trust as agree

    typer.echo(f"trusted: {agree(program)}")


def ask(items: Iterable[Item]) -> None:
    """Ask in a terminal about programs that items name and that nobody agreed to run; elsewhere these items fail.

    Parameters
    ----------
    items : iterable of Item
        That are about to be computed.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    from cnmf3d.batch.engines.caiman.interpreter import untrusted
    from cnmf3d.cli.batch.facts import plain
    from cnmf3d.trusted import trust as agree

    named = {program: item.name for item in items if item.engine == "caiman" and (program := untrusted(item.options))}
    for program, name in named.items():
        typer.echo(f"{plain(name)} would run the program {plain(program)}, which you never named yourself.", err=True)
        if typer.confirm("Do you know it, and may it be run?", default=False, err=True):
            agree(program)
