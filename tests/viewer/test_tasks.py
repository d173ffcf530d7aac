"""Tasks: threads that hand back what they made, in the thread that asks for it."""

from __future__ import annotations

import threading
import time
from typing import Any

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.viewer.tasks import Task, Tasks


def wait(tasks: Tasks) -> None:
    until = time.monotonic() + 10
    while tasks.running:
        tasks.deliver()
        time.sleep(0.002)
        assert time.monotonic() < until


def unexpected(value: Any) -> None:
    raise AssertionError(value)


def test_a_value_arrives_in_the_thread_that_delivers() -> None:
    tasks, got = Tasks(), []
    tasks.start("sum", lambda task: sum(range(10)), lambda v: got.append((v, threading.current_thread())), unexpected)
    wait(tasks)
    assert got == [(45, threading.current_thread())]


def test_progress_is_told() -> None:
    tasks, seen = Tasks(), []
    go = threading.Event()

    def work(task: Task) -> None:
        task.report(3, 7)
        go.wait(5)

    tasks.changed.connect(lambda running: seen.append([(t.done, t.total) for t in running]))
    tasks.start("sum", work, lambda value: None, unexpected)
    until = time.monotonic() + 5
    while [(3, 7)] not in seen and time.monotonic() < until:
        tasks.deliver()
    go.set()
    wait(tasks)
    assert [(3, 7)] in seen
    assert seen[-1] == []


def test_a_cancelled_task_hands_nothing_back() -> None:
    tasks = Tasks()

    def work(task: Task) -> None:
        while True:
            task.report(0, 0)
            time.sleep(0.002)

    task = tasks.start("endless", work, unexpected, unexpected)
    task.cancel()
    wait(tasks)


def test_errors_arrive_with_their_fix() -> None:
    tasks, errors = Tasks(), list[Cnmf3dError]()

    def bad(task: Task) -> None:
        raise InputError("no movie", "Give one.")

    def worse(task: Task) -> None:
        raise ZeroDivisionError("oops")

    tasks.start("bad", bad, unexpected, errors.append)
    wait(tasks)
    tasks.start("worse", worse, unexpected, errors.append)
    wait(tasks)
    assert errors[0].fix == "Give one."
    assert "worse" in errors[1].problem
    assert "oops" in errors[1].problem


def test_closing_ends_the_threads() -> None:
    tasks = Tasks()

    def work(task: Task) -> None:
        while True:
            task.report(0, 0)
            time.sleep(0.002)

    thread = tasks.start("endless", work, unexpected, unexpected).thread
    assert thread is not None
    tasks.close()
    assert not thread.is_alive()
    tasks.deliver()


def test_what_is_got_ready_aside_is_no_task_and_closing_waits_for_it() -> None:
    tasks, begun, go, done = Tasks(), threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        go.wait(5)
        done.append(threading.current_thread())
        raise InputError("the disk is gone", "Plug it in.")

    tasks.aside(work)
    assert not tasks.running
    assert begun.wait(5)
    threading.Timer(0.05, go.set).start()
    tasks.close()
    assert done and done[0] is not threading.current_thread()


def test_nothing_is_begun_aside_once_the_window_is_closed() -> None:
    tasks, done = Tasks(), []
    tasks.aside(lambda: done.append(1))
    tasks.close()
    time.sleep(0.01)
    assert not done
