"""A worker that ends when whoever started it ends, or when somebody asks for it.

``python -m cnmf3d.batch.cluster.guard FOLDER`` is what a Dask worker starts on a run folder. Without it a worker would
go on computing after its Dask worker was killed, while the item is tried elsewhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from cnmf3d.batch.cluster.scripts import WORKER
from cnmf3d.batch.processes import end_tree
from cnmf3d.batch.runfolder import RunFolder
from cnmf3d.batch.worker import ABORTED, BUSY

PERIOD = 0.2
"""Seconds between looks."""


def main(words: list[str]) -> int:
    """Compute a run folder; the worker's exit code, or `ABORTED`."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    return guarded(RunFolder(Path(words[0])), [sys.executable, "-P", "-m", WORKER, words[0]])


def guarded(folder: RunFolder, command: list[str]) -> int:
    """Run the worker, once nobody else works on the folder, until it ends or isn't wanted any more.

    Parameters
    ----------
    folder : RunFolder
    command : list of str

    Returns
    -------
    int
        Its exit code, or `ABORTED`.
    """
    parent = os.getppid()
    while (code := _watched(folder, command, parent)) == BUSY:
        if not _wanted(folder, parent):
            return ABORTED
        time.sleep(5 * PERIOD)
    return code


def _watched(folder: RunFolder, command: list[str], parent: int) -> int:
    """Run the worker until it ends or isn't wanted any more; nothing of it is left then."""
    with folder.log.open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        while (code := process.poll()) is None:
            if not _wanted(folder, parent):
                return ABORTED
            time.sleep(PERIOD)
        return code
    finally:
        end_tree(process.pid)


def _wanted(folder: RunFolder, parent: int) -> bool:
    """Whether the process that started this one is there, and nobody asked for an abort."""
    return os.getppid() == parent and not folder.abort.exists()


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(ABORTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
