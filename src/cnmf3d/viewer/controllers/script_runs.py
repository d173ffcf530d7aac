"""Running a script from the editor: beside the window in a thread of it, or in a process of its own.

In the viewer a script works on what is open there, and its windows follow; it runs in a thread, so that the window
stays usable. What computes for long, or could take the window down, is run in a process: ``cnmf3d script``.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, Protocol

from cnmf3d.batch.processes import end_tree
from cnmf3d.viewer.controllers.scripting import run_here
from cnmf3d.viewer.tasks import Cancelled, Tasks
from cnmf3d.workspace.program import compiled, told


class Run(Protocol):
    """A script that runs, or has run."""

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        ...

    def take(self) -> str:
        """What it has printed since the last call."""
        ...

    def stop(self) -> None:
        """End it."""
        ...


class _Printed:
    """Text from other threads, until it is taken."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[str] = SimpleQueue()

    def put(self, text: str) -> None:
        self._queue.put(text)

    def take(self) -> str:
        parts: list[str] = []
        while True:
            try:
                parts.append(self._queue.get_nowait())
            except Empty:
                return "".join(parts)


class ProcessRun:
    """A script in a process of its own: ``cnmf3d script FILE ARGUMENTS``.

    Parameters
    ----------
    path : Path
    words : sequence of str
        What the script finds in ``sys.argv``.
    batch : Path, optional
        Folder of the batch that it adds to.
    """

    def __init__(self, path: Path, words: Sequence[str] = (), batch: Path | None = None) -> None:
        self._printed = _Printed()
        command = [sys.executable, "-P", "-m", "cnmf3d", "script", *(["--batch", str(batch)] if batch else [])]
        self._child = subprocess.Popen(
            [*command, "--", str(path), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
            cwd=path.parent,
        )
        self._listener = threading.Thread(target=self._listen, name="cnmf3d script output", daemon=True)
        self._listener.start()

    @property
    def running(self) -> bool:
        """Whether it still runs, or what it printed isn't all here."""
        return self._listener.is_alive()

    def take(self) -> str:
        """What it has printed since the last call."""
        return self._printed.take()

    def stop(self) -> None:
        """End it with all that it started."""
        end_tree(self._child.pid)
        self._listener.join(5)

    def _listen(self) -> None:
        stream = self._child.stdout
        assert stream is not None
        with stream:
            while chunk := os.read(stream.fileno(), 65536):
                self._printed.put(chunk.decode("utf-8", "replace"))
        code = self._child.wait()
        self._printed.put(f"[ended with exit code {code}]\n" if code else "[done]\n")


class ThreadRun:
    """A script in a thread of the viewer, on what is open there.

    Parameters
    ----------
    path : Path
    names : mapping
        What the script finds.
    tasks : Tasks
        Of the window.
    words : sequence of str
        What the script finds in ``sys.argv``.
    """

    def __init__(self, path: Path, names: Mapping[str, Any], tasks: Tasks, words: Sequence[str] = ()) -> None:
        self._printed = _Printed()
        self._path, self._tasks = path, tasks
        self.left: dict[str, Any] = {}
        self._thread = threading.Thread(
            target=self._run, args=(dict(names), [str(path), *words]), name="cnmf3d script", daemon=True
        )
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()

    def take(self) -> str:
        """What it has printed since the last call."""
        return self._printed.take()

    def stop(self) -> None:
        """Raise KeyboardInterrupt in it, at its next line of Python."""
        if self._thread.ident is not None and self._thread.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(KeyboardInterrupt)
            )

    def _run(self, names: dict[str, Any], words: list[str]) -> None:
        argv, sys.argv = sys.argv, words
        beside = str(self._path.absolute().parent)
        sys.path.insert(0, beside)  # what lies beside a script can be imported, as Python does it
        out, err = Redirected(sys.stdout, self._printed.put), Redirected(sys.stderr, self._printed.put)
        sys.stdout, sys.stderr = out, err
        try:
            program = compiled(self._path)
            self.left = run_here(self._tasks, program.path, program.code, names)
            self._printed.put("[done]\n")
        except Cancelled:
            self._printed.put("[the window was closed]\n")
        except KeyboardInterrupt:
            self._printed.put("[stopped]\n")
        except SystemExit as error:
            self._printed.put(f"[ended with exit code {error.code}]\n" if error.code else "[done]\n")
        except Exception as error:  # noqa: BLE001 - the script's own, told as Python tells it
            self._printed.put(told(error, self._path.absolute()))
        finally:
            sys.argv = argv
            if beside in sys.path:
                sys.path.remove(beside)
            sys.stdout, sys.stderr = out.undone(sys.stdout), err.undone(sys.stderr)


class Redirected:
    """A stream that takes what one thread writes; what others write goes where it went before.

    Parameters
    ----------
    before : stream
    take : callable
        Gets the text of the thread that made it.
    """

    def __init__(self, before: IO[str], take: Any) -> None:
        self._before, self._take = before, take
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        """Write text."""
        if threading.get_ident() == self._thread:
            self._take(text)
            return len(text)
        return self._before.write(text) if self._before is not None else len(text)

    def flush(self) -> None:
        """Write out what waits."""
        if self._before is not None:
            self._before.flush()

    def undone(self, now: Any) -> Any:
        """The stream as it was; that which somebody set meanwhile stays."""
        self._thread = -1
        return self._before if now is self else now

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's."""
        return getattr(self._before, name)
