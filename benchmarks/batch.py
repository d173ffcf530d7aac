"""What a batch costs beside the computations: listing, adding, supervising; and what variants of a movie save.

    python benchmarks/batch.py                      all of it
    python benchmarks/batch.py --items 100 --runs 1 --preset tiny    a short look

Figures are medians, with the range behind them; ratios are of pairs that ran one after the other.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cnmf3d.batch import Batch, Item, Status, supervise
from cnmf3d.simulate import simulate
from measuring import machine, movie_of

VARIANTS = {
    "thresholds (min_SNR 3)": {"min_SNR": 3},
    "another cell size (gSig 5, 5, 2)": {"gSig": (5, 5, 2)},
    "deconvolution (p 1)": {"p": 1},
}
"""What is tried on a movie after a first item with default parameters."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--preset", default="small")
    options = parser.parse_args()
    print(machine(), end="\n\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CNMF3D_CACHE"] = str(folder / "caches")
        movie = folder / "m.tif"
        simulate(movie, "tiny", seed=1, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
        print(f"Other work on the machine: a load of {os.getloadavg()[0]:.1f}\n")
        print("| | median (range) |\n|---|---|")
        many(folder / "many", movie, options.items)
        overhead(folder / "few", movie, 2 * options.runs)
        print("\n| a variant of the movie, whole item | first, seconds | variant, seconds | ratio |\n|---|---|---|---|")
        variants(folder, movie_of(options.preset), options.runs)


def many(folder: Path, movie: Path, count: int) -> None:
    """Adding and listing many items."""
    with Batch.create(folder) as batch:
        seconds = []
        for number in range(count):
            seconds.append(timed(lambda number=number: batch.add(movie, {"gSig": (4, 4, 2)}, name=f"item {number}")))
        told(f"adding an item, {count} times (Python), ms", [1000 * each for each in seconds])
        values = [word for number in range(count // 10) for word in ("--vary", f"min-snr={1 + number / 1000}")]
        command = command_of("add", folder, movie, *values)
        told(f"`batch add` of {count // 10} items, whole command, ms an item", [10_000 * run(command)[0] / count])
        batch.delete([item.uuid for item in batch.items()[count:]])
    runs = [run(command_of("list", folder)) for _ in range(7)]
    told(f"`batch list` of {count} items, whole command, seconds", [wall for wall, _ in runs])
    told("· its processor time, seconds", [processor for _, processor in runs])
    told("· of that, `cnmf3d --version`", [run([sys.executable, "-m", "cnmf3d", "--version"])[1] for _ in range(5)])


def overhead(folder: Path, movie: Path, count: int) -> None:
    """What an item takes beside its engine: process, imports, moves of status."""
    with Batch.create(folder) as batch:
        batch.add(movie, name="warms the disk and compiles")
        supervise(batch)
        items = [batch.add(movie, {"min_SNR": 2 + number / 10}, name=f"item {number}") for number in range(count)]
        ends = [time.perf_counter()]

        def ended(item: Item, event: dict[str, object]) -> None:
            if event["kind"] == "end":
                ends.append(time.perf_counter())

        supervise(batch, reporter=ended)
        whole = [end - begin for begin, end in itertools.pairwise(ends)]
        engine = [batch.item(item.uuid).summary["seconds"] for item in items]
    told("an item beside its engine, seconds", [all_ - own for all_, own in zip(whole, engine, strict=True)])


def variants(folder: Path, movie: Path, runs: int) -> None:
    """A first item and variants of it, with caches that are empty before the first."""
    from cnmf3d.caches import Caches, default_folder

    seconds: dict[str, list[tuple[float, float]]] = {}
    for number in range(runs):
        Caches(default_folder()).prune(everything=True)
        with Batch.create(folder / f"variants {number}") as batch:
            first = item_seconds(batch, movie, "first", {})
            for name, changes in VARIANTS.items():
                seconds.setdefault(name, []).append((first, item_seconds(batch, movie, name, changes)))
    for name, pairs in seconds.items():
        first, again = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratios = sorted(again / first for first, again in pairs)
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
        print(f"| {movie.name.partition('-')[0]}, {name} | {first:.1f} | {again:.1f} | {spread} |", flush=True)


def item_seconds(batch: Batch, movie: Path, name: str, changes: dict[str, object]) -> float:
    """How long one item takes, process and all."""
    batch.add(movie, changes, name=name)
    seconds = timed(lambda: supervise(batch))
    if batch.item(name).status is not Status.DONE:
        raise RuntimeError(batch.item(name).error)
    return seconds


def timed(function: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def command_of(name: str, folder: Path, *words: object) -> list[str]:
    """A batch command."""
    return [sys.executable, "-m", "cnmf3d", "batch", name, str(folder), *map(str, words)]


def run(command: Sequence[str]) -> tuple[float, float]:
    """Wall and processor time of a command."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def told(what: str, values: Sequence[float]) -> None:
    """Print one row."""
    print(f"| {what} | {statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f}) |", flush=True)


if __name__ == "__main__":
    main()
