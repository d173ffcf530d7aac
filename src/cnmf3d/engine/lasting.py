"""What lasts in traces: noise is white in time, so a bin later nothing of it is left, however far voxels share it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.engine.kernels.numba import block as kernels

LAG_WEIGHTS = (0.64, 0.41, 0.26)
"""Weights of lags of one, two and three bins: a transient's autocorrelation there (bins are 0.45 decay times)."""

STANDS_OUT = 5.0
"""Standard deviations by which a trace must outlast noise for its correlation to be corrected: with less, the ratio of
two small numbers says nothing."""

FLOOR, CEILING = 1.0, 4.0
"""Excursions count from one standard deviation above a trace's mean to five: less is noise for the most part, and what
is far above tells no more of a cell than of a stray photon."""

EXCURSIONS = 0.8
"""Share of the persistence of excursions that counts: white noise reaches 5.2 standard deviations with these as often
as 4 with the whole trace, as they are few."""

QUIET = -0.7
"""Tenth percentile of the persistence of white noise: of the larger of the two."""

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


def persistence(traces: Float) -> Float:
    """How far traces outlast a bin, in standard deviations of what noise that is white in time gives.

    ``Σ_k w_k Σ_t x_t x_{t+k}``, of the trace or of its excursions, where these say more: frequent activity shows in all
    of a trace, rare transients only where they are. Noise that is white in time has neither, whatever its skewness,
    and however it is shared by neighbours.

    Parameters
    ----------
    traces : (n, bins) float32

    Returns
    -------
    (n,) float32
    """
    out = np.empty(traces.shape[0], np.float32)
    weights = np.array(LAG_WEIGHTS, np.float32)
    kernels.persistence(np.ascontiguousarray(traces, np.float32), weights, FLOOR, CEILING, EXCURSIONS, out)
    return out
