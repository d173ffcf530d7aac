"""Speed of the whole command: import, ingest, fit, evaluation and writing.

    python benchmarks/speed.py                    small and large, with and without refit, three runs each
    python benchmarks/speed.py --presets small    only that
    python benchmarks/speed.py --workers 1

Figures are medians. Movies are simulated once and kept in `benchmarks/.cache`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from pathlib import Path

from cnmf3d import load_results, open_movie
from measuring import GIB, machine, movie_of, ours


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["small", "large"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    more = [] if options.workers is None else ["--workers", str(options.workers)]
    print(machine(), end="\n\n")
    print("| | seconds, median (range) | Mvoxel-frames/s | peak memory, GiB | stages, seconds |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "r.hdf5"
        for preset in options.presets:
            movie = movie_of(preset)
            size = math.prod(open_movie(movie).shape)
            ours(movie, out, *more)  # compiles where that was never done, and warms the disk
            for refit in ("--no-refit", "--refit"):
                runs = [ours(movie, out, refit, *more) for _ in range(options.runs)]
                seconds = sorted(run.seconds for run in runs)
                median = statistics.median(seconds)
                stages = ", ".join(
                    f"{name} {time:.1f}" for name, time in load_results(out).provenance.timings.items() if time >= 0.05
                )
                memory = max(run.resident for run in runs) / GIB
                print(
                    f"| {preset}, {refit[2:]} | {median:.1f} ({seconds[0]:.1f}–{seconds[-1]:.1f}) "
                    f"| {size / median / 1e6:.1f} | {memory:.2f} | {stages} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
