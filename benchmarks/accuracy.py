"""Accuracy of the engine on synthetic volumes: one command prints every table.

    python benchmarks/accuracy.py            everything: presets × 3 seeds, and what is wrong on purpose
    python benchmarks/accuracy.py --quick    tiny, small and dense, one seed
    python benchmarks/accuracy.py --figures  how hard the presets are, without running the engine

Movies are simulated once and kept in `benchmarks/.cache`. Targets stand beside the figures: ✓ reached, ✗ not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import cnmf3d
from cnmf3d.errors import Cnmf3dError
from cnmf3d.simulate import KIND, PRESETS, Scene, Score, Truth, draw, load_truth, measure, scene_of, score, simulate

HERE = Path(__file__).parent
SHARED = HERE / "../../shared/data"
COLUMNS = ("f1", "cosine", "trace", "trace_p5", "spikes")

TARGETS: Mapping[str, tuple[float, ...]] = {
    "tiny": (0.96,),
    "small": (0.96, 0.986, 0.989, 0.978, 0.981),
    "dense": (0.96, 0.976, 0.980, 0.932, 0.967),
    "large": (0.97, 0.986, 0.983, 0.932, 0.974),
    "dim": (0.80, 0.960, 0.910, 0.777, 0.926),
    "neuropil": (0.95, 0.870, 0.769, 0.521, 0.845),
    "lightsheet": (0.85,),
    "sim_tiny": (0.889, 0.943, 0.893, math.nan, 0.855),
    "toy3d_u16": (0.974, 0.966, 0.965),
}
"""F1 to reach, then CaImAn's cosine, trace, trace 5th percentile and spikes on volumes like these."""

LOOKS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "blobs": ("small", {"look": "blob"}),
    "30 Hz, fast": ("small", {"rate": 30, "frames": 1200, "decay": 0.4, "rise": 0.05}),
    "3 Hz, slow": ("small", {"rate": 3, "decay": 2.0, "rise": 0.3, "bursts": 2}),
    "large cells": ("small", {"cell_size": (6, 6, 2.5), "size": (130, 130, 16), "cells": 60}),
    "small cells": ("small", {"cell_size": (2.5, 2.5, 1.2), "cells": 120}),
    "isotropic": ("small", {"cell_size": (3, 3, 3), "size": (80, 80, 30), "voxel_size": (1.5, 1.5, 1.5)}),
    "three planes": ("small", {"size": (160, 160, 3), "cells": 60}),
    "one plane": (
        "small",
        {"size": (200, 200, 1), "cell_size": (4, 4, 0.25), "blur": (0.8, 0.8, 0), "cells": 60},
    ),
    "restless neuropil": ("small", {"neuropil": 1.0, "neuropil_time": 1.0, "neuropil_rank": 8}),
    "correlated": ("small", {"coactivity": 0.5}),
    "few photons": ("small", {"resting": 12.0, "gain": 4.0, "read_noise": 8.0}),
}
"""Scenes that don't look like the presets, so that nothing is tuned to one look."""


@dataclass(frozen=True)
class Case:
    """One run: a movie, what it is called, and the parameters."""

    table: str
    name: str
    seed: int
    movie: Path
    truth: Path
    parameters: Mapping[str, Mapping[str, Any]]
    opening: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """What came out of one run; NaN where it failed or there is nothing to average."""

    table: str
    name: str
    seed: int
    f1: float = math.nan
    precision: float = math.nan
    recall: float = math.nan
    f1_all: float = math.nan
    cosine: float = math.nan
    trace: float = math.nan
    trace_median: float = math.nan
    trace_p5: float = math.nan
    spikes: float = math.nan
    recall_ends: float = math.nan
    recall_middle: float = math.nan
    cells: int = 0
    cells_ends: int = 0
    found: int = 0
    false_positives: int = 0
    splits: int = 0
    merges: int = 0
    voxels: int = 0
    seconds: float = math.nan
    failure: str = ""


def cached(scene: Scene, name: str, seed: int, folder: Path) -> tuple[Path, Path]:
    """Movie and truth of a scene, simulated if this was never done."""
    key = hashlib.sha256(scene.model_dump_json().encode()).hexdigest()[:8]
    movie = folder / f"{name.replace(' ', '_').replace(',', '')}-{seed}-{key}.tif"
    if not movie.exists():
        log(f"simulating {movie.name}")
        simulate(movie, scene, seed=seed)
    return movie, movie.with_suffix(".truth.h5")


def cases_of_presets(names: Iterable[str], seeds: Iterable[int], folder: Path) -> Iterator[Case]:
    """Automatic parameters, and the cell size given."""
    for name in names:
        for seed in seeds:
            movie, truth = cached(PRESETS[name], name, seed, folder)
            yield Case("automatic", name, seed, movie, truth, {}, {})
            if PRESETS[name].cells:
                given = {"init": {"gSig": PRESETS[name].cell_size}}
                yield Case("cell size given", name, seed, movie, truth, given, {})


def cases_of_mistakes(names: Iterable[str], seeds: Iterable[int], folder: Path) -> Iterator[Case]:
    """Cell size and decay that are wrong."""
    for name in names:
        scene = PRESETS[name]
        wrong: dict[str, dict[str, dict[str, Any]]] = {
            f"gSig × {factor:g}": {"init": {"gSig": tuple(factor * s for s in scene.cell_size)}}
            for factor in (0.75, 1.5)
        }
        wrong["decay × 0.6"] = {"data": {"decay_time": 0.6 * scene.decay}}
        for seed in seeds:
            movie, truth = cached(scene, name, seed, folder)
            for what, parameters in wrong.items():
                yield Case("wrong parameters", f"{name}, {what}", seed, movie, truth, parameters, {})


def cases_of_blocks(names: Iterable[str], seeds: Iterable[int], folder: Path) -> Iterator[Case]:
    """Solve the same movie as one block and as many."""
    for name in names:
        x, y, z = PRESETS[name].size
        layouts: dict[str, dict[str, dict[str, Any]]] = {
            "one block": {"patch": {"rf": (x, y, z)}},
            "patches of 48": {"patch": {"rf": (24, 24, max(z, 1)), "stride": (18, 18, 4)}},
        }
        for seed in seeds:
            movie, truth = cached(PRESETS[name], name, seed, folder)
            for what, parameters in layouts.items():
                yield Case("blocks", f"{name}, {what}", seed, movie, truth, parameters, {})


def cases_of_looks(seeds: Iterable[int], folder: Path) -> Iterator[Case]:
    """Scenes that don't look like the presets."""
    for name, (preset, overrides) in LOOKS.items():
        for seed in seeds:
            movie, truth = cached(scene_of(preset, overrides), name, seed, folder)
            yield Case("other looks", name, seed, movie, truth, {}, {})


def cases_of_shared() -> Iterator[Case]:
    """Volumes of other simulators, where they are."""
    for name, axes in (("sim_tiny", "tyxz"), ("toy3d_u16", "txyz"), ("toy3d_motion_u16", "txyz")):
        movie, truth = SHARED / f"{name}.tif", SHARED / f"{name}_gt.npz"
        if movie.exists():
            yield Case("shared volumes", name, 0, movie, truth, {}, {"axes": axes, "rate": 10.0})
        else:
            log(f"skipped {name}: {SHARED} isn't there")


def run(case: Case, workers: int | None) -> Row:
    """Run the engine and score what it found."""
    started = time.perf_counter()
    try:
        movie = cnmf3d.open_movie(case.movie, **case.opening)
        parameters = cnmf3d.CnmfParameters.model_validate(case.parameters)
        components = cnmf3d.run(movie, parameters, workers=workers).components
        seconds = time.perf_counter() - started
        truth = load_truth(case.truth)
        row = row_of(case, score(components, truth), truth, seconds)
    except Cnmf3dError as error:
        row = Row(case.table, case.name, case.seed, failure=str(error))
    log(f"{row.table:18} {row.name:24} seed {row.seed}  F1 {row.f1:.3f}  {row.seconds:.1f} s  {row.failure}")
    return row


def row_of(case: Case, found: Score, truth: Truth, seconds: float) -> Row:
    """Figures of one run."""
    return Row(
        table=case.table,
        name=case.name,
        seed=case.seed,
        f1=found.accepted.f1,
        precision=found.accepted.precision,
        recall=found.accepted.recall,
        f1_all=found.all.f1,
        cosine=found.cosine,
        trace=found.trace_mean,
        trace_median=found.trace_median,
        trace_p5=found.trace_p5,
        spikes=found.spikes_mean,
        recall_ends=found.recall_ends,
        recall_middle=found.recall_middle,
        cells=truth.count,
        cells_ends=found.cells_ends,
        found=found.accepted.components,
        false_positives=found.false_positives,
        splits=found.splits,
        merges=found.merges,
        voxels=truth.voxels,
        seconds=seconds,
    )


def groups(rows: Iterable[Row], table: str) -> dict[str, list[Row]]:
    """Rows of a table by name, in order."""
    held: dict[str, list[Row]] = {}
    for row in rows:
        if row.table == table:
            held.setdefault(row.name, []).append(row)
    return held


def average(rows: list[Row], column: str) -> float:
    """Mean over seeds; NaN if a run failed, or nothing can be averaged."""
    if any(row.failure for row in rows):
        return math.nan
    values = [value for row in rows if not math.isnan(value := getattr(row, column))]
    return float(np.mean(values)) if values else math.nan


def marked(value: float, target: float | None = None, at_most: bool = False) -> str:
    """Write a figure with its target and whether it is reached."""
    text = "–" if math.isnan(value) else f"{value:.3f}"
    if target is None or math.isnan(target):
        return text
    reached = value <= target if at_most else value >= target
    return f"{text} {'✓' if reached else '✗'} {target:g}"


def detection_table(rows: list[Row], table: str) -> list[str]:
    """Markdown: means over seeds with targets."""
    held = {name: rows for name, rows in groups(rows, table).items() if rows[0].cells or rows[0].failure}
    if not held:
        return []
    titles = ("F1", "cosine", "trace", "trace 5 %", "spikes")
    more = ("precision", "recall", "F1 min", "F1 of all", "splits", "merges", "seconds")
    lines = [f"### {table}", "", f"| | seeds | {' | '.join((*titles, *more))} |", "|" + "---|" * 14]
    for name, some in held.items():
        targets = (*TARGETS.get(name, ()), *[None] * 5)
        cells = [marked(average(some, column), targets[i]) for i, column in enumerate(COLUMNS)]
        cells += [marked(average(some, column)) for column in ("precision", "recall")]
        cells += [marked(min(row.f1 for row in some)), marked(average(some, "f1_all"))]
        cells += [f"{sum(getattr(row, column) for row in some)}" for column in ("splits", "merges")]
        cells += [f"{average(some, 'seconds'):.1f}"]
        lines.append(f"| {name} | {len(some)} | {' | '.join(cells)} |")
    return [*lines, ""]


def ends_table(rows: list[Row]) -> list[str]:
    """Markdown: recall of cells in the first and last plane, over all seeds of a preset."""
    lines = [
        "### first and last planes",
        "",
        "| | cells there | recall there | elsewhere | difference |",
        "|" + "---|" * 5,
    ]
    for name, some in groups(rows, "automatic").items():
        counted = [row for row in some if row.cells and not row.failure]
        there = sum(row.cells_ends for row in counted)
        if not there:
            continue
        hits = sum(row.recall_ends * row.cells_ends for row in counted if row.cells_ends)
        others = sum(row.cells - row.cells_ends for row in counted)
        rest = sum(row.recall_middle * (row.cells - row.cells_ends) for row in counted) / others
        apart = marked(rest - hits / there, 0.05, at_most=True)
        lines.append(f"| {name} | {there} | {hits / there:.3f} | {rest:.3f} | {apart} |")
    return [*lines, ""] if len(lines) > 4 else []


def noise_table(rows: list[Row]) -> list[str]:
    """Markdown: components found where there are no cells."""
    empty = [row for row in rows if row.table == "automatic" and not row.cells and not row.failure]
    if not empty:
        return []
    voxels, wrong = sum(row.voxels for row in empty), sum(row.false_positives for row in empty)
    figure = marked(wrong / voxels * 1e6, 1.0, at_most=True)
    return ["### pure noise", "", f"{wrong} components in {voxels:,} voxels: {figure} in 10⁶ voxels", ""]


def drops_table(rows: list[Row], table: str, reference: str) -> list[str]:
    """Markdown: what F1 loses against automatic parameters, or the second layout against the first."""
    held = groups(rows, table)
    if not held:
        return []
    lines = [f"### {table}", "", "| | F1 | loss of F1 | trace | spikes |", "|" + "---|" * 5]
    automatic = groups(rows, "automatic")
    for name, some in held.items():
        preset = name.split(",")[0]
        base = automatic.get(preset, []) if reference == "automatic" else held[f"{preset}, {reference}"]
        seeds = {row.seed for row in some}
        loss = average([row for row in base if row.seed in seeds], "f1") - average(some, "f1")
        figures = [marked(average(some, column)) for column in ("trace", "spikes")]
        cells = [marked(average(some, "f1")), marked(loss, 0.05, at_most=True), *figures]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def figures_table(names: Iterable[str], seeds: Iterable[int]) -> list[str]:
    """Markdown: how hard the presets are (the table of docs/simulate.md)."""
    titles = (
        "cells", "voxels a cell", "overlap", "SNR 5 %", "SNR median", "SNR 95 %", "neuropil",
        "spikes a minute", "decay 5 %, s", "decay 95 %, s", "cells at ends", "motion",
    )  # fmt: skip
    lines = [f"| preset | seed | {' | '.join(titles)} |", "|" + "---|" * (len(titles) + 2)]
    for name in names:
        for seed in seeds:
            values = measure(draw(PRESETS[name], seed).truth).to_dict().values()
            cells = ["–" if math.isnan(v) else f"{v:.2f}".rstrip("0").rstrip(".") for v in values]
            lines.append(f"| `{name}` | {seed} | {' | '.join(cells)} |")
    return lines


def report(rows: list[Row]) -> str:
    """All tables as Markdown."""
    tables = ["automatic", "cell size given", "shared volumes", "other looks"]
    lines = [line for table in tables for line in detection_table(rows, table)]
    lines += [*ends_table(rows), *noise_table(rows)]
    lines += drops_table(rows, "wrong parameters", "automatic")
    lines += drops_table(rows, "blocks", "one block")
    failures = [f"- {row.table}: {row.name}, seed {row.seed}: {row.failure}" for row in rows if row.failure]
    lines += ["### failures", "", *failures, ""] if failures else []
    return "\n".join([f"## Accuracy: {circumstances()}", "", *lines])


def circumstances() -> str:
    """When, of which commit and on which machine."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE, check=False)
    date = time.strftime("%Y-%m-%d")
    return f"{date}, {git.stdout.strip() or cnmf3d.__version__}, {os.cpu_count()} cores, {platform.machine()}"


def log(text: str) -> None:
    """Say how far we are."""
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), help="by default the kind ones but motion")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--tables", nargs="+", choices=["presets", "mistakes", "blocks", "looks", "shared"])
    parser.add_argument("--quick", action="store_true", help="tiny, small and dense; one seed; no other looks")
    parser.add_argument("--figures", action="store_true", help="only how hard the presets are")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="where simulated movies are kept")
    parser.add_argument("--json", type=Path, help="write all rows there, too, after each run")
    return parser.parse_args()


def main() -> None:
    """Print the tables."""
    given = arguments()
    names = given.presets or [name for name in PRESETS if name in KIND and (name != "motion" or given.figures)]
    seeds = given.seeds
    tables = given.tables or ["presets", "shared", "mistakes", "blocks", "looks"]
    if given.quick:
        names, seeds = given.presets or ["tiny", "small", "dense"], seeds[:1]
        tables = given.tables or ["presets", "shared", "mistakes", "blocks"]
    if given.figures:
        print("\n".join(figures_table(names, seeds)))
        return
    wrong = [name for name in names if name in ("tiny", "small", "dense")]
    makers: dict[str, Callable[[], Iterable[Case]]] = {
        "presets": lambda: cases_of_presets(names, seeds, given.cache),
        "shared": cases_of_shared,
        "mistakes": lambda: cases_of_mistakes(wrong, seeds, given.cache),
        "blocks": lambda: cases_of_blocks([name for name in wrong if name != "dense"], seeds, given.cache),
        "looks": lambda: cases_of_looks(seeds, given.cache),
    }
    rows: list[Row] = []
    for case in chain.from_iterable(makers[table]() for table in tables):
        rows.append(run(case, given.workers))
        if given.json:
            given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print(report(rows))


if __name__ == "__main__":
    main()
