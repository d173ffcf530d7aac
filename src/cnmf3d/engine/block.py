"""One block of the binned movie, and what has been fitted to it so far."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float, VolumeShape
from cnmf3d.engine.kernels.numba import block as kernels

STEP = 16
"""Binned values are stored as int16 in steps of a sixteenth of the noise: quantisation adds 0.03 % to its variance."""

Footprints = sparse.csc_array[Any]
Index = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Hidden:
    """Values of a block that show nothing: where registration moved the tissue out of the frame.

    Attributes
    ----------
    voxels : (n,) int64
        Those that some bin doesn't show.
    mask : (n, bins) bool
    """

    voxels: npt.NDArray[np.int64]
    mask: Bool


@dataclass(frozen=True)
class Block:
    """A box of voxels with all its time bins.

    Attributes
    ----------
    rows : (voxels, bins) int16
        ``STEP * (bin mean - resting level) / noise of a bin``, voxels in C order over `shape`.
    shape : (Z, Y, X)
        Size of the box, halo included.
    rest, unit : (voxels,) float32 or None
        Mean over time and noise of a bin, in the movie's units; None where nobody needs them.
    grain : (3, lags) float32 or None
        Correlation of the noise of voxels so far apart along z, y and x; None: independent.
    hidden : Hidden or None
        Values of `rows` that hold no data; None where all do.
    known : (n, bins) float32 or None
        Courses that the background may follow, orthonormal; see `motion_courses`.
    """

    rows: npt.NDArray[np.int16]
    shape: VolumeShape
    rest: Float | None = None
    unit: Float | None = None
    grain: Float | None = None
    hidden: Hidden | None = None
    known: Float | None = None

    @property
    def bins(self) -> int:
        """Number of time bins."""
        return int(self.rows.shape[1])

    def project(self, footprints: Footprints) -> Float:
        """``Aᵀ z``, (components, bins), with z in units of noise."""
        out = np.empty((footprints.shape[1], self.bins), np.float32)
        weights = footprints.data.astype(np.float32) / np.float32(STEP)
        kernels.project(self.rows, footprints.indptr, footprints.indices, weights, out)
        return out

    def correlate(self, supports: Footprints, traces: Float) -> Float:
        """``z · traceᵀ`` at the entries of `supports`, in their order."""
        out = np.empty(supports.nnz, np.float32)
        kernels.correlate(self.rows, supports.indptr, supports.indices, traces / np.float32(STEP), out)
        return out

    def regress(self, regressors: Float) -> Float:
        """``z · regressorsᵀ`` of every voxel, (voxels, n)."""
        out = np.empty((self.rows.shape[0], regressors.shape[0]), np.float32)
        kernels.regress_rows(self.rows, regressors / np.float32(STEP), out)
        return out


@dataclass(frozen=True)
class Fit:
    """``z ≈ footprints @ traces + spatial @ temporal`` in one block, all in units of noise.

    Attributes
    ----------
    footprints : csc (voxels, components) float32, non-negative
    traces : (components, bins) float32, non-negative
    spatial : (voxels, rank) float32
        Background images.
    temporal : (rank, bins) float32
        Background time courses, orthonormal rows; the first is constant.
    seen : (voxels, rank) float32
        ``z · temporalᵀ``: the data regressed on the background courses.
    moving : int
        How many of the courses, the last ones, are of motion and brightness.
    """

    footprints: Footprints
    traces: Float
    spatial: Float
    temporal: Float
    seen: Float
    moving: int = 0

    @property
    def count(self) -> int:
        """Number of components."""
        return int(self.footprints.shape[1])

    @property
    def motion(self) -> Float:
        """(moving, bins) courses of motion and brightness."""
        return self.temporal[len(self.temporal) - self.moving :]


def with_data(structure: Footprints, data: Float) -> Footprints:
    """The same sparsity with other values."""
    return sparse.csc_array((data, structure.indices, structure.indptr), shape=structure.shape)


def entry_columns(structure: Footprints) -> npt.NDArray[np.int64]:
    """Column of each stored entry."""
    return np.repeat(np.arange(structure.shape[1]), np.diff(structure.indptr))


def overlaps(footprints: Footprints) -> sparse.csr_array[Any]:
    """Voxels that each pair of supports shares, (components, components); nothing is stored for pairs without."""
    pattern = with_data(footprints, np.ones(footprints.nnz, np.float32))
    return sparse.csr_array(pattern.T @ pattern)


def cosines_of(footprints: Footprints, left: Index, right: Index) -> Float:
    """Cosine of the footprints of each pair, (pairs,) float32; zero where one of them is empty."""
    if left.size == 0:
        return np.zeros(0, np.float32)
    norms = norms_of(footprints)
    products = np.asarray(sparse.csr_array(footprints.T @ footprints)[left, right]).ravel()
    return np.asarray(products / np.maximum(norms[left] * norms[right], 1e-30), np.float32)


def norms_of(footprints: Footprints) -> Float:
    """Root of the sum of squares of each footprint, (components,) float32."""
    power = np.bincount(entry_columns(footprints), footprints.data**2, minlength=footprints.shape[1])
    return np.sqrt(power).astype(np.float32)


def subset(fit: Fit, keep: npt.NDArray[np.intp]) -> Fit:
    """Some of the components of a fit."""
    return dataclasses.replace(fit, footprints=sparse.csc_array(fit.footprints[:, keep]), traces=fit.traces[keep])
