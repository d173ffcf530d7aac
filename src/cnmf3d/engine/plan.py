"""What a run will do: parameters made concrete for one movie, with every "auto" replaced."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from cnmf3d.components import RestingLight, VolumeShape
from cnmf3d.engine.blocks import Box, cut, fitting_core
from cnmf3d.engine.solve import Settings
from cnmf3d.geometry import ZYX
from cnmf3d.timeline import Timeline

BLOCK_BYTES = 80 * 2**20
"""Binned data of one block; a worker's memory is about four times as much."""

LEAST_CORE = ZYX(6, 11, 11)
"""Sigmas of a cell in a patch without its overlap, below which neuropil can hardly be separated from cells."""

ALL_OF_A_CELL = 3.0
"""Sigmas from a cell's centre within which all of it lies: what a block sees beyond its core."""

TYPICAL_DECAY = 0.8
"""Seconds; for the time bins where neither the user nor the data say otherwise (GCaMP6 and 8 lie around it)."""


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
        Standard deviation of a cell's footprint in voxels, used as it is; None: from the data.
    width : int
        Frames a time bin.
    limit : int or None
        Most components in a block; None: no limit.
    rank : int or None
        Neuropil courses; None: from the data.
    patch, halo : (Z, Y, X) or None
        Size of a block with its halo, and halo: used as they are. None: as memory allows, and three sigmas.
    box : ZYX or None
        Size of the box in which a footprint starts; None: six sigmas.
    grid : int or None
        Voxels a step of the grid for seeds along x and y; None: `cnmf3d.engine.coarse.supervoxel`.
    total : int or None
        Most components in the volume; None: no limit.
    merge_threshold : float
        Correlation of traces; above one: never merge.
    min_snr, min_r, lowest_snr, lowest_r, min_skew, least_compact, least_smooth, least_soma, most_motion : float
        Thresholds of the evaluation.
    significance : float
        Standard deviations of Fisher's z that the reliability must reach.
    refit : bool
        Fit once more with the accepted components only.
    offset : float or None
        Value of a pixel without light; None: from the data.
    resting : RestingLight
        How F0 is taken, but for the offset.
    timeline : Timeline
        Segments, each with a resting level of its own, and times; deconvolution doesn't run across its breaks.
    exclude : str or None
        Rule or file that names more bad frames.
    align : bool
        Whether traces are brought to the time at which their volume begins.
    left_out : tuple of int or None
        Bad frames that were given; None: from the data.
    bridges : bool
        Whether traces are what the model expects where nothing of a cell is seen; else they are NaN.
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
    least_smooth: float = 0.5
    least_soma: float = 0.5
    most_motion: float = 0.6
    significance: float = 4.5
    refit: bool = False
    offset: float | None = None
    resting: RestingLight = field(default_factory=RestingLight)
    timeline: Timeline = field(default_factory=Timeline)
    exclude: str | None = None
    align: bool = False
    left_out: tuple[int, ...] | None = None
    bridges: bool = False

    def settings(self) -> Settings:
        """For the block solver; needs `sigma`."""
        assert self.sigma is not None
        return Settings(
            self.sigma,
            reach=None if self.box is None else ZYX(*(side / 2 for side in self.box)),
            grid=self.grid,
            limit=self.limit,
            rank=self.rank,
            merge_threshold=self.merge_threshold,
            significance=self.significance,
        )

    def boxes(self, volume: VolumeShape, bins: int) -> tuple[Box, ...]:
        """The blocks of a volume; needs `sigma`."""
        assert self.sigma is not None
        return cut(volume, *self.cores(volume, bins))

    def cores(self, volume: VolumeShape, bins: int) -> tuple[VolumeShape, VolumeShape]:
        """Size of the blocks' cores, and of their halo; needs `sigma`. What is given is used as it is."""
        assert self.sigma is not None
        halo = halo_for(self.sigma, volume) if self.halo is None else self.halo
        if self.patch is None:
            return fitting_core(volume, bins, self.sigma, halo, BLOCK_BYTES), halo
        if self.halo is None:  # an overlap that is left open leaves half of the patch to its core
            z, y, x = (min(h, size // 4) for h, size in zip(halo, self.patch, strict=True))
            halo = (z, y, x)
        z, y, x = (
            n if size >= n else max(1, size - 2 * h) for size, h, n in zip(self.patch, halo, volume, strict=True)
        )
        return (z, y, x), halo

    def doubts(self, volume: VolumeShape, bins: int) -> list[str]:
        """What to say about patches that were given and are small for cells of size `sigma`; needs it."""
        if self.patch is None and self.halo is None:
            return []
        assert self.sigma is not None
        core, halo = self.cores(volume, bins)
        cut_axes = [c < n for c, n in zip(core, volume, strict=True)]
        enough = tuple(int(np.ceil(n * s)) for n, s in zip(LEAST_CORE, self.sigma, strict=True))
        whole = tuple(int(np.ceil(ALL_OF_A_CELL * s)) for s in self.sigma)
        told = []
        if self.patch and any(c < e and part for c, e, part in zip(core, enough, cut_axes, strict=True)):
            told.append(
                f"patches of {_as_xyz(core)} voxels (x × y × z, without their overlap) are used as given, but are "
                f"small for these cells: below some {_as_xyz(enough)}, neuropil can hardly be separated from cells. "
                "Give a larger rf, or rf: auto."
            )
        if any(h < w and part for h, w, part in zip(halo, whole, cut_axes, strict=True)):
            shared, needed = (_as_xyz(tuple(2 * n for n in each)) for each in (halo, whole))
            as_given, fix = ("as given", "stride, or stride: auto") if self.halo else ("half of the patch", "rf")
            told.append(
                f"neighbouring patches overlap by {shared} voxels (x × y × z), {as_given}, but cells at their borders "
                f"are seen whole only from {needed} on. Give a larger {fix}."
            )
        return told

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


def halo_for(sigma: ZYX, volume: VolumeShape) -> VolumeShape:
    """What lets a cell at a core's border be seen whole, along each axis."""
    z, y, x = (int(min(np.ceil(ALL_OF_A_CELL * s), n)) for s, n in zip(sigma, volume, strict=True))
    return (z, y, x)


def _as_xyz(size: tuple[int, ...]) -> str:
    """A size along z, y and x as a user reads it."""
    return " × ".join(map(str, size[::-1]))
