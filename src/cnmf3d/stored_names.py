"""Names that a database or a file tells and that become a part of a path: seen to be nothing else before they are.

A batch or a project may come from anybody. What its database says of names must not lead out of its folder: the
functions here are the only way by which such a name gets into a path.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from cnmf3d.errors import InputError
from cnmf3d.regular import refuse_special

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

CHANGED = "It was changed by something else than cnmf3d, or is damaged; nothing was touched. Restore a copy of it."


def uuid_named(told: object, what: str) -> str:
    """A UUID as `uuid.uuid4` writes it, for it names a folder.

    Parameters
    ----------
    told : object
        What the database tells.
    what : str
        Whose it is, for the message: ``an item of the batch``.

    Raises
    ------
    InputError
        Where it is anything else.
    """
    if not isinstance(told, str) or not UUID.fullmatch(told):
        raise InputError(f"{what} has the UUID {_shown(told)}, which is none", CHANGED)
    return told


def moment_of(told: object, what: str) -> str:
    """A time as ISO 8601 with a time zone, or nothing: commands count with it.

    Raises
    ------
    InputError
        Where it is anything else.
    """
    try:
        if isinstance(told, str) and (not told or datetime.fromisoformat(told).tzinfo is not None):
            return told
    except ValueError:
        pass
    raise InputError(f"{what} has the time {_shown(told)}, which is none", CHANGED)


def name_like(told: object, pattern: re.Pattern[str], what: str) -> str:
    """The name of a file that we make, as we make them.

    Parameters
    ----------
    told : object
    pattern : re.Pattern
        That the whole name has to match.
    what : str
        Whose file it is, for the message.

    Raises
    ------
    InputError
        Where it is anything else.
    """
    if not isinstance(told, str) or not pattern.fullmatch(told):
        raise InputError(f"{what} names the file {_shown(told)}, which is no name of ours", CHANGED)
    return told


def refuse_links(folder: Path) -> None:
    """See that a folder of ours, and all that lies directly in it, is a file or a folder: no link, no pipe.

    What is written there stays there, and who reads there isn't kept waiting.

    Parameters
    ----------
    folder : Path
        It needn't be there.

    Raises
    ------
    InputError
        Where something is a link.
    """
    try:
        entries = [] if folder.is_symlink() else list(os.scandir(folder))
        found = [folder] if folder.is_symlink() else [Path(each.path) for each in entries if each.is_symlink()]
        for each in entries:
            if not each.is_symlink():
                refuse_special(Path(each.path))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise InputError(f"{folder} can't be read: {error.strerror}", "Check its permissions.") from error
    if found:
        raise InputError(
            f"{found[0]} is a link to {str(found[0].readlink())!r}, which cnmf3d never makes there",
            "Nothing is written through it. Remove the link, or put the file or folder itself in its place.",
        )


def lock(path: Path, timeout: float = 0) -> FileLock:
    """A lock whose file lies beside data that may be anybody's: never through a link, for taking it empties the file.

    Parameters
    ----------
    path : Path
        Of the lock's file.
    timeout : float
        Seconds to wait for it.

    Raises
    ------
    InputError
        Where it is a link.
    """
    if path.is_symlink():
        raise InputError(
            f"{path} is a link, which cnmf3d never makes there", "Nothing is written through it. Remove the link."
        )
    return FileLock(path, timeout=timeout)


def readable(text: str) -> str:
    """A name as text that every file takes: bytes that are no UTF-8, as names of old disks have, by their numbers.

    Parameters
    ----------
    text : str
        As Python has a file's name: such bytes are lone surrogates.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text


def _shown(told: object) -> str:
    text = repr(told)
    return text if len(text) <= 80 else f"{text[:80]}…"
