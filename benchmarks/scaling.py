"""How time grows with frames and with voxels: exponents of whole runs on volumes of one density.

python benchmarks/scaling.py
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

from cnmf3d.simulate import PRESETS, scene_of
from measuring import machine, movie_of, ours

FRAMES = (400, 800, 1600, 3200)
SIDES = (80, 113, 160, 226)
"""Each has twice the voxels of the one before."""


def main() -> None:
    """Print both tables and the exponents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    small = PRESETS["small"]
    density = small.cells / np.prod(small.size)
    print(machine(), end="\n\n")
    by_frames = {frames: scene_of("small", {"frames": frames}) for frames in FRAMES}
    by_voxels = {
        side * side * 12: scene_of("small", {"size": (side, side, 12), "cells": round(density * side * side * 12)})
        for side in SIDES
    }
    for what, scenes in (("frames", by_frames), ("voxels", by_voxels)):
        print(f"| {what} | seconds, median |\n|---|---|")
        times = []
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "r.hdf5"
            base = None
            for size, scene in scenes.items():
                movie = movie_of(f"{what}{size}", scene)
                base = base or ours(movie, out)
                times.append(statistics.median(ours(movie, out).seconds for _ in range(runs)))
                print(f"| {size} | {times[-1]:.2f} |", flush=True)
        sizes = np.array(list(scenes))
        exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        slope, start = np.polyfit(sizes, times, 1)
        print(f"\nexponent {exponent:.2f}; {start:.1f} s + {slope * 1e3:.2g} s for 1000 {what}\n", flush=True)


if __name__ == "__main__":
    main()
