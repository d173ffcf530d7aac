"""What lasts in traces: noise is white in time, so a bin later nothing of it is left, however far voxels share it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float

LAG_WEIGHTS = (0.64, 0.41, 0.26)
"""Weights of lags of one, two and three bins: a transient's autocorrelation there (bins are 0.45 decay times)."""

STANDS_OUT = 5.0
"""Standard deviations by which a trace must outlast noise for its correlation to be corrected: with less, the ratio of
two small numbers says nothing."""

Index = npt.NDArray[np.integer]


def standardised(traces: Float) -> Float:
    """Traces with mean zero and norm one, so that a product is a correlation."""
    centred = traces - traces.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9), np.float32)


def noise_free_correlation(unit: Float, left: Index, right: Index, stands_out: float = STANDS_OUT) -> Float:
    """Correlation of what lasts in pairs of traces, (pairs,) float32: noise is white in time and adds nothing to it.

    ``Σ_k w_k (C_ij(k) + C_ji(k)) / √(Σ_k 2 w_k C_ii(k) · Σ_k 2 w_k C_jj(k))`` over lags k ≥ 1: pieces of one cell,
    whose noise differs, have nearly one. −1 where one of the two doesn't stand out of its noise.

    Parameters
    ----------
    unit : (components, bins) float32
        Traces with mean zero and norm one.
    left, right : (pairs,) int
    stands_out : float
        Standard deviations by which both must outlast noise; 0 where it is known that they do.
    """
    bins = unit.shape[1]
    own = np.zeros(len(unit))
    shared = np.zeros(left.size)
    scale = 0.0
    for lag, weight in enumerate(LAG_WEIGHTS, 1):
        if lag >= bins:
            break
        early, late = unit[:, :-lag], unit[:, lag:]
        own += 2 * weight * np.einsum("ij,ij->i", early, late)
        shared += weight * np.einsum("ij,ij->i", early[left], late[right])
        shared += weight * np.einsum("ij,ij->i", late[left], early[right])
        scale += (2 * weight) ** 2 / bins
    lasting = own > stands_out * np.sqrt(scale)
    both = lasting[left] & lasting[right]
    power = np.sqrt(np.where(both, own[left] * own[right], 1))
    return np.where(both, np.minimum(shared / power, 1), -1).astype(np.float32)
