"""Demixing: hierarchical alternating least squares over footprints, traces and background of one block.

Sources: Cichocki & Phan 2009 (HALS); Pnevmatikakis et al. 2016, Neuron 89:285 (CNMF).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float
from cnmf3d.engine.block import Block, Fit, Footprints, norms_of, overlaps, subset, with_data
from cnmf3d.engine.kernels.numba import block as kernels
from cnmf3d.engine.smoothing import smoothed

NOISY = 0.02
"""Share of a footprint's energy that is noise, from which on it is smoothed while it is fitted: dim ones would drift to
the noise otherwise (Baik, Ben Arous & Péché 2005); bright ones gain nothing for their time."""


@dataclass(frozen=True)
class ByVoxel:
    """Supports in the order of voxels, as CSR arrays (voxels, components).

    Attributes
    ----------
    indptr : (voxels + 1,) int32
    columns, entries : (entries,) int32
        Component of each, and its place among the footprints' values.
    """

    indptr: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    entries: npt.NDArray[np.int32]

    @classmethod
    def of(cls, footprints: Footprints) -> ByVoxel:
        """Of the footprints' supports."""
        places = sparse.csr_array(with_data(footprints, np.arange(footprints.nnz, dtype=np.int32)))
        return cls(places.indptr, places.indices, places.data)


@dataclass(frozen=True)
class Pairs:
    """Which supports share voxels: (components, components) in CSR, each with itself.

    Attributes
    ----------
    indptr, indices : arrays
    by_voxel : ByVoxel
        The supports whose values are meant; they may be parts of those that the pairs were told by.
    """

    indptr: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    by_voxel: ByVoxel

    @classmethod
    def of(cls, footprints: Footprints) -> Pairs:
        """Of the footprints' supports."""
        shared = overlaps(footprints)
        return cls(shared.indptr, shared.indices, ByVoxel.of(footprints))

    @property
    def count(self) -> int:
        """Number of components."""
        return self.indptr.size - 1

    def gram(self, data: Float) -> Float:
        """``AᵀA`` of each pair, for footprints with these values on the supports.

        By way of all (components, components) products: a block has some hundreds of components.
        """
        out, place = np.zeros((self.count, self.count), np.float32), self.by_voxel
        kernels.gram_of_footprints(place.indptr, place.columns, place.entries, data, out)
        rows = np.repeat(np.arange(self.count), np.diff(self.indptr))
        return out[rows, self.indices]


def projected(block: Block, fit: Fit, footprints: Footprints) -> Float:
    """``Aᵀ (z − background)``, (components, bins)."""
    leak = np.empty((footprints.shape[1], fit.temporal.shape[0]), np.float32)
    kernels.project_images(footprints.indptr, footprints.indices, footprints.data, fit.spatial, leak)
    out = block.project(footprints)
    out -= leak @ fit.temporal
    return out


def update_traces(block: Block, fit: Fit, pairs: Pairs | None = None, sweeps: int = 2) -> Fit:
    """Traces given footprints and background."""
    if fit.count == 0:
        return fit
    pairs = pairs or Pairs.of(fit.footprints)
    target, gram = projected(block, fit, fit.footprints), pairs.gram(fit.footprints.data)
    traces = fit.traces.copy()
    for _ in range(sweeps):
        kernels.update_traces(target, pairs.indptr, pairs.indices, gram, False, traces)
    return dataclasses.replace(fit, traces=traces)


def raw_traces(block: Block, fit: Fit, sweeps: int = 8) -> Float:
    """Traces given footprints and background, with the noise below zero that those of `fit` don't have."""
    pairs = Pairs.of(fit.footprints)
    target, gram = projected(block, fit, fit.footprints), pairs.gram(fit.footprints.data)
    traces = np.zeros(target.shape, np.float32)
    for _ in range(sweeps):
        kernels.update_traces(target, pairs.indptr, pairs.indices, gram, True, traces)
    return traces


def correlate_residual(block: Block, fit: Fit, traces: Float) -> Float:
    """``(z − background) · traceᵀ`` on the supports of `fit`."""
    supports = fit.footprints
    correlated = block.correlate(supports, traces)
    kernels.subtract_images(supports.indptr, supports.indices, fit.spatial, fit.temporal @ traces.T, correlated)
    return correlated


def update_footprints(block: Block, fit: Fit, pairs: Pairs | None = None, sweeps: int = 2) -> Fit:
    """Footprints given traces and background, on their supports, then scaled to unit norm."""
    if fit.count == 0:
        return fit
    pairs = pairs or Pairs.of(fit.footprints)
    correlated = correlate_residual(block, fit, fit.traces)
    data = descended(pairs.by_voxel, correlated, fit.traces, fit.footprints.data, sweeps)
    return unit_norm(dataclasses.replace(fit, footprints=with_data(fit.footprints, data)))


def descended(supports: ByVoxel, correlated: Float, traces: Float, start: Float, sweeps: int) -> Float:
    """Values on the supports after some sweeps of HALS from `start`, given ``(z − background) · traceᵀ`` there."""
    data = start.copy()
    gram = np.asarray(traces @ traces.T, np.float32)
    kernels.update_footprints(correlated, supports.indptr, supports.columns, supports.entries, gram, sweeps, data)
    return data


def unit_norm(fit: Fit) -> Fit:
    """Move the scale of the footprints into the traces.

    Components that vanished (no light in the footprint, or none in the trace) stay in their place, as zeros: the
    caller knows components by their number. `living` says which are left.
    """
    norms = norms_of(fit.footprints)
    alive = has_light(norms, fit.traces)
    divisor = np.where(alive, norms, np.float32(np.inf))
    factor = np.where(alive, norms, np.float32(0))
    data = np.asarray(fit.footprints.data / np.repeat(divisor, np.diff(fit.footprints.indptr)), np.float32)
    return dataclasses.replace(fit, footprints=with_data(fit.footprints, data), traces=fit.traces * factor[:, None])


def living(fit: Fit) -> npt.NDArray[np.intp]:
    """Numbers of the components that did not vanish: their footprints and traces have light."""
    return np.flatnonzero(has_light(norms_of(fit.footprints), fit.traces))


def has_light(norms: Float, traces: Float) -> Bool:
    """Whether neither footprint nor trace is zero everywhere, (components,) bool."""
    return np.asarray((norms > 0) & (traces.max(axis=1, initial=0) > 0))


def without_vanished(fit: Fit) -> Fit:
    """The components that did not vanish, under new numbers: for callers that do not know them by their number."""
    kept = living(fit)
    return fit if kept.size == fit.count else subset(fit, kept)


def with_courses(block: Block, fit: Fit, courses: Float) -> Fit:
    """Other background courses (orthonormal), and the images that follow from them."""
    return update_background_images(dataclasses.replace(fit, temporal=courses, seen=block.regress(courses)))


def update_background_images(fit: Fit) -> Fit:
    """Background images given their courses and the components."""
    if fit.count == 0:
        return dataclasses.replace(fit, spatial=fit.seen)
    return dataclasses.replace(fit, spatial=fit.seen - fit.footprints @ (fit.traces @ fit.temporal.T))


def refine(block: Block, fit: Fit, rounds: int, smooth: bool = False) -> Fit:
    """Alternate traces, footprints and background images; every component keeps its number.

    With `smooth`, footprints that are mostly noise are smoothed in each round (see `NOISY`).
    """
    pairs = Pairs.of(fit.footprints)
    for _ in range(rounds):
        fit = update_traces(block, fit, pairs)
        fit = update_footprints(block, fit, pairs)
        if smooth and fit.count:
            footprints, _ = smoothed(fit.footprints, fit.traces, block.shape, block.grain, noisier=NOISY)
            fit = unit_norm(dataclasses.replace(fit, footprints=footprints))
        fit = update_background_images(fit)
    return update_traces(block, fit, pairs)
