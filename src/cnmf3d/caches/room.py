"""Where caches lie, how large they may grow, and how sizes are written."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from cnmf3d.errors import UsageError

FOLDER_VARIABLE, LIMIT_VARIABLE = "CNMF3D_CACHE", "CNMF3D_CACHE_LIMIT"

SHARE = 0.5
"""Caches may take this share of what the disk has left, themselves included."""

UNITS = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def default_folder() -> Path:
    """The user's folder of caches: ``CNMF3D_CACHE``, or the system's place for such things."""
    from platformdirs import user_cache_path

    told = os.environ.get(FOLDER_VARIABLE)
    return Path(told).expanduser() if told else user_cache_path("cnmf3d", appauthor=False) / "voxels"


def bytes_of(text: str, name: str = LIMIT_VARIABLE) -> int:
    """A size as people write it: ``10GB``, ``1.5 TiB``, ``800M``, or a number of bytes.

    Parameters
    ----------
    text : str
    name : str
        What to call it in a message.

    Raises
    ------
    UsageError
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?\s*", text.upper())
    if match is None or (match[3] and not match[2]):
        raise UsageError(f"{name} is {text!r}", f"Write a size such as 10GB: {name}=10GB.")
    unit = 1024 ** "BKMGT".index(match[2]) if match[3] else UNITS[match[2]]
    return int(float(match[1]) * unit)


def readable(size: float) -> str:
    """A size in bytes with its unit: ``1.5 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def limit_for(folder: Path, held: int) -> int:
    """Bytes that caches in a folder may take: ``CNMF3D_CACHE_LIMIT``, or a share of what the disk has left.

    Parameters
    ----------
    folder : Path
    held : int
        Bytes that they take now.
    """
    told = os.environ.get(LIMIT_VARIABLE)
    return bytes_of(told) if told else int(SHARE * (shutil.disk_usage(folder).free + held))
