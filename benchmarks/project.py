"""Figures of projects: tables, filters and saves. `python benchmarks/project.py [--json] [--repeat N]`."""

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
from sqlalchemy import insert

from cnmf3d.components import Background, Components, Kinetics
from cnmf3d.geometry import ZYX
from cnmf3d.project import Add, Column, Kind, Project, Rename, Type, files, rows, schema
from cnmf3d.project.filters import kept, read_filters
from cnmf3d.project.movies import movie_of
from cnmf3d.project.rois import insert_rois
from cnmf3d.project.sample import new_info
from cnmf3d.project.sources import made, read_source
from cnmf3d.results import Results, write_results

SAMPLES, ROIS = 200, 500
BIG, FRAMES = 5000, 2000


def results(count: int, frames: int, shape: tuple[int, int, int] = (20, 200, 200), size: int = 100) -> Results:
    """Results of random numbers: `count` footprints of `size` voxels."""
    rng = np.random.default_rng(count)
    voxels = int(np.prod(shape))

    def values(*shape: int) -> np.ndarray:
        return rng.random(shape, dtype=np.float32)

    starts = rng.integers(0, voxels - size, count)
    indices = (starts[:, None] + np.arange(size)).ravel().astype(np.int32)
    indptr = np.arange(count + 1, dtype=np.int32) * size
    components = Components(
        shape=shape,
        footprints=sparse.csc_array((values(count * size), indices, indptr), shape=(voxels, count)),
        traces=values(count, frames),
        residuals=values(count, frames),
        spikes=values(count, frames),
        background=Background(values(voxels, 1), values(1, frames)),
        kinetics=Kinetics(values(count, 2), values(count), values(count), values(count), values(count)),
        dff=values(count, frames),
        quality={name: values(count) for name in ("snr", "r_value", "reliability", "skewness")},
        accepted=rng.random(count) < 0.7,
    )
    return Results(components, {"init": {"K": count}}, 5.0, ZYX(4.0, 1.0, 1.0))


def filled(folder: Path) -> Project:
    """A project of many samples; their rows are as `Project.add` writes them, their files are one small file."""
    project = Project.create(folder)
    project.configure(
        Add(Column("cell type", Kind.ROI)),
        Add(Column("layer", Kind.ROI)),
        Add(Column("odour", Kind.STIMULUS)),
        Add(Column("age", Kind.CUSTOM, Type.WHOLE)),
        Add(Column("line")),
    )
    read = read_source(results(ROIS, 50, (5, 40, 40)))
    config, place = project.config, movie_of(read, None, {}, folder)
    types = ("pyramidal", "PV", "SOM", "VIP")
    tags = {
        "cell type": {roi: types[roi % 4] for roi in range(0, ROIS, 2)},
        "layer": {roi: f"L{roi % 6}" for roi in range(ROIS)},
    }
    with project.engine.begin() as connection:
        for number in range(SAMPLES):
            values = {"animal": f"m{number // 10}", "trial": str(number % 10), "custom": {"age": number, "line": "wt"}}
            info = new_info(config, {**values, "stimuli": {"odour": [("rose", 0, 1)]}, "history": read.history})
            uuid = f"{number:08x}-0000-0000-0000-000000000000"
            sample = made(uuid, info, place, read, files.Written("roi-data-1.hdf5", 0, ""))
            connection.execute(insert(schema.samples).values(**rows.values_of(sample)))
            insert_rois(connection, uuid, read.rois, tags)
    return project


def median(action: Callable[[], Any], repeat: int) -> tuple[float, float]:
    """Median seconds of an action, and of the processor's time in it."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter(), time.process_time()
        action()
        times.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    wall, processor = zip(*times, strict=True)
    return statistics.median(wall), statistics.median(processor)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    figures: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as name, filled(Path(name) / "p") as project:
        frame = project.dataframe()
        assert len(frame) == SAMPLES * ROIS
        figures["table of 100,000 ROIs in 200 samples"] = median(project.dataframe, given.repeat)
        for text in ("cell type: pyr|PV", "snr > 0.5", "age: !<100", "line = wt"):
            found = read_filters(frame, text)
            figures[f"filter {text}"] = median(lambda found=found: kept(frame, found), given.repeat)
        there = iter(("depth", "layer") * 50)
        names = iter(("layer", "depth") * 50)
        figures["rename a column of tags, 100,000 ROIs"] = median(
            lambda: project.configure(Rename(next(names), next(there))), min(given.repeat, 3)
        )
        big = results(BIG, FRAMES)
        path = write_results(big, Path(name) / "r.hdf5")
        trials = iter(range(1000))
        figures["add a results file, 5,000 ROIs × 2,000 frames"] = median(
            lambda: project.add(path, animal="file", trial=str(next(trials))), given.repeat
        )
        figures["add results in memory, 5,000 ROIs × 2,000 frames"] = median(
            lambda: project.add(big, animal="memory", trial=str(next(trials))), given.repeat
        )
    if given.json:
        print(json.dumps(figures))
        return
    print("| what | seconds | of the processor |\n|---|---|---|")
    for what, (seconds, processor) in figures.items():
        print(f"| {what} | {seconds:.3f} | {processor:.3f} |")


if __name__ == "__main__":
    main()
