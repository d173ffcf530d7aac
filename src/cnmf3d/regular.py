"""Whether a path is a file or a folder: a pipe or a device keeps whoever opens it waiting, perhaps for ever."""

from __future__ import annotations

import stat
from pathlib import Path

from cnmf3d.errors import InputError


def refuse_special(path: Path) -> None:
    """See that what is at a path, if there is anything, is a file or a folder, before it is opened.

    Raises
    ------
    InputError
        For a pipe, a device or a socket.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # whoever opens it says what is wrong
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path} is a pipe, a device or a socket, not a file", "Save what comes from it to a file.")


def see_files(file: Path) -> None:
    """See that a database and what SQLite keeps beside it are files: a pipe would keep us waiting.

    Raises
    ------
    InputError
        Where one is something else.
    """
    for ending in ("", "-wal", "-shm", "-journal"):
        refuse_special(file.with_name(file.name + ending))
