"""Movies that are registered as they are read: how fast, and what the interpolation does to still tissue and to cells.

    python benchmarks/registered.py speed                 voxel-frames a second, by kind of motion
    python benchmarks/registered.py flicker               a still scene, moved and moved back, by kernel
    python benchmarks/registered.py cells --seeds 0 1 2   cells found after the true shifts, by kernel
    python benchmarks/registered.py errors --seeds 0 1    cells found after shifts with errors, with and without what
                                                          the engine does about motion

The scenes tremble by 0.7 voxel rms along x and y and by a part of a plane along z, and hold bright cells that never
fire and dark vessels, whose edges would flicker. They are moved by splines of order 5, which none of the kernels is.
Speed is from the time of all cores together, so that it holds beside other work.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import cnmf3d
from cnmf3d.motion.confidence import confidence
from cnmf3d.movies.registered import Motion, registered
from cnmf3d.movies.registered.interpolation import RADIUS, STEPS, table
from cnmf3d.simulate import Recording, draw, scene_of, score

Kernel = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
COMMON = {"frames": 400, "jitter": (0.7, 0.7, 0.15), "silent": 25, "vessels": 2}
SCENES: Mapping[str, dict[str, object]] = {
    "bright": {**COMMON, "size": (64, 64, 10), "cells": 40, "resting": 400.0, "blur": (0.6, 0.6, 0.6)},
    "few photons": {
        **COMMON,
        "size": (64, 64, 10),
        "cells": 60,
        "cell_size": (3.0, 3.0, 1.0),
        "snr": 4.0,
        "silent_glow": 4.0,
        "blur": (0.6, 0.6, 0.6),
    },
    "thick planes": {
        **COMMON,
        "size": (64, 64, 10),
        "cells": 40,
        "cell_size": (4.0, 4.0, 2.0),
        "jitter": (0.7, 0.7, 0.3),
    },
    "wide": {
        **COMMON,
        "size": (100, 72, 5),
        "frames": 500,
        "cells": 28,
        "cell_size": (5.0, 5.0, 1.0),
        "snr": 8.0,
        "jitter": (0.9, 0.4, 0.05),
        "neurites": 20,
    },
    "plane": {
        **COMMON,
        "size": (128, 96, 1),
        "cells": 25,
        "cell_size": (4.0, 4.0, 0.25),
        "blur": (0.8, 0.8, 0.0),
        "snr": 6.0,
        "jitter": (0.6, 0.8, 0.0),
        "vessels": 4,
    },
}


TUNED = {name: SCENES[name] for name in ("bright", "few photons", "thick planes")}
"""Scenes that kernels were compared on, and rules of the engine tuned; the others were only looked at afterwards."""


def linear(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Triangle."""
    return np.maximum(1 - np.abs(t), 0)


def cubic(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keys 1981, a = -1/2 (Catmull-Rom)."""
    t = np.abs(t)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


def spline(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cardinal cubic spline (B-spline with prefilter; Unser 1999), cut to the taps."""
    pole = np.sqrt(3) - 2
    total = np.zeros_like(t)
    for k in range(-15, 16):
        u = np.abs(t - k)
        basis = np.where(u < 1, 2 / 3 - u**2 + u**3 / 2, np.where(u < 2, (2 - u) ** 3 / 6, 0))
        total += -6 * pole / (1 - pole**2) * pole ** abs(k) * basis
    return total


def lanczos(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lanczos, three lobes."""
    return np.where(np.abs(t) < 3, np.sinc(t) * np.sinc(t / 3), 0)


def low_pass(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sinc in a Kaiser window that cuts at 0.8 of the sampling limit: not an interpolation, but alike at any shift."""
    window = np.i0(4 * np.sqrt(np.clip(1 - (t / RADIUS) ** 2, 0, None))) / np.i0(4)
    return np.sinc(0.8 * t) * window


def tabulated(kernel: Kernel) -> npt.NDArray[np.float32]:
    """A kernel as the table of `cnmf3d.movies.registered.interpolation`."""
    parts = np.arange(STEPS + 1)[:, None] / STEPS
    weights = kernel(np.arange(1 - RADIUS, RADIUS + 1) - parts)
    return np.ascontiguousarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


KERNELS = {
    "linear": tabulated(linear),
    "cubic": tabulated(cubic),
    "cubic spline": tabulated(spline),
    "Lanczos-3": tabulated(lanczos),
    "windowed sinc": table(),
    "low-pass sinc": tabulated(low_pass),
}


def motion_of(recording: Recording, template: npt.NDArray[np.float32] | None = None) -> Motion:
    """The simulator's own shifts."""
    shape, frames = recording.scene.shape, recording.scene.frames
    return Motion(
        rigid=recording.truth.shifts,
        confidence=np.ones(frames, np.float32),
        planes=np.zeros((shape[0], 2), np.float32),
        bad_frames=np.zeros(frames, bool),
        template=np.full(shape, np.nan, np.float32) if template is None else template,
    )


def moved(volume: npt.NDArray[np.float32], shift: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Tissue elsewhere, by splines of order 5."""
    return np.asarray(ndimage.shift(volume, shift, order=5, mode="nearest", output=np.float32))


def flicker(seed: int) -> None:
    """Standard deviation over time that interpolation makes of still light, over the photon noise."""
    for name, scene in TUNED.items():
        recording = draw(scene_of("small", {**scene, "frames": 80}), seed)
        canvas, shifts = recording.images[0].reshape(recording.scene.canvas), recording.truth.shifts
        still = canvas[recording.scene.view]
        noise = np.sqrt(recording.scene.gain * still.mean() + recording.scene.read_noise**2)
        movie = cnmf3d.open_movie(np.stack([moved(canvas, s)[recording.scene.view] for s in shifts]), rate=10)
        for kernel, weights in KERNELS.items():
            with patch("cnmf3d.movies.registered.frames.table", lambda weights=weights: weights):
                bare, full = (
                    np.nanstd(registered(movie, motion_of(recording, each)).read(0, 80), axis=0)[:, 6:-6, 6:-6] / noise
                    for each in (None, still)
                )
            inner, ends, plain = (np.sqrt(np.nanmean(v**2)) for v in (full[2:-2], full[[0, -1]], bare[[0, -1]]))
            print(
                f"{name:14} {kernel:14} inner planes {inner:.3f}  end planes {ends:.3f}, without template {plain:.3f}"
            )


def cells(seeds: list[int]) -> None:
    """Detection after moving the movie back by the true shifts."""
    for name, scene in TUNED.items():
        sums: dict[str, list[tuple[float, ...]]] = {}
        for seed in seeds:
            with patch("cnmf3d.simulate.motion.displace", moved):
                recording = draw(scene_of("small", scene), seed)
                values = np.stack(list(recording.frames(2)))
            for kernel in ("as recorded", *KERNELS):
                movie = cnmf3d.open_movie(values, rate=10, voxel_size=(1, 1, 4))
                with patch("cnmf3d.movies.registered.frames.table", lambda k=kernel: KERNELS[k]):
                    if kernel in KERNELS:
                        first = registered(movie, motion_of(recording))
                        template = np.nanmean(first.read(0, len(movie)), axis=0)
                        movie = registered(movie, motion_of(recording, template))
                    found = score(cnmf3d.run(movie, reporter=cnmf3d.silent, workers=2).components, recording.truth)
                figures = (
                    found.accepted.f1,
                    found.false_positives,
                    found.trace_mean,
                    found.trace_p5,
                    found.spikes_mean,
                )
                sums.setdefault(kernel, []).append(figures)
        for kernel, rows in sums.items():
            f1, false, trace, low, spikes = np.mean(rows, axis=0)
            courses = f"traces {trace:.3f} (5 % {low:.3f})  spikes {spikes:.3f}"
            print(f"{name:14} {kernel:14} F1 {f1:.3f}  false {false:.1f}  {courses}")


NO_COURSES = ("cnmf3d.engine.coarse.repeated", lambda block, courses: courses[:0])
NO_BLUR = ("cnmf3d.engine.motion_courses.blur_of", lambda motion: np.zeros((0, motion.frames)))
ENGINES: Mapping[str, tuple[tuple[str, Callable[..., object]] | None, dict[str, object]]] = {
    "neither": (NO_COURSES, {"quality": {"motion_thr": 1.0}}),
    "courses": (None, {"quality": {"motion_thr": 1.0}}),
    "motion_r": (NO_COURSES, {}),
    "both": (None, {}),
    "no blur": (NO_BLUR, {}),
}
"""What the blocks aren't given to know, and parameters; "no blur": the errors that registration expects."""


def errors(seeds: list[int], chosen: list[str], uneven: bool, engines: list[str], sizes: list[float]) -> None:
    """Detection after moving the movie back by shifts that are wrong by 0 to 0.6 voxel rms (along z by less).

    Where they are uneven, some frames are more wrong than others, and registration expects it.
    """
    for name in chosen:
        rows: dict[tuple[float, str], list[tuple[float, ...]]] = {}
        for seed in seeds:
            with patch("cnmf3d.simulate.motion.displace", moved):
                recording = draw(scene_of("small", SCENES[name]), seed)
                values = cnmf3d.open_movie(np.stack(list(recording.frames(2))), rate=10, voxel_size=(1, 1, 4))
            motion = motion_of(recording)
            rng = np.random.default_rng(seed)
            # along z wrong in proportion to how far the tissue goes there
            wrong = rng.normal(0, motion.rigid.std(axis=0) / motion.rigid.std(axis=0).max(), motion.rigid.shape)
            spread = np.ones(len(wrong)) if not uneven else rng.lognormal(0, 0.8, len(wrong))
            spread /= np.sqrt((spread**2).mean())
            for error in sizes:
                sure = confidence(np.ones(len(wrong)), error * spread if uneven else np.zeros(len(wrong)))
                rigid = (motion.rigid + error * spread[:, None] * wrong).astype(np.float32)
                moving = replace(motion, rigid=rigid, confidence=sure.astype(np.float32))
                template = np.nanmean(registered(values, moving).read(0, len(values)), axis=0)
                movie = registered(values, replace(moving, template=template))
                for engine in engines:
                    without, parameters = ENGINES[engine]
                    with patch(*without) if without else nullcontext():
                        found = cnmf3d.run(movie, parameters, reporter=cnmf3d.silent, workers=2).components
                    told = score(found, recording.truth)
                    figures = (told.accepted.f1, told.false_positives, told.trace_mean, told.trace_p5)
                    rows.setdefault((error, engine), []).append((*figures, told.recall_ends, told.recall_middle))
        for (error, engine), each in rows.items():
            f1, false, trace, low, ends, middle = np.mean(each, axis=0)
            recall = f"recall at the ends {ends:.2f}, elsewhere {middle:.2f}"
            courses = f"traces {trace:.3f} (5 % {low:.3f})"
            print(f"{name:14} {error:.1f} {engine:9} F1 {f1:.3f}  false {false:.1f}  {courses}  {recall}", flush=True)


def speed() -> None:
    """Voxel-frames a second on two cores."""
    rng = np.random.default_rng(0)
    frames, shape = 200, (12, 100, 100)
    values = rng.integers(0, 1000, (frames, *shape)).astype(np.uint16)
    start = {
        "rigid": rng.normal(0, 2, (frames, 3)).astype(np.float32),
        "confidence": np.ones(frames, np.float32),
        "planes": np.zeros((shape[0], 2), np.float32),
        "bad_frames": np.zeros(frames, bool),
        "template": np.zeros(shape, np.float32),
    }
    grid = (np.float32([2, 9]), *(np.linspace(10, 90, 4, dtype=np.float32),) * 2)
    own = rng.normal(0, 1, (frames, shape[0], 2)).astype(np.float32)
    field = rng.normal(0, 0.5, (frames, 2, 4, 4, 3)).astype(np.float32)
    for name, more in {
        "rigid": {},
        "rigid, plane by plane": {"plane_shifts": own},
        "piecewise": {"field": field, "grid": grid},
    }.items():
        movie = registered(cnmf3d.open_movie(values), Motion(**{**start, **more}))
        movie.read(0, 2)
        begun = time.process_time()
        movie.read(0, frames)
        seconds = (time.process_time() - begun) / 2
        print(f"{name:22} {values.size / seconds / 1e6:.0f} million voxel-frames/s on two cores")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "flicker", "cells", "errors"))
    parser.add_argument("--scenes", nargs="+", choices=tuple(SCENES), default=list(SCENES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--engines", nargs="+", choices=tuple(ENGINES), default=list(ENGINES), help="errors: which")
    parser.add_argument("--sizes", nargs="+", type=float, default=[0.0, 0.1, 0.3, 0.6], help="errors: voxels rms")
    parser.add_argument("--uneven", action="store_true", help="errors: larger in some frames, which registration knows")
    given = parser.parse_args()
    if given.what == "speed":
        speed()
    elif given.what == "flicker":
        flicker(given.seeds[0])
    elif given.what == "errors":
        errors(given.seeds, given.scenes, given.uneven, given.engines, given.sizes)
    else:
        cells(given.seeds)


if __name__ == "__main__":
    main()
