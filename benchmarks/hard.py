"""The engine on the presets that are as hard as recordings: automatic parameters, rate and voxel size from the movie.

    python benchmarks/hard.py                             all of them, one seed; the toys with ten
    python benchmarks/hard.py --presets photons beads --seeds 0 1 2
    python benchmarks/hard.py --set frames=200            a field of all scenes replaced

F1*, precision and recall leave out components on something real that isn't asked for (processes): they count
neither as true nor as false. Toys have 3 to 12 cells, another number for each seed. Targets stand beside the figures:
✓ reached, ✗ not; where there is no cell, the target is the number of false components. Movies are kept in
`benchmarks/.cache`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cnmf3d
from cnmf3d.errors import Cnmf3dError
from cnmf3d.simulate import KIND, PRESETS, Scene, load_truth, scene_of, score
from measuring import machine, movie_of

TARGETS: Mapping[str, tuple[float, float, float]] = {
    "detector": (0.95, 0.0, 0.0),
    "borders": (0.95, 0.0, 0.0),
    "borders_nan": (0.95, 0.0, 0.0),
    "planes": (0.95, 0.0, 0.0),
    "trials": (0.95, 0.0, 0.0),
    "mixed": (0.95, 0.0, 0.0),
    "zebrafish": (0.93, 0.0, 0.0),
    "beads": (0.0, 0.97, 0.75),
    "jitter03": (0.95, 0.0, 0.0),
    "jitter06": (0.90, 0.0, 0.0),
    "toy2d": (0.97, 0.0, 0.0),
    "toy3d": (0.97, 0.0, 0.0),
}
"""Least F1*, precision and recall; 0 where none is asked for."""
FALSE = {"photons_empty": 1, "photons_blurred": 1, "photons_skewed": 1, "short": 1, "silent": 1}
"""Most false components in one movie without a cell that is asked for."""
TOYS = ("toy2d", "toy3d")


@dataclass(frozen=True)
class Row:
    """One run; NaN where there is nothing to average."""

    preset: str
    seed: int
    found: int = 0
    left_out: int = 0
    cells: int = 0
    f1: float = math.nan
    precision: float = math.nan
    recall: float = math.nan
    trace: float = math.nan
    trace_p5: float = math.nan
    on_still: int = 0
    splits: int = 0
    merges: int = 0
    seconds: float = math.nan
    speed: float = math.nan
    failure: str = ""


def scene_for(preset: str, seed: int, overrides: Mapping[str, str]) -> Scene:
    """The scene of a preset; a toy has another number of cells for each seed."""
    more = {"cells": 3 + seed % 10} if preset in TOYS else {}
    if preset == "toy3d" and seed % 10 > 2:
        more["size"] = (50, 50, 8)  # more than five cells don't fit into the small one
    return scene_of(preset, {**more, **overrides})


def run(preset: str, seed: int, overrides: Mapping[str, str], workers: int | None) -> Row:
    """Run the engine on a movie and score what it accepted."""
    scene = scene_for(preset, seed, overrides)
    path = movie_of(preset, scene, seed)
    truth = load_truth(path.with_suffix(".truth.h5"))
    began = time.perf_counter()
    try:
        components = cnmf3d.run(cnmf3d.open_movie(path), workers=workers).components
    except Cnmf3dError as error:
        return Row(preset, seed, cells=truth.count, failure=str(error))
    seconds = time.perf_counter() - began
    of = score(components, truth)
    return Row(
        preset=preset,
        seed=seed,
        found=of.accepted.components,
        left_out=of.left_out,
        cells=truth.count,
        f1=of.starred.f1,
        precision=of.starred.precision,
        recall=of.starred.recall,
        trace=of.trace_median,
        trace_p5=of.trace_p5,
        on_still=of.on_still,
        splits=of.splits,
        merges=of.merges,
        seconds=seconds,
        speed=scene.frames * truth.voxels / seconds / 1e6,
    )


def average(rows: list[Row], column: str) -> float:
    """Mean over seeds of what can be averaged; NaN where a run failed."""
    if any(row.failure for row in rows):
        return math.nan
    values = [value for row in rows if not math.isnan(value := getattr(row, column))]
    return float(np.mean(values)) if values else math.nan


def marked(value: float, target: float = 0.0) -> str:
    """A figure, and whether it is at least its target."""
    text = "–" if math.isnan(value) else f"{value:.3f}"
    return text if not target else f"{text} {'✓' if value >= target else '✗'} {target:g}"


def counted(rows: list[Row], preset: str) -> str:
    """Found over true for each seed; without cells, whether more are found than may be."""
    numbers = ", ".join(f"{row.found - row.left_out}/{row.cells}" for row in rows)
    if preset not in FALSE:
        return numbers
    most = FALSE[preset]
    return f"{numbers} {'✓' if all(row.found - row.left_out <= most for row in rows) else '✗'} {most}"


def table(rows: Iterable[Row]) -> list[str]:
    """Markdown: a line for each preset, means over its seeds."""
    titles = (
        "found/true", "left out", "F1*", "precision", "recall", "trace median", "trace 5 %", "on silent cells, vessels",
        "splits", "merges", "seconds", "million voxel-frames/s",
    )  # fmt: skip
    lines = [f"| | {' | '.join(titles)} |", "|" + "---|" * (len(titles) + 1)]
    held: dict[str, list[Row]] = {}
    for row in rows:
        held.setdefault(row.preset, []).append(row)
    for preset, some in held.items():
        targets = TARGETS.get(preset, (0.0, 0.0, 0.0))
        cells = [counted(some, preset), str(sum(row.left_out for row in some))]
        names = ("f1", "precision", "recall")
        cells += [marked(average(some, name), target) for name, target in zip(names, targets, strict=True)]
        cells += [marked(average(some, name)) for name in ("trace", "trace_p5")]
        cells += [str(sum(getattr(row, name) for row in some)) for name in ("on_still", "splits", "merges")]
        cells += [f"{average(some, name):.1f}".replace("nan", "–") for name in ("seconds", "speed")]
        lines.append(f"| `{preset}` | {' | '.join(cells)} |")
    return lines


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    hard = [name for name in PRESETS if name not in KIND]
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), default=hard, help="by default all hard ones")
    parser.add_argument("--seeds", nargs="+", type=int, help="by default 0; for the toys 0 to 9")
    parser.add_argument("--set", dest="replace", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--json", type=Path, help="write all rows there, too, after each run")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    given = arguments()
    overrides: dict[str, Any] = dict(pair.split("=", 1) for pair in given.replace)
    run("toy3d", 0, {}, given.workers)  # kernels are compiled, libraries loaded
    rows: list[Row] = []
    for preset in given.presets:
        for seed in given.seeds or (range(10) if preset in TOYS else (0,)):
            row = run(preset, seed, overrides, given.workers)
            rows.append(row)
            print(
                f"{preset:14} seed {seed}  {row.found:4d} found, {row.left_out} left out, {row.cells} true"
                f"  F1* {row.f1:.3f}  {row.seconds:.1f} s  {row.failure}",
                file=sys.stderr,
                flush=True,
            )
            if given.json:
                given.json.write_text(json.dumps([asdict(each) for each in rows], indent=1))
    print("\n".join([f"## Hard presets: {machine()}", "", *table(rows)]))


if __name__ == "__main__":
    main()
