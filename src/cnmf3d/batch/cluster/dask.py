"""Items on a running dask.distributed cluster: each is one task, which runs the worker in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cnmf3d.batch.cluster.scheduler import ANSWER, ClusterError, Scheduler
from cnmf3d.batch.processes import lives
from cnmf3d.batch.runfolder import RunFolder

if TYPE_CHECKING:
    from distributed import Future

LOST = -9
"""Exit code of a run whose Dask worker is gone."""

PATIENCE = 15.0
"""Seconds that an aborted run is given to end."""


class Unseen(Exception):
    """A Dask worker doesn't see the run folder."""


def compute(path: str) -> int:
    """What a Dask worker does: run the worker on a run folder.

    Parameters
    ----------
    path : str
        Absolute.

    Returns
    -------
    int
        Exit code of the worker.

    Raises
    ------
    Unseen
        Where the folder isn't there.
    """
    if not Path(path, "job.json").is_file():
        raise Unseen(socket.gethostname())
    command = [sys.executable, "-P", "-m", "cnmf3d.batch.cluster.guard", path]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


class DaskStarter:
    """Starts runs on a cluster, one on each of its workers.

    Which worker computes an item is decided here and not by Dask: the run of a worker that is gone is lost, and counts
    as an attempt when the item is started again on another one.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self._busy: dict[str, _Remote] = {}

    def slots(self) -> int:
        """How many runs the cluster takes at once: as many as it has workers."""
        return len(self.scheduler.some_workers())

    def threads(self) -> int:
        """Threads of the smallest worker."""
        return min(self.scheduler.some_workers().values())

    def start(self, folder: RunFolder) -> _Remote:
        """Start the worker on a run folder, on a Dask worker that has nothing to do.

        Raises
        ------
        ClusterError
            Where there is none, or the scheduler is gone.
        """
        where = self._free()
        path = folder.path.absolute()
        key = f"cnmf3d-{path.name}-{uuid.uuid4().hex[:8]}"
        future = self.scheduler.client.submit(
            compute, os.fspath(path), key=key, pure=False, workers=[where], allow_other_workers=False, retries=0
        )
        self._busy[where] = run = _Remote(self.scheduler, where, RunFolder(path), future)
        return run

    def _free(self) -> str:
        """A worker that has nothing to do."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self._busy = {where: run for where, run in self._busy.items() if run.poll() is None}
            free = [where for where in self.scheduler.some_workers() if where not in self._busy]
            if free:
                return free[0]
            time.sleep(0.1)
        raise ClusterError(f"no worker of {self.scheduler.address} is free", "Start more: dask worker.")


@dataclass
class _Remote:
    """A run on a Dask worker."""

    scheduler: Scheduler
    where: str
    folder: RunFolder
    future: Future
    code: int | None = field(default=None)

    def poll(self) -> int | None:
        """Exit code, or None while it runs; `LOST` where the Dask worker is gone.

        Raises
        ------
        ClusterError
            Where the scheduler is gone, or the Dask worker can't compute items.
        """
        if self.code is None:
            there = self.where in self.scheduler.workers()
            if self.future.done():
                self.code = self._ended()
            elif not there:
                self.future.cancel()
                self.code = LOST
        return self.code

    def _ended(self) -> int:
        """Exit code of a task that is over."""
        from distributed import CancelledError, KilledWorker

        try:
            error = None if self.future.cancelled() else self.future.exception(timeout=ANSWER)
            code = None if self.future.cancelled() or error else self.future.result(timeout=ANSWER)
        except TimeoutError:  # its Dask worker went away with the answer
            return LOST
        if isinstance(error, Unseen):
            raise ClusterError(
                f"the machine {error} of {self.scheduler.address} does not see {self.folder.path}",
                "Put the batch on a disk that all machines have under the same path.",
            )
        if self.future.cancelled() or isinstance(error, (CancelledError, KilledWorker)):
            return LOST
        if error is not None:
            raise ClusterError(
                f"a worker of {self.scheduler.address} can't compute items: {type(error).__name__}: {error}",
                "Is cnmf3d installed where the workers run, in the same version?",
            ) from error
        return LOST if code is None else int(code)

    def kill(self) -> None:
        """Ask for its end on whichever machine it is, and wait for that."""
        if self.code is not None:
            return
        self.folder.ask_abort()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._at_work():
            time.sleep(0.05)
        if self.scheduler.reachable:
            self.future.cancel()
        self.code = LOST

    def _at_work(self) -> bool:
        """Whether something is computed yet; a client without its scheduler knows nothing of its tasks."""
        return not self.future.done() if self.scheduler.reachable else lives(self.folder.worker())
