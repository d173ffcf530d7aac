"""What is left of the motion, place by place: frames against their mean.

A small displacement ``s`` changes an image by ``-s · gradient`` (Lucas & Kanade 1981). It is fitted in each tile of the
plane, all planes together, beside a change of brightness, from one half of the voxels and from the other: what both say
alike is displacement, noise isn't. Active cells still look like displacement (up to half a voxel rms where few of them
fill a tile), and displacements of more than a structure's width come out too small.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cnmf3d.movies import Movie

Double = npt.NDArray[np.float64]

TILE = 24
"""Voxels along y and x that a tile has at least: fewer have too little structure in common dimness, more hide where it
is that something moves."""

MOST = 8
"""Tiles along an axis, at most."""

SMOOTH = 1.0
"""Sigma (voxels) that mean and frames are smoothed by: a gradient of noise would shrink what is found."""

PATCH = 4
"""Side (voxels) of the squares that belong to one half or the other: wider than what smoothing makes alike."""

LEAST = 200
"""Voxels that each half of a tile must have."""


def residual_flow(movie: Movie, mean: npt.NDArray[np.float32], frames: npt.NDArray[np.int64]) -> Double:
    """Displacement in the plane of frames against their mean.

    Parameters
    ----------
    movie : Movie
    mean : (Z, Y, X) float32
        NaN where it isn't known.
    frames : (n,) int64
        Of the movie; voxels that one of them doesn't show are shown as the mean is.

    Returns
    -------
    (gy, gx) float64
        Voxels, rms over the frames; NaN where too little is known.
    """
    known = np.isfinite(mean)
    still = _smooth(np.where(known, mean, np.median(mean[known]) if known.any() else 0.0))
    if min(mean.shape[1:]) < 2:
        return np.full((1, 1), np.nan)
    slopes = np.stack([np.gradient(still, axis=axis) for axis in (1, 2)])
    tiles = [_tiles(length) for length in mean.shape[1:]]
    fits = [
        [_fit(slopes, still, known, rows, columns, shape=mean.shape[1:]) for columns in tiles[1]] for rows in tiles[0]
    ]
    found = np.full((2, len(frames), len(tiles[0]), len(tiles[1]), 2), np.nan)
    for place, t in enumerate(frames):
        frame = movie.read(int(t), int(t) + 1)[0].astype(np.float32)
        change = _smooth(np.where(known & np.isfinite(frame), frame, still)) - still
        for i, row in enumerate(fits):
            for j, halves in enumerate(row):
                for half, fit in enumerate(halves or ()):
                    found[half, place, i, j] = -(fit[1] @ change[fit[0]])[:2]
    alike = np.mean(found[0] * found[1], axis=0).sum(axis=-1) if len(frames) else np.full(found.shape[2:4], np.nan)
    return np.asarray(np.sqrt(np.maximum(alike, 0.0)))


def _tiles(length: int) -> list[slice]:
    """Tiles of about the same length along an axis."""
    count = int(np.clip(length // TILE, 1, MOST))
    ends = np.linspace(0, length, count + 1).round().astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def _fit(
    slopes: Double,
    still: Double,
    known: npt.NDArray[np.bool_],
    rows: slice,
    columns: slice,
    shape: tuple[int, ...],
) -> list[tuple[npt.NDArray[np.bool_], Double]] | None:
    """For each half its voxels, and what takes their change to y, x, brightness and offset; None where too few."""
    y, x = np.indices(shape) // PATCH
    inside = np.zeros(still.shape, bool)
    inside[:, rows, columns] = known[:, rows, columns]
    fits = []
    for half in (0, 1):
        voxels = inside & ((y + x) % 2 == half)
        if voxels.sum() < LEAST:
            return None
        images = np.stack([slopes[0][voxels], slopes[1][voxels], still[voxels], np.ones(int(voxels.sum()))], axis=1)
        fits.append((voxels, np.linalg.pinv(images)))
    return fits


def _smooth(volume: npt.NDArray[np.floating]) -> Double:
    """A volume smoothed plane by plane."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(volume.astype(np.float64), (0, SMOOTH, SMOOTH)))
