"""How files are written: whole or not at all, also through a full disk, a kill and a power cut.

Everything is written under a temporary name in the folder where it belongs, brought to the disk itself, and renamed.
What a killed program left under such a name is swept by whoever writes there next.

All that appears under a name that a user gave is announced here, right before it is renamed into its place, so that a
program that is stopped can say what it has written.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from cnmf3d.errors import Cnmf3dError, InputError, UsageError

Identity = tuple[int, int, int] | None
"""What tells a file or folder from another one of its name; None where there is none."""

STALE = 86400.0
"""Seconds after which a temporary file of another machine, whose processes can't be seen from here, is left over."""

BESIDE = len(".curation.jsonl") + len(".lock") + 1
"""Bytes by which names of what is kept beside a results file are longer than its own."""

FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)


class Record:
    """Places that were announced, in order."""

    def __init__(self) -> None:
        self._before: dict[Path, Identity] = {}

    def add(self, place: Path) -> None:
        """Remember what is at a place now."""
        self._before.setdefault(place, _identity(place))

    def paths(self) -> tuple[Path, ...]:
        """Places at which something else is than before."""
        return tuple(place for place, before in self._before.items() if _identity(place) not in (None, before))


_RECORD: ContextVar[Record | None] = ContextVar("record", default=None)


def announce(place: Path) -> None:
    """Say that something is about to appear at `place`, in the place of what may be there."""
    record = _RECORD.get()
    if record is not None:
        record.add(place)


@contextmanager
def recorded() -> Iterator[Record]:
    """Keep a record of what is announced within."""
    record = Record()
    token = _RECORD.set(record)
    try:
        yield record
    finally:
        _RECORD.reset(token)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place once all is written: a reader sees the old one or the new.

    Where `path` is a link to a file, that file is replaced and the link stays.

    Raises
    ------
    InputError
        Where the folder doesn't exist or can't be written.
    Cnmf3dError
        Where writing fails halfway, for example because the disk is full.
    """
    target = target_of(path)
    temporary = _temporary(target.parent, path)
    try:
        with temporary.open("xb"):
            pass
    except OSError as error:
        raise InputError(f"{path.parent} can't be written to: {error.strerror}", "Choose another folder.") from error
    try:
        yield temporary
        _put(temporary, target, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """The same for a file or a folder that is made within, under a name with the suffixes of `path`.

    Yields
    ------
    Path
        What to make: there is nothing yet.

    Raises
    ------
    InputError, Cnmf3dError
        As `whole_file`.
    """
    target = target_of(path)
    folder = _temporary(target.parent, path)
    try:
        folder.mkdir()
    except OSError as error:
        raise InputError(f"{path.parent} can't be written to: {error.strerror}", "Choose another folder.") from error
    kept = False
    try:
        draft = folder / target.name
        yield draft
        if target.is_dir():
            kept = not _put_folder(draft, target, path, folder / BEFORE)
        else:
            _put(draft, target, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


BEFORE = "before"
"""Where an old folder is while a new one takes its place, on file systems that can't exchange two."""


def target_of(path: Path) -> Path:
    """Where a file really is: what a link leads to, or the path itself."""
    try:
        return path.resolve() if path.is_symlink() else path
    except OSError:  # a name that is too long, for one: whoever writes says so
        return path


def check_place(path: Path, longer: int = 0) -> None:
    """See that a file can be made at a place, before anything is computed.

    Parameters
    ----------
    path : Path
        Or a link to where it will be.
    longer : int
        As for `check_name`.

    Raises
    ------
    UsageError
        Where there is no folder for it, nobody may write there, or its name is too long.
    """
    for folder in (path.parent, target_of(path).parent):
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder} to write {path.name} to", "Make it, or choose another one.")
        if not os.access(folder, os.W_OK):
            raise UsageError(f"{folder} can't be written to", "Choose another folder.")
    check_name(path, longer)


def check_name(path: Path, longer: int = 0) -> None:
    """See that a file system takes a name, before anything is computed.

    Parameters
    ----------
    path : Path
        In a folder that is there.
    longer : int
        Bytes by which other names beside it are longer; `BESIDE` for results.

    Raises
    ------
    UsageError
        Where it is too long.
    """
    try:
        most = os.pathconf(path.parent, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        most = 255
    length = len(os.fsencode(path.name))
    if length + longer > most:
        raise UsageError(
            f"the name {path.name[:40]}… has {length} bytes; there may be {most - longer}", "Choose a shorter one (-o)."
        )


def unwritable(path: Path, error: OSError) -> Cnmf3dError:
    """The error of a file that couldn't be written, in words."""
    reason = error.strerror or str(error)
    fix = "Check its folder and permissions, or choose another disk."
    if error.errno in FULL:
        fix = "The disk is full, or your share of it is used up: free some space, or choose another disk."
    return Cnmf3dError(f"{path} could not be written: {reason}", f"What was there before is unchanged. {fix}")


def to_disk(path: Path) -> None:
    """See that a file, or the list of files of a folder, would survive a loss of power."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # file systems that can't
            raise
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove temporary files and folders of killed programs; what can't be removed stays for the next time."""
    try:
        names = [each.name for each in os.scandir(folder) if each.name.startswith(PREFIX)]
    except OSError:
        return
    for name in names:
        with suppress(OSError):  # somebody else's, in a folder that all users share
            _sweep(folder / name)


def _sweep(place: Path) -> None:
    """Remove one of them, unless its program is alive or it holds what is needed."""
    found = NAME.fullmatch(place.name)
    if found is None or (place / BEFORE).exists() or not _left(place, found["host"], int(found["pid"])):
        return
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink()


PREFIX = ".cnmf3d-"
NAME = re.compile(r"\.cnmf3d-(?P<host>[0-9a-f]{6})-(?P<pid>[0-9]+)-[0-9a-f]{8}\.part")
"""Temporary names: short whatever the file's own name is, and telling whose they are."""


def temporary_name() -> str:
    """A new temporary name of this process."""
    return f"{PREFIX}{_host()}-{os.getpid()}-{secrets.token_hex(4)}.part"


def _temporary(folder: Path, path: Path) -> Path:
    if folder.is_dir():
        check_name(path)
        sweep(folder)
    return folder / temporary_name()


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def _left(place: Path, host: str, pid: int) -> bool:
    """Whether nobody writes there any more."""
    try:
        if host != _host():
            return time.time() - place.lstat().st_mtime > STALE
    except OSError:
        return False
    import psutil

    return not psutil.pid_exists(pid)


def settle(draft: Path, path: Path) -> None:
    """Bring a finished draft of the same disk to its place, through to the disk itself."""
    _put(draft, target_of(path), path)


def _put(draft: Path, target: Path, path: Path) -> None:
    """Bring a file or a new folder to the disk, and to its place."""
    if draft.is_dir():
        for folder, _, names in os.walk(draft):
            for name in names:
                to_disk(Path(folder, name))
            to_disk(Path(folder))
    else:
        _permit(draft, target)
        to_disk(draft)
    announce(path)
    draft.replace(target)
    with suppress(OSError):
        to_disk(target.parent)


def _permit(draft: Path, target: Path) -> None:
    """Give a file the rights that the one before had, or those that new files have."""
    try:
        mode = target.stat().st_mode & 0o777
    except OSError:
        mode = 0o666 & ~_umask()
    draft.chmod(mode | (draft.stat().st_mode & 0o111))


def _put_folder(draft: Path, target: Path, path: Path, before: Path) -> bool:
    """Put a folder into the place of another one; whether `before` holds nothing that is needed."""
    for folder, _, names in os.walk(draft):
        for name in names:
            to_disk(Path(folder, name))
    announce(path)
    if _exchange(draft, target):
        with suppress(OSError):
            to_disk(target.parent)
        return True
    target.replace(before)
    try:
        draft.replace(target)
    except BaseException:  # also where somebody stops the program between the two
        if before.exists() and not target.exists():
            before.replace(target)
        raise
    finally:
        needed = before.exists() and not target.exists()
    return not needed


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step, so that there always is something at each; False where that can't be done."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "linux":
            done = libc.renameat2(AT_CWD, os.fsencode(one), AT_CWD, os.fsencode(other), RENAME_EXCHANGE)
        elif sys.platform == "darwin":
            done = libc.renamex_np(os.fsencode(one), os.fsencode(other), RENAME_EXCHANGE)
        else:
            return False
    except (OSError, AttributeError, TypeError):
        return False
    return bool(done == 0)


AT_CWD, RENAME_EXCHANGE = -100, 2
"""Of Linux's renameat2 and macOS' renamex_np (RENAME_SWAP)."""


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _identity(place: Path) -> Identity:
    try:
        facts = place.lstat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns
