"""What a run will do: parameters made concrete for one movie, with every "auto" replaced and explained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmf3d.components import VolumeShape
from cnmf3d.geometry import ZYX

BLOCK_BYTES = 96 * 2**20
"""Binned data of one block; a worker's memory is about three times as much."""

TYPICAL_DECAY = 0.8
"""Seconds; used for the time bins where neither the user nor the data say otherwise (GCaMP6 and 8 lie around it)."""


@dataclass(frozen=True)
class Blocking:
    """How the volume is cut.

    Attributes
    ----------
    core : (Z, Y, X) or None
        Voxels of a block's core; None: as large as memory allows.
    halo : (Z, Y, X) or None
        Voxels around it; None: three cell half-widths.
    """

    core: VolumeShape | None = None
    halo: VolumeShape | None = None


def bin_width(frames: int, rate: float, decay: float | None) -> int:
    """Frames a time bin: near half a decay time, but at least 150 bins where the movie has them.

    A matched filter for a transient of decay time τ loses little when data are first summed over τ/2; the cost of the
    block solver falls in proportion.
    """
    width = max(1, round(0.45 * (decay or TYPICAL_DECAY) * rate))
    return max(1, min(width, frames // 150))


def halo_for(sigma: ZYX, volume: VolumeShape) -> VolumeShape:
    """Three cell half-widths along each axis."""
    z, y, x = (int(min(np.ceil(3 * s), n)) for s, n in zip(sigma, volume, strict=True))
    return (z, y, x)
