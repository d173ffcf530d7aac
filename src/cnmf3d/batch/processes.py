"""Processes: whether one is alive, starting one for a run folder, and ending a whole tree."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

import psutil

from cnmf3d.batch.runfolder import RunFolder

FAR = 60.0
"""Seconds without a sign of life after which a process of another machine counts as gone."""

GRACE = 5.0
"""Seconds that a process has to end by itself."""


class Handle(Protocol):
    """A run that was started."""

    def poll(self) -> int | None:
        """Exit code, or None while it runs; a code that isn't known is -1."""
        ...

    def kill(self) -> None:
        """End it with all that it started."""
        ...


class Starter(Protocol):
    """Starts runs: here, or on a cluster."""

    def start(self, folder: RunFolder) -> Handle:
        """Start the worker on a run folder."""
        ...

    def slots(self) -> int:
        """How many runs it takes at once."""
        ...

    def threads(self) -> int | None:
        """Threads that a run has there; None: all cores."""
        ...


def signature(pid: int | None = None) -> dict[str, Any]:
    """Who this process is, or another one of this machine, for others to see whether it lives.

    Raises
    ------
    psutil.Error
        Where there is no process of that number.
    """
    process = psutil.Process(pid)
    return {"host": socket.gethostname(), "pid": process.pid, "created": process.create_time(), "beat": time.time()}


def lives(who: Mapping[str, Any] | None) -> bool:
    """Whether the process that signed is alive: by its pid here, by its last sign of life elsewhere."""
    if not who:
        return False
    if who.get("host") != socket.gethostname():
        return time.time() - float(who.get("beat", 0)) < FAR
    try:
        process = psutil.Process(int(who["pid"]))
        same = abs(process.create_time() - float(who["created"])) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, ValueError):
        return False


def end_tree(pid: int) -> None:
    """End a process with all of its descendants: asked first, then killed."""
    try:
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
    except psutil.Error:
        return
    for process in family:
        try:
            process.terminate()
        except psutil.Error:
            continue
    for process in psutil.wait_procs(family, timeout=GRACE)[1]:
        try:
            process.kill()
        except psutil.Error:
            continue


class Local:
    """Runs in processes of this machine, which outlive the one that started them."""

    def start(self, folder: RunFolder) -> Handle:
        """Start ``python -m cnmf3d.batch.worker FOLDER``; what it prints goes to the log."""
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cnmf3d.batch.worker", os.fspath(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        with suppress(psutil.Error, OSError):  # it has ended already, or the disk is full: the worker will say so
            # Whoever comes next must know of it even if this supervisor is killed before the worker has signed.
            folder.sign(signature(process.pid), started=True)
        return _Started(process)

    def slots(self) -> int:
        """One: it has all cores."""
        return 1

    def threads(self) -> int | None:
        """All cores."""
        return None


class _Started:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def poll(self) -> int | None:
        return self.process.poll()

    def kill(self) -> None:
        end_tree(self.process.pid)
        self.process.wait()


class Adopted:
    """A worker that an earlier supervisor started."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.here = (folder.worker() or {}).get("host") == socket.gethostname()

    def poll(self) -> int | None:
        """-1 once it is gone."""
        return None if lives(self.folder.worker()) else -1

    def kill(self) -> None:
        """End it; where it is on another machine, ask for that."""
        self.folder.ask_abort()
        who = self.folder.worker()
        if who and lives(who) and who.get("host") == socket.gethostname():
            end_tree(int(who["pid"]))
