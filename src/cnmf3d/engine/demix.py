"""Demixing: hierarchical alternating least squares over footprints, traces and background of one block.

Sources: Cichocki & Phan 2009 (HALS); Pnevmatikakis et al. 2016, Neuron 89:285 (CNMF).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from cnmf3d.components import Float
from cnmf3d.engine.block import Block, Fit, entry_columns, with_data
from cnmf3d.engine.kernels.numba import block as kernels


def update_traces(block: Block, fit: Fit, sweeps: int = 2) -> Fit:
    """Traces given footprints and background."""
    if fit.count == 0:
        return fit
    projected = block.project(fit.footprints)
    projected -= (fit.footprints.T @ fit.spatial) @ fit.temporal
    gram = sparse.csr_array(fit.footprints.T @ fit.footprints)
    traces = fit.traces.copy()
    for _ in range(sweeps):
        kernels.update_traces(projected, gram.indptr, gram.indices, gram.data, False, traces)
    return dataclasses.replace(fit, traces=traces)


def correlate_residual(block: Block, fit: Fit, traces: Float) -> Float:
    """``(z − background) · traceᵀ`` on the supports of `fit`."""
    correlated = block.correlate(fit.footprints, traces)
    leak = fit.temporal @ traces.T
    columns = entry_columns(fit.footprints)
    for r in range(fit.temporal.shape[0]):
        correlated -= fit.spatial[fit.footprints.indices, r] * leak[r, columns]
    return correlated


def overlaps(fit: Fit) -> sparse.csr_array:
    """Which supports share voxels: (components, components), each with itself."""
    pattern = with_data(fit.footprints, np.ones(fit.footprints.nnz, np.float32))
    return sparse.csr_array(pattern.T @ pattern)


def covariance_of_pairs(pairs: sparse.csr_array, traces: Float) -> Float:
    """``CCᵀ`` at the stored entries of `pairs`."""
    covariance = traces @ traces.T
    return np.asarray(covariance[np.repeat(np.arange(len(traces)), np.diff(pairs.indptr)), pairs.indices], np.float32)


def update_footprints(block: Block, fit: Fit, sweeps: int = 2) -> Fit:
    """Footprints given traces and background, on their supports, then scaled to unit norm."""
    if fit.count == 0:
        return fit
    correlated = correlate_residual(block, fit, fit.traces)
    pairs = overlaps(fit)
    gram = covariance_of_pairs(pairs, fit.traces)
    data = fit.footprints.data.copy()
    scratch = np.zeros(block.rows.shape[0], np.float32)
    for _ in range(sweeps):
        kernels.update_footprints(
            correlated, fit.footprints.indptr, fit.footprints.indices, pairs.indptr, pairs.indices, gram, data, scratch
        )
    return unit_norm(dataclasses.replace(fit, footprints=with_data(fit.footprints, data)))


def unit_norm(fit: Fit) -> Fit:
    """Move the scale of the footprints into the traces; components that vanished are left out."""
    norms = np.sqrt(np.asarray(fit.footprints.multiply(fit.footprints).sum(axis=0)).ravel())
    kept = np.flatnonzero((norms > 0) & (fit.traces.max(axis=1, initial=0) > 0))
    footprints = sparse.csc_array(fit.footprints[:, kept])
    norms = norms[kept].astype(np.float32)
    data = np.asarray(footprints.data / norms[entry_columns(footprints)], np.float32)
    return dataclasses.replace(
        fit, footprints=with_data(footprints, data), traces=np.ascontiguousarray(fit.traces[kept] * norms[:, None])
    )


def with_courses(block: Block, fit: Fit, courses: Float) -> Fit:
    """Other background courses (orthonormal), and the images that follow from them."""
    return update_background_images(dataclasses.replace(fit, temporal=courses, seen=block.regress(courses)))


def update_background_images(fit: Fit) -> Fit:
    """Background images given their courses and the components."""
    if fit.count == 0:
        return dataclasses.replace(fit, spatial=fit.seen)
    return dataclasses.replace(fit, spatial=fit.seen - fit.footprints @ (fit.traces @ fit.temporal.T))


def refine(block: Block, fit: Fit, rounds: int) -> Fit:
    """Alternate traces, footprints and background images."""
    for _ in range(rounds):
        fit = update_traces(block, fit)
        fit = update_footprints(block, fit)
        fit = update_background_images(fit)
    return update_traces(block, fit)
