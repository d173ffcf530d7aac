"""Figures of curation: picking, painting, steps, saving. `python benchmarks/curation.py [--json] [--repeat N]`."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from cnmf3d.components import Background, Components, Kinetics
from cnmf3d.engine.supports import ellipsoids
from cnmf3d.geometry import ZYX
from cnmf3d.results import Results, load_results, write_results
from cnmf3d.results.curation import as_found
from cnmf3d.viewer.models import RoiStore

SHAPE, ROIS, FRAMES = (30, 512, 512), 10_000, 2_000
REACH = ZYX(2.5, 6.5, 6.5)


def results() -> Results:
    """Cells of about 440 voxels at random places; traces of random numbers."""
    rng = np.random.default_rng(0)
    places = np.stack([rng.integers(0, length, ROIS) for length in SHAPE], axis=1).astype(np.int64)
    footprints = ellipsoids(SHAPE, places, REACH)
    footprints.data = rng.random(footprints.nnz, dtype=np.float32) + 0.1
    traces, each = rng.random((ROIS, FRAMES), dtype=np.float32), np.zeros(ROIS, np.float32)
    components = Components(
        shape=SHAPE,
        footprints=sparse.csc_array(footprints),
        traces=traces,
        residuals=traces * np.float32(0.1),
        spikes=traces * np.float32(0.2),
        background=Background(np.zeros((footprints.shape[0], 1), np.float32), np.ones((1, FRAMES), np.float32)),
        kinetics=Kinetics(np.full((ROIS, 1), 0.9, np.float32), each, each, each, each),
        dff=traces,
        quality={"snr": 10 * rng.random(ROIS, dtype=np.float32)},
        accepted=rng.random(ROIS) < 0.7,
    )
    return Results(components, {}, 10.0, ZYX(4, 1, 1))


def figures(path: Path, repeat: int) -> dict[str, float]:
    """Milliseconds of each, medians of `repeat`."""
    out: dict[str, float] = {}

    def timed(name: str, act: Callable[[int], Any], times: int = repeat) -> Any:
        taken, last = [], None
        for turn in range(times):
            start = time.perf_counter()
            last = act(turn)
            taken.append(1e3 * (time.perf_counter() - start))
        out[name] = statistics.median(taken)
        return last

    loaded = timed("read the file", lambda _: load_results(path), 1)
    store: RoiStore = timed("open for curation", lambda _: RoiStore.from_results(loaded, path=path), 1)
    timed("index of voxels, once", lambda _: store.at(0, 0, 0), 1)
    timed("geometry, once", lambda _: store.boxes, 1)
    places = np.rint(store.centroids).astype(int)
    timed("pick", lambda turn: store.at(*places[turn]))
    timed("select one", lambda turn: store.select([turn]))
    timed("traces of one", lambda turn: store.traces("raw", [turn]))
    classes = np.ones(ROIS, np.uint8)
    volume = timed("paint all", lambda _: store.paint(classes))
    timed("paint all again", lambda turn: store.paint(classes + np.uint8(turn), volume))

    def recolour(turn: int) -> None:
        classes[turn] = 9
        store.repaint(volume, classes, [turn])

    timed("recolour one", recolour)
    timed("accept or reject one, on disk", lambda turn: (store.reject if turn % 2 else store.accept)([turn]))
    timed("judge all by a threshold, on disk", lambda turn: store.judge(store.metrics["snr"] > turn))
    timed("tag all, on disk", lambda turn: store.tag(store.ids, "type", str(turn)))
    timed("undo", lambda _: store.undo())
    timed("save", lambda _: store.save(), 1)
    store.close()
    many = as_found(loaded)
    store = RoiStore.from_results(many)
    for roi in range(ROIS):
        store.accept([roi])
    timed("replay of 10,000 steps", lambda _: RoiStore.from_results(store.results), 1)
    return out


def main() -> None:
    """Print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = write_results(results(), Path(folder) / "large.hdf5")
        told = figures(path, given.repeat)
    if given.json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        print(f"{name:36} {value:10.2f} ms")


if __name__ == "__main__":
    main()
