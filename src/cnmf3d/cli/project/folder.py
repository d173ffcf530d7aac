"""Arguments that the project commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the project.")]
Key = Annotated[str, typer.Argument(metavar="ID", help="A sample: animal/trial, its UUID, or the start of that.")]
Keys = Annotated[list[str], typer.Argument(metavar="ID...", help="Samples: animal/trial, or UUIDs.")]
SomeKey = Annotated[str | None, typer.Argument(metavar="[ID]", help="A sample: animal/trial, or its UUID.")]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="FILTER", help='Only ROIs like that: "cell type: pyr|PV", "snr > 5", "line = wt".'),
]


def pairs(given: list[str] | None, flag: str) -> dict[str, str]:
    """NAME=VALUE, several of them."""
    from cnmf3d.errors import UsageError

    out = {}
    for each in given or []:
        name, separator, value = each.partition("=")
        if not separator or not name.strip():
            raise UsageError(f"{flag} is {each!r}", f"Write NAME=VALUE: {flag} {each.strip() or 'age'}=...")
        out[name.strip()] = value.strip()
    return out
