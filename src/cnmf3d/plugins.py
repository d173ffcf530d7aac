"""What other packages add: entry points, and an error that names the package where one is broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cnmf3d.errors import InputError


def load(entry: EntryPoint, what: str) -> Any:
    """Load one entry point.

    Parameters
    ----------
    entry : EntryPoint
    what : str
        What it is, for an error: ``the movie format``.

    Raises
    ------
    InputError
        Where it can't be loaded; it names the package.
    """
    try:
        return entry.load()
    except Exception as error:  # of somebody else, and anything
        package = "another package" if entry.dist is None else f"the package {entry.dist.name}"
        raise InputError(
            f"{what} {entry.name} of {package} can't be loaded ({type(error).__name__}: {error})",
            "Update that package, or uninstall it.",
        ) from error


def load_all(group: str, what: str) -> list[Any]:
    """Load all entry points of a group; see `load`."""
    return [load(entry, what) for entry in entry_points(group=group)]
