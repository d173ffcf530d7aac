"""The probability that a component is a cell: fitted on simulations, and how well it is calibrated on others.

    python benchmarks/probability.py                 calibration of the model in use, on presets it wasn't fitted to
    python benchmarks/probability.py --fit           the numbers for `engine/evaluation/probability.py`
    python benchmarks/probability.py --real MOVIE REGIONS.json --fps 7    a recording with regions drawn by hand

A component of a simulation is a cell where it matches one (footprint cosine from 0.5, one to one); components on
something real that isn't asked for are left out. The model is fitted to the presets of `FITTED` and judged on those of
`HELD_OUT`: other movies, eight of them of other kinds. What the engine measures of each movie's components
is kept in `benchmarks/.cache`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

import cnmf3d
from cnmf3d.engine.evaluation.probability import FEATURES, WEIGHTS, features_of
from cnmf3d.errors import Cnmf3dError
from cnmf3d.results import Results
from cnmf3d.simulate import load_truth, scene_of
from cnmf3d.simulate.scoring import MATCH
from cnmf3d.simulate.similarity import assign, unit
from cnmf3d.simulate.unasked import on_active
from judging import NEAR, masks_of, regions_in
from measuring import CACHE, machine, movie_of

Array = np.ndarray[Any, Any]

FITTED = (
    ("tiny", 0), ("small", 0), ("dim", 0), ("neuropil", 0), ("photons", 0), ("photons_empty", 0), ("jitter06", 0),
    ("jitter10", 0), ("warp", 0), ("drift", 0), ("startles", 0), ("silent", 0), ("trials", 0), ("planes", 0),
    ("toy3d", 0),
)  # fmt: skip
HELD_OUT = (
    ("tiny", 7), ("dim", 7), ("photons_blurred", 7), ("photons_skewed", 7), ("jitter03", 7), ("jitter10", 7),
    ("warp", 7), ("drift", 7), ("startles", 7), ("flicker", 7), ("detector", 7), ("borders_nan", 7), ("kinetics", 7),
    ("sustained", 7),
)  # fmt: skip
LARGEST: Mapping[str, Mapping[str, str]] = {
    "small": {"frames": "300"},
    "dim": {"frames": "400"},
    "neuropil": {"frames": "300"},
}
"""Scenes that are made shorter: it is their components that count."""
RIDGE = 3.0
"""Prior precision of a weight, of a feature of variance one: of 0.3 to 30 the one with the least log loss where each
movie of `FITTED` in turn is left out. Less makes it too sure, more too doubtful."""
BINS = 10


@dataclass(frozen=True)
class Judged:
    """Components of some movies: their features, which are cells (NaN: not to be counted), which are accepted."""

    features: Array
    cell: Array
    accepted: Array

    @classmethod
    def joined(cls, parts: Sequence[Judged]) -> Judged:
        """All components of several."""
        return cls(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.cell for part in parts]),
            np.concatenate([part.accepted for part in parts]),
        )

    @property
    def known(self) -> Judged:
        """Those that count."""
        keep = np.isfinite(self.cell) & np.isfinite(self.features).all(axis=1)
        return Judged(self.features[keep], self.cell[keep], self.accepted[keep])


def kept(path: Path, make: Callable[[], dict[str, Array]]) -> dict[str, Array]:
    """What was measured before, or is now."""
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        np.savez(path, **make())
    with np.load(path) as data:
        return {name: data[name] for name in data.files}


def of(data: Mapping[str, Array]) -> Judged:
    """Components from what is kept of them."""
    quality = {name[2:]: values for name, values in data.items() if name.startswith("q_")}
    cell = data["cell"]
    features = features_of(quality, int(data["bins"])) if cell.size else np.zeros((0, len(FEATURES)))
    return Judged(features, cell, data["accepted"].astype(bool))


def simulated(preset: str, seed: int) -> Judged:
    """Components of a simulated movie."""
    scene = scene_of(preset, LARGEST.get(preset, {}))
    movie = movie_of(preset, scene, seed)

    def make() -> dict[str, Array]:
        truth = load_truth(movie.with_suffix(".truth.h5"))
        try:
            results = cnmf3d.run(cnmf3d.open_movie(movie), workers=1, reporter=cnmf3d.silent)
        except Cnmf3dError as error:
            print(f"{preset} {seed}: {error.problem}", file=sys.stderr)
            return {"cell": np.zeros(0), "accepted": np.zeros(0, bool), "bins": np.array(0)}
        found = results.components
        ours, real = unit(found.footprints), unit(truth.footprints)
        cell = np.zeros(found.count)
        if truth.count and found.count:
            cell[assign((ours.T @ real).toarray().astype(float), MATCH)[0]] = 1
        if found.count:
            cell[(cell == 0) & on_active(found, ours, truth.others)] = np.nan
        return {"cell": cell, **facts(results)}

    return of(kept(CACHE / f"p_cell-{movie.stem}.npz", make))


def facts(results: Results) -> dict[str, Array]:
    """What is kept of a movie's components beside which are cells."""
    found = results.components
    return {
        "accepted": found.accepted,
        "bins": np.array(found.frames // int(results.parameters["init"]["tsub"])),
        **{f"q_{name}": values for name, values in found.quality.items()},
    }


def fitted(judged: Judged) -> dict[str, float]:
    """Logistic regression with a ridge, by Newton's method, in the features' own units."""
    mean, spread = judged.features.mean(axis=0), np.maximum(judged.features.std(axis=0), 1e-6)
    x = np.column_stack([np.ones(len(judged.cell)), (judged.features - mean) / spread])
    weights, ridge = np.zeros(x.shape[1]), RIDGE * np.diag([0.0, *np.ones(x.shape[1] - 1)])
    for _ in range(100):
        probability = 1 / (1 + np.exp(-x @ weights))
        bend = (x * (probability * (1 - probability))[:, None]).T @ x + ridge + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(bend, x.T @ (judged.cell - probability) - ridge @ weights)
        weights = weights + np.clip(step, -3, 3)
        if np.abs(step).max() < 1e-9:
            break
    slopes = weights[1:] / spread
    return {"constant": float(weights[0] - mean @ slopes), **dict(zip(FEATURES, slopes.tolist(), strict=True))}


def probability(features: Array, weights: Mapping[str, float]) -> Array:
    """Probabilities by these weights."""
    return np.asarray(1 / (1 + np.exp(-weights["constant"] - features @ [weights[name] for name in FEATURES])))


def calibration_error(likely: Array, cell: Array) -> float:
    """Expected calibration error (Naeini et al. 2015, AAAI): mean distance of probability and share in `BINS` bins."""
    which = np.minimum((likely * BINS).astype(int), BINS - 1)
    parts = [which == b for b in range(BINS)]
    return float(sum(abs(likely[part].sum() - cell[part].sum()) for part in parts) / max(len(cell), 1))


def reliability_table(likely: Array, cell: Array, what: str) -> None:
    """Share of cells in bins of the probability."""
    print(f"\n| p_cell | components | mean of it | {what} |\n|---|---|---|---|")
    which = np.minimum((likely * 5).astype(int), 4)
    for b in range(5):
        part = which == b
        if part.any():
            middle, share = likely[part].mean(), cell[part].mean()
            print(f"| {b / 5:.1f} to {(b + 1) / 5:.1f} | {part.sum()} | {middle:.2f} | {share:.2f} |")


def line(name: str, judged: Judged, weights: Mapping[str, float]) -> None:
    """One line of the table of movies."""
    known = judged.known
    if not len(known.cell):
        print(f"| {name} | 0 | | | | |", flush=True)
        return
    likely = probability(known.features, weights)
    brier = float(((likely - known.cell) ** 2).mean())
    print(
        f"| {name} | {len(known.cell)} | {known.cell.mean():.2f} | {likely.mean():.2f}"
        f" | {calibration_error(likely, known.cell):.3f} | {brier:.3f} |",
        flush=True,
    )


def table(movies: Sequence[tuple[str, int]], weights: Mapping[str, float], title: str) -> Judged:
    """Calibration on each movie, and on all together."""
    print(
        f"\n## {title}\n\n| | components | cells | mean p_cell | calibration error | Brier |\n|---|---|---|---|---|---|"
    )
    parts = []
    for preset, seed in movies:
        parts.append(simulated(preset, seed))
        line(f"{preset} {seed}", parts[-1], weights)
    whole = Judged.joined(parts)
    line("all", whole, weights)
    known = whole.known
    reliability_table(probability(known.features, weights), known.cell, "cells")
    return whole


def recording(path: Path, regions: Path | None, rate: float | None) -> None:
    """Split halves of a recording, and regions drawn by hand, by the probability."""
    movie = cnmf3d.open_movie(path, rate=rate)
    frames = np.asarray(movie.read(0, movie.shape[0]))
    half = len(frames) // 2

    def run(part: Array) -> Results:
        again = cnmf3d.open_movie(part, axes="tzyx", rate=movie.rate, voxel_size=movie.voxel_size)
        return cnmf3d.run(again, workers=1, reporter=cnmf3d.silent)

    def halves() -> dict[str, Array]:
        one, two = run(frames[:half]), run(frames[half:])
        a, b = unit(one.components.footprints), unit(two.components.footprints)
        cell = np.zeros(one.components.count)
        if one.components.count and two.components.count:
            cell[assign((a.T @ b).toarray().astype(float), MATCH)[0]] = 1
        return {"cell": cell, **facts(one)}

    if regions is not None:

        def drawn() -> dict[str, Array]:
            results = run(frames)
            masks = [mask.any(axis=0) for mask in masks_of(results.components)]
            near = near_regions(masks, regions_in(regions, frames.shape[2:]))
            return {"cell": near, **facts(results)}

        known = of(kept(CACHE / f"p_cell-{path.stem}-regions.npz", drawn)).known
        print(f"\n## {path.name}: components whose centre lies at a region drawn by hand")
        reliability_table(probability(known.features, WEIGHTS), known.cell, "at a region")
    known = of(kept(CACHE / f"p_cell-{path.stem}-halves.npz", halves)).known
    print(f"\n## {path.name}: components of the first half that the second one has, too (cosine from {MATCH})")
    reliability_table(probability(known.features, WEIGHTS), known.cell, "found again")


def near_regions(masks: list[Array], regions: list[Array]) -> Array:
    """Which masks have a region's centre near theirs, one to one."""
    out = np.zeros(len(masks))
    if masks and regions:
        places = [np.array([np.argwhere(mask).mean(axis=0) for mask in some]) for some in (masks, regions)]
        apart = np.linalg.norm(places[0][:, None] - places[1], axis=-1)
        rows, columns = linear_sum_assignment(np.where(apart < NEAR, apart, 1e3))
        out[rows[apart[rows, columns] < NEAR]] = 1
    return out


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="fit the weights anew and print them")
    parser.add_argument("--real", nargs="+", type=Path, metavar=("MOVIE", "REGIONS"), help="a recording instead")
    parser.add_argument("--fps", type=float, help="its frames a second")
    asked = parser.parse_args()
    print(machine())
    if asked.real:
        recording(asked.real[0], asked.real[1] if len(asked.real) > 1 else None, asked.fps)
        return
    weights: Mapping[str, float] = WEIGHTS
    if asked.fit:
        weights = fitted(Judged.joined([simulated(*movie) for movie in FITTED]).known)
        print("\nWEIGHTS = {")
        for name, value in weights.items():
            print(f'    "{name}": {value:.3f},')
        print("}")
        table(FITTED, weights, "Movies that it is fitted to")
    table(HELD_OUT, weights, "Movies that it was not fitted to")


if __name__ == "__main__":
    main()
