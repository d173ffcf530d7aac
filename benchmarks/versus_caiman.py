"""cnmf3d and CaImAn on the same movie in one run: time, memory, accuracy, and the ratios.

    python benchmarks/versus_caiman.py --caiman-python /path/to/caiman/env/bin/python
    python benchmarks/versus_caiman.py --caiman-python PATH --preset large --no-refit

CaImAn 1.12 has to be installed by the user (conda-forge); without it this prints a message and ends. CaImAn gets the
true cell size and decay time and as many components a patch as the density asks for; cnmf3d gets nothing but the rate.
Both use all cores, BLAS with one thread in each process. CaImAn runs as the engine ``caiman`` of batches does; its time
is that of its process and of writing its memory map.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cnmf3d import load_results, open_movie
from cnmf3d.batch.engines.caiman.interpreter import VARIABLE, missing, named
from cnmf3d.batch.engines.caiman.memmap import file_name, write_memmap
from cnmf3d.batch.engines.caiman.settings import settings_for
from cnmf3d.batch.engines.caiman.work import FLOW
from cnmf3d.events import silent
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.simulate import PRESETS, Score, load_truth, score
from cnmf3d.simulate.scene import Scene
from measuring import GIB, Measured, machine, measured, movie_of, ours

RADIUS, OVERLAP = 20, 12


def parameters_for(scene: Scene) -> tuple[CnmfParameters, dict[str, Any]]:
    """Hand-set parameters for a scene whose truth is known: ours, and those that only CaImAn has."""
    x, y, z = scene.size
    patch = min(2 * RADIUS, x) * min(2 * RADIUS, y) * z
    parameters = read_parameters(
        K=math.ceil(1.6 * scene.cells * patch / (x * y * z)),
        gSig=[max(1, round(size)) for size in scene.cell_size],
        decay_time=scene.decay,
        rf=RADIUS,
        stride=OVERLAP,
        p=2,
        nb=2,
        ssub=1,
        tsub=2,
        min_SNR=2.5,
        rval_thr=0.7,
    )
    return parameters, {"p_patch": 0, "nb_patch": 1}


def caiman(
    python: str, movie: Path, scene: Scene, folder: Path, *, refit: bool
) -> tuple[Measured, dict[str, float], Path]:
    """Run CaImAn's flow; what it took, its stages, its file."""
    parameters, own = parameters_for(scene)
    opened = open_movie(movie)
    settings = {
        "output": str(folder / "caiman.hdf5"),
        "processes": os.cpu_count(),
        "refit": refit,
        "parameters": settings_for(parameters, own, rate=scene.rate, voxel_size=None).groups,
    }
    began = time.perf_counter()
    settings["memmap"] = str(write_memmap(opened, folder / file_name(opened, "movie"), silent))
    mapping = time.perf_counter() - began
    file = folder / "settings.json"
    file.write_text(json.dumps(settings))
    run = measured([python, str(FLOW), str(file)], threads=1, folder=folder)
    stages = json.loads(next(text for text in run.output.splitlines() if text.startswith('{"kind": "done"')))["seconds"]
    whole = dataclasses.replace(run, seconds=run.seconds + mapping)
    return whole, {"memory map": mapping, **stages}, folder / "caiman.hdf5"


def line(name: str, run: Measured, found: Score, size: int) -> str:
    """A row of the table."""
    figures = (found.accepted.f1, found.cosine, found.trace_mean, found.trace_p5, found.spikes_mean)
    return (
        f"| {name} | {run.seconds:.1f} | {size / run.seconds / 1e6:.1f} | {run.resident / GIB:.2f} "
        f"| {run.private / GIB:.2f} | {' | '.join(f'{value:.3f}' for value in figures)} |"
    )


def main() -> int:
    """Print the table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--caiman-python", metavar="PATH", help=f"Python of an environment with CaImAn; else ${VARIABLE}"
    )
    parser.add_argument("--preset", default="small")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-refit", action="store_true")
    options = parser.parse_args()
    python = named({"engine_python": options.caiman_python})
    reason = missing({"engine_python": options.caiman_python})
    if reason:
        print(f"no comparison: {reason}", file=sys.stderr)
        return 0
    scene = PRESETS[options.preset]
    movie = movie_of(options.preset, seed=options.seed)
    truth = load_truth(movie.with_suffix(".truth.h5"))
    size = math.prod(open_movie(movie).shape)
    flag = "--no-refit" if options.no_refit else "--refit"
    print(f"{machine()}\n\n{options.preset}, {flag[2:]}\n")
    print("| | seconds | Mvoxel-frames/s | resident, GiB | private, GiB | F1 | cosine | trace | trace 5 % | spikes |")
    print("|" + "---|" * 10)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "ours.hdf5"
        first = ours(movie, out, flag, threads=1)
        seconds = min(ours(movie, out, flag, threads=1, memory=False).seconds for _ in range(3))
        mine = dataclasses.replace(first, seconds=seconds)
        print(line("cnmf3d", mine, score(load_results(out).components, truth), size), flush=True)
        theirs, stages, file = caiman(python, movie, scene, folder, refit=not options.no_refit)
        print(line("CaImAn", theirs, score(load_results(file).components, truth), size), flush=True)
    print(f"\nCaImAn's stages: {', '.join(f'{name} {seconds:.1f} s' for name, seconds in stages.items())}")
    print(
        f"cnmf3d is {theirs.seconds / mine.seconds:.0f} times as fast, "
        f"with {mine.resident / theirs.resident:.2f} of the resident memory"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
