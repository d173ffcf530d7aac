"""Suite2p's registered movie: ``plane0/data.bin``, ``plane1/data.bin`` and the sizes in ``ops.npy`` beside each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.movies.arrays import Mapped, folded
from cnmf3d.movies.chained import Chained
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import Facts, LazyArray, Place, Stored
from cnmf3d.npy_objects import load_objects

NAME = "data.bin"
FOLDER = re.compile(r"plane(\d+)$")


def recognises(place: Place) -> bool:
    """Whether this is Suite2p's binary file beside its settings."""
    return place.path is not None and place.path.name == NAME and _settings_of(place.path.parent) is not None


def described_in(folder: Path) -> Path | None:
    """Find the first plane's file in a folder with planes (``suite2p``), or the file of a plane's folder."""
    planes = _planes(folder) or ([folder] if (folder / NAME).is_file() and _settings_of(folder) else [])
    return planes[0] / NAME if planes else None


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open all planes of a recording.

    Parameters
    ----------
    place : Place
        ``data.bin`` of any plane.
    dataset : str or None
        Number of the only plane to be read.

    Raises
    ------
    InputError
        Where settings are missing or damaged, or the planes have several sizes.
    """
    assert place.path is not None
    alone = place.path.parent
    folders = _planes(alone.parent) if FOLDER.match(alone.name) else [alone]
    if dataset is not None:
        chosen = [folder for folder in folders if folder.name == f"plane{dataset}"]
        if not chosen:
            raise InputError(
                f"{place} has no plane {dataset!r}", f"It has: {', '.join(each.name for each in folders)}."
            )
        folders = chosen
    entries = [_settings(folder) for folder in folders]
    sizes = {(int(each["Ly"]), int(each["Lx"])) for each in entries}
    if len(sizes) > 1:
        raise InputError(
            f"the planes beside {place} have several sizes ({', '.join(f'{x} × {y}' for y, x in sorted(sizes))})",
            'Read one of them: dataset="0" (--dataset 0).',
        )
    y, x = next(iter(sizes))
    counts = [(folder / NAME).stat().st_size // (2 * y * x) for folder in folders]
    times, warnings = min(counts), []
    if times < max(counts):
        warnings.append(f"the planes beside {place} have {times} to {max(counts)} frames; the first {times} are read.")
    if times < 1:
        raise InputError(f"{place} holds no frame of {x} × {y}", "Let Suite2p register the recording again.")
    names = [str(folder / NAME) for folder in folders]

    def opened(number: int) -> LazyArray:
        return Mapped(Path(names[number]), np.dtype("<i2"), (times, y, x))

    chained = Chained(names, [times] * len(names), (y, x), np.dtype("<i2"), opened)
    data = folded(chained, (len(names), times))
    assert data is not None
    rate = entries[0].get("fs")
    facts = Facts(float(rate) if rate else None, None, _metadata(entries[0]), tuple(warnings), files=tuple(names))
    return Stored(data, "ztyx", "Suite2p binary", facts)


def _planes(folder: Path) -> list[Path]:
    """Folders of planes that have a binary file, in order."""
    if not folder.is_dir():
        return []
    found = [each for each in folder.iterdir() if FOLDER.match(each.name) and (each / NAME).is_file()]
    return sorted(found, key=lambda each: int(FOLDER.match(each.name)[1]))  # type: ignore[index]


def _settings_of(folder: Path) -> Path | None:
    """Find the file that tells the size of a plane."""
    names = ("ops.npy", "reg_outputs.npy")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _settings(folder: Path) -> dict[str, Any]:
    """Read what Suite2p says of a plane."""
    path = _settings_of(folder)
    if path is None:
        raise InputError(f"{folder / NAME} has no ops.npy beside it, which tells its size", "Copy it there.")
    try:
        entries: dict[str, Any] = {}
        for name in ("db.npy", "settings.npy", path.name):
            if (folder / name).is_file():
                entries |= load_objects(folder / name).item()
        if min(int(entries["Ly"]), int(entries["Lx"])) < 1:
            raise ValueError("Ly and Lx must be positive")
    except Cnmf3dError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} does not tell the size of the plane ({error})", "Copy it again.") from error
    return entries


def _metadata(entries: dict[str, Any]) -> dict[str, Any]:
    """That the movie was registered, and by what."""
    return {"registered_by": "Suite2p", **({"tau": float(entries["tau"])} if entries.get("tau") else {})}


FORMAT = Format("Suite2p binary", (), recognises, open_recording, described_in=described_in)
