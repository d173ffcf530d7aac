"""A structural channel: how bright it is in each ROI, and whether that is more than beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.ndimage import gaussian_filter

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.cache import chunk_length, chunk_ranges
from cnmf3d.engine.parallel import in_order
from cnmf3d.movies import Movie

Double = npt.NDArray[np.float64]

RINGS, PLACES = (1.25, 2.0, 3.0), 12
"""Where else a footprint is laid: rings whose radii are in widths of it, and places on each. Nearer ones overlap with
it, farther ones see another part of the tissue; fewer would make the spread uncertain."""

CORE = 0.35
"""Part of its peak above which a footprint counts for its width: the level of outlines elsewhere."""

INSIDE = 0.8
"""Share of a footprint that must be seen at another place for it to count."""

LEAST = 1e-3
"""Weight of what no footprint covers, below which the background is the image's median there: nothing free is near."""

SWEEPS = 50
"""Of coordinate descent; neighbours that overlap by half have settled after ten."""

FEW = 8
"""Places below which nothing is said of the significance."""


def mean_image(movie: Movie, workers: int) -> tuple[Double, Double]:
    """Mean over all frames, and over those with odd numbers less those with even ones, each (voxels,) float64.

    The difference of halves shows the noise of the mean: twice its own. NaN where nothing is seen.
    """

    def digest(span: tuple[int, int]) -> tuple[Double, Double]:
        part = np.asarray(movie.read(*span)).reshape(span[1] - span[0], -1)
        sums, counts = np.zeros((2, part.shape[1])), np.zeros((2, part.shape[1]))
        for half in (0, 1):
            some = part[(half - span[0]) % 2 :: 2]
            seen = np.isfinite(some) if some.dtype.kind == "f" else np.ones(some.shape, bool)
            sums[half] = np.where(seen, some, 0).sum(axis=0, dtype=np.float64)
            counts[half] = seen.sum(axis=0)
        return sums, counts

    sums, counts = np.zeros((2, int(np.prod(movie.shape[1:])))), np.zeros((2, int(np.prod(movie.shape[1:]))))
    for more, seen in in_order(digest, chunk_ranges(movie.shape[0], chunk_length(movie)), workers):
        sums, counts = sums + more, counts + seen
    with np.errstate(invalid="ignore", divide="ignore"):
        halves = np.where(counts > 0, sums / counts, np.nan)
        whole = np.where(counts.sum(axis=0) > 0, sums.sum(axis=0) / counts.sum(axis=0), np.nan)
    return whole, halves[1] - halves[0]


def labelled(
    image: Double, halves: Double, footprints: sparse.csc_array[Any], shape: VolumeShape
) -> tuple[Float, Float]:
    """Brightness of each ROI in the image of a structural channel, and its significance.

    Cells overlap: what the others' footprints explain of the image (least squares, not negative, above a background
    that is smooth over some widths of a cell) is taken off before. The null are the same footprint's values at other
    places around it, in its planes, where all that footprints explain is taken off; labelled things that are no ROI
    make some of them brighter, so that only the darker half says how much they vary.

    Parameters
    ----------
    image, halves : (voxels,) float64
        As `mean_image` returns them.
    footprints : csc (voxels, components)
    shape : (Z, Y, X)

    Returns
    -------
    red : (components,) float32
        Mean of the channel in the footprint, weighted by it, in units of that channel; NaN where it isn't seen.
    red_z : (components,) float32
        By how many standard deviations that is above the median of the other places; NaN where there are too few.
    """
    count = footprints.shape[1]
    red, significance = np.full((2, count), np.nan, np.float32)
    shares = explained(image, footprints, shape)
    rest = image - np.asarray(footprints @ shares)
    volume, noise, others_off = image.reshape(shape), 0.5 * halves.reshape(shape), rest.reshape(shape)
    angles = 2 * np.pi * np.arange(PLACES) / PLACES
    for k in range(count):
        span = slice(footprints.indptr[k], footprints.indptr[k + 1])
        weights = footprints.data[span].astype(np.float64)
        if not weights.size or weights.max() <= 0:
            continue
        places = np.stack(np.unravel_index(footprints.indices[span], shape))
        red[k] = _seen_at(volume, places, weights, (0, 0))
        core = places[:, weights >= CORE * weights.max()]
        width = max(np.ptp(core[1]), np.ptp(core[2])) + 1.0
        moves = {(round(r * width * np.sin(a)), round(r * width * np.cos(a))) for r in RINGS for a in angles}
        own = _seen_at(others_off, places, weights, (0, 0)) + shares[k] * (weights**2).sum() / weights.sum()
        others = np.array([_seen_at(others_off, places, weights, move) for move in sorted(moves)])
        others = others[np.isfinite(others)]
        if others.size < FEW or not np.isfinite(red[k]):
            continue
        middle = np.median(others)
        spread = 1.4826 * np.median(middle - others[others <= middle])
        error = float(np.sqrt(np.nansum((weights * noise[tuple(places)]) ** 2)) / weights.sum())
        significance[k] = (own - middle) / max(spread, error, 1e-12)
    return red, significance


def explained(image: Double, footprints: sparse.csc_array[Any], shape: VolumeShape) -> Double:
    """How much of each footprint an image holds, above its background, (components,) float64; not negative."""
    covered = np.asarray(footprints.sum(axis=1)).ravel() > 0
    free = np.isfinite(image) & ~covered
    sizes = np.diff(footprints.indptr) / np.maximum(1, _planes_of(footprints, shape))
    sigma = (0, *(2 * np.sqrt(max(float(np.median(sizes)), 1.0)),) * 2)
    light, weight = (
        gaussian_filter(np.where(free, each, 0.0).reshape(shape), sigma).ravel()
        for each in (image, np.ones_like(image))
    )
    smooth = np.where(weight > LEAST, light / np.maximum(weight, LEAST), np.nanmedian(image))
    above = np.where(np.isfinite(image), image - smooth, 0.0)
    gram = sparse.csr_array(footprints.T @ footprints)
    target = np.asarray(footprints.T @ above, np.float64)
    diagonal = np.maximum(gram.diagonal(), 1e-12)
    shares = np.zeros(footprints.shape[1])
    for _ in range(SWEEPS):
        for k in range(len(shares)):
            row = slice(gram.indptr[k], gram.indptr[k + 1])
            shares[k] = max(0.0, shares[k] + (target[k] - gram.data[row] @ shares[gram.indices[row]]) / diagonal[k])
    return shares


def _planes_of(footprints: sparse.csc_array[Any], shape: VolumeShape) -> npt.NDArray[np.intp]:
    """How many planes each footprint reaches."""
    planes = footprints.indices // (shape[1] * shape[2])
    pairs = np.unique(np.repeat(np.arange(footprints.shape[1]), np.diff(footprints.indptr)) * shape[0] + planes)
    return np.bincount(pairs // shape[0], minlength=footprints.shape[1])


def _seen_at(volume: Double, places: npt.NDArray[np.intp], weights: Double, move: tuple[int, int]) -> float:
    """Mean of a footprint that is moved along y and x, weighted; NaN where too little of it is seen."""
    z, y, x = places[0], places[1] + move[0], places[2] + move[1]
    inside = (y >= 0) & (y < volume.shape[1]) & (x >= 0) & (x < volume.shape[2])
    values = np.full(weights.shape, np.nan)
    values[inside] = volume[z[inside], y[inside], x[inside]]
    seen = np.isfinite(values)
    light = weights[seen].sum()
    return float((values[seen] * weights[seen]).sum() / light) if light >= INSIDE * weights.sum() else float("nan")
