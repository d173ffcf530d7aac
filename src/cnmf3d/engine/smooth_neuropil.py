"""Neuropil without what clearly has the shape of a cell, so that it takes nothing of what cells do.

A fit can't tell ``C + w f`` beside the image ``B − a w`` from ``C`` beside ``B``, with ``f`` a course of the neuropil:
what a cell does for long, or below its rest, goes into the background as far as it happens to be like ``f``. But
neuropil is smooth, so that its surround says what it is under a cell (`cnmf3d.own_light`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Bool, Float, VolumeShape
from cnmf3d.engine.block import Footprints, entry_columns, with_data
from cnmf3d.engine.volume import Neuropil
from cnmf3d.own_light import own_part

ENOUGH = 8
"""Cells of a tile from which on it is known what they have in common, bleaching: with fewer, images stay as they are,
or bleaching would be taken for what the cells do."""

CLEAR = 2.0
"""Standard errors that a weight must have to be taken out of an image: neuropil itself varies by less under a cell.
Fewer take that for the cell's, in dense tissue above all; more leave more of slow activity in the neuropil."""


def without_cells(
    neuropil: Neuropil, footprints: Footprints, level: Float, scale: Float, seen: Bool, volume: VolumeShape
) -> Neuropil:
    """Neuropil without what of its images clearly has the shape of a footprint, but for bleaching.

    Bleaching dims a cell's own light as it does everything: that part of the images is in proportion to the cells'
    light at rest, by one factor for all cells of a tile (least absolute deviations), and stays.

    Parameters
    ----------
    neuropil : Neuropil
    footprints : csc (voxels, components)
        In units of noise.
    level, scale : (voxels,) float32
        Resting light, and noise, of each voxel: images are smooth in units of the movie.
    seen : (voxels,) bool
    volume : (Z, Y, X)
    """
    if not any(neuropil.smooth) or not footprints.shape[1]:
        return neuropil
    images = neuropil.images.copy()
    light = np.where(seen, scale, np.float32(0))
    in_movie_units = with_data(footprints, footprints.data * light[footprints.indices])
    homes = neuropil.tile_of[_brightest(footprints)]
    for tile, rank in enumerate(neuropil.smooth):
        here = neuropil.tile_of == tile
        mine = np.flatnonzero(homes == tile)
        if not rank or not mine.size:
            continue
        each = np.concatenate([images[:rank] * light, level[None]])
        found, error = (np.nan_to_num(part) for part in own_part(each, in_movie_units, volume, seen & here, mine))
        if np.count_nonzero(found[-1]) < ENOUGH:
            continue
        weights = np.zeros((rank, footprints.shape[1]), np.float32)
        weights[:, mine] = _clear(found[:-1] - _in_proportion(found[:-1], found[-1]), error[:-1])
        part = with_data(footprints, np.where(here[footprints.indices], footprints.data, np.float32(0)))
        images[:rank] -= (part @ weights.T).T.astype(np.float32)
    return dataclasses.replace(neuropil, images=images)


def _clear(weights: Float, error: Float) -> Float:
    """What of weights stands out of `CLEAR` standard errors, each drawn to zero by these (James & Stein 1961)."""
    least = CLEAR * error
    clear = np.abs(weights) > least
    share = 1 - (least / np.where(clear, weights, 1)) ** 2
    return np.where(clear, weights * share, 0).astype(np.float32)


def _in_proportion(weights: Float, rest: Float) -> Float:
    """What of the weights (images, cells) is in proportion to the cells' `rest`."""
    ratios = weights / np.where(rest == 0, np.float32(np.inf), rest)
    order = np.argsort(ratios, axis=1)
    total = np.cumsum(np.abs(rest)[order], axis=1)
    middle = np.argmax(total >= 0.5 * total[:, -1:], axis=1)
    factor = np.take_along_axis(np.take_along_axis(ratios, order, axis=1), middle[:, None], axis=1)
    return np.asarray(factor * rest, np.float32)


def _brightest(footprints: Footprints) -> npt.NDArray[np.int64]:
    """(components,) brightest voxel of each footprint."""
    order = np.lexsort((footprints.data, entry_columns(footprints)))
    last = footprints.indptr[1:] - 1
    return np.asarray(footprints.indices[order[np.maximum(last, 0)]], np.int64)
