"""What the buttons of the Batch Manager do. A batch is run by a process of its own, which outlives the viewer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from cnmf3d import plain_json
from cnmf3d.batch import Batch, Item, sync
from cnmf3d.batch.lease import holder
from cnmf3d.batch.processes import end_tree, lives
from cnmf3d.batch.runfolder import write_whole
from cnmf3d.batch.store import FILE
from cnmf3d.errors import EngineError, UsageError

LOG, NOTE = "supervisor.log", "supervisor.json"
"""In the batch's folder: what the supervisor that a viewer started printed, and who it is."""

FAILED = "cnmf3d batch show"
"""What a supervisor says at its end where items failed, which the list shows."""

PATIENCE = 15.0
"""Seconds that a supervisor has to end by itself."""


def command_of(
    batch: Batch,
    *,
    start_at: str | None = None,
    at: str = "",
    workers: int | None = None,
    work_dir: str | Path | None = None,
) -> list[str]:
    """The command that runs a batch.

    Parameters
    ----------
    batch : Batch
    start_at : str, optional
        UUID of the first item.
    at : str
        Time of day at which it begins, ``HH:MM``; empty: now.
    workers : int, optional
        Threads of an item.
    work_dir : path, optional
        Fast disk on which items are computed.
    """
    words = [sys.executable, "-P", "-m", "cnmf3d", "batch", "run", "-q", str(batch.folder.resolve())]
    if start_at:
        words += ["--start-at", start_at]
    if at:
        words += ["--at", at]
    if workers:
        words += ["--workers", str(workers)]
    if work_dir:
        words += ["--work-dir", str(work_dir)]
    return words


class Supervision:
    """Starts, finds and stops the process that runs a batch.

    Parameters
    ----------
    batch : Batch
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def scheduled(self) -> str:
        """Time of day at which a process that waits begins, whoever scheduled it; empty where none waits."""
        who = self._noted()
        return str(who.get("at") or "") if who and lives(who) and holder(self.batch) is None else ""

    @property
    def works(self) -> bool:
        """Whether a process that was started here lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, words: Sequence[str], at: str = "") -> None:
        """Start a supervisor, detached: closing the viewer doesn't end it.

        Parameters
        ----------
        words : sequence of str
            Of `command_of`.
        at : str
            Time of day at which it begins, where it waits.

        Raises
        ------
        UsageError
            Where one runs already, here or elsewhere.
        """
        who = holder(self.batch)
        if who is not None:
            raise UsageError(
                f"the batch is being run by process {who['pid']} on {who['host']}",
                "Items that you add are computed there, too.",
            )
        noted = self._noted()
        if noted and lives(noted):
            when = f" for {noted['at']}" if noted.get("at") else ""
            raise UsageError(f"the batch is started already{when}", "Abort the batch first, then start it.")
        log_file = self.batch.folder / LOG
        log_file.unlink(missing_ok=True)  # it may be a link, in a batch from somebody else
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                list(words), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_detached()
            )
        facts = signature_of(self._process.pid) | {"at": at}
        write_whole(self.batch.folder / NOTE, json.dumps(facts))

    def trouble(self) -> str:
        """What the supervisor that was started here said, if it ended with an error; told once."""
        if self._process is None or self._process.poll() is None:
            return ""
        code, self._process = self._process.returncode, None
        said = tail(self.batch.folder / LOG)
        return "" if code in (0, 130, -signal.SIGINT) or FAILED in said else said

    def stop(self) -> None:
        """End the supervisor with what it computes, and abort the item that ran. Takes a while: call it in a thread.

        Raises
        ------
        EngineError
            Where it runs on another machine.
        """
        ran = [item.uuid for item in self.batch.items() if item.status.active]
        here = socket.gethostname()
        who, noted = holder(self.batch), self._noted()
        if who is not None and who["host"] != here:
            self.batch.abort(ran)
            raise EngineError(
                f"the batch is run by process {who['pid']} on {who['host']}; its running item is asked to end",
                "End that process on its machine, or the next item begins.",
            )
        for pid in {int(one["pid"]) for one in (who, noted) if one and one["host"] == here and lives(one)}:
            interrupt(pid)
        if self._process is not None:
            self._process.wait(PATIENCE)
            self._process = None
        self.batch.abort(ran)
        sync(self.batch)

    def _noted(self) -> dict[str, Any] | None:
        """The process that was started last, by a viewer."""
        try:
            found = plain_json.loads((self.batch.folder / NOTE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def signature_of(pid: int) -> dict[str, Any]:
    """Who a process of this machine is, for `lives`."""
    try:
        created = psutil.Process(pid).create_time()
    except psutil.Error:  # it has ended
        created = 0.0
    return {"host": socket.gethostname(), "pid": pid, "created": created, "beat": time.time()}


def interrupt(pid: int) -> None:
    """Ask a process to end as Ctrl-C does, wait for it, and end it with its children where it doesn't."""
    try:
        process = psutil.Process(pid)
        if os.name != "nt":
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
            return
    except psutil.NoSuchProcess:
        return
    except psutil.Error:
        pass
    end_tree(pid)


def _detached() -> dict[str, Any]:
    """Keywords of Popen by which a process outlives its parent."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}


def tail(path: Path, lines: int = 12) -> str:
    """The last lines of a text file."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-lines:])
    except OSError:
        return ""


def open_or_create(folder: str | Path) -> Batch:
    """Open a batch, or make one in a folder that is new or empty.

    Raises
    ------
    UsageError
        For a folder that holds other things.
    InputError
        Where its database can't be used.
    """
    path = Path(folder).expanduser()
    if not (path / FILE).is_file() and path.is_dir() and any(path.iterdir()):
        raise UsageError(f"{path} holds other things already", "Choose a new or an empty folder for a batch.")
    return Batch.open_or_create(path)


def deletable(items: Sequence[Item]) -> list[Item]:
    """Those that aren't at work.

    Raises
    ------
    UsageError
        Where all are.
    """
    free = [item for item in items if not item.status.active]
    if items and not free:
        raise UsageError(f"{items[0].name} is running", "Abort it first, then delete it.")
    return free
