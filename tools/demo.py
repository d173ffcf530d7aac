"""The demonstration: a synthetic volume with known neurons, its cells, their score and a report."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from cnmf3d.cli.app import call


def main(folder: Path, preset: str = "small") -> int:
    """Run the commands that a user would, and say each before it runs."""
    begun = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    movie, results = str(folder / "demo.tif"), str(folder / "demo.hdf5")
    report = str(folder / "demo.html")
    for words in (
        ["simulate", movie, "--preset", preset, "--seed", "1"],
        ["info", movie],
        ["run", movie, "-o", results],
        ["score", results, str(folder / "demo.truth.h5"), "--worst", "3"],
        ["report", results, "-o", report],
    ):
        print(f"\n$ cnmf3d {' '.join(words)}", flush=True)
        code = call(words)
        if code:
            return code
    print(f"\nDone in {time.perf_counter() - begun:.0f} s. Open {Path(report).resolve()} in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output"), *sys.argv[2:3]))
