"""Estimating motion in a process of its own, with progress and cancel."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from cnmf3d.batch.processes import end_tree
from cnmf3d.errors import EngineError
from cnmf3d.viewer.tasks import Cancelled, Task

LOOK = 0.1
"""Seconds between two looks whether the result is still wanted."""


def estimate_in_process(request: Mapping[str, Any], task: Task) -> tuple[str, ...]:
    """Let a process estimate the motion of a movie and write its file.

    Parameters
    ----------
    request : mapping
        As `cnmf3d.viewer.registration_worker.register` takes it.
    task : Task
        Told of progress; ends the process where it is cancelled.

    Returns
    -------
    tuple of str
        What was found, in sentences.

    Raises
    ------
    EngineError
        With what the process said, or where it ended by itself.
    Cancelled
        Where the user wants it no more; the motion file is as it was.
    """
    notes: list[str] = []
    with _worker(request) as worker:
        while True:
            if task.cancelled:
                raise Cancelled
            told = worker.hear()
            if told is None:
                continue
            if told["kind"] == "progress":
                task.report(int(told["done"]), int(told["total"]))
            elif told["kind"] == "error":
                raise EngineError(told["problem"], told["fix"])
            elif told["kind"] == "done":
                return tuple(notes)
            else:
                notes.append(str(told["text"]))


class _Worker:
    """A process that was asked, and what it says."""

    def __init__(self, child: subprocess.Popen[str], log: Any) -> None:
        self._child, self._log = child, log
        self._heard: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.listener = threading.Thread(target=self._listen, name="cnmf3d registration listener", daemon=True)
        self.listener.start()

    def hear(self) -> dict[str, Any] | None:
        """The next thing that it says, or None for now.

        Raises
        ------
        EngineError
            Where it is gone.
        """
        try:
            return self._heard.get(timeout=LOOK)
        except Empty:
            if self._child.poll() is None or self.listener.is_alive():
                return None
        if not self._heard.empty():
            return None
        self._log.seek(0)
        tail = self._log.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        raise EngineError(
            f"the process that registers ended by itself (exit code {self._child.returncode}) {' '.join(tail)}",
            "Had the machine no memory left? Close what else is open, and try again.",
        )

    def _listen(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                continue  # something that a library printed
            if isinstance(told, dict) and "kind" in told:
                self._heard.put(told)


@contextmanager
def _worker(request: Mapping[str, Any]) -> Iterator[_Worker]:
    """A process at work on a request; it is ended in any case."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "cnmf3d.viewer.registration_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        )
        assert child.stdin is not None and child.stdout is not None
        worker = _Worker(child, log)
        try:
            try:
                child.stdin.write(json.dumps(request) + "\n")
                child.stdin.close()
            except OSError:
                pass  # it is gone: `hear` says so
            yield worker
        finally:
            if child.poll() is None:
                end_tree(child.pid)
            child.wait()
            worker.listener.join()
            child.stdout.close()
