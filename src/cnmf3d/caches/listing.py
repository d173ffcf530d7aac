"""What lies in a folder of caches."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnmf3d import plain_json
from cnmf3d.caches.markers import in_use

ABOUT, USED, RESERVED = "entry.json", "used", "reserved"
"""In an entry: what it holds, a file whose time is that of the last use, and bytes that one being built will need."""

BUILDING, TRASH, PINS = ".building-", ".trash-", "pins"


@dataclass(frozen=True)
class Entry:
    """One cache.

    Attributes
    ----------
    key : str
    folder : Path
    size : int
        Bytes.
    used : float
        When it was used last, seconds since 1970.
    in_use : bool
        A running program uses it.
    owners : tuple of str
        Who keeps it: it isn't removed to make room.
    about : mapping
        What it says of itself: movie, shape; empty where that can't be read.
    """

    key: str
    folder: Path
    size: int
    used: float
    in_use: bool
    owners: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def removable(self) -> bool:
        """Whether it may go to make room."""
        return not (self.in_use or self.owners)


def entries_of(root: Path) -> list[Entry]:
    """All caches of a folder, the one used last first."""
    kept: dict[str, list[str]] = {}
    for key, owner in pins_of(root):
        kept.setdefault(key, []).append(owner)
    found = [
        Entry(path.name, path, size_of(path), last_use(path), in_use(path), tuple(kept.get(path.name, ())), about(path))
        for path in _folders(root)
        if not path.name.startswith(".") and path.name != PINS
    ]
    return sorted(found, key=lambda entry: (-entry.used, entry.key))


def unfinished_of(root: Path) -> list[Path]:
    """Folders in which an entry is being built, or was when its process ended."""
    return [path for path in _folders(root) if path.name.startswith(BUILDING)]


def trash_of(root: Path) -> list[Path]:
    """Folders that are to be removed."""
    return [path for path in _folders(root) if path.name.startswith(TRASH)]


def pins_of(root: Path) -> Iterator[tuple[str, str]]:
    """Key and owner of each pin."""
    folder = root / PINS
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            told = plain_json.loads(path.read_text(encoding="utf-8"))
            yield str(told["key"]), str(told["owner"])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def pin_path(root: Path, key: str, owner: str) -> Path:
    """File of a pin: the owner's name may hold anything."""
    return root / PINS / f"{hashlib.blake2b(f'{key} {owner}'.encode(), digest_size=16).hexdigest()}.json"


def about(folder: Path) -> dict[str, Any]:
    """What an entry says of itself; empty where it says nothing."""
    try:
        told = plain_json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def last_use(folder: Path) -> float:
    """When an entry was used last; long ago where nothing tells."""
    try:
        return (folder / USED).stat().st_mtime
    except OSError:
        return 0.0


def size_of(folder: Path) -> int:
    """Bytes of all files, or what an entry being built has reserved if that is more."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except OSError:
                continue
    try:
        return max(total, int((folder / RESERVED).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return total


def _folders(root: Path) -> list[Path]:
    try:
        return [Path(item.path) for item in os.scandir(root) if item.is_dir(follow_symlinks=False)]
    except OSError:
        return []
