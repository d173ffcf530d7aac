"""Memory: opening, clearing and opening again gives it back, in one window."""

from __future__ import annotations

import dataclasses
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from cnmf3d.results import write_results
from cnmf3d.viewer.memory import give_back

SHAPE, FRAMES, COUNT = (8, 64, 64), 3000, 400
CYCLES = 10

ROOT = Path(__file__).parents[3]
OWN = "CNMF3D_TEST_MEMORY"
"""Set in the process that measures its own memory."""


@pytest.fixture
def large(tmp_path: Path, random_results: Callable[..., Any]) -> Path:
    """Results that take about 30 MB, and their movie."""
    results = random_results(count=COUNT, shape=SHAPE, frames=FRAMES)
    movie = tmp_path / "movie.npy"
    frame = np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.uint16)
    np.lib.format.open_memmap(movie, "w+", np.uint16, (FRAMES, *SHAPE))[::100] = frame
    results = dataclasses.replace(
        results, provenance=dataclasses.replace(results.provenance, input_paths=(movie.name,))
    )
    return write_results(results, tmp_path / "movie.cnmf3d.hdf5")


def use(window: Any, qtbot: Any, path: Path) -> None:
    """Open, look around, curate."""
    app, viewer = window.app, window.viewer
    app.open(path)
    qtbot.waitUntil(lambda: not app.tasks.running and app.rois is not None, timeout=30_000)
    app.rois.select([1, 2, 3])
    app.overlay.colour = "index"
    app.rois.reject([1])
    window.show_dock("Heat map")
    qtbot.wait(20)
    viewer.dims.set_current_step((0, 1), (100, 2))
    viewer.dims.ndisplay = 3
    qtbot.wait(20)
    viewer.dims.ndisplay = 2
    app.overlay.colour = "verdict"
    qtbot.wait(20)


def resident() -> int:
    """Bytes of this process, after the collector."""
    give_back()
    return int(psutil.Process().memory_info().rss)


@pytest.mark.slow
def test_ten_cycles_take_no_more_memory_than_one(qapp: Any) -> None:
    """In a process of its own: what other tests leave in this one would be measured, too."""
    inner = f"{__file__}::{test_cycles_in_this_process.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", inner]
    done = subprocess.run(
        command, env={**os.environ, OWN: "1"}, cwd=ROOT, capture_output=True, text=True, timeout=350, check=False
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-3000:]


@pytest.mark.skipif(OWN not in os.environ, reason="run by the test above, in a process of its own")
def test_cycles_in_this_process(window: Any, qtbot: Any, large: Path) -> None:
    sizes = []
    for _ in range(CYCLES + 1):
        use(window, qtbot, large)
        assert window.app.clear()
        qtbot.wait(20)
        sizes.append(resident() / 2**20)

    def settled() -> None:  # napari's threads let go of what they look at when they next look
        sizes[-1] = resident() / 2**20
        assert sizes[-1] < 1.1 * sizes[1], sizes  # the first cycle loads libraries, too

    qtbot.waitUntil(settled, timeout=30_000)


def test_nothing_of_what_was_cleared_is_held(window: Any, qtbot: Any, large: Path) -> None:
    use(window, qtbot, large)
    app = window.app
    held = {
        "environment": weakref.ref(app.environment),
        "ROIs": weakref.ref(app.rois),
        "results": weakref.ref(app.environment.roi_manager.results),
        "traces": weakref.ref(app.environment.roi_manager.components.traces),
        "movie": weakref.ref(app.viewer.layers["movie"].data),
        "colours": weakref.ref(app.painter.volume),
    }
    assert app.clear()

    def nothing() -> None:  # napari's threads let go of what they look at when they next look
        gc.collect()
        assert [name for name, what in held.items() if what() is not None] == []

    qtbot.waitUntil(nothing, timeout=10_000)
