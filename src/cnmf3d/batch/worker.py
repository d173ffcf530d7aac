"""What a process, a SLURM job or a Dask worker does: ``python -m cnmf3d.batch.worker FOLDER``.

Exit codes: 0 done, 1 failure, 2 usage, 3 bad input, 4 somebody else is at work on the folder, 130 interrupted,
143 aborted.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
from filelock import Timeout

from cnmf3d.batch.processes import end_tree, signature
from cnmf3d.batch.runfolder import RunFolder
from cnmf3d.errors import Cnmf3dError, EngineError, InputError
from cnmf3d.events import Event, to_json
from cnmf3d.stored_names import refuse_links

BUSY = 4
"""Exit code where another process works on the folder."""

BEAT, LOOK = 5.0, 0.5
"""Seconds between two signs of life in worker.json, and between two looks whether an abort is asked for."""

ABORTED = 143
"""Exit code after an abort that was asked for in the run folder, as shells have it for SIGTERM."""


def work(path: str | Path) -> int:
    """Compute what a run folder asks for.

    Parameters
    ----------
    path : path
        Of the run folder.

    Returns
    -------
    int
        Exit code.
    """
    folder = RunFolder(Path(path).absolute())  # engines start processes elsewhere
    try:
        refuse_links(folder.path)  # a SLURM job or a Dask worker has nobody before it who looked
        with folder.lock(), _alive(folder):
            done = (folder.ended() or {}).get("kind") == "done" and folder.complete()
            return 0 if done else _work(folder)
    except InputError as error:
        print(error, file=sys.stderr)
        return InputError.exit_code
    except Timeout:
        print(f"another process works on {folder.path}", file=sys.stderr)
        return BUSY
    except OSError as error:
        print(f"{folder.path} can't be worked on: {error}", file=sys.stderr)
        return InputError.exit_code


def _work(folder: RunFolder) -> int:
    """Compute, with every event on file; the last one tells how it ended."""
    from cnmf3d.batch.engines import engine_of

    folder.tidy(done=False)
    begin = time.perf_counter()
    with folder.events_file.open("a", encoding="utf-8") as file:
        lock = threading.Lock()

        def put(line: str) -> None:
            with lock:
                file.write(line + "\n")
                file.flush()

        def report(event: Event) -> None:
            put(to_json(event))

        try:
            job = folder.job
            engine = engine_of(job.engine)
            reason = engine.unsuitable(job)
            if reason:
                raise EngineError(reason, "Choose another engine, or other parameters.")
            engine.run(folder, job, report)
            put(json.dumps({"kind": "done", "seconds": round(time.perf_counter() - begin, 3)}))
            return 0
        except KeyboardInterrupt:
            return 130
        except Cnmf3dError as error:
            put(json.dumps({"kind": "error", "text": str(error), "exit_code": error.exit_code}))
            print(error, file=sys.stderr)
            return error.exit_code
        except Exception as error:  # noqa: BLE001 - the item keeps the whole traceback
            text = "".join(traceback.format_exception(error))
            put(json.dumps({"kind": "error", "text": text, "exit_code": 1}))
            print(text, file=sys.stderr)
            return 1


@contextmanager
def _alive(folder: RunFolder) -> Iterator[None]:
    """Say who works on the folder, again and again while it lasts."""
    ended = threading.Event()

    def beat() -> None:
        while True:
            folder.sign(signature())
            again = time.monotonic() + BEAT
            while time.monotonic() < again:
                if folder.abort.exists():
                    _give_up(folder)
                if ended.wait(LOOK):
                    return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        folder.unsign()


def _give_up(folder: RunFolder) -> None:
    """End this process with all that it started, at once."""
    for child in psutil.Process().children():
        end_tree(child.pid)
    folder.unsign()
    os._exit(ABORTED)


def main(words: list[str], out: IO[str] = sys.stderr) -> int:
    """Run the command line."""
    if len(words) != 1:
        print("usage: python -m cnmf3d.batch.worker FOLDER", file=out)
        return 2
    return work(words[0])


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is written; to take the compiler apart would last as long as some items do
