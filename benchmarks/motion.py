"""Registration against the true displacements: error of the shifts, speed, and what it makes of still recordings.

    python benchmarks/motion.py                              all scenes, one seed
    python benchmarks/motion.py --scenes table warp --seeds 0 1 2
    python benchmarks/motion.py --set frames=200 snr=3       a field of all scenes replaced
    python benchmarks/motion.py --scenes large --set frames=120 --memory    memory of `cnmf3d register` instead

Errors are voxels along x, y, z after a constant was taken off: rms, and the 99th percentile. Beside them stands the
Cramér-Rao bound: what photons and read noise allow an estimator that knows the still template and sees no activity.
Of scenes that warp, errors are those at the centres of the patches: of the rigid shift alone, of both together, and of
both in patches with structure (where the bound allows 0.2 voxel).
Speed is millions of voxel-frames a second, of a second run, as the first one compiles: of wall time, and of processor
time, one core's and two idle cores'.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

import cnmf3d
from cnmf3d.motion import estimate_motion
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.simulate import Recording, Scene, draw, scene_of
from cnmf3d.simulate.detector import noise_variance
from measuring import machine, measured, movie_of

Double = npt.NDArray[np.float64]
BASE = Scene(size=(80, 80, 10), frames=500, cells=42, snr=4.7)
"""The volume of issue 15's table."""
STRUCTURE = 0.2
"""Voxels that the bound allows in a patch that has structure."""
PLANE = {"size": (128, 128, 1), "cells": 30, "blur": (0.8, 0.8, 0.0), "cell_size": (4.0, 4.0, 0.25)}
JUMPS = {"startles": 10.0, "startle": (2.0, 2.0, 0.4)}
PHOTONS = {
    "gain": 40.0,
    "resting": 10.0,
    "pulse_spread": 1.0,
    "grain": (0.56, 0.43, 0.0),
    "read_noise": 5.0,
    "offset": 0,
}


def varied(**fields: object) -> Scene:
    """The table's volume with other fields."""
    return scene_of(BASE, fields)


SCENES: Mapping[str, Scene] = {
    "table": varied(motion=(4, 4, 1), jitter=(0.6, 0.6, 0.2), **JUMPS),
    "snr3": varied(snr=3, motion=(5, 5, 1), jitter=(0.5, 0.5, 0.2), drift=(3, 2, 1), **JUMPS),
    "snr10": varied(snr=10, motion=(5, 5, 1), jitter=(0.5, 0.5, 0.2), drift=(3, 2, 1), **JUMPS),
    "plane": varied(**{**PLANE, "motion": (5, 5, 0), "jitter": (0.5, 0.5, 0), **JUMPS, "startle": (2, 2, 0)}),
    "two planes": varied(**{**JUMPS, "size": (128, 128, 2), "motion": (5, 5, 0), "startle": (2, 2, 0)}),
    "drift z": varied(drift=(1, 1, 3), jitter=(0.3, 0.3, 0.1)),
    "photons": varied(**PHOTONS, snr=2.5, motion=(4, 4, 0.7), jitter=(0.4, 0.4, 0.1)),
    "dark jumps": varied(
        **PHOTONS, snr=2.5, motion=(4, 4, 0.7), jitter=(0.4, 0.4, 0.1), startles=20.0, startle=(3, 3, 0.3)
    ),
    "still": varied(frames=300),
    "still plane": varied(**PLANE, frames=300),
    "warp": varied(size=(96, 96, 6), frames=400, motion=(3, 3, 0.5), jitter=(0.4, 0.4, 0.1), warp=(0.7, 0.7, 0)),
    "warp plane": varied(
        **{**PLANE, "size": (160, 160, 1)}, motion=(3, 3, 0), jitter=(0.3, 0.3, 0), warp=(0.7, 0.7, 0)
    ),
    "plane 512": varied(
        **{**PLANE, **JUMPS, "size": (512, 512, 1), "cells": 300, "frames": 300, "startle": (2, 2, 0)},
        motion=(5, 5, 0),
        jitter=(0.5, 0.5, 0),
    ),
    "planes 512": varied(size=(512, 512, 5), cells=400, frames=80, motion=(5, 5, 0.5), jitter=(0.5, 0.5, 0.1)),
    "cube": varied(size=(60, 60, 30), cells=60, frames=300, motion=(4, 4, 2), jitter=(0.6, 0.6, 0.2), **JUMPS),
    "large": scene_of("large", {"motion": (4, 4, 1), "jitter": (0.5, 0.5, 0.2), "frames": 600}),
}
LONG = ("plane 512", "planes 512", "large")
"""Scenes that take minutes to draw: only where they are asked for."""


def bound(recording: Recording, box: tuple[slice, ...] = (slice(None),) * 3) -> Double:
    """Cramér-Rao bound of a shift along z, y, x: roots of the diagonal of F⁻¹, F_ij = Σ ∂_i T ∂_j T / σ²."""
    resting = recording.truth.resting.astype(float)
    variance = noise_variance(recording.scene, resting)[box]
    axes = [axis for axis in range(3) if resting.shape[axis] > 1]
    slopes = np.stack([np.gradient(resting, axis=axis)[box].ravel() for axis in axes])
    inverse = np.linalg.inv(slopes / variance.ravel() @ slopes.T)
    out = np.zeros(3)
    out[axes] = np.sqrt(np.diag(inverse))
    return out


def true_field(recording: Recording, motion: Motion) -> Double:
    """Displacement at the centres of the patches, (T, points, 3)."""
    truth, moved = recording.truth, recording.motion
    shifts = truth.shifts[:, None].astype(float)
    if motion.grid is None:
        return shifts
    points = np.stack([part.ravel() for part in np.meshgrid(*motion.grid, indexing="ij")], axis=1)
    at = np.rint(points + np.array(recording.scene.margin)).astype(int)
    images = moved.warps[:, :, at[:, 0], at[:, 1], at[:, 2]]
    return shifts + np.einsum("mt,map->tpa", moved.warp_courses, images)


def structured(recording: Recording, motion: Motion) -> npt.NDArray[np.bool_]:
    """Patches in which photons alone allow `STRUCTURE` voxels in the plane, (points,)."""
    assert motion.grid is not None
    sides = []
    for centres, length in zip(motion.grid, motion.shape, strict=True):
        edges = [0, *np.rint((centres[1:] + centres[:-1] + 1) / 2).astype(int), length]
        sides.append([slice(a, b) for a, b in itertools.pairwise(edges)])
    boxes = itertools.product(*sides)
    return np.array([bound(recording, box)[1:].max() <= STRUCTURE for box in boxes])


def errors(found: Double, true: Double) -> tuple[Double, Double]:
    """Rms and 99th percentile of the error along each axis, after a constant."""
    apart = found - true
    apart = apart - np.median(apart, axis=0)
    return np.sqrt((apart**2).mean(axis=(0, 1))), np.percentile(np.abs(apart), 99, axis=(0, 1))


def xyz(values: Double) -> str:
    """Three numbers in the order x, y, z."""
    return " ".join(f"{value:5.3f}" for value in values[::-1])


def run(name: str, scene: Scene, seed: int, workers: int | None) -> None:
    """Estimate the motion of a scene and print a line."""
    movie = cnmf3d.open_movie(movie_of(f"motion-{name.replace(' ', '-')}", scene, seed))
    recording = draw(scene, seed)
    estimate_motion(movie, workers=workers)
    began, cpu = time.perf_counter(), time.process_time()
    motion = estimate_motion(movie, workers=workers)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    true = true_field(recording, motion)
    rigid = motion.rigid[:, None].astype(float)
    rms, high = errors(rigid, true)
    line = f"{name:12} {seed:4}  {xyz(rms)}   {xyz(high)}   {xyz(bound(recording))}  "
    if motion.field is not None:
        both = rigid + motion.field.reshape(len(rigid), -1, 3)
        known = structured(recording, motion)
        line += f"field {xyz(errors(both, true)[0])}, with structure {xyz(errors(both[:, known], true[:, known])[0])}  "
    line += (
        f"bad {int(motion.bad_frames.sum()):3}  {movie.size / seconds / 1e6:5.0f}  {movie.size / cpu / 1e6:5.0f}"
        f"  {2 * movie.size / cpu / 1e6:5.0f}"
    )
    if not motion.rigid.any() and motion.field is None:
        line += "  left as it is"
    print(line, flush=True)


def memory(name: str, scene: Scene, seed: int) -> None:
    """Print the peak of the memory that `cnmf3d register` takes beside a movie's pages."""
    path = movie_of(f"motion-{name.replace(' ', '-')}", scene, seed)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "movie.motion.hdf5")
        found = measured([sys.executable, "-m", "cnmf3d", "register", str(path), "-o", str(out), "--quiet"])
    print(f"{name:12} {seed:4}  {scene.frames} frames  {found.private / 2**20:5.0f} MiB", flush=True)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", choices=list(SCENES), default=[n for n in SCENES if n not in LONG])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", nargs="+", default=[], help="field=value")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--memory", action="store_true", help="peak of memory instead of errors and speed")
    options = parser.parse_args()
    print(machine(), file=sys.stderr)
    print("scene        seed  rms x y z           99 % x y z          bound x y z          Mvf/s: wall, a core, two")
    changes = dict(pair.split("=", 1) for pair in options.set)
    for name in options.scenes:
        for seed in options.seeds:
            scene = scene_of(SCENES[name], changes)
            if options.memory:
                memory(name, scene, seed)
            else:
                run(name, scene, seed, options.workers)


if __name__ == "__main__":
    main()
