"""Run folders on a fast disk: moved there before an item runs, and back when it has ended.

A file beside the place where a run folder belongs, ``items/<uuid>.away``, tells where it is meanwhile. A folder is
copied and compared with its original before that file says so and before the original goes: whatever is killed at
whatever moment, one of the two is whole and is the one that counts.

Such a file may come with a batch from anybody. It is believed only where the folder that it names has the same token
in it: one that we made and moved there ourselves.
"""

from __future__ import annotations

import errno
import filecmp
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from cnmf3d import plain_json
from cnmf3d.batch.runfolder import write_whole
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.regular import refuse_special
from cnmf3d.stored_names import refuse_links

AWAY = ".away"
TOKEN = "away.token"
"""File in a run folder that is away: the token that the file beside its place tells, too."""

Beat = Callable[[], None]
"""Called now and then while files are moved."""


class MovingError(Cnmf3dError):
    """A run folder that can't be moved (exit code 1); it stays where it is."""


def check(folder: Path, batch: Path) -> Path:
    """See that a folder can hold run folders of a batch meanwhile; its absolute path.

    Raises
    ------
    UsageError
        Where it isn't there, is a part of the batch, or nobody may write there.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder} to work in", "Make it, or name another: --work-dir FOLDER.")
    if folder.resolve().is_relative_to(batch.resolve()):
        raise UsageError(f"{folder} is in the batch itself", "Name a folder on a fast disk: --work-dir FOLDER.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} can't be written to", "Name another folder: --work-dir FOLDER.")
    return folder.resolve()


def place_of(home: Path) -> Path:
    """Where the run folder that belongs to `home` lies now.

    Raises
    ------
    InputError
        Where `home`, or the folder of all run folders, is a link.
    """
    for place in (home.parent, home):
        if place.is_symlink():
            refuse_links(place)
    refuse_special(home)
    return _told(home) or home


def send(home: Path, work_dir: Path, beat: Beat) -> Path:
    """Move a run folder to a work directory; where it lies then.

    Parameters
    ----------
    home : Path
        Where it belongs.
    work_dir : Path
        From `check`.
    beat : callable

    Raises
    ------
    MovingError
        Where there is no room, or the copy isn't the same.
    """
    bring_back(home, beat)
    there, token = work_dir / home.name, secrets.token_hex()
    home.mkdir(parents=True, exist_ok=True)
    refuse_links(home)
    _refuse_foreign(home, there)
    write_whole(home / TOKEN, token)
    _copy(home, there, beat)
    write_whole(_pointer(home), json.dumps({"folder": str(there), "token": token}))
    shutil.rmtree(home, ignore_errors=True)
    return there


def bring_back(home: Path, beat: Beat) -> None:
    """Move a run folder back to where it belongs, if it is away.

    Raises
    ------
    MovingError
        Where there is no room, or the copy isn't the same; then it is still away.
    """
    there = _told(home)
    if there is None:
        _refuse_stray(home)
        return
    refuse_links(there)
    _copy(there, home, beat)
    _pointer(home).unlink(missing_ok=True)
    _discard(there)
    (home / TOKEN).unlink(missing_ok=True)


def remove(home: Path) -> None:
    """Remove a run folder, wherever it lies; never what only a pointer says is one."""
    there = _told(home)
    if home.parent.is_symlink():
        refuse_links(home.parent)
    if there is not None:
        _discard(there)
    shutil.rmtree(home, ignore_errors=True)
    _pointer(home).unlink(missing_ok=True)


def _pointer(home: Path) -> Path:
    return home.with_name(home.name + AWAY)


def _told(home: Path) -> Path | None:
    """Where a run folder is meanwhile, if it is away; never a folder that isn't this item's, or a link."""
    refuse_special(_pointer(home))
    try:
        told = plain_json.loads(_pointer(home).read_text(encoding="utf-8"))
        there, token = Path(told["folder"]), told["token"]
        if not there.is_absolute() or there.name != home.name or there.is_symlink():
            return None
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return there if token and _token(there) == token else None


def _token(folder: Path) -> str:
    """The token in a run folder; empty where it has none."""
    refuse_special(folder / TOKEN)
    try:
        return (folder / TOKEN).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _discard(there: Path) -> None:
    """Remove a run folder from a work directory; half removed it has another name than a whole one."""
    gone = there.with_name(f".{there.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    try:
        there.replace(gone)
    except OSError:
        gone = there
    shutil.rmtree(gone, ignore_errors=True)


def _refuse_stray(home: Path) -> None:
    """See that no pointer names a folder that is there and isn't this item's."""
    pointer = _pointer(home)
    try:
        there = Path(plain_json.loads(pointer.read_text(encoding="utf-8"))["folder"])
        stray = there.exists() or there.is_symlink()
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError):
        stray, there = False, home
    if stray:
        raise MovingError(
            f"{pointer} says that the run folder is {there}, but that is none of this item's",
            f"Nothing was touched there. If you moved it, put it to {home}; then remove {pointer.name}.",
        )
    pointer.unlink(missing_ok=True)  # what it names is gone, or it names nothing


def _refuse_foreign(home: Path, there: Path) -> None:
    """See that what is in a work directory already is this run folder, which somebody was stopped removing there."""
    if not (there.exists() or there.is_symlink()):
        return
    if there.is_symlink() or not _token(home) or _token(home) != _token(there):
        raise MovingError(
            f"{home} can't be moved to {there}: something else is there",
            "Nothing was touched there. Name another work directory: --work-dir FOLDER.",
        )


def _copy(source: Path, target: Path, beat: Beat) -> None:
    """Put a copy of a folder, compared with it, in the place of `target`; that appears whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        _check_room(source, target.parent)
        for folder, _, names in os.walk(source):
            into = part / Path(folder).relative_to(source)
            into.mkdir(parents=True)
            for name in names:
                shutil.copy2(Path(folder, name), into / name)
                if not filecmp.cmp(Path(folder, name), into / name, shallow=False):
                    raise OSError(errno.EIO, "a copy is not like its original", str(into / name))
                beat()
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise MovingError(
            f"{source} can't be moved to {target}: {error.strerror or error}",
            "Free some space there; nothing is lost, `cnmf3d batch retry` and `run` go on.",
        ) from error


def _check_room(source: Path, parent: Path) -> None:
    """See that there is room for a copy."""
    needed = sum(Path(folder, name).stat().st_size for folder, _, names in os.walk(source) for name in names)
    if needed > shutil.disk_usage(parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(parent))
