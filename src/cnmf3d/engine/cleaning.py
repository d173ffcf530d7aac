"""Keeping footprints in shape: the connected part that stands above noise, and room to grow by a voxel."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float, VolumeShape, centroids_of
from cnmf3d.engine.block import Fit, Footprints, entry_columns, with_data
from cnmf3d.engine.demix import unit_norm, without_vanished
from cnmf3d.engine.kernels.numba import supports as kernels
from cnmf3d.engine.smoothing import smoothed
from cnmf3d.geometry import ZYX

SIGNIFICANT = 2.0
"""A footprint's voxel counts where it stands this many standard errors above zero."""

FLOOR = 1.0
"""And this many standard errors that it had before it was smoothed: smoothing alone would let dim cells grow over all
the neuropil around them."""

SADDLE = 0.3
"""Share of a footprint's peak above which it must be in one piece; CaImAn and Suite2p draw outlines about there."""

REACH = 4.0
"""Sigmas of a cell from the centre beyond which no footprint reaches: neuropil would let it grow without end."""


def least_voxels(sigma: ZYX) -> float:
    """The smallest footprint that can be a cell: an ellipsoid of one sigma; five voxels at the least."""
    return max(5.0, 4 / 3 * np.pi * float(np.prod([max(s, 0.5) for s in sigma])))


def clean(fit: Fit, shape: VolumeShape, sigma: ZYX, grain: Float | None = None) -> Fit:
    """Cut each footprint to its connected, significant part; leave out those that are too small then.

    The standard error of a footprint's value is ``1 / ‖trace‖`` (data in units of noise).

    Parameters
    ----------
    fit : Fit
    shape : (Z, Y, X)
    sigma : ZYX
        Standard deviation of a cell's footprint in voxels.
    """
    footprints = within_reach(fit.footprints, shape, sigma)
    rough = 1 / np.maximum(np.linalg.norm(fit.traces, axis=1), 1e-9)
    footprints, errors = smoothed(footprints, fit.traces, shape, grain)
    inside = significant(footprints, np.maximum(SIGNIFICANT * errors, FLOOR * rough), shape)
    sizes = np.bincount(entry_columns(footprints)[inside], minlength=fit.count)
    keep = np.flatnonzero(sizes >= least_voxels(sigma))
    return without_vanished(unit_norm(pick(dataclasses.replace(fit, footprints=footprints), keep, inside)))


def within_reach(footprints: Footprints, shape: VolumeShape, sigma: ZYX) -> Footprints:
    """Footprints with zeros beyond `REACH` sigmas from their centre of mass."""
    centre = centroids_of(footprints, shape)
    columns = entry_columns(footprints)
    distance = np.zeros(footprints.nnz)
    for axis, position in enumerate(np.unravel_index(footprints.indices, shape)):
        distance += ((position - centre[columns, axis]) / max(sigma[axis], 0.5)) ** 2
    return with_data(footprints, np.where(distance <= REACH**2, footprints.data, np.float32(0)))


def significant(footprints: Footprints, thresholds: Float, shape: VolumeShape) -> Bool:
    """Which entries belong to the connected part of their footprint above its threshold; (entries,) bool.

    Parameters
    ----------
    footprints : csc (voxels, components)
    thresholds : (components,) float32
        Half of a footprint's peak is taken where that is lower, so that something is left of each.
    shape : (Z, Y, X)
    """
    inside = np.zeros(footprints.nnz, bool)
    least = np.asarray(thresholds, np.float32)
    kernels.main_parts(footprints.indptr, footprints.indices, footprints.data, least, shape[1], shape[2], inside)
    return inside


def one_piece(footprints: Footprints, inside: Bool, shape: VolumeShape) -> Bool:
    """Which entries belong to their footprint's main hill; (entries,) bool.

    Hills are separate where the saddle between them is below `SADDLE` of the footprint's peak and both rise above
    that: two spots that only a bridge of noise joins are not one cell.

    Parameters
    ----------
    footprints : csc (voxels, components)
    inside : (entries,) bool
        Entries that count.
    shape : (Z, Y, X)
    """
    out = np.zeros(footprints.nnz, bool)
    kernels.main_hills(footprints.indptr, footprints.indices, footprints.data, inside, SADDLE, shape[1], shape[2], out)
    return out


def on_voxels(footprints: Footprints, seen: Bool) -> Footprints:
    """Footprints without the entries on voxels that are not `seen`, (voxels,) bool: smoothing would fill them."""
    kept = seen[footprints.indices]
    indptr = np.append(0, np.cumsum(kept))[footprints.indptr].astype(footprints.indptr.dtype)
    return sparse.csc_array((footprints.data[kept], footprints.indices[kept], indptr), shape=footprints.shape)


def pick(fit: Fit, keep: npt.NDArray[np.intp], inside: Bool) -> Fit:
    """The components `keep`, each with only the entries of its footprint that are `inside`."""
    kept = np.zeros(fit.count, bool)
    kept[keep] = True
    columns = entry_columns(fit.footprints)
    chosen = inside & kept[columns]
    sizes = np.bincount(columns[chosen], minlength=fit.count)[keep]
    footprints = sparse.csc_array(
        (fit.footprints.data[chosen], fit.footprints.indices[chosen], np.append(0, np.cumsum(sizes)).astype(np.int32)),
        shape=(fit.footprints.shape[0], len(keep)),
    )
    return dataclasses.replace(fit, footprints=footprints, traces=fit.traces[keep])


def grow(footprints: Footprints, shape: VolumeShape) -> Footprints:
    """Widen each support by one voxel in every direction; new entries are zero.

    Along z a support grows too, so that cells that are thin in z are not held to the planes of their seed.
    """
    indptr, indices, position = kernels.grow(footprints.indptr, footprints.indices, *shape)
    data = np.zeros(indices.size, np.float32)
    data[position] = footprints.data
    return sparse.csc_array((data, indices, indptr), shape=footprints.shape)
