"""What all stages of one run share: the movie, threads, the reporter, seconds of each stage, and known solutions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cnmf3d.engine.solutions import Solutions
from cnmf3d.events import Reporter
from cnmf3d.movies import Movie


@dataclass
class Clock:
    """Seconds spent in each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class Context:
    """What all stages of one run share."""

    movie: Movie
    workers: int
    reporter: Reporter
    clock: Clock
    solutions: Solutions = field(default_factory=Solutions)
