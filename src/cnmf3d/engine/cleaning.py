"""Keeping footprints in shape: the connected part that stands above noise, and room to grow by a voxel."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage, sparse

from cnmf3d.components import Float, VolumeShape, centroids_of
from cnmf3d.engine.block import Fit, Footprints, entry_columns, with_data
from cnmf3d.engine.demix import unit_norm
from cnmf3d.engine.supports import connected_part, dense_window
from cnmf3d.geometry import ZYX

SIGNIFICANT = 2.0
"""A footprint's voxel counts where it stands this many standard errors above zero."""

REACH = 4.0
"""Cell half-widths from the centre beyond which no footprint reaches: neuropil would let it grow without end."""


def least_voxels(sigma: ZYX) -> float:
    """The smallest footprint that can be a cell: an ellipsoid of one half-width; five voxels at the least."""
    return max(5.0, 4 / 3 * np.pi * float(np.prod([max(s, 0.5) for s in sigma])))


def clean(fit: Fit, shape: VolumeShape, sigma: ZYX) -> Fit:
    """Cut each footprint to its connected, significant part; leave out those that are too small then.

    The standard error of a footprint's value is ``1 / ‖trace‖`` (data in units of noise).

    Parameters
    ----------
    fit : Fit
    shape : (Z, Y, X)
    sigma : ZYX
        Half-width of a cell in voxels.
    """
    footprints = within_reach(fit.footprints, shape, sigma)
    least = least_voxels(sigma)
    errors = 1.0 / np.maximum(np.linalg.norm(fit.traces, axis=1), 1e-9)
    keep: list[int] = []
    entries: list[np.ndarray] = []
    for k in range(fit.count):
        span = slice(footprints.indptr[k], footprints.indptr[k + 1])
        data = footprints.data[span]
        if data.size == 0 or data.max() <= 0:
            continue
        inside = significant_part(footprints.indices[span], data, shape, SIGNIFICANT * errors[k])
        if inside.size >= least:
            keep.append(k)
            entries.append(span.start + inside)
    return unit_norm(pick(dataclasses.replace(fit, footprints=footprints), keep, entries))


def within_reach(footprints: Footprints, shape: VolumeShape, sigma: ZYX) -> Footprints:
    """Footprints with zeros beyond `REACH` half-widths of their centre of mass."""
    centre = centroids_of(footprints, shape)
    columns = entry_columns(footprints)
    distance = np.zeros(footprints.nnz)
    for axis, position in enumerate(np.unravel_index(footprints.indices, shape)):
        distance += ((position - centre[columns, axis]) / max(sigma[axis], 0.5)) ** 2
    return with_data(footprints, np.where(distance <= REACH**2, footprints.data, np.float32(0)))


def significant_part(indices: np.ndarray, data: Float, shape: VolumeShape, threshold: float) -> np.ndarray:
    """Positions (in `indices`) of the connected part above `threshold`, or above half the peak where that is lower."""
    box, origin = dense_window(indices, data, shape)
    part = connected_part(box, min(threshold, 0.5 * float(data.max())))
    z, rest = np.divmod(indices, shape[1] * shape[2])
    y, x = np.divmod(rest, shape[2])
    return np.flatnonzero(part[z - origin[0], y - origin[1], x - origin[2]])


def pick(fit: Fit, keep: list[int], entries: list[np.ndarray]) -> Fit:
    """The components `keep`, each with only the given entries of its footprint."""
    indptr = np.concatenate([[0], np.cumsum([e.size for e in entries])]).astype(np.int32)
    chosen = np.concatenate(entries) if entries else np.zeros(0, np.intp)
    footprints = sparse.csc_array(
        (fit.footprints.data[chosen], fit.footprints.indices[chosen], indptr),
        shape=(fit.footprints.shape[0], len(keep)),
    )
    return dataclasses.replace(fit, footprints=footprints, traces=fit.traces[keep])


def grow(footprints: Footprints, shape: VolumeShape) -> Footprints:
    """Widen each support by one voxel in every direction; new entries are zero.

    Along z a support grows too, so that cells that are thin in z are not held to the planes of their seed.
    """
    columns = []
    counts = []
    for k in range(footprints.shape[1]):
        span = slice(footprints.indptr[k], footprints.indptr[k + 1])
        indices = footprints.indices[span]
        mask, origin = dense_window(indices, np.ones(indices.size, np.float32), shape)
        padded = np.pad(mask > 0, 1)
        grown = ndimage.binary_dilation(padded)
        z, y, x = (axis + first - 1 for axis, first in zip(np.nonzero(grown), origin, strict=True))
        inside = (z >= 0) & (z < shape[0]) & (y >= 0) & (y < shape[1]) & (x >= 0) & (x < shape[2])
        flat = ((z * shape[1] + y) * shape[2] + x)[inside].astype(np.int32)
        columns.append(flat)
        counts.append(flat.size)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    indices = np.concatenate(columns) if columns else np.zeros(0, np.int32)
    wide = sparse.csc_array((np.zeros(indices.size, np.float32), indices, indptr), shape=footprints.shape)
    position = np.empty(footprints.nnz, np.intp)
    for k in range(footprints.shape[1]):
        old = slice(footprints.indptr[k], footprints.indptr[k + 1])
        new = slice(indptr[k], indptr[k + 1])
        order = np.argsort(indices[new], kind="stable")
        found = np.searchsorted(indices[new], footprints.indices[old], sorter=order)
        position[old] = indptr[k] + order[found]
    wide.data[position] = footprints.data
    return wide
