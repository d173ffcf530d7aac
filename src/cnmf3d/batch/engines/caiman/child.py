"""The conversation with CaImAn's process: its messages become events, all else goes to standard error."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from cnmf3d import plain_json
from cnmf3d.batch.engines.caiman.interpreter import INSTALL, environment
from cnmf3d.errors import EngineError
from cnmf3d.events import Caution, Event, Note, Progress, Reporter

EVENTS: dict[str, type[Progress | Note | Caution]] = {"progress": Progress, "note": Note, "caution": Caution}


def converse(command: Sequence[str], folder: Path, reporter: Reporter) -> dict[str, Any]:
    """Run the flow to its end; what CaImAn prints goes to our standard error.

    Parameters
    ----------
    command : sequence of str
        Python, flow and settings.
    folder : Path
        Where it runs and leaves temporary files.
    reporter : Reporter
        Told of the flow's events.

    Returns
    -------
    dict
        The last message: ``seconds`` of each stage and ``versions``.

    Raises
    ------
    EngineError
        Where CaImAn fails, is killed, or ends without a word. No process of it is left in any case.
    KeyboardInterrupt
        Where somebody asked CaImAn's process to end.
    """
    process = _started(command, folder)
    # Workers of CaImAn's inherit its pipes: where it is killed, they have to end, too, or reading would never do.
    threading.Thread(target=_end_workers_after, args=(process,), daemon=True).start()
    last: dict[str, Any] = {}
    try:
        assert process.stdout is not None
        for line in process.stdout:
            message = _message(line)
            event = None if message is None else _event(message)
            if event is not None:
                reporter(event)
            elif message is not None and message["kind"] in ("done", "failed"):
                last = message
            else:
                sys.stderr.write(line)
                sys.stderr.flush()
        code = process.wait()
    finally:
        end_tree(process)
    if code == 0 and last.get("kind") == "done":
        return last
    if -code in (signal.SIGTERM, signal.SIGINT):
        raise KeyboardInterrupt
    raise _failure(code, last)


def _started(command: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    """The process, in a session of its own."""
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=folder,
            env=environment(str(folder)),
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"{command[0]} can't be run: {error.strerror}", INSTALL) from error


def _message(line: str) -> dict[str, Any] | None:
    """A message; None for any other line."""
    try:
        message = plain_json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and isinstance(message.get("kind"), str) else None


def _event(message: dict[str, Any]) -> Event | None:
    """The event that a message is; None where it is none of ours."""
    kind = EVENTS.get(message["kind"])
    if kind is None:
        return None
    with contextlib.suppress(TypeError):
        return kind(**{name: value for name, value in message.items() if name != "kind"})
    return None


def _failure(code: int, last: dict[str, Any]) -> EngineError:
    """What is said of a process that didn't do its work."""
    if last.get("kind") == "failed":
        return EngineError(
            f"CaImAn failed: {last.get('text', '')}", "The log of the item has all that CaImAn said about it."
        )
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        what = f"CaImAn's process was killed ({name})"
        fix = "Was there too little memory? Take smaller patches (rf), fewer workers, or a machine with more."
        return EngineError(what, fix if name == "SIGKILL" else "The log of the item has all that CaImAn said.")
    return EngineError(
        f"CaImAn's process ended with exit code {code} and no result", "The log of the item has all that CaImAn said."
    )


def _end_workers_after(process: subprocess.Popen[str]) -> None:
    """Wait for a process, then end what is left of its session."""
    process.wait()
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


def end_tree(process: subprocess.Popen[str]) -> None:
    """End a process with all that it started, if it still runs."""
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
