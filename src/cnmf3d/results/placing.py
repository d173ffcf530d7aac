"""Where something is written: it appears whole or not at all, and what is there stays unless that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cnmf3d.errors import UsageError
from cnmf3d.results.curation.journal import refuse_curated_elsewhere
from cnmf3d.written import check_place, whole


def refuse_same(out: Path, source: Path) -> None:
    """Check that what is written is not what is read, which would be lost: its curation, for one.

    Raises
    ------
    UsageError
        Where both are one file or folder.
    """
    if out.exists() and source.exists() and out.samefile(source):
        raise UsageError(f"{out} is what is read", "Name another file: nothing is written over its own source.")


def refuse_existing(out: Path, *, force: bool) -> None:
    """Check that a file may be written.

    Parameters
    ----------
    out : Path
    force : bool
        Whether a file of that name may be replaced.

    Raises
    ------
    UsageError
        Where there is one already and `force` is off, a folder of that name, or no folder to write to.
    """
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent} is not a folder", "Make it first, or write somewhere else.")
    check_place(out)
    if out.is_dir():
        raise UsageError(f"{out} is a folder", "Name a file.")
    if force:
        refuse_curated_elsewhere(out)
    if out.exists() and not force:
        raise UsageError(f"{out} exists already", "Name another file, or replace it with --force.")


@contextmanager
def new_file(out: Path, *, force: bool) -> Iterator[Path]:
    """Write a file under a temporary name, which becomes `out` at the end.

    Parameters
    ----------
    out : Path
    force : bool
        Whether a file of that name may be replaced.

    Yields
    ------
    Path
        What to write to: a name beside `out` with its suffixes, at which there is nothing yet.
    """
    refuse_existing(out, force=force)
    with whole(out) as draft:
        yield draft


@contextmanager
def new_folder(out: Path, *, force: bool, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Fill a folder under a temporary name, which becomes `out` at the end.

    Parameters
    ----------
    out : Path
    force : bool
        Whether a folder of that name may be replaced.
    ours : callable
        Whether a folder is what an earlier export wrote. Nothing else is ever removed.

    Yields
    ------
    Path
        What to make: a name beside `out` at which there is nothing yet.
    """
    if out.name in ("", ".."):
        raise UsageError(f"{out} is no name for a folder", "Name a new folder in it.")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent} is not a folder", "Make it first, or write somewhere else.")
    check_place(out)
    empty = out.is_dir() and not out.is_symlink() and not any(out.iterdir())
    if out.exists() and not empty:
        if not force:
            raise UsageError(f"{out} exists already", "Name another folder, or replace it with --force.")
        if out.is_symlink() or not out.is_dir() or not ours(out):
            raise UsageError(f"{out} holds something else, which --force doesn't remove", "Name another folder.")
    with whole(out) as draft:
        yield draft
