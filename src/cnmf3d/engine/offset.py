"""The detector's offset, the value of a pixel without light, from how the skewness of the noise grows with the light.

Photons come one by one: every cumulant of a pixel's noise that they cause is proportional to their mean number. Read
noise adds to the variance but, being Gaussian, not to the third cumulant. So the line through third cumulant and mean
of many pixels reaches zero where there is no light, whatever gain, read noise and spread of single photons are (in the
manner of the photon transfer curve, Janesick 2007).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.components import Bool
from cnmf3d.engine.borders import unseen
from cnmf3d.engine.parallel import in_order
from cnmf3d.movies import Movie

Double = npt.NDArray[np.float64]

VALUES = 3 * 10**7
"""Values of the movie that are looked at: more make the offset more exact and take longer (a second for these)."""

STRETCH, LEAST_STRETCH, STRETCH_VALUES = 50, 12, 2**22
"""Frames read at once, at most and at least, and values of a stretch."""

BINS, TRIM, ALIKE = 20, 0.005, 2.0
"""Groups of pixels of like mean; the share of the most extreme ones in each that is left out on either side, and the
factor by which a pixel's variance may differ from its group's: dead and hot pixels and borders differ by more."""

BLOCKS = 16
"""Parts of the volume that are left out in turn to learn the standard error."""

LEAST_LIKE, MOST_ERROR = 0.7, 0.2
"""An offset counts as found when the groups lie on a line this well (correlation), and when its standard error is at
most this part of the resting light above it: then F0 is known to as much."""


@dataclass(frozen=True)
class Offset:
    """The value of a pixel without light, and how well it is known.

    Attributes
    ----------
    value : float
    error : float
        Standard error; 0 for one that was given.
    why : str
        Where it comes from.
    found : bool
        False where neither user nor movie tell it, and 0 stands for it.
    """

    value: float
    error: float
    why: str
    found: bool = True


def measured_offset(movie: Movie, valid: Bool, workers: int) -> Offset:
    """The offset as the movie's noise tells it.

    Parameters
    ----------
    movie : Movie
    valid : (voxels,) bool
        Voxels that can be used.
    workers : int
        Threads; the result doesn't depend on it.
    """
    if not valid.any():
        return nothing_found("no voxel changes")
    mean, guide, variance, skew = cumulants(movie, valid, workers)
    used = variance > 0
    mean, guide, variance, skew = mean[used], guide[used], variance[used], skew[used]
    if mean.size < 50 * BINS:
        return nothing_found(f"{mean.size} voxels are too few to tell it")
    keep = alike(guide, variance)
    mean, guide, skew = mean[keep], guide[keep], skew[keep]
    value, likeness = zero_of_line(mean, skew, guide)
    block = np.arange(mean.size) * BLOCKS // mean.size
    parts = np.array([zero_of_line(mean[block != b], skew[block != b], guide[block != b])[0] for b in range(BLOCKS)])
    error = float(np.sqrt((BLOCKS - 1) / BLOCKS * ((parts - parts.mean()) ** 2).sum()))
    above = float(np.median(mean)) - value
    if not (likeness > LEAST_LIKE and error < MOST_ERROR * above):
        return nothing_found("the skewness of the noise doesn't grow with the light, as photons make it")
    return Offset(value, error, f"where the skewness of the noise would end, ± {error:.2g}")


def nothing_found(why: str) -> Offset:
    """That the movie doesn't tell it."""
    return Offset(0.0, 0.0, f"not known: {why}", found=False)


def cumulants(movie: Movie, valid: Bool, workers: int) -> tuple[Double, Double, Double, Double]:
    """Mean of some valid voxels, the mean around each, and second and third cumulant of their noise; (n,) each.

    The cumulants are known but for a factor. Noise is what a frame has beside the mean of the frame before and the one
    after: of a step nothing is left in its third cumulant. What whole frames share (flicker, and what is in proportion
    to the light) is taken out of each.
    """
    frames, total = movie.shape[0], int(valid.sum())
    length = int(np.clip(STRETCH_VALUES // valid.size, LEAST_STRETCH, min(STRETCH, frames)))
    count = max(1, min(frames // length, VALUES // (length * max(1, min(total, VALUES // length)))))
    starts = sorted({int(start) for start in np.linspace(0, frames - length, count)})
    step = max(1, -(-total * length * count // VALUES))
    voxels = slice(None) if total == valid.size and step == 1 else np.flatnonzero(valid)[::step]

    def read(start: int) -> npt.NDArray[Any]:
        frames = movie.read(start, start + length)
        hidden = unseen(frames)
        if hidden is not None:
            frames = np.where(hidden, np.float32(np.nan), frames.astype(np.float32))
        return frames.reshape(length, -1)

    def summed(start: int) -> Double:
        values = read(start)
        known = np.isfinite(values)
        return np.stack([np.where(known, values, 0).sum(axis=0, dtype=np.float64), known.sum(axis=0)])

    sums, known = sum(in_order(summed, starts, workers), start=np.zeros((2, valid.size)))
    means = np.where(valid, sums / np.maximum(known, 1), (sums[valid] / known[valid]).mean())
    mean, guide = means[voxels], around(means.reshape(movie.shape[1:])).ravel()[voxels]
    level = mean.astype(np.float32)
    shared = np.stack([np.ones_like(level), level - level.mean()])
    shared /= np.maximum(np.linalg.norm(shared, axis=1, keepdims=True), 1e-30)

    def digest(start: int) -> Double:
        values = np.nan_to_num(read(start)[:, voxels].astype(np.float32) - level, posinf=0, neginf=0)
        noise = values[1:-1] - 0.5 * (values[:-2] + values[2:])
        noise -= (noise @ shared.T) @ shared
        square = noise * noise
        return np.stack([square.sum(axis=0, dtype=np.float64), (square * noise).sum(axis=0, dtype=np.float64)])

    variance, skew = sum(in_order(digest, starts, workers), start=np.zeros((2, mean.size)))
    return mean, guide, variance, skew


def around(image: Double) -> Double:
    """Mean of the voxels two and three beside each one along x.

    Voxels are put into groups by it and not by their own mean, whose errors (pixels' own offsets, noise) would make the
    line too flat: the light is smooth, and such errors are not.
    """
    return np.asarray(ndimage.correlate1d(image, np.array([1, 1, 0, 0, 0, 1, 1]) / 4, axis=-1, mode="reflect"))


def groups(guide: Double) -> npt.NDArray[np.int64]:
    """Group of each voxel, by the light around it; −1 for the darkest and the brightest hundredth."""
    edges = np.quantile(guide, np.linspace(0.01, 0.99, BINS + 1))
    group = np.searchsorted(edges, guide, side="right") - 1
    return np.where(group < BINS, group, -1)


def alike(guide: Double, variance: Double) -> npt.NDArray[np.intp]:
    """Voxels whose variance is not far from what others in as much light have."""
    group = groups(guide)
    typical = np.array([np.median(variance[group == g]) if (group == g).any() else 0 for g in range(BINS)])
    ratio = variance / np.maximum(typical[group], 1e-30)
    return np.flatnonzero((group >= 0) & (ratio < ALIKE) & (ratio > 1 / ALIKE))


def zero_of_line(mean: Double, values: Double, guide: Double) -> tuple[float, float]:
    """Where the line through values against means is zero, and how well it fits (correlation); nan for none."""
    group = groups(guide)
    points = []
    for g in range(BINS):
        some = np.flatnonzero(group == g)
        order = some[np.argsort(values[some], kind="stable")]
        cut = int(TRIM * order.size)
        inner = order[cut : order.size - cut]
        if inner.size >= 10 and values[inner].var() > 0:
            points.append((mean[inner].mean(), values[inner].mean(), inner.size / values[inner].var()))
    if len(points) < 4:
        return float("nan"), 0.0
    x, y, weight = np.array(points).T
    weight /= weight.sum()
    dx, dy = x - weight @ x, y - weight @ y
    if not (weight @ dx**2 > 0 and weight @ dy**2 > 0):
        return float("nan"), 0.0
    slope = (weight @ (dx * dy)) / (weight @ dx**2)
    likeness = (weight @ (dx * dy)) / np.sqrt((weight @ dx**2) * (weight @ dy**2))
    return float(weight @ x - (weight @ y) / slope) if slope else float("nan"), float(likeness)


def offset_arrays(offset: Offset) -> Mapping[str, npt.NDArray[Any]]:
    """An offset as arrays, for the kept results of steps."""
    return {name: np.array(value) for name, value in vars(offset).items()}


def offset_of(arrays: Mapping[str, npt.NDArray[Any]]) -> Offset:
    """The inverse of `offset_arrays`."""
    return Offset(float(arrays["value"]), float(arrays["error"]), str(arrays["why"]), bool(arrays["found"]))
