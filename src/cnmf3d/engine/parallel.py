"""Work side by side in threads, results in order: at most a few in memory, and none started after a failure."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Results in the order of the items, computed by `workers` threads.

    At most ``workers + 1`` items are under way or waiting to be taken. Where one fails, or the caller stops asking
    (Ctrl-C), no further one is started.
    """
    waiting = iter(items)
    pool = ThreadPoolExecutor(workers)
    try:
        pending: deque[Future[Result]] = deque(pool.submit(function, item) for item in islice(waiting, workers + 1))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(waiting, 1))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
