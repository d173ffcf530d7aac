"""Whether 90 % intervals hold 90 % of the truth: sizes of events, and calcium.

    python benchmarks/uncertainty.py                     synthetic traces
    python benchmarks/uncertainty.py --volumes tiny      cells of a simulated volume (a preset, or several)

An interval is the estimate and 1.645 standard errors on both sides. Of events, the sum of true spikes in an event's
frames is looked for; where kinetics are estimated, both are compared by what they add to a frame (spikes times the
response's peak). Calcium is compared where it is clear of rest (0.3 times the response to one spike and more), together
with the baseline. In volumes a cell's true spikes are in other units than ours: they are scaled by one number a cell,
the median ratio of its events.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import lfilter

import cnmf3d
from cnmf3d.engine.deconvolution import ESTIMATED, Response, deconvolve, measured_response, own_responses
from cnmf3d.simulate import load_truth, score
from cnmf3d.traces import INTERVAL, events_of
from measuring import machine, movie_of

Array = np.ndarray[Any, Any]

RATE = 30.0
CELLS, FRAMES = 10, 2000
RESPONSES = {1: Response(10.5), 2: Response(12.5, 1.5)}
LIMITS = (0.85, 0.95)


@dataclass(frozen=True)
class Traces:
    """Synthetic traces: (cells, frames) each."""

    raw: Array
    calcium: Array
    spikes: Array


def synthetic(p: int, height: float, often: float) -> Traces:
    """Spikes of 0.6 to 1.4, `often` a second; the response to one of size 1 is `height` times the noise."""
    rng = np.random.default_rng(21)
    response = RESPONSES[p]
    spikes = (rng.random((CELLS, FRAMES)) < often / RATE) * rng.uniform(0.6, 1.4, (CELLS, FRAMES))
    g1, g2 = response.coefficients()
    calcium = lfilter([1.0], [1, -g1, -g2], spikes, axis=1)
    noise = response.peak / height
    return Traces((calcium + 10 + noise * rng.standard_normal(calcium.shape)).astype(np.float32), calcium, spikes)


def marked(hit: Array) -> str:
    """A share, and whether it is where it should be."""
    if not len(hit):
        return "–"
    share = float(np.mean(hit))
    return f"{share:.3f} {'✓' if LIMITS[0] <= share <= LIMITS[1] else '✗'}"


def table_of_synthetic() -> None:
    """Coverage for both orders, with kinetics known and estimated."""
    print(f"\n## Synthetic traces: what 90 % intervals hold ({LIMITS[0]} to {LIMITS[1]} wanted)\n")
    print("| p | kinetics | height / noise | spikes a second | events | of events | of calcium | decay found (true) |")
    print("|---|---|---|---|---|---|---|---|")
    for p, true in RESPONSES.items():
        for known in (True, False):
            for height in (4.0, 8.0, 16.0):
                for often in (0.2, 1.0, 3.0):
                    made = synthetic(p, height, often)
                    shared = true if known else measured_response(made.raw, p, RATE, None) or true
                    own = [true] * CELLS if known else own_responses(made.raw, shared)
                    found = deconvolve(made.raw, p, own, errors=True, misfit=None if known else ESTIMATED)
                    assert found.errors is not None
                    events = events_of(found.spikes, found.errors.events)
                    spans = zip(events["component"], events["first"], events["last"], strict=True)
                    truth = np.array([made.spikes[c, a : b + 1].sum() for c, a, b in spans]) * true.peak
                    peak = np.array([each.peak for each in own])[events["component"]]
                    hit = np.abs(events["size"] * peak - truth) < INTERVAL * events["size_sd"] * peak
                    clear = made.calcium > 0.3 * true.peak
                    off = found.traces + found.kinetics.baseline[:, None] - made.calcium - 10
                    inside = np.abs(off)[clear] < INTERVAL * found.errors.traces[clear]
                    decay = float(np.median([each.decay for each in own]))
                    print(
                        f"| {p} | {'known' if known else 'estimated'} | {height:g} | {often:g} | {len(hit)}"
                        f" | {marked(hit)} | {marked(inside)} | {decay:.1f} ({true.decay:g}) |",
                        flush=True,
                    )


def table_of_volumes(presets: list[str]) -> None:
    """Coverage among the cells that a run finds."""
    print("\n## Cells of simulated volumes\n")
    print("| | cells | events | of events |\n|---|---|---|---|")
    for preset in presets:
        path = movie_of(preset)
        truth = load_truth(path.with_suffix(".truth.h5"))
        found = cnmf3d.run(cnmf3d.open_movie(path), reporter=cnmf3d.silent).components
        matches = score(found, truth).matches
        hits = []
        for match in matches:
            row = np.array([match.component])
            events = events_of(found.spikes[row], found.select(row).events_sd)
            real = truth.spikes[match.cell]
            sums = np.array([real[a : b + 1].sum() for a, b in zip(events["first"], events["last"], strict=True)])
            there = sums > 0
            if there.sum() < 3:
                continue
            unit = float(np.median(events["size"][there] / sums[there]))
            hits.append(np.abs(events["size"] - unit * sums) < INTERVAL * events["size_sd"])
        hit = np.concatenate(hits) if hits else np.zeros(0)
        print(f"| {preset} | {len(matches)} | {len(hit)} | {marked(hit)} |", flush=True)


def main() -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--volumes", nargs="+", metavar="PRESET", help="cells of these presets instead")
    asked = parser.parse_args()
    print(machine())
    if asked.volumes:
        table_of_volumes(asked.volumes)
    else:
        table_of_synthetic()


if __name__ == "__main__":
    main()
