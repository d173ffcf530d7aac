"""Noise that neighbours share: in space (the grain), and in time."""

from __future__ import annotations

import numpy as np

from cnmf3d.engine.noise import noise_grain, shared_noise
from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Sample

FAR = 0.3
"""Correlation of the noise two voxels apart from which on a movie is said to be blurred. Detectors smear along a line
(0.1 two voxels on); resampled and smoothed movies have more, and what is as small as their grain can't be told from
it."""

TILE = 24
"""Side of the tiles over which temporal correlation is measured; the median leaves out those with active cells."""

APART = 6
"""Voxels between those whose difference is looked at: neuropil and brightness are the same there, noise is not."""

LASTS = 0.3
"""Correlation of the noise of successive volumes from which on a movie is said to be averaged over time. Recordings
have 0.01 to 0.15 at quiet places; a running mean of two volumes has 0.5."""


def check_grain(sample: Sample) -> Check:
    """How far neighbours share noise."""
    shape = sample.mean.shape
    sums = sum(shared_noise(part.reshape(len(part), -1), (shape[0], shape[1], shape[2])) for part in sample.steady[::2])
    grain = noise_grain(np.asarray(sums, np.float64))
    z, y, x = (abs(float(grain[axis, 1])) for axis in range(3))
    two = float(max(grain[1, 2], grain[2, 2]))
    depth = f", {z:.2f} along z" if shape[0] > 1 else ""
    said = f"neighbours share noise: correlation {x:.2f} along x, {y:.2f} along y{depth}; {two:.2f} two voxels apart"
    caution = ""
    if two > FAR and not sample.digital and not sample.small:
        caution = (
            f"{said}. The movie was smoothed, upsampled or resampled: cells as small as this can't be told from noise. "
            "Use the movie as it was taken, or bin it"
        )
    return Check("grain", said, {"x": x, "y": y, "z": z, "two_apart": two}, caution)


def check_time(sample: Sample) -> Check:
    """How far successive volumes share noise."""
    ratios = []
    for part in sample.frames:
        if part.shape[3] <= 2 * APART or len(part) < 4:
            continue
        apart = part[..., APART:] - part[..., :-APART]
        one, two = (np.square(apart[lag:] - apart[:-lag]).mean(axis=0) for lag in (1, 2))
        ratios.append((_tiles(one), _tiles(two)))
    if not ratios:
        return Check("time", "the planes are too narrow to measure how volumes share noise")
    one, two = (np.sum(each, axis=0) for each in zip(*ratios, strict=True))
    alive = one > 0
    shared = max(0.0, float(1 - 1 / np.median(two[alive] / one[alive]))) if alive.any() else 0.0
    said = f"successive volumes share noise: correlation {shared:.2f}"
    caution = ""
    if shared > LASTS and not sample.digital and not sample.small:
        caution = (
            f"{said}. The movie was averaged, smoothed or interpolated over time: noise lasts as transients do, and is "
            "taken for them. Use the movie as it was taken; if it was averaged, keep one volume of each average"
        )
    return Check("time", said, {"correlation": shared}, caution)


def _tiles(image: np.ndarray) -> np.ndarray:
    """Sums over tiles of a plane, flat."""
    _, y, x = image.shape
    rows, columns = np.arange(0, y, TILE), np.arange(0, x, TILE)
    return np.asarray(np.add.reduceat(np.add.reduceat(image, rows, axis=1), columns, axis=2), np.float64).ravel()
