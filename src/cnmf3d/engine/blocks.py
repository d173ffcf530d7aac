"""The volume cut into blocks: a core that owns components, and a halo that lets cells at its border be seen whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cnmf3d.components import VolumeShape
from cnmf3d.geometry import ZYX

Range = tuple[int, int]


@dataclass(frozen=True)
class Box:
    """A block's place in the volume.

    Attributes
    ----------
    outer : three (start, stop) along z, y, x
        Core and halo.
    core : three (start, stop)
        The part whose components the block owns; cores tile the volume.
    """

    outer: tuple[Range, Range, Range]
    core: tuple[Range, Range, Range]

    @property
    def shape(self) -> VolumeShape:
        """Size of core and halo in voxels."""
        z, y, x = (stop - start for start, stop in self.outer)
        return (z, y, x)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Core and halo as slices of the volume."""
        z, y, x = (slice(*r) for r in self.outer)
        return (z, y, x)

    def owns(self, centroids: np.ndarray, volume: VolumeShape, margin: float) -> np.ndarray:
        """Which centroids (n, 3; in voxels of the volume) lie in the core, or within `margin` voxels of it."""
        inside = np.ones(len(centroids), bool)
        for axis, (start, stop) in enumerate(self.core):
            low = -np.inf if start == 0 else start - 0.5 - margin
            high = np.inf if stop == volume[axis] else stop - 0.5 + margin
            inside &= (centroids[:, axis] >= low) & (centroids[:, axis] < high)
        return inside


WORTH_SPLITTING = 60_000
"""Voxels from which on even a volume that fits memory is solved as two blocks, side by side."""


def cut(volume: VolumeShape, core: VolumeShape, halo: VolumeShape) -> tuple[Box, ...]:
    """Tile the volume with cores of about `core` voxels (evened out), each with `halo` voxels around."""
    axes: list[list[tuple[Range, Range]]] = []
    for length, size, margin in zip(volume, core, halo, strict=True):
        count = -(-length // size)
        edges = np.linspace(0, length, count + 1).round().astype(int)
        axes.append(
            [((max(0, int(a) - margin), min(length, int(b) + margin)), (int(a), int(b))) for a, b in pairwise(edges)]
        )
    return tuple(
        Box(outer=(z[0], y[0], x[0]), core=(z[1], y[1], x[1])) for z in axes[0] for y in axes[1] for x in axes[2]
    )


def fitting_core(volume: VolumeShape, bins: int, sigma: ZYX, halo: VolumeShape, budget_bytes: int) -> VolumeShape:
    """The largest core whose block, halo included, holds at most `budget_bytes` of binned data.

    All of z stays together where it can; x and y shrink first, to six sigmas of a cell at the least.
    """
    voxels = max(1, budget_bytes // (2 * bins))
    least = tuple(max(4, int(np.ceil(6 * s))) for s in sigma)
    core = [volume[0], volume[1], volume[2]]

    def size() -> int:
        return int(np.prod([min(n, c + 2 * h if c < n else n) for n, c, h in zip(volume, core, halo, strict=True)]))

    if min(size(), voxels) > WORTH_SPLITTING:
        longest = 1 if volume[1] >= volume[2] else 2
        core[longest] = max(least[longest], -(-core[longest] // 2))
    while size() > voxels:
        axis = 1 if core[1] >= core[2] else 2
        if core[axis] <= least[axis]:
            axis = 0
            if core[0] <= least[0]:
                break
        core[axis] = max(least[axis], int(core[axis] * 0.9))
    return (core[0], core[1], core[2])
