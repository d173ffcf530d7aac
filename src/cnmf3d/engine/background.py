"""Neuropil of one block: few time courses shared by neighbouring regions, one image each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import linalg

from cnmf3d.components import Float, VolumeShape

ABOVE_NOISE = 1.2
"""A course counts when its singular value is this many times the largest that white noise gives."""

SEEKING, SETTLED = 0.5, 0.6
"""A course counts as neuropil when its image is this alike in neighbouring pools (a cell fills one or two): while cells
are sought, and once they are known, when nothing of theirs may be taken for neuropil."""

MOST_COURSES = 8
"""Most neuropil courses that are looked for in a block."""

FEWEST_POOLS, LEAST_SHARE, SMALL_SHARE = 16, 0.05, 1 / 3
"""A course counts as neuropil when its image is spread over this many pools, and this share of them: one bright cell
or a few of them fill less. In a volume of few pools a third of them does: half is more than neuropil reaches there."""

LOCAL, TRANSIENT = 0.15, 1.0
"""A course whose image is spread over this share of the pools is that of some bright or large cells if its skewness is
above this, counted in the direction of its image's bright side: transients only go up, neuropil goes up and down. Over
twice the share twice the skewness is asked for."""

PLAIN, PLAIN_SHARE, VERY_ALIKE = 0.5, 0.1, 0.8
"""With less skewness a course is hardly a cell's: in a volume of few pools this share of them will do; and in one of
many no share is asked for where neighbouring pools are this alike, for pools are small where cells are."""


def constant_course(bins: int) -> Float:
    """The resting level as a time course of unit norm, (1, bins)."""
    return np.full((1, bins), 1 / np.sqrt(bins), np.float32)


def neuropil_courses(pooled: Float, grid: VolumeShape, rank: int | None, alike: float = SEEKING) -> Float:
    """Time courses that whole regions of the block share.

    Parameters
    ----------
    pooled : (pools, bins) float32
        What components leave unexplained, averaged over about 2.5 sigmas of a cell, noise of variance one.
    grid : (Z, Y, X)
        Arrangement of the pools.
    rank : int or None
        Number of courses beside the constant one; None: as many as stand above noise and vary smoothly in space.
    alike : float
        Least likeness of neighbouring pools where `rank` is None.

    Returns
    -------
    (rank + 1, bins) float32
        Orthonormal rows, the first constant.

    Notes
    -----
    The largest singular value of an m × n matrix of white noise is close to ``√m + √n`` (Marchenko & Pastur 1967).
    """
    bins = pooled.shape[1]
    constant = constant_course(bins)
    if rank == 0 or min(pooled.shape) < 4:
        return constant
    moving = np.asarray(pooled - (pooled @ constant.T) @ constant, np.float32)
    edge = np.sqrt(moving.shape[0]) + np.sqrt(bins)
    images, courses = leading(moving, ABOVE_NOISE * edge if rank is None else 0.0)
    if rank is not None:
        return np.concatenate([constant, courses[:rank]])
    if images.shape[1] == 0:
        return constant
    spread = 1 / (images**4).sum(axis=0)
    skewness = _skewness(courses) * np.sign((images**3).sum(axis=0))
    plain = abs(skewness) < PLAIN
    enough = np.minimum(FEWEST_POOLS, np.where(plain, PLAIN_SHARE, SMALL_SHARE) * len(images))
    likeness = smoothness(images.T, grid)
    wide = spread > np.where(plain & (likeness > VERY_ALIKE), enough, np.maximum(enough, LEAST_SHARE * len(images)))
    of_cells = skewness > TRANSIENT * np.maximum(1, spread / (LOCAL * len(images)))
    chosen = wide & ~of_cells & (likeness > alike)
    return np.concatenate([constant, courses[np.flatnonzero(chosen)[:MOST_COURSES]]])


def _skewness(courses: Float) -> npt.NDArray[np.float64]:
    """Skewness of rows of mean zero and norm one."""
    return np.asarray(np.sqrt(courses.shape[1]) * (courses.astype(np.float64) ** 3).sum(axis=1))


def leading(matrix: Float, least: float) -> tuple[Float, Float]:
    """Singular vectors whose singular values exceed `least`, strongest first.

    By way of the smaller Gram matrix, of which only the wanted eigenvectors are computed.

    Returns
    -------
    left : (m, n) float32
    right : (n, bins) float32
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    gram = matrix @ matrix.T if wide else matrix.T @ matrix
    values, vectors = linalg.eigh(gram, subset_by_value=(max(least, 1e-6 * np.sqrt(np.trace(gram))) ** 2, np.inf))
    order = np.argsort(-values, kind="stable")
    vectors = vectors[:, order]
    roots = np.sqrt(values[order])
    other = (matrix.T if wide else matrix) @ vectors / roots
    left, right = (vectors, other) if wide else (other, vectors)
    return np.asarray(left, np.float32), np.ascontiguousarray(right.T, np.float32)


def smoothness(images: Float, grid: VolumeShape) -> npt.NDArray[np.float64]:
    """How alike neighbouring pools are in each image: one where they are equal, zero where unrelated.

    ``2 Σ u_i u_j / Σ (u_i² + u_j²)`` over pairs of neighbours, in the manner of Moran 1950.
    """
    volume = images.reshape(-1, *grid).astype(np.float64)
    product = np.zeros(len(volume))
    power = np.zeros(len(volume))
    for axis in (1, 2, 3):
        length = volume.shape[axis]
        here = np.take(volume, np.arange(length - 1), axis=axis).reshape(len(volume), -1)
        there = np.take(volume, np.arange(1, length), axis=axis).reshape(len(volume), -1)
        product += 2 * (here * there).sum(axis=1)
        power += (here**2 + there**2).sum(axis=1)
    return product / np.maximum(power, 1e-30)
