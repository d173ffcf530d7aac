"""Deconvolution beside recorded spikes, on synthetic traces, and its speed: one command prints every table.

    python benchmarks/spikes.py                all
    python benchmarks/spikes.py --tables recorded

Beside synthetic traces stands the best that any estimator can reach (`spikes_bound.py`).

Recorded spikes (Rupprecht et al. 2021, Nat Neurosci 24:1324) are in `../shared/data`; where they are absent that
table is left out. OASIS is the constrained problem with an autoregressive process of order 1 as in Friedrich, Zhou &
Paninski 2017 (PLoS Comput Biol 13:e1005423), written from the paper; CaImAn's figures (its constrained OASIS, p = 2)
were measured once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from scipy.signal import lfilter

from cnmf3d import deconvolve, silent
from cnmf3d.engine.deconvolution import Response, noise_level
from cnmf3d.engine.deconvolution import deconvolve as solved
from cnmf3d.traces import quiet_level
from spikes_bound import bound

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = {"DS09 mouse": "spikes_DS09-GCaMP6f-m-V1.npz", "DS08 zebrafish": "spikes_DS08-GCaMP6f-zf-OB.npz"}
RATES = (7.5, 15.0, 30.0)
CAIMAN = {"DS09 mouse": (0.696, 0.731, 0.757), "DS08 zebrafish": (0.558, 0.658, 0.617)}
BIN = 0.2
"""Seconds of the bins in which spikes are compared."""

SYNTHETIC = {1: (0.95,), 2: (1.7, -0.712)}
TARGETS = {(1, 0.2): 0.97, (2, 0.2): 0.97, (1, 0.5): 0.73, (2, 0.5): 0.78}


@dataclass(frozen=True)
class Recorded:
    """One trace beside its spikes: `spikes` in seconds from the beginning of the first frame."""

    rate: float
    trace: np.ndarray[Any, Any]
    spikes: np.ndarray[Any, Any]


def recorded(path: Path, rate: float) -> Iterator[Recorded]:
    """The recordings of a file at about this rate."""
    with np.load(path, allow_pickle=False) as file:
        data = {key: file[key] for key in file.files}
    for i in np.flatnonzero(np.abs(data["rate"] - rate) < 1):
        trace = data["trace"][data["trace_ptr"][i] : data["trace_ptr"][i + 1]]
        spikes = data["spikes"][data["spikes_ptr"][i] : data["spikes_ptr"][i + 1]]
        yield Recorded(float(data["rate"][i]), trace.astype(np.float32), spikes - data["start"][i])


def in_bins(
    found: np.ndarray[Any, Any], one: Recorded, shift: float = 0.0
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Found and true spikes in bins; what was found is moved by `shift` seconds."""
    edges = np.arange(0, len(found) / one.rate + 1e-9, BIN)
    total = np.concatenate([[0.0], np.cumsum(found)])
    ours = np.diff(np.interp((edges - shift) * one.rate, np.arange(len(total)), total))
    return ours, np.histogram(one.spikes, edges)[0].astype(float)


def correlation(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """Pearson's; 0 where one is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def lag(found: np.ndarray[Any, Any], one: Recorded) -> float:
    """Seconds that what was found is late by: where its correlation is best."""
    lags = np.arange(-0.4, 0.401, 0.01)
    return float(lags[int(np.argmax([correlation(*in_bins(found, one, -late)) for late in lags]))])


@njit(cache=True)
def _oasis(trace: Any, g: float, penalty: float, calcium: Any, spikes: Any) -> None:
    """Pool violators of ``c_t ≥ g c_{t−1}`` (algorithm 1)."""
    n = trace.size
    value, weight = np.empty(n), np.empty(n)
    start, length = np.empty(n, np.int64), np.empty(n, np.int64)
    pools = 0
    for t in range(n):
        value[pools] = trace[t] - (penalty if t == n - 1 else penalty * (1 - g))
        weight[pools], start[pools], length[pools] = 1.0, t, 1
        pools += 1
        while pools > 1 and value[pools - 1] < value[pools - 2] * g ** length[pools - 2]:
            a, b = pools - 2, pools - 1
            fade = g ** length[a]
            total = weight[a] + fade * fade * weight[b]
            value[a] = (weight[a] * value[a] + fade * weight[b] * value[b]) / total
            weight[a] = total
            length[a] += length[b]
            pools -= 1
    for i in range(pools):
        level = max(value[i], 0.0)
        for t in range(start[i], start[i] + length[i]):
            calcium[t] = level
            level *= g
    spikes[0] = 0.0
    for t in range(1, n):
        spikes[t] = max(calcium[t] - g * calcium[t - 1], 0.0)


def oasis(trace: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Spikes of the constrained problem, p = 1: noise, baseline and decay as the papers estimate them."""
    row = trace[None].astype(np.float32)
    noise, above = float(noise_level(row)[0]), trace.astype(float) - float(quiet_level(row)[0][0])
    centred = above - above.mean()
    lags = [float(centred[k:] @ centred[: len(centred) - k]) for k in range(1, 6)]
    g = float(np.clip(np.dot(lags[1:], lags[:-1]) / max(np.dot(lags[:-1], lags[:-1]), 1e-12), 0.3, 0.995))
    calcium, spikes = np.empty(len(above)), np.empty(len(above))
    low, high = 0.0, 20 * noise / (1 - g)
    for _ in range(25):
        middle = 0.5 * (low + high)
        _oasis(above, g, middle, calcium, spikes)
        low, high = (middle, high) if np.mean((above - calcium) ** 2) < noise**2 else (low, middle)
    return spikes


def ours_alone(trace: np.ndarray[Any, Any], rate: float) -> np.ndarray[Any, Any]:
    """Each trace without knowing the others."""
    return deconvolve(trace, rate, workers=1, reporter=silent).spikes[0]


def table_of_recorded() -> None:
    """Median over recordings of correlations in bins, of the lag, and of spikes a unit of trace."""
    print(f"\n## Recorded spikes: median correlation in bins of {BIN} s\n")
    print("| | rate | traces | cnmf3d, all traces | each alone | OASIS, p = 1 | CaImAn | lag | lag of OASIS | scale |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, file in FILES.items():
        for rate, caiman in zip(RATES, CAIMAN[name], strict=True):
            ones = list(recorded(DATA / file, rate))
            longest = max(len(one.trace) for one in ones)
            padded = np.full((len(ones), longest), np.nan, np.float32)
            for row, one in zip(padded, ones, strict=True):
                row[: len(one.trace)] = one.trace
            found = deconvolve(padded, ones[0].rate, workers=1, reporter=silent)
            together = [row[: len(one.trace)] for row, one in zip(found.spikes, ones, strict=True)]
            alone = [ours_alone(one.trace, one.rate) for one in ones]
            plain = [oasis(one.trace) for one in ones]
            scores = [
                _median(lambda s, one: correlation(*in_bins(s, one)), each, ones) for each in (together, alone, plain)
            ]
            late, late_plain = (1000 * _median(lag, each, ones) for each in (together, plain))
            heights = found.spikes.sum(axis=1) * found.peak / np.maximum([len(one.spikes) for one in ones], 1)
            low, middle, high = np.nanpercentile(heights, [10, 50, 90])
            mark = "✓" if min(scores[:2]) >= caiman + 0.03 else "✗"
            print(
                f"| {name} | {rate:g} Hz | {len(ones)} | {scores[0]:.3f} {mark} {caiman + 0.03:.3f}"
                f" | {scores[1]:.3f} | {scores[2]:.3f}"
                f" | {caiman:.3f} | {late:+.0f} ms | {late_plain:+.0f} ms"
                f" | {middle:.2f} ({low:.2f} to {high:.2f}) ΔF/F a spike |",
                flush=True,
            )


def _median(measure: Callable[[Any, Recorded], float], found: list[Any], ones: list[Recorded]) -> float:
    return float(np.median([measure(spikes, one) for spikes, one in zip(found, ones, strict=True)]))


def table_of_synthetic() -> None:
    """20 traces of 3000 frames at 30 Hz, half a spike a second, baseline 10; kinetics known."""
    print("\n## Synthetic traces: correlation with true spikes frame by frame\n")
    print(
        "| p | noise | spikes | best possible | OASIS | calcium | sum of spikes | baseline (10) | noise found |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for p, g in SYNTHETIC.items():
        roots = np.sort(np.roots([1, *(-value for value in g)]).real)[::-1]
        times = -1 / np.log(roots)
        response = Response(float(times[0]), float(times[1]) if p == 2 else 0.0)
        for noise in (0.2, 0.5):
            rng = np.random.default_rng(13)
            spikes = (rng.random((20, 3000)) < 0.5 / 30).astype(float)
            calcium = lfilter([1.0], [1, *(-value for value in g)], spikes, axis=1)
            traces = (calcium + 10 + noise * rng.standard_normal(calcium.shape)).astype(np.float32)
            found = solved(traces, p, response)
            score = np.mean([correlation(a, b) for a, b in zip(found.spikes, spikes, strict=True)])
            plain = np.mean([correlation(oasis(trace), b) for trace, b in zip(traces, spikes, strict=True)])
            follows = np.mean([correlation(a, b) for a, b in zip(found.traces, calcium, strict=True)])
            goal, best = TARGETS[p, noise], bound((traces - 10).astype(float), spikes, g, noise)
            level = found.kinetics
            print(
                f"| {p} | {noise} | {score:.3f} {'✓' if score >= goal else '✗'} {goal} | {best:.3f} | {plain:.3f}"
                f" | {follows:.3f} | {found.spikes.sum() / spikes.sum():.3f} | {level.baseline.mean():.3f}"
                f" | {level.noise.mean():.3f} |",
                flush=True,
            )


def table_of_speed(cells: int, frames: int) -> None:
    """CPU time of a part, and what 10,000 traces of 10,000 frames would take with two cores."""
    rng = np.random.default_rng(0)
    response = Response(10.0, 1.1)
    spikes = (rng.random((cells, frames)) < 0.01) * rng.uniform(0.5, 2, (cells, frames))
    g1, g2 = response.coefficients()
    traces = (lfilter([1.0], [1, -g1, -g2], spikes, axis=1) + 0.3 * rng.standard_normal(spikes.shape)).astype(
        np.float32
    )
    deconvolve(traces[:1, :200], 10.0, workers=1, reporter=silent)  # compiled
    spent = []
    for part in (traces[: cells // 2], traces):  # the difference: what the movie's cells share is measured once
        start = time.process_time()
        deconvolve(part, 10.0, workers=1, reporter=silent)
        spent.append(time.process_time() - start)
    ours = (spent[1] - spent[0]) / (spikes.size - (cells // 2) * frames)
    once = max(spent[0] - ours * (cells // 2) * frames, 0.0)
    oasis(traces[0])
    start = time.process_time()
    for trace in traces:
        oasis(trace)
    plain = (time.process_time() - start) / spikes.size
    whole = once + 1e8 * ours / 2
    print(f"\n## Speed ({cells} traces of {frames} frames, kinetics found)\n")
    print(f"CPU time {1e6 * ours:.2f} µs a frame and {once:.1f} s once, OASIS with p = 1 {1e6 * plain:.2f} µs;")
    print(f"10,000 × 10,000 on 2 cores: {whole:.0f} s {'✓' if whole <= 60 else '✗'} 60, OASIS {1e8 * plain / 2:.0f} s")


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--tables", nargs="+", choices=["recorded", "synthetic", "speed"], default=["recorded", "synthetic", "speed"]
    )
    parser.add_argument("--cells", type=int, default=80, help="traces whose time is taken")
    parser.add_argument("--frames", type=int, default=10000)
    asked = parser.parse_args()
    if "recorded" in asked.tables:
        if all((DATA / file).is_file() for file in FILES.values()):
            table_of_recorded()
        else:
            print(f"{DATA}: no recorded spikes")
    if "synthetic" in asked.tables:
        table_of_synthetic()
    if "speed" in asked.tables:
        table_of_speed(asked.cells, asked.frames)


if __name__ == "__main__":
    main()
