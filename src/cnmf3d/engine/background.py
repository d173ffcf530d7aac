"""Neuropil of one block: few time courses shared by the whole block, one image each."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from cnmf3d.components import Float


def constant_course(bins: int) -> Float:
    """The resting level as a time course of unit norm, (1, bins)."""
    return np.full((1, bins), 1 / np.sqrt(bins), np.float32)


def neuropil_courses(residual: Float, pooling: sparse.csr_array, rank: int | None, limit: int = 6) -> Float:
    """Time courses that supervoxels all over the block share.

    Parameters
    ----------
    residual : (supervoxels, bins) float32
        What components leave unexplained, noise of variance one.
    pooling : (pools, supervoxels) csr
        Rows of unit norm that average supervoxels over about four cell half-widths.
    rank : int or None
        Number of courses beside the constant one; None: as many as stand above noise and are spread over the block.

    Returns
    -------
    (rank + 1, bins) float32
        Orthonormal rows, the first constant.
    """
    bins = residual.shape[1]
    constant = constant_course(bins)
    pooled = pooling @ residual
    pooled -= (pooled @ constant.T) @ constant
    if rank == 0 or min(pooled.shape) < 3:
        return constant
    images, values, courses = np.linalg.svd(pooled, full_matrices=False)
    if rank is None:
        edge = np.sqrt(pooled.shape[0]) + np.sqrt(bins)
        participation = 1.0 / (pooled.shape[0] * (images**4).sum(axis=0))
        strong = (values > 1.5 * edge) & (participation > 0.2)
        rank = int(min(np.argmin(strong) if not strong.all() else strong.size, limit))
    return np.concatenate([constant, courses[:rank].astype(np.float32)])
