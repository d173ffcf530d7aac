"""Seconds and size of every export of 5,000 ROIs × 2,000 frames in a volume of 512 × 512 × 30 voxels.

    python benchmarks/exports.py
    python benchmarks/exports.py --formats nwb csv --rois 500

The results are random numbers, which compress worse than real ones.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from cnmf3d.components import Background, Components, Kinetics
from cnmf3d.geometry import ZYX
from cnmf3d.results import Provenance, Results, load_results, write_results
from cnmf3d.results.exports import export, export_of, exporters
from cnmf3d.results.imports import import_results, importers
from measuring import machine

SHAPE = (30, 512, 512)
RADIUS = (2, 5, 5)
"""Half-axes of a footprint: about 230 voxels."""

METADATA = {"session_start_time": "2026-01-31T14:00:00+01:00"}


def footprints_of(count: int, rng: np.random.Generator) -> sparse.csc_array[Any]:
    """Ellipsoids at random places."""
    grid = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in RADIUS), indexing="ij"), axis=-1).reshape(-1, 3)
    ball = grid[((grid / (np.array(RADIUS) + 0.5)) ** 2).sum(axis=1) <= 1]
    centres = np.stack([rng.integers(r, side - r, count) for r, side in zip(RADIUS, SHAPE, strict=True)], axis=1)
    places = (centres[:, None] + ball[None]).reshape(-1, 3)
    rows = np.ravel_multi_index(tuple(places.T), SHAPE)
    weights = rng.random(len(rows), dtype=np.float32)
    pointers = np.arange(count + 1) * len(ball)
    found = sparse.csc_array((weights, rows, pointers), shape=(int(np.prod(SHAPE)), count))
    found.sort_indices()
    return found


def results_of(count: int, frames: int) -> Results:
    """Results of random numbers, with everything in them."""
    rng = np.random.default_rng(0)

    def values(*size: int) -> np.ndarray:
        return rng.random(size, dtype=np.float32)

    voxels = int(np.prod(SHAPE))
    components = Components(
        shape=SHAPE,
        footprints=footprints_of(count, rng),
        traces=values(count, frames),
        residuals=values(count, frames),
        spikes=values(count, frames),
        background=Background(values(voxels, 2), values(2, frames)),
        kinetics=Kinetics(values(count, 2), values(count), values(count), values(count), values(count)),
        dff=values(count, frames),
        quality={name: values(count) for name in ("snr", "r_value", "reliability")},
        accepted=rng.random(count) < 0.8,
    )
    projections = {name: values(*SHAPE) for name in ("mean", "max", "std", "correlation")}
    parameters = {"init": {"K": count}}
    return Results(components, parameters, 10.0, ZYX(4, 1, 1), values(*SHAPE), projections, Provenance())


def size_of(path: Path) -> int:
    """Bytes of a file or folder."""
    return sum(each.stat().st_size for each in [path, *path.rglob("*")] if each.is_file())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="*", default=list(exporters()))
    parser.add_argument("--rois", type=int, default=5000)
    parser.add_argument("--frames", type=int, default=2000)
    given = parser.parse_args()
    print(machine(), end="\n\n")
    print("| | written, s | processor, s | MB | read, s |\n|---|---|---|---|---|")
    results = results_of(given.rois, given.frames)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.formats:
            out = Path(folder) / f"{name}{(*exporters()[name].suffixes, '')[0]}"
            leaving = export_of(results, metadata=METADATA if "metadata" in exporters()[name].takes else {})
            start, busy = time.perf_counter(), time.process_time()
            export(name, leaving, out)
            written = f"{time.perf_counter() - start:.1f} | {time.process_time() - busy:.1f}"
            read = ""
            if name in importers():
                start = time.perf_counter()
                import_results(name, out)
                read = f"{time.perf_counter() - start:.1f}"
            print(f"| {name} | {written} | {size_of(out) / 1e6:.0f} | {read} |", flush=True)
        start, busy = time.perf_counter(), time.process_time()
        path = write_results(results, Path(folder) / "r.hdf5")
        written = f"{time.perf_counter() - start:.1f} | {time.process_time() - busy:.1f}"
        start = time.perf_counter()
        load_results(path)
        read = f"{time.perf_counter() - start:.1f}"
        print(f"| results file | {written} | {size_of(path) / 1e6:.0f} | {read} |")


if __name__ == "__main__":
    main()
