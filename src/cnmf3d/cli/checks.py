"""What several commands see to before they change anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import typer

from cnmf3d.errors import InputError, UsageError


def see_folders(places: Iterable[Path]) -> None:
    """See that there are folders in which movies can be looked for.

    Raises
    ------
    InputError
        Where one isn't there, or is something else.
    """
    for place in places:
        if not place.is_dir():
            raise InputError(f"{place} is no folder", "Name folders in which, or below which, the movies are.")


def to_be_deleted(what: str, *, yes: bool) -> bool:
    """Whether something is to be deleted: the user is asked, unless that was said beforehand.

    Parameters
    ----------
    what : str
        ``m1/3 with all data``.
    yes : bool
        Whether it was said beforehand.

    Raises
    ------
    UsageError
        Where nobody is there to be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked whether to delete", "Say so beforehand: --yes.")
    if typer.confirm(f"Delete {what}?"):
        return True
    typer.echo("nothing was deleted")
    return False
