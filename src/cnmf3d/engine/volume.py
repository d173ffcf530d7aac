"""The whole volume's fit, put together from its blocks: components owned by the block whose core holds them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Float, VolumeShape, centroids_of
from cnmf3d.engine.block import Fit, Footprints, subset
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.cleaning import grow
from cnmf3d.engine.groups import count_of, groups
from cnmf3d.engine.merging import merge

SAMPLED, ENOUGH_ROWS = 4, 64
"""One row in so many is looked at for the neuropil's courses, in tiles with enough rows."""


@dataclass(frozen=True)
class Neuropil:
    """Background images of all blocks, each on its own core, so that every voxel belongs to one tile.

    Attributes
    ----------
    images : (rank, voxels) float32
        In units of noise; rows beyond a tile's own rank are zero there.
    rest : (voxels,) float32
        Constant part, in units of the noise of a bin.
    runs : (n, 3) int64
        Tile, first voxel and end of each run of neighbouring voxels.
    sampled : (m, 3) int64
        The runs on which courses are fitted: neuropil is smooth, a quarter of the rows tells it.
    tiles : int
        Number of tiles.
    smooth : tuple of int
        How many of each tile's images, the first ones, are neuropil's; the others are of brightness and displacement.
    """

    images: Float
    rest: Float
    runs: npt.NDArray[np.int64]
    sampled: npt.NDArray[np.int64]
    tiles: int
    smooth: tuple[int, ...] = ()

    @property
    def rank(self) -> int:
        """Courses a tile."""
        return int(self.images.shape[0])

    @cached_property
    def tile_of(self) -> npt.NDArray[np.int32]:
        """(voxels,) tile that each voxel belongs to."""
        return _tiles(self.runs, self.images.shape[1])

    def matrix(self, *, sampled: bool) -> sparse.csr_array[Any]:
        """(voxels, tiles * rank): one column a tile and course; `sampled`: zero outside of the sampled runs."""
        voxels, rank = self.images.shape[1], self.rank
        tile = _tiles(self.sampled, voxels) if sampled else self.tile_of
        inside = tile >= 0
        indptr = np.append(0, np.cumsum(inside) * rank)
        columns = (tile[inside, None] * rank + np.arange(rank, dtype=np.int32)).ravel()
        return sparse.csr_array((self.images.T[inside].ravel(), columns, indptr), shape=(voxels, self.tiles * rank))


def _tiles(runs: npt.NDArray[np.int64], voxels: int) -> npt.NDArray[np.int32]:
    """Tile of each voxel of the `runs`; −1 outside of them."""
    lengths = runs[:, 2] - runs[:, 1]
    starts = np.repeat(runs[:, 1] - (np.cumsum(lengths) - lengths), lengths)
    tile = np.full(voxels, -1, np.int32)
    tile[starts + np.arange(starts.size)] = np.repeat(runs[:, 0], lengths)
    return tile


@dataclass(frozen=True)
class Solved:
    """A fit, and which component of a start each of its components is.

    Attributes
    ----------
    fit : Fit
    seeds : (components,) int64 or None
        Which component of the start each one is, where there was a start: its number there, counted from 0.
    """

    fit: Fit
    seeds: npt.NDArray[np.int64] | None = None

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """(components,) their numbers in the start; without a start they count themselves."""
        return np.arange(self.fit.count) if self.seeds is None else self.seeds


def stitch(
    blocks: list[Solved], boxes: tuple[Box, ...], volume: VolumeShape, threshold: float, margin: float
) -> Solved:
    """Components of all blocks in the coordinates of the volume; those that two blocks found become one.

    Components that grew from given seeds belong to one block each; they come in the order of the seeds.

    Parameters
    ----------
    blocks, boxes : one of each a block
    volume : (Z, Y, X)
    threshold : float
        As for merging.
    margin : float
        Voxels beyond its core within which a block still offers components.
    """
    columns: list[Footprints] = []
    traces: list[Float] = []
    for block, box in zip(blocks, boxes, strict=True):
        fit = block.fit
        origin = np.array([start for start, _ in box.outer])
        centres = centroids_of(fit.footprints, box.shape) + origin
        seeded = block.seeds is not None
        mine = np.arange(fit.count) if seeded else np.flatnonzero(box.owns(centres, volume, margin))
        local = sparse.csc_array(fit.footprints[:, mine])
        place = np.stack(np.unravel_index(local.indices, box.shape)) + origin[:, None]
        indices = np.ravel_multi_index(tuple(place), volume).astype(np.int32)
        shape = (int(np.prod(volume)), mine.size)
        columns.append(sparse.csc_array((local.data, indices, local.indptr), shape=shape))
        traces.append(fit.traces[mine])
    footprints: Footprints = sparse.csc_array(sparse.hstack(columns))
    first = blocks[0].fit
    whole = Fit(footprints, np.concatenate(traces), first.spatial[:0], first.temporal[:0], first.seen[:0])
    if blocks[0].seeds is not None:
        numbers = np.concatenate([block.seeds for block in blocks if block.seeds is not None])
        order = np.argsort(numbers, kind="stable")
        return Solved(subset(whole, order), numbers[order])
    if len(boxes) == 1:
        return Solved(whole)
    return Solved(merge(whole, grow(whole.footprints, volume), threshold))


def _thinned(runs: npt.NDArray[np.int64], height: int) -> npt.NDArray[np.int64]:
    """Of each plane's rows, `height` of them, one in `SAMPLED`; the same ones from either end."""
    if len(runs) < ENOUGH_ROWS:
        return runs
    count = count_of(height, SAMPLED)
    group = groups(height, min(height, count + (height + count) % 2))  # so that none has the middle between two rows
    first = np.flatnonzero(np.diff(group, prepend=-1))
    last = np.append(first[1:], height) - 1
    inner = np.where(first + last < height - 1, last, np.where(first + last > height - 1, first, (first + last) // 2))
    return runs.reshape(-1, height, 3)[:, inner].reshape(-1, 3)


def tile_neuropil(blocks: list[Solved], boxes: tuple[Box, ...], volume: VolumeShape) -> Neuropil:
    """Each block's background images on its core."""
    voxels = int(np.prod(volume))
    fits = [block.fit for block in blocks]
    rank = max(fit.temporal.shape[0] - 1 for fit in fits)
    images = np.zeros((rank, voxels), np.float32)
    rest = np.zeros(voxels, np.float32)
    grid = np.arange(voxels).reshape(volume)
    runs = []
    for tile, (fit, box) in enumerate(zip(fits, boxes, strict=True)):
        core = tuple(slice(a, b) for a, b in box.core)
        inner = tuple(slice(a - o, b - o) for (a, b), (o, _) in zip(box.core, box.outer, strict=True))
        voxel = grid[core]
        spatial = fit.spatial.reshape(*box.shape, -1)[inner]
        rest[voxel] = spatial[..., 0] * fit.temporal[0, 0]
        for r in range(fit.temporal.shape[0] - 1):
            images[r, voxel] = spatial[..., r + 1]
        starts = voxel[..., 0].ravel()
        runs.append(np.stack([np.full(starts.size, tile), starts, starts + voxel.shape[2]], axis=1).astype(np.int64))
    thin = [_thinned(r, box.core[1][1] - box.core[1][0]) for r, box in zip(runs, boxes, strict=True)]
    smooth = tuple(fit.temporal.shape[0] - 1 - fit.moving for fit in fits)
    return Neuropil(images, rest, np.concatenate(runs), np.concatenate(thin), len(boxes), smooth)
