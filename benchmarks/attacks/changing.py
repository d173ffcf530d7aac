"""Movies that change while they are run."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from attacks.corpus import Base
from attacks.holding import copied
from attacks.server import PATIENCE, learn, started
from attacks.table import Row
from cnmf3d.results import load_results

STAGES = ("check", "ingest", "estimate", "blocks", "traces", "shapes", "evaluate")


def _patch(path: Path, start: float, part: float, *, zeros: bool = False) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(int(start * size))
        file.write(bytes(int(part * size)) if zeros else os.urandom(int(part * size)))


def _replaced(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(b"x" * 1000)
    new.replace(path)


DEEDS: dict[str, Callable[[Path], None]] = {
    "overwritten": lambda path: _patch(path, 0.2, 0.6),
    "one frame overwritten": lambda path: _patch(path, 0.41, 0.005),
    "second half zeroed": lambda path: _patch(path, 0.5, 0.45, zeros=True),
    "deleted": lambda path: path.unlink(),
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 3),
    "replaced": _replaced,
    "touched": lambda path: os.utime(path),
}
"""All but the last change values."""


def changes(base: Base, tries: int, rng: random.Random) -> Row:
    """Change the movie while it is run, at every stage: the run fails and says so; where it is touched it goes on."""
    row = Row("movies that change")
    wanted = load_results(base.results).components.traces
    while row.tried < tries:
        with copied(base) as folder:
            movie, out = folder / "movie.tif", folder / "new.hdf5"
            name, deed = list(DEEDS.items())[row.tried % len(DEEDS)]
            stage = rng.choice(STAGES)
            words = ["run", str(movie), "-o", str(out), "--json", "--workers", "1", "--no-cache", "--register", "none"]
            running = started(words)
            mark = f'"stage": "{stage}"'.encode()
            if running.until(time.monotonic() + PATIENCE, lambda said, mark=mark: mark in said):
                row.judge(words, running.ended())
                continue  # it has no such stage
            deed(movie)
            end = running.ended()
            row.judge(words, end)
            row.tried += 1
            if name == "touched":
                if end.code or not np.array_equal(load_results(out).components.traces, wanted):
                    row.count("other result", f"touched at {stage}: exit code {end.code}: {end.said[-300:]}")
            elif out.exists():
                row.count("other result", f"{name} at {stage}: {end.said[-300:]}")
        learn()
    return row
