"""Commands in forks of one process that has everything imported: a tenth of a second each instead of two."""

from __future__ import annotations

import contextlib
import gc
import os
import pkgutil
import resource
import selectors
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

PATIENCE, CPU = 600.0, 100
"""Seconds, of the clock and of a processor, after which a command counts as hanging: on a busy machine the clock says
little."""

ROOM = 3 * 2**30
"""Bytes of address space that a command may take beyond what this process has: a tiny movie needs a tenth."""

MODULES = (
    "cnmf3d.engine.run", "cnmf3d.batch.worker", "cnmf3d.project", "cnmf3d.results.report", "cnmf3d.results.exports",
    "cnmf3d.results.imports", "tifffile", "zarr", "h5py", "pandas", "pynwb", "matplotlib.figure", "pyarrow.parquet",
    "matplotlib.backends.backend_agg", "scipy.optimize", "scipy.ndimage", "scipy.io", "yaml", "PIL.Image",
)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    code : int
        Exit code; negative for a signal.
    said : str
        What it printed.
    peak : int
        Bytes of memory at most.
    hung : bool
        It had to be ended after `PATIENCE`.
    """

    code: int
    said: str
    peak: int
    hung: bool


def warm() -> None:
    """Import what commands need, so that forks have it."""
    from cnmf3d.cli.app import COMMANDS

    for name in MODULES:
        with contextlib.suppress(ImportError):
            import_module(name)
    for package in ("cnmf3d.movies.formats", "cnmf3d.results.exports", "cnmf3d.results.imports", "cnmf3d.cli.batch",
                    "cnmf3d.cli.project", "cnmf3d.motion", "cnmf3d.engine"):  # fmt: skip
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            with contextlib.suppress(ImportError):
                import_module(found.name)
    for name, place in COMMANDS.items():
        if name not in ("view", "console"):
            import_module(f"cnmf3d.cli.{place.partition(':')[0]}")
    learn()


_learned = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as this process
"""Names of modules that forks had to import: this process imports them, too, so that the next ones needn't."""


def apart(deed: Callable[[], None]) -> None:
    """Do something in a fork that ends without cleaning up: it may start threads, or leave what a kill leaves."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            deed()
            code = 0
        except BaseException:  # noqa: BLE001 - shown
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("what was to be prepared failed")


def _report(known: set[str]) -> None:
    """Tell the process that forked this one which modules it hadn't imported."""
    new = [name for name in list(sys.modules) if name not in known and name.partition(".")[0] in sys.modules]
    with contextlib.suppress(OSError, ValueError):
        os.write(_learned.fileno(), "".join(f"{name}\n" for name in new).encode())


def learn() -> None:
    """Import what forks had to import."""
    _learned.seek(0)
    for name in set(_learned.read().split()):
        if name not in sys.modules and not name.startswith(("cnmf3d.viewer", "numpy.f2py", "__mp_main__")):
            with contextlib.suppress(ImportError, AttributeError):
                import_module(name)
    _learned.seek(0)
    _learned.truncate()
    gc.collect()
    gc.freeze()
    if threading.active_count() > 1:
        raise RuntimeError(f"a process with threads can't be forked safely: {threading.enumerate()}")


@dataclass
class Running:
    """A command that runs in a fork.

    Attributes
    ----------
    pid : int
    pipe : int
        What it says comes out there.
    """

    pid: int
    pipe: int
    _said: bytes = b""

    def until(self, moment: float, seen: Callable[[bytes], bool] = lambda said: False) -> bool:
        """Read what it says until it ends (True), until a time on the monotonic clock, or until `seen` holds of it."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.pipe, selectors.EVENT_READ)
            while not seen(self._said):
                left = moment - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return False
                piece = os.read(self.pipe, 2**16)
                if not piece:
                    return True
                self._said += piece
        return False

    def kill(self) -> None:
        """End it and its children at once, as a lack of memory does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def ended(self, patience: float = PATIENCE) -> Ended:
        """Wait for its end."""
        hung = not self.until(time.monotonic() + patience)
        if hung:
            self.kill()
            self.until(time.monotonic() + 5)
        os.close(self.pipe)
        _, status, used = os.wait4(self.pid, 0)
        self.kill()  # what it left running
        code = os.waitstatus_to_exitcode(status)
        hung = hung or code == -signal.SIGXCPU
        return Ended(code, self._said.decode(errors="replace"), used.ru_maxrss * 1024, hung)


def started(words: Sequence[str], *, before: Callable[[], None] | None = None, limit: int | None = None) -> Running:
    """Start ``cnmf3d WORDS`` in a fork.

    Parameters
    ----------
    words : sequence of str
    before : callable, optional
        Called in the fork before the command.
    limit : int, optional
        Bytes that a file may have: writes beyond it fail as on a full disk.
    """
    ours, theirs = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        os.close(theirs)
        return Running(pid, ours)
    code, known = 99, set(sys.modules)
    try:
        os.setpgid(0, 0)
        for stream in (1, 2):
            os.dup2(theirs, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, errors="surrogateescape") for number in (1, 2))
        sys.argv = ["cnmf3d", *words]
        if before is not None:
            before()
        code = _called(list(words), limit)
    except BaseException:  # noqa: BLE001 - whatever it is, it is a finding
        traceback.print_exc()
    finally:
        _report(known)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _called(words: list[str], limit: int | None) -> int:
    """Run the command line with limits, as its entrance does."""
    from cnmf3d.cli.app import main

    space = _address_space() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU + 5))
    if limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        main(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 8 * 2**30


def ran(words: Sequence[str], **how: object) -> Ended:
    """Run ``cnmf3d WORDS`` in a fork to its end; `how` as for `started`."""
    return started(words, **how).ended()  # type: ignore[arg-type]
