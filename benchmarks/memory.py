"""Peak memory of the whole command on `large`, and on the same volume with twice the frames.

    python benchmarks/memory.py
    python benchmarks/memory.py --preset small

Resident memory counts pages of the mapped movie, which the system takes back at any time; private memory doesn't.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from cnmf3d.simulate import PRESETS, scene_of
from measuring import GIB, machine, movie_of, ours


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="large")
    name = parser.parse_args().preset
    frames = PRESETS[name].frames
    print(machine(), end="\n\n")
    print("| | resident, GiB | private, GiB | seconds |\n|---|---|---|---|")
    private = []
    with tempfile.TemporaryDirectory() as folder:
        for factor in (1, 2):
            scene = scene_of(name, {"frames": factor * frames})
            movie = movie_of(name if factor == 1 else f"{name}_long", scene)
            run = ours(movie, Path(folder) / "r.hdf5", "--refit")
            private.append(run.private)
            print(
                f"| {name}, {factor * frames} frames | {run.resident / GIB:.2f} | {run.private / GIB:.2f} "
                f"| {run.seconds:.1f} |",
                flush=True,
            )
    print(f"\ntwice the frames take {private[1] / private[0]:.2f} times the private memory")


if __name__ == "__main__":
    main()
