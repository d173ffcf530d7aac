"""The detector's offset, the value of a pixel without light, from how the skewness of the noise grows with the light.

Photons come one by one: every cumulant of a pixel's noise that they cause is proportional to their mean number. Read
noise adds to the variance but, being Gaussian, not to the third cumulant. So the line through third cumulant and mean
of many pixels reaches zero where there is no light, whatever gain, read noise and spread of single photons are (in the
manner of the photon transfer curve, Janesick 2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.components import Float
from cnmf3d.engine.cache import Statistics, read_chunk
from cnmf3d.engine.kernels.numba import ingest as kernels
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
        False where it was not given and the movie doesn't show it: 0 is used instead.
    """

    value: float
    error: float
    why: str
    found: bool = True


def measured_offset(movie: Movie, statistics: Statistics, workers: int) -> Offset:
    """Estimate the offset from the movie's noise.

    Parameters
    ----------
    movie : Movie
    statistics : Statistics
        Of the whole movie.
    workers : int
        Threads; the result doesn't depend on it.
    """
    valid, mean = statistics.valid, statistics.mean.astype(np.float64)
    if not valid.any():
        return nothing_found("no voxel changes")
    step, variance, skew = cumulants(movie, statistics, workers)
    guide = around(np.where(valid, mean, mean[valid].mean()).reshape(movie.shape[1:])).ravel()[::step]
    used = valid[::step] & (variance > 0)
    mean, guide, variance, skew = mean[::step][used], guide[used], variance[used], skew[used]
    if mean.size < 50 * BINS:
        return nothing_found(f"{mean.size} voxels are too few to estimate it")
    sums = group_sums(mean, guide, variance, skew)
    value, likeness = zero_of_line(sums.sum(axis=0))
    parts = np.array([zero_of_line(np.delete(sums, b, axis=0).sum(axis=0))[0] for b in range(BLOCKS)])
    error = float(np.sqrt((BLOCKS - 1) / BLOCKS * ((parts - parts.mean()) ** 2).sum()))
    above = float(np.median(mean)) - value
    if not (likeness > LEAST_LIKE and error < MOST_ERROR * above):
        return nothing_found("the skewness of the noise doesn't grow with the light, as photons make it")
    return Offset(value, error, f"estimated as the value at which the skewness of the noise ends (± {error:.2g})")


def nothing_found(why: str) -> Offset:
    """An offset that the movie doesn't show."""
    return Offset(0.0, 0.0, f"not known: {why}", found=False)


def cumulants(movie: Movie, statistics: Statistics, workers: int) -> tuple[int, Double, Double]:
    """Second and third cumulant, but for a factor, of the noise of each so many voxels; (n,) each.

    Noise is what a frame has beside the mean of the frame before and the one after: of a step nothing is left in its
    third cumulant. What whole frames share (flicker, and what is in proportion to the light) is taken out of each.

    Returns
    -------
    int
        Each so many voxels were looked at.
    variance, skew : (n,) float64
    """
    frames, total = movie.shape[0], statistics.valid.size
    length = int(np.clip(STRETCH_VALUES // total, LEAST_STRETCH, min(STRETCH, frames)))
    step = -(-total * length // VALUES)
    count = max(1, min(frames // length, VALUES // (length * -(-total // step))))
    starts = sorted({int(start) for start in np.linspace(0, frames - length, count)})
    valid = statistics.valid[::step]
    level = np.where(valid, statistics.mean[::step], 0)
    shapes = np.stack([valid.astype(np.float32), np.where(valid, level - level.sum() / max(valid.sum(), 1), 0)])
    shapes = (shapes / np.maximum(np.linalg.norm(shapes, axis=1, keepdims=True), 1e-30)).astype(np.float32)

    def digest(start: int) -> Float:
        values, hidden = read_chunk(movie, start, start + length, fill=statistics.mean)
        if hidden is not None:  # bad frames have no noise of their own
            values = values[~hidden.all(axis=1)]
        if len(values) < 3:
            return np.zeros(shapes.shape, np.float32)
        shares, sums = np.empty((len(values) - 2, 2)), np.empty(shapes.shape, np.float32)
        kernels.shared_noise(values, step, shapes, shares)
        kernels.noise_cumulants(values, step, shapes, shares, sums)
        return sums

    variance, skew = sum(in_order(digest, starts, workers), start=np.zeros(shapes.shape))
    return step, variance, skew


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


def group_sums(mean: Double, guide: Double, variance: Double, skew: Double) -> Double:
    """Sums over the voxels of each part of the volume and group: number, mean, third cumulant, its square.

    Voxels whose variance is far from what others in as much light have are left out, and so is the most extreme share
    of the third cumulants on either side.

    Returns
    -------
    (BLOCKS, BINS, 4) float64
    """
    group, block = groups(guide), np.arange(mean.size) * BLOCKS // mean.size
    out = np.zeros((BLOCKS, BINS, 4))
    for g in range(BINS):
        some = np.flatnonzero(group == g)
        if some.size == 0:
            continue
        typical = np.median(variance[some])
        some = some[(variance[some] < ALIKE * typical) & (variance[some] > typical / ALIKE)]
        cut = int(TRIM * some.size)
        if cut:
            order = np.argpartition(skew[some], (cut, some.size - cut - 1))
            some = some[np.sort(order[cut : some.size - cut])]
        for n, values in enumerate((np.ones(some.size), mean[some], skew[some], skew[some] ** 2)):
            out[:, g, n] = np.bincount(block[some], values, minlength=BLOCKS)
    return out


def zero_of_line(sums: Double) -> tuple[float, float]:
    """Where the line through third cumulants against means is zero, and how well it fits (correlation).

    Parameters
    ----------
    sums : (BINS, 4) float64
        See `group_sums`.
    """
    count, means, values, squares = sums[sums[:, 0] >= 10].T
    spread = squares / count - (values / count) ** 2
    good = spread > 0
    if good.sum() < 4:
        return float("nan"), 0.0
    x, y, weight = (means / count)[good], (values / count)[good], (count[good] / spread[good])
    weight /= weight.sum()
    dx, dy = x - weight @ x, y - weight @ y
    if not (weight @ dx**2 > 0 and weight @ dy**2 > 0):
        return float("nan"), 0.0
    slope = (weight @ (dx * dy)) / (weight @ dx**2)
    likeness = (weight @ (dx * dy)) / np.sqrt((weight @ dx**2) * (weight @ dy**2))
    return float(weight @ x - (weight @ y) / slope) if slope else float("nan"), float(likeness)
