"""Files of samples: written whole under a name that nobody looks for yet; swept where no sample names them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import xxhash
from filelock import Timeout

from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.results import Results, write_results
from cnmf3d.stored_names import UUID, lock, refuse_links, uuid_named
from cnmf3d.written import to_disk, whole_file

FOLDER = "samples"
MOVIE = "movie.ome.zarr"
PATIENCE = 120.0
"""Seconds to wait for another program that saves."""

OURS = re.compile(r"roi-data-\d+\.hdf5|movie\.ome\.zarr|\..*\.part")
"""Names of files and folders that we make in a sample's folder."""


@dataclass(frozen=True)
class Written:
    """A file of a sample."""

    name: str
    size: int
    hash: str


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Be the only program that writes files of samples.

    Raises
    ------
    UsageError
        Where another one does, for long.
    """
    held = lock(folder / ".lock", PATIENCE)
    try:
        held.acquire()
    except Timeout as error:
        raise UsageError(
            f"another program has been saving in {folder} for {PATIENCE:g} s", "Try again later."
        ) from error
    except OSError as error:
        raise UsageError(f"{folder} can't be written to: {error.strerror}", "Check its permissions.") from error
    try:
        yield
    finally:
        held.release()


def place(project: Path, uuid: str) -> Path:
    """Folder of a sample.

    Raises
    ------
    InputError
        For what is no UUID.
    """
    return project / FOLDER / uuid_named(uuid, "a sample")


def write_data(folder: Path, revision: int, source: Results | Path) -> Written:
    """Write a sample's data, to the disk itself.

    Parameters
    ----------
    folder : Path
        Of the sample.
    revision : int
    source : Results or Path
        A file is copied as it is.

    Raises
    ------
    Cnmf3dError
        Where there is no room.
    """
    name = f"roi-data-{revision}.hdf5"
    target = folder / name
    refuse_links(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Results):
            write_results(source, target)
        else:
            with whole_file(target) as part:
                shutil.copyfile(source, part)
        to_disk(folder.parent)
        return Written(name, target.stat().st_size, hash_of(target))
    except OSError as error:
        raise Cnmf3dError(
            f"{target} could not be written: {error.strerror}", "Is the disk full? The project is as it was."
        ) from error


def hash_of(path: Path) -> str:
    """Fingerprint of a file's bytes: 32 hexadecimal digits (XXH3)."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(2**22):
            digest.update(block)
    return digest.hexdigest()


def strays(project: Path, named: Mapping[str, set[str]]) -> list[Path]:
    """Files and folders of ours that no sample names: what a save left that was killed.

    Parameters
    ----------
    project : Path
    named : mapping
        UUID to the names in that sample's folder.
    """
    root = project / FOLDER
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if not folder.is_dir() or not UUID.fullmatch(folder.name) or folder.is_symlink():
            continue
        keep = named.get(folder.name, set())
        members = list(folder.iterdir())
        found += [each for each in members if each.name not in keep and OURS.fullmatch(each.name)]
        if folder.name not in named and all(OURS.fullmatch(each.name) for each in members):
            found.append(folder)
    return found


def sweep(project: Path, named: Mapping[str, set[str]]) -> None:
    """Remove `strays`; what can't be removed stays for the next time."""
    for path in strays(project, named):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue
