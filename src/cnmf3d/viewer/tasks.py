"""Work beside the window: reading and light sums in threads, with progress and cancel."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from psygnal import Signal

from cnmf3d.errors import Cnmf3dError, EngineError

LEAVE = 10.0
"""Seconds that closing waits for the threads to notice."""

DRAWN = 0.5
"""Seconds in which a window draws what it was just given, undisturbed by what is done aside."""

LOOK = 0.1
"""Seconds between two looks whether the window is still there."""


class Cancelled(Exception):
    """The user doesn't want the result any more."""


class Task:
    """One piece of work in a thread of its own.

    Attributes
    ----------
    name : str
        For the user: what is being done.
    done, total : int
        Progress in units of work; total is 0 while nothing is known.
    """

    def __init__(self, name: str, tell: Callable[[Task], None]) -> None:
        self.name = name
        self.done = self.total = 0
        self._tell = tell
        self._stop = threading.Event()
        self.thread: threading.Thread | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the result is not wanted any more."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask the work to stop; it does at its next `report`."""
        self._stop.set()

    def report(self, done: int, total: int) -> None:
        """Say how far the work is.

        Raises
        ------
        Cancelled
            Where it should stop.
        """
        self.done, self.total = done, total
        if self.cancelled:
            raise Cancelled
        self._tell(self)


class Tasks:
    """All tasks of one window. What they hand back arrives in the thread that calls `deliver`.

    Attributes
    ----------
    changed : Signal
        A task began, went on or ended; emitted with the list of those that run, in the thread of `deliver`.
    wake : callable
        Called from any thread when something waits for `deliver`; the window sets it.
    """

    changed = Signal(list)

    def __init__(self) -> None:
        self.running: list[Task] = []
        self.wake: Callable[[], None] = _nothing
        self._ready: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._told = threading.Event()
        self._home = threading.get_ident()
        self._closed = False
        self._over = threading.Event()
        self._aside: list[threading.Thread] = []

    def start(
        self,
        name: str,
        work: Callable[[Task], Any],
        done: Callable[[Any], object],
        failed: Callable[[Cnmf3dError], None],
    ) -> Task:
        """Begin a piece of work.

        Parameters
        ----------
        name : str
            What the user reads while it runs.
        work : callable
            ``work(task)``, in a thread; calls ``task.report`` now and then.
        done : callable
            Gets what `work` returned, in the thread of `deliver`. Not called for a cancelled task.
        failed : callable
            Gets the error instead.
        """
        task = Task(name, self._report)

        def run() -> None:
            try:
                value = work(task)
            except Cancelled:
                self._later(lambda: self._end(task))
            except Cnmf3dError as error:
                self._later(lambda error=error: self._end(task, failed, error))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - a thread has nobody above it; the user must hear of it
                told = EngineError(f"{name}: {type(error).__name__}: {error}", "Please report this.")
                told.__cause__ = error
                self._later(lambda: self._end(task, failed, told))
            else:
                self._later(lambda: self._end(task, done, value))

        task.thread = threading.Thread(target=run, name=f"cnmf3d {name}", daemon=True)
        self.running.append(task)
        task.thread.start()
        self.changed.emit(self.running)
        return task

    def aside(self, work: Callable[[], object]) -> None:
        """Do in a thread what is only got ready, without telling anybody; what fails will fail where it is needed.

        Begins after `DRAWN`, and not at all where the window was closed by then.
        """

        def run() -> None:
            if not self._over.wait(DRAWN):
                with contextlib.suppress(Cnmf3dError):
                    work()

        thread = threading.Thread(target=run, name="cnmf3d aside", daemon=True)
        self._aside = [each for each in self._aside if each.is_alive()] + [thread]
        thread.start()

    def deliver(self) -> None:
        """Call back what has become ready; call it in the window's thread."""
        self._told.clear()
        while True:
            try:
                call = self._ready.get_nowait()
            except Empty:
                return
            call()

    @property
    def at_home(self) -> bool:
        """Whether this is the window's thread."""
        return threading.get_ident() == self._home

    def ask(self, call: Callable[[], Any]) -> Any:
        """Call something in the window's thread, from any thread, and wait for what it returns.

        Raises
        ------
        Cancelled
            Where the window was closed meanwhile.
        """
        if self.at_home:
            return call()
        answer: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

        def do() -> None:
            try:
                answer.put((True, call()))
            except BaseException as error:  # noqa: BLE001 - whoever asked gets it
                answer.put((False, error))

        self._later(do)
        while not self._closed:
            try:
                good, value = answer.get(timeout=LOOK)
            except Empty:
                continue
            if good:
                return value
            raise value
        raise Cancelled

    def close(self) -> None:
        """Cancel everything and wait for the threads; nothing is called back any more."""
        self._closed = True
        self._over.set()
        for task in self.running:
            task.cancel()
        for task in self.running:
            if task.thread is not None:
                task.thread.join(LEAVE)
        for thread in self._aside:
            thread.join(LEAVE)
        self.running = []
        self.wake = _nothing

    def _report(self, task: Task) -> None:
        """Tell of progress, once for all reports until it is delivered."""
        if not self._told.is_set():
            self._told.set()
            self._later(lambda: self.changed.emit(self.running))

    def _later(self, call: Callable[[], None]) -> None:
        self._ready.put(call)
        self.wake()

    def _end(self, task: Task, call: Callable[[Any], object] | None = None, value: Any = None) -> None:
        """Take a task off the list and hand its value on."""
        if task not in self.running:
            return
        self.running.remove(task)
        self.changed.emit(self.running)
        if call is not None and not task.cancelled:
            call(value)


def _nothing() -> None:
    """Nobody to wake."""
