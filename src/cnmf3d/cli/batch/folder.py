"""Arguments that the batch commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the batch.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="An item's name, its UUID, or the start of that.")]
Keys = Annotated[list[str], typer.Argument(metavar="KEY...", help="Names of items, UUIDs, or the starts of these.")]
SomeKeys = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY...]", help="Names of items, UUIDs, or the starts of these.")
]
