"""Merging: components that are one cell become one."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from cnmf3d.components import Float
from cnmf3d.engine.block import Fit, Footprints, cosines_of, overlaps, with_data
from cnmf3d.engine.lasting import noise_free_correlation, standardised

Groups = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.signedinteger[Any]]

NEVER = 2.0
"""A threshold that no correlation reaches: nothing is merged."""

SAME_PLACE = 0.8
"""Footprints with a larger cosine are one cell, whatever their traces."""

JOINED = 0.01
"""Share of a footprint's energy that lies in the other one's support, widened by a voxel, from which on two touch:
pieces of one cell have 0.1 and more. Less of a touch merges cells that fire together over ten voxels of dark; more
would leave dim pieces apart."""


def merge(fit: Fit, grown: Footprints, threshold: float) -> Fit:
    """Join components that are one cell: see `same_cell`. With the threshold `NEVER` all stay as they are."""
    if threshold >= NEVER:
        return fit
    return join_groups(fit, same_cell(fit, grown, threshold))


def same_cell(fit: Fit, grown: Footprints, threshold: float) -> Groups:
    """Group components that touch and whose traces agree, or that lie in the same place.

    Parameters
    ----------
    fit : Fit
    grown : csc (voxels, components)
        Supports widened by a voxel: components whose grown supports share voxels touch.
    threshold : float
        Correlation of traces from which on touching components are one (CaImAn's ``merge_thr``): of the traces, or
        `noise_free_correlation` where that is larger. Components whose footprints hardly overlap need more than that:
        halfway from it to one.

    Returns
    -------
    (components,) int
        Number of the cell that each component belongs to, counted from zero.
    """
    if fit.count < 2:
        return np.zeros(fit.count, np.int64)
    return np.asarray(connected_components(_same(fit, grown, threshold), directed=False)[1], np.int64)


def join_groups(fit: Fit, groups: Groups) -> Fit:
    """One component for each group, in the order of the groups' numbers."""
    if fit.count == 0 or groups.max() + 1 == fit.count:
        return fit
    first, sizes = np.unique(groups, return_index=True, return_counts=True)[1:]
    alone = sparse.csc_array(fit.footprints[:, first])
    pieces = np.split(np.arange(alone.nnz), alone.indptr[1:-1])
    indices, data = [alone.indices[piece] for piece in pieces], [alone.data[piece] for piece in pieces]
    traces = fit.traces[first]
    for group in np.flatnonzero(sizes > 1):
        members = np.flatnonzero(groups == group)
        footprint, traces[group] = join(sparse.csc_array(fit.footprints[:, members]), fit.traces[members])
        indices[group], data[group] = footprint.indices, footprint.data
    indptr = np.append(0, np.cumsum([part.size for part in indices])).astype(np.int32)
    shape = (fit.footprints.shape[0], len(indices))
    footprints = sparse.csc_array((np.concatenate(data), np.concatenate(indices), indptr), shape=shape)
    return dataclasses.replace(fit, footprints=footprints, traces=traces)


def _same(fit: Fit, grown: Footprints, threshold: float) -> sparse.csr_array:
    touching = sparse.coo_array(sparse.triu(overlaps(grown), k=1))
    left, right = touching.row, touching.col
    cosine = cosines_of(fit.footprints, left, right)
    unit = standardised(fit.traces)
    correlation = np.einsum("ij,ij->i", unit[left], unit[right])
    correlation = np.maximum(correlation, noise_free_correlation(unit, left, right))
    needed = np.where(cosine > 0.1, threshold, 0.5 + 0.5 * threshold)
    same = (correlation > needed) & (_shared_light(fit.footprints, grown, left, right) > JOINED)
    same |= cosine > SAME_PLACE
    shape = (fit.count, fit.count)
    return sparse.csr_array((np.ones(int(same.sum())), (left[same], right[same])), shape=shape)


def _shared_light(footprints: Footprints, grown: Footprints, left: Numbers, right: Numbers) -> npt.NDArray[np.float64]:
    """Of pairs, the larger one of the shares of each one's energy that lies in the other's grown support."""
    energy = with_data(footprints, footprints.data**2)
    total = np.maximum(np.asarray(energy.sum(axis=0), np.float64).ravel(), 1e-30)
    support = with_data(grown, np.ones_like(grown.data))

    def share(of: Numbers, within: Numbers) -> npt.NDArray[np.float64]:
        inside = sparse.csc_array(energy[:, of]).multiply(sparse.csc_array(support[:, within]))
        return np.asarray(inside.sum(axis=0), np.float64).ravel() / total[of]

    if left.size == 0:
        return np.zeros(0)
    return np.maximum(share(left, right), share(right, left))


def join(footprints: Footprints, traces: Float, rounds: int = 10) -> tuple[Footprints, Float]:
    """The best non-negative single component for a sum of some: ``a cᵀ ≈ Σ a_i c_iᵀ``; `a` of unit norm.

    Parameters
    ----------
    footprints : csc (voxels, n)
    traces : (n, bins)
    """
    if footprints.shape[1] == 1:
        return footprints, traces[0]
    rows = np.unique(footprints.indices)
    dense: npt.NDArray[np.float32] = footprints[rows].toarray()
    shape = dense[:, int(np.argmax((traces**2).sum(axis=1)))].copy()
    trace = traces.max(axis=0)
    for _ in range(rounds):
        trace = np.maximum((shape @ dense) @ traces / max(float(shape @ shape), 1e-12), 0)
        shape = np.maximum(dense @ (traces @ trace) / max(float(trace @ trace), 1e-12), 0)
    norm = float(np.linalg.norm(shape))
    indptr = np.array([0, rows.size], np.int32)
    data = (shape / max(norm, 1e-12)).astype(np.float32)
    column = sparse.csc_array((data, rows.astype(np.int32), indptr), shape=(footprints.shape[0], 1))
    return column, np.asarray(trace * norm, np.float32)
