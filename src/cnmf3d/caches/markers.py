"""Who uses an entry: a small file for each, naming a process; those of processes that are gone don't count."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from cnmf3d import plain_json

USERS = "users"
"""Folder of the markers, in an entry."""

FOREIGN_DAYS = 3.0
"""A marker from another machine, whose processes can't be seen from here, counts for so many days."""


def mark(folder: Path) -> Path:
    """Say that this process uses an entry; the marker's path, to remove it when done."""
    import psutil

    users = folder / USERS
    users.mkdir(exist_ok=True)
    path = users / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.json"
    facts = {"pid": os.getpid(), "started": psutil.Process().create_time(), "host": socket.gethostname()}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(facts), encoding="utf-8")
    part.replace(path)
    return path


def in_use(folder: Path, *, but: Path | None = None) -> bool:
    """Whether a living process uses an entry; `but`: a marker that doesn't count."""
    users = folder / USERS
    try:
        markers = [path for path in users.iterdir() if path.suffix == ".json" and path.name != (but and but.name)]
    except OSError:
        return False
    return any(alive(path) for path in markers)


def alive(marker: Path) -> bool:
    """Whether the process that a marker names still runs."""
    try:
        facts = plain_json.loads(marker.read_text(encoding="utf-8"))
        pid, started, host = int(facts["pid"]), float(facts["started"]), str(facts["host"])
        age = time.time() - marker.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if host != socket.gethostname():
        return age < FOREIGN_DAYS * 86400
    return _runs(pid, started)


def _runs(pid: int, started: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        same: Any = abs(process.create_time() - started) < 2  # a later process may have got the same number
        return bool(same) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
