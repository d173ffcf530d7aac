"""Traces where kinetics differ, indicators saturate, cells are inhibited or never rest; and ΔF/F on its true value.

    python benchmarks/traces.py                           kinetics' presets, and hard ones for ΔF/F
    python benchmarks/traces.py --presets kinetics --seeds 0 1 2

Automatic parameters. ΔF/F is compared with that of the light that the run took F0 of (`temporal.f0_light`): the cell's
own, or all that its footprint sees. The slope is that of ΔF/F on the true one over frames: median, 10th and 90th
percentile over the cells that have a ΔF/F. Gain of small events: spikes found over true ones in events of up to a third
of the cell's largest, over the same in larger ones, less one. Ticks stand for what is asked: traces 0.95 (5 %: 0.85),
spikes 0.88, slopes 0.9 to 1.1.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

import cnmf3d
from cnmf3d.components import Components
from cnmf3d.simulate import PRESETS, Score, Truth, load_truth, scene_of, score
from cnmf3d.traces import decay_frames
from measuring import machine, movie_of

KINETICS = ("kinetics", "saturation", "inhibition", "sustained", "indicators")
LIGHT = ("tiny", "photons", "detector", "trials", "flicker", "mixed", "borders", "drift")
GAP, BEFORE, AFTER = 1.0, 0.2, 0.5
"""Seconds without spikes between two events, and around an event in which found spikes count."""


@dataclass(frozen=True)
class Row:
    """One run; arrays have a value for each matched cell."""

    preset: str
    seed: int
    of: Score
    light: str
    decay: np.ndarray[Any, Any]
    slope: np.ndarray[Any, Any]
    gain: np.ndarray[Any, Any]


def slopes(components: Components, truth: Truth, found: list[int], cells: list[int]) -> np.ndarray[Any, Any]:
    """Slope of each cell's ΔF/F on the true one, NaN where it has none."""
    true = truth.dff("own" if components.resting.light == "own" else "all")
    out = []
    for row, cell in zip(found, cells, strict=True):
        centred = true[cell] - true[cell].mean()
        ours = components.dff[row] - components.dff[row].mean()
        out.append(float(centred @ ours) / max(float(centred @ centred), 1e-30))
    return np.array(out)


def events(spikes: np.ndarray[Any, Any], rate: float) -> list[tuple[int, int]]:
    """First and last frame of each group of spikes."""
    frames = np.flatnonzero(spikes)
    if not frames.size:
        return []
    cuts = np.flatnonzero(np.diff(frames) > GAP * rate)
    return list(zip(frames[np.append(0, cuts + 1)], frames[np.append(cuts, len(frames) - 1)], strict=True))


def gain_of_small(found: np.ndarray[Any, Any], true: np.ndarray[Any, Any], rate: float) -> float:
    """Found over true spikes in small events over the same in large ones, less one; NaN without either."""
    spans = events(true, rate)
    sizes = np.array([true[a : b + 1].sum() for a, b in spans])
    around = [(max(int(a - BEFORE * rate), 0), int(b + AFTER * rate) + 1) for a, b in spans]
    gains = np.array([found[a:b].sum() for a, b in around]) / np.maximum(sizes, 1)
    small = sizes <= sizes.max(initial=0) / 3
    if not small.any() or small.all():
        return float("nan")
    large = np.average(gains[~small], weights=sizes[~small])
    return float(np.average(gains[small], weights=sizes[small]) / large - 1) if large > 0 else float("nan")


def run(preset: str, seed: int, workers: int | None) -> Row:
    """Run the engine and compare."""
    path = movie_of(preset, scene_of(preset), seed)
    truth = load_truth(path.with_suffix(".truth.h5"))
    components = cnmf3d.run(cnmf3d.open_movie(path), workers=workers, reporter=cnmf3d.silent).components
    of = score(components, truth)
    found, cells = [m.component for m in of.matches], [m.cell for m in of.matches]
    rate = truth.rate or 1.0
    decay = np.array([decay_frames(components.kinetics.g[row : row + 1]) / rate for row in found])
    gains = [gain_of_small(components.spikes[i], truth.spikes[k], rate) for i, k in zip(found, cells, strict=True)]
    with np.errstate(divide="ignore"):
        off = np.log(decay / truth.decay[cells])
    return Row(
        preset, seed, of, components.resting.light, off, slopes(components, truth, found, cells), np.array(gains)
    )


def spread(values: np.ndarray[Any, Any]) -> str:
    """Median and 10th to 90th percentile of what is a number."""
    good = values[np.isfinite(values)]
    if not good.size:
        return "–"
    low, middle, high = np.percentile(good, (10, 50, 90))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def marked(value: float, target: float) -> str:
    """A figure and whether it reaches its target."""
    return f"{value:.3f} {'✓' if value >= target else '✗'}"


def line(row: Row) -> str:
    """One row of the table."""
    of, known = row.of, np.isfinite(row.slope)
    middle = float(np.median(row.slope[known])) if known.any() else float("nan")
    cells = (
        f"{of.starred.f1:.3f}",
        marked(of.trace_mean, 0.95),
        marked(of.trace_p5, 0.85),
        marked(of.spikes_mean, 0.88),
        spread(np.exp(row.decay)),
        spread(row.gain),
        row.light,
        f"{spread(row.slope)} {'✓' if 0.9 <= middle <= 1.1 else '✗'}",
        f"{int(known.sum())}/{len(known)}",
    )
    return f"| `{row.preset}` | {row.seed} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), default=[*KINETICS, *LIGHT])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    print(f"## Traces: {machine()}\n")
    titles = "seed | F1* | traces | 5 % | spikes | decay over true | small events | F0 of | slope of ΔF/F | with ΔF/F"
    print(f"| | {titles} |\n|{'---|' * 11}")
    for preset in given.presets:
        for seed in given.seeds:
            print(line(run(preset, seed, given.workers)), flush=True)


if __name__ == "__main__":
    main()
