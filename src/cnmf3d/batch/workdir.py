"""Run folders on a fast disk: moved there before an item runs, and back when it has ended.

A file beside the place where a run folder belongs, ``items/<uuid>.away``, tells where it is meanwhile. A folder is
copied and compared with its original before that file says so and before the original goes: whatever is killed at
whatever moment, one of the two is whole and is the one that counts.
"""

from __future__ import annotations

import errno
import filecmp
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from cnmf3d.batch.runfolder import write_whole
from cnmf3d.errors import Cnmf3dError, UsageError

AWAY = ".away"

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
    """Where the run folder that belongs to `home` lies now."""
    there = _told(home)
    return there if there is not None and there.is_dir() else home


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
    there = work_dir / home.name
    home.mkdir(parents=True, exist_ok=True)
    _copy(home, there, beat)
    write_whole(_pointer(home), json.dumps({"folder": str(there)}))
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
        return
    if there.is_dir():
        _copy(there, home, beat)
    _pointer(home).unlink(missing_ok=True)
    shutil.rmtree(there, ignore_errors=True)


def remove(home: Path) -> None:
    """Remove a run folder, wherever it lies."""
    there = _told(home)
    if there is not None:
        shutil.rmtree(there, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
    _pointer(home).unlink(missing_ok=True)


def _pointer(home: Path) -> Path:
    return home.with_name(home.name + AWAY)


def _told(home: Path) -> Path | None:
    """Where a run folder is meanwhile, if it is away; never a folder of another name."""
    try:
        there = Path(json.loads(_pointer(home).read_text(encoding="utf-8"))["folder"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return there if there.is_absolute() and there.name == home.name else None


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
