"""What a run will do: parameters made concrete for one movie, with every "auto" replaced."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from cnmf3d.components import VolumeShape
from cnmf3d.engine.blocks import Box, cut, fitting_core
from cnmf3d.engine.solve import Settings
from cnmf3d.geometry import ZYX

BLOCK_BYTES = 80 * 2**20
"""Binned data of one block; a worker's memory is about four times as much."""

LEAST_CORE = ZYX(6, 11, 11)
"""Cell half-widths of a block's core at the least: with less around them, neuropil can't be told from cells."""

TYPICAL_DECAY = 0.8
"""Seconds; for the time bins where neither the user nor the data say otherwise (GCaMP6 and 8 lie around it)."""


HALF_SIZE = 0.72
"""Standard deviation of a footprint over the half-size that users give as gSig (CaImAn's).

Measured on simulated somata (solid ellipsoids with dim nuclei, blurred) whose gSig is two thirds of their radius; for
a cell that is a Gaussian of standard deviation gSig it is 1.
"""


def half_size(sigma: ZYX) -> ZYX:
    """What users call gSig, for footprints of standard deviation `sigma`."""
    return ZYX(*(s / HALF_SIZE for s in sigma))


def deviation(half: ZYX) -> ZYX:
    """Standard deviation of the footprints of cells of half-size gSig."""
    return ZYX(*(h * HALF_SIZE for h in half))


@dataclass(frozen=True)
class Plan:
    """Everything that the stages need to know, in voxels and frames.

    Attributes
    ----------
    rate : float
        Frames a second.
    p : int
        Order of the autoregressive model of calcium.
    decay : float or None
        Decay time in seconds; None: from the data.
    sigma : ZYX or None
        Standard deviation of a cell's footprint in voxels; None: from the data.
    width : int
        Frames a time bin.
    limit : int or None
        Most components in a block; None: no limit.
    rank : int or None
        Neuropil courses; None: from the data.
    patch, halo : (Z, Y, X) or None
        Size of a block with its halo, and halo. None: as memory allows, and three half-widths.
    box : ZYX or None
        Size of the box in which a footprint starts; None: six half-widths.
    grid : int or None
        Voxels a step of the grid for seeds along x and y; None: about a half-width.
    total : int or None
        Most components in the volume; None: no limit.
    merge_threshold : float
        Correlation of traces; above one: never merge.
    min_snr, min_r, lowest_snr, lowest_r, min_skew, least_compact : float
        Thresholds of the evaluation.
    significance : float
        Standard deviations of Fisher's z that the reliability must reach.
    refit : bool
        Fit once more with the accepted components only.
    """

    rate: float
    p: int = 2
    decay: float | None = None
    sigma: ZYX | None = None
    width: int = 1
    limit: int | None = None
    rank: int | None = None
    total: int | None = None
    box: ZYX | None = None
    grid: int | None = None
    patch: VolumeShape | None = None
    halo: VolumeShape | None = None
    merge_threshold: float = 0.8
    min_snr: float = 2.5
    min_r: float = 0.7
    lowest_snr: float = 0.5
    lowest_r: float = -1.0
    min_skew: float = 0.5
    least_compact: float = 0.7
    significance: float = 4.5
    refit: bool = False

    def settings(self, volume: VolumeShape, bins: int) -> Settings:
        """For the block solver; needs `sigma`. A block that is larger than its patch may hold more components."""
        assert self.sigma is not None
        limit = self.limit
        if limit is not None and self.patch is not None:
            (core, _), asked = self.cores(volume, bins), self.patch_core(volume)
            limit = int(np.ceil(limit * max(1.0, np.prod(core) / np.prod(asked))))
        return Settings(
            self.sigma,
            reach=None if self.box is None else ZYX(*(side / 2 for side in self.box)),
            grid=self.grid,
            limit=limit,
            rank=self.rank,
            merge_threshold=self.merge_threshold,
            significance=self.significance,
        )

    def boxes(self, volume: VolumeShape, bins: int) -> tuple[Box, ...]:
        """The blocks of a volume; needs `sigma`."""
        assert self.sigma is not None
        return cut(volume, *self.cores(volume, bins))

    def cores(self, volume: VolumeShape, bins: int) -> tuple[VolumeShape, VolumeShape]:
        """Size of the blocks' cores, and of their halo; needs `sigma`."""
        assert self.sigma is not None
        halo = halo_for(self.sigma, volume)
        if self.halo is not None:
            halo = larger(halo, self.halo)
        if self.patch is None:
            return fitting_core(volume, bins, self.sigma, halo, BLOCK_BYTES), halo
        z, y, x = (int(np.ceil(n * s)) for n, s in zip(LEAST_CORE, self.sigma, strict=True))
        return smaller(volume, larger((z, y, x), self.patch_core(volume))), halo

    def patch_core(self, volume: VolumeShape) -> VolumeShape:
        """Core of a patch as it was asked for."""
        assert self.patch is not None
        halo = self.halo or (0, 0, 0)
        z, y, x = (
            n if size >= n else max(1, size - 2 * h) for size, h, n in zip(self.patch, halo, volume, strict=True)
        )
        return (z, y, x)

    def replace(self, **changes: object) -> Plan:
        """The plan with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


def bin_width(frames: int, rate: float, decay: float | None) -> int:
    """Frames a time bin: near half a decay time, but at least 150 bins where the movie has them.

    A matched filter for a transient of decay time τ loses little when data are first summed over τ/2; the cost of the
    block solver falls in proportion.
    """
    width = max(1, round(0.45 * (decay or TYPICAL_DECAY) * rate))
    return max(1, min(width, frames // 150))


def larger(one: VolumeShape, other: VolumeShape) -> VolumeShape:
    """The larger of two sizes along each axis."""
    z, y, x = (max(a, b) for a, b in zip(one, other, strict=True))
    return (z, y, x)


def smaller(one: VolumeShape, other: VolumeShape) -> VolumeShape:
    """The smaller of two sizes along each axis."""
    z, y, x = (min(a, b) for a, b in zip(one, other, strict=True))
    return (z, y, x)


def halo_for(sigma: ZYX, volume: VolumeShape) -> VolumeShape:
    """Three cell half-widths along each axis."""
    z, y, x = (int(min(np.ceil(3 * s), n)) for s, n in zip(sigma, volume, strict=True))
    return (z, y, x)
