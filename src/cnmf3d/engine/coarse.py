"""The coarse grid of a block: sums over supervoxels about half a cell wide, on which seeds are sought."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.bandpass import Bandpass
from cnmf3d.engine.block import STEP, Block, Fit
from cnmf3d.engine.groups import Ints, count_of, groups, to_groups, to_places
from cnmf3d.engine.kernels.numba import block as kernels
from cnmf3d.engine.motion_courses import repeated
from cnmf3d.engine.shared_courses import SharedCourses, shared_courses
from cnmf3d.geometry import ZYX

Axes = tuple[Ints, Ints, Ints]

SIGMA_A_SUPERVOXEL = 1.4
"""Sigmas of a cell a supervoxel along each axis: seeds are found as well as at full resolution, four times as fast."""

POOL = 2.5
"""Sigmas of a cell a pool: neuropil varies little from one to the next, cells do."""


@dataclass(frozen=True)
class Coarse:
    """A block on a coarser grid, noise of variance one.

    Attributes
    ----------
    data : (supervoxels, bins) float32
    shape : (Z, Y, X) of the coarse grid
    groups : three (length,) int64 arrays
        Along z, y, x: the supervoxel of each voxel.
    sigma : ZYX
        Standard deviation of a cell's footprint on the coarse grid.
    summing : csr (supervoxels, voxels)
        Rows of unit norm.
    pooling : csr (pools, supervoxels)
        Rows of unit norm, over `POOL` sigmas of a cell: the scale of neuropil.
    pooled : (pools, bins) float32
        ``pooling @ data``.
    pool_grid : (Z, Y, X)
        Arrangement of the pools.
    bandpass : Bandpass
    shared : SharedCourses
        Of the block's brightness and displacement.
    known : (n, bins) float32
        Courses of known motion that the block follows.
    """

    data: Float
    shape: VolumeShape
    groups: Axes
    sigma: ZYX
    summing: sparse.csr_array[Any]
    pooling: sparse.csr_array[Any]
    pooled: Float
    pool_grid: VolumeShape
    bandpass: Bandpass
    shared: SharedCourses
    known: Float

    def of(self, block: Block) -> Coarse:
        """The same grid with the block's values as they are now."""
        data = _summed(block, self.summing.tocsc().indices.astype(np.int64))
        return dataclasses.replace(self, data=data, pooled=np.asarray(self.pooling @ data, np.float32))

    def residual(self, fit: Fit) -> Float:
        """What components and background leave unexplained, (supervoxels, bins)."""
        left = self.data.copy()
        if fit.count:
            model = sparse.csr_array(self.summing @ fit.footprints)
            kernels.subtract_model(left, model.indptr, model.indices, model.data, fit.traces)
        left -= np.asarray(self.summing @ fit.spatial) @ fit.temporal
        return left

    def pooled_residual(self, fit: Fit) -> Float:
        """What components alone leave unexplained, (pools, bins)."""
        return np.asarray(self.pooled - (self.pooling @ (self.summing @ fit.footprints)) @ fit.traces, np.float32)

    def to_coarse(self, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Voxel positions on the coarse grid."""
        return np.stack([to_groups(positions[:, axis], self.groups[axis]) for axis in range(3)], axis=1)

    def to_voxels(self, positions: npt.NDArray[np.float64], shape: VolumeShape) -> npt.NDArray[np.int64]:
        """Coarse positions as the nearest voxel of a block of `shape`."""
        places = np.stack([to_places(positions[:, axis], self.groups[axis]) for axis in range(3)], axis=1)
        return np.asarray(np.clip(_nearest(places, shape), 0, np.array(shape) - 1))


def _nearest(places: npt.NDArray[np.float64], shape: VolumeShape) -> npt.NDArray[np.int64]:
    """The voxel at each place; of two that are as near, that which is nearer to the middle of the block."""
    middle = (np.array(shape) - 1) / 2
    from_middle = places - middle
    steps = np.ceil(np.abs(from_middle) - (middle % 1) - 0.5 - 1e-9) + middle % 1
    return np.rint(middle + np.sign(from_middle) * steps).astype(np.int64)


def _grouping(
    shape: VolumeShape, factor: npt.NDArray[np.int64], *, wider: bool = False
) -> tuple[Axes, npt.NDArray[np.int64], VolumeShape]:
    """Groups along each axis; the group of each voxel; and their number along each axis."""
    size = tuple(count_of(n, int(f), wider=wider) for n, f in zip(shape, factor, strict=True))
    z, y, x = (groups(n, count) for n, count in zip(shape, size, strict=True))
    group = (z[:, None, None] * size[1] + y[None, :, None]) * size[2] + x[None, None, :]
    return (z, y, x), group.ravel().astype(np.int64), (size[0], size[1], size[2])


def _averaging(group: npt.NDArray[np.int64]) -> sparse.csr_array[Any]:
    counts = np.bincount(group)
    weights = (1 / np.sqrt(counts))[group].astype(np.float32)
    place = (group.astype(np.int32), np.arange(group.size, dtype=np.int32))
    return sparse.csr_array((weights, place), shape=(counts.size, group.size))


def _summed(block: Block, group: npt.NDArray[np.int64]) -> Float:
    """Sums over supervoxels with noise of variance one; `group` (voxels,) says which each voxel is in."""
    counts = np.bincount(group)
    data = np.zeros((counts.size, block.bins), np.float32)
    kernels.coarsen(block.rows, group, data)
    data /= (STEP * np.sqrt(counts))[:, None].astype(np.float32)
    return data


def supervoxel(sigma: ZYX) -> npt.NDArray[np.int64]:
    """Voxels of a supervoxel along z, y and x for cells whose footprints have the standard deviation `sigma`."""
    return np.maximum(1, np.rint(np.array(sigma) / SIGMA_A_SUPERVOXEL)).astype(np.int64)


def coarsen(block: Block, sigma: ZYX, grid: int | None = None) -> Coarse:
    """Sum a block over supervoxels about 0.7 sigmas of a cell wide; over `grid` voxels in y and x where it is given."""
    factor = supervoxel(sigma)
    if grid is not None:
        factor[1:] = grid
    axes, group, shape = _grouping(block.shape, factor)
    data = _summed(block, group)
    coarse_sigma = ZYX(*(s * count / n for s, count, n in zip(sigma, shape, block.shape, strict=True)))
    pool_factor = np.maximum(1, np.rint(POOL * np.array(coarse_sigma))).astype(np.int64)
    # narrower ones would take cells of a small volume for neuropil (toy3d: 6 components for 5 cells)
    _, pools, pool_shape = _grouping(shape, pool_factor, wider=True)
    pooling = _averaging(pools)
    return Coarse(
        data=data,
        shape=shape,
        groups=axes,
        sigma=coarse_sigma,
        summing=_averaging(group),
        pooling=pooling,
        pooled=np.asarray(pooling @ data, np.float32),
        pool_grid=pool_shape,
        bandpass=Bandpass.design(shape, coarse_sigma),
        shared=shared_courses(block),
        known=np.zeros((0, block.bins), np.float32) if block.known is None else repeated(block, block.known),
    )
