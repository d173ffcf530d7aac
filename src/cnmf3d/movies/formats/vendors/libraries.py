"""Libraries that read makers' own formats: optional, imported when such a file is opened."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from cnmf3d.errors import InputError
from cnmf3d.movies.stored import Place


def library(name: str, extra: str, place: Place) -> ModuleType:
    """Import a library.

    Parameters
    ----------
    name : str
    extra : str
        Of this package, which installs it.
    place : Place
        The file that needs it.

    Raises
    ------
    InputError
        Where it isn't installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"{place} needs the library {name}, which is not installed", f"Install it: pip install 'cnmf3d[{extra}]'."
        ) from error
