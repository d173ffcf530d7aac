"""How alike footprints and traces are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linear_sum_assignment, nnls

Float = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Columns = sparse.csc_array[Any]

SUPPORT = 0.2
"""Share of the brightest voxel from which a voxel belongs to a footprint's mask."""
CONTACT = 0.01
"""Cosine from which a footprint may be a part of another."""


def unit(columns: Columns) -> Columns:
    """Divide columns by their Euclidean norms."""
    norms = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0))).ravel()
    return sparse.csc_array(columns @ sparse.diags_array(1 / np.maximum(norms, 1e-30)))


def iou(a: Columns, b: Columns) -> Float:
    """Intersection over union in 3D of the masks of each pair of columns, (columns of a, columns of b)."""
    first, second = mask(a), mask(b)
    common = (first.T @ second).toarray()
    union = np.asarray(first.sum(axis=0)).reshape(-1, 1) + np.asarray(second.sum(axis=0)).reshape(1, -1) - common
    return np.asarray(common / np.maximum(union, 1))


def mask(columns: Columns) -> Columns:
    """Ones where a footprint is brighter than `SUPPORT` of its brightest voxel."""
    coo = columns.tocoo()
    top = np.zeros(columns.shape[1])
    np.maximum.at(top, coo.coords[1], coo.data)
    inside = coo.data > SUPPORT * top[coo.coords[1]]
    places = (coo.coords[0][inside], coo.coords[1][inside])
    return sparse.csc_array((np.ones(int(inside.sum())), places), shape=columns.shape)


def assign(similarity: Float, least: float) -> tuple[Ints, Ints]:
    """One-to-one pairs (rows, columns) of at least `least` with the largest sum (Kuhn 1955)."""
    rows, columns = linear_sum_assignment(np.where(similarity >= least, similarity, 0), maximize=True)
    good = similarity[rows, columns] >= least
    return rows[good], columns[good]


def shares(cosines: Float, gram: Float) -> Float:
    """Explain each footprint as a non-negative sum of others.

    Parameters
    ----------
    cosines : (footprints, others)
    gram : (others, others)
        Cosines of the others among each other.

    Returns
    -------
    (footprints, others)
        The weights; unlike cosines they don't count what two of the others have in common twice.
    """
    weights = np.zeros_like(cosines)
    for row, out in zip(cosines, weights, strict=True):
        near = np.flatnonzero(row > CONTACT)
        if len(near):
            root = np.linalg.cholesky(gram[np.ix_(near, near)] + 1e-6 * np.eye(len(near)))
            out[near] = nnls(root.T, np.linalg.solve(root, row[near]))[0]
    return weights


def correlations(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Float:
    """Pearson correlation of each row of `a` with that of `b` where neither is NaN; 0 where one is constant."""
    gaps = np.isnan(a) | np.isnan(b)
    if gaps.any():
        pairs = zip(a, b, ~gaps, strict=True)
        return np.array([correlations(x[None, good], y[None, good])[0] if good.any() else 0 for x, y, good in pairs])
    a = a - a.mean(axis=1, keepdims=True, dtype=np.float64)
    b = b - b.mean(axis=1, keepdims=True, dtype=np.float64)
    norms = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.asarray((a * b).sum(axis=1) / np.where(norms > 0, norms, np.inf))


def binned(counts: npt.NDArray[Any], width: int) -> Float:
    """Sum over bins of `width` frames; an incomplete last bin is left out."""
    bins = counts.shape[1] // width
    whole = counts[:, : bins * width].reshape(len(counts), bins, width)
    return np.asarray(whole.sum(axis=2, dtype=np.float64))
