"""Whether the tissue moves: two halves of the volume are asked separately, and only motion do they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.motion.learning import Learned, project
from cnmf3d.motion.products import by_blocks
from cnmf3d.motion.regression import Grams, regress

Double = npt.NDArray[np.float64]
TILES = 6
"""Tiles along the longer side of a plane; every other one belongs to the first half."""
LEAST = 0.1
"""Voxels rms of motion below which a recording is left as it is: cells lose nothing by that."""
SURE = 3.0
"""Standard errors that the halves' agreement must have."""


@dataclass(frozen=True)
class Agreement:
    """What two halves of the volume say of the shifts along z, y and x.

    Attributes
    ----------
    motion : (3,) float64
        Motion that both see, voxels rms.
    error : (3,) float64
        Error of shifts that all of the volume gives, voxels rms: activity is in it.
    moves : (3,) bool
        Whether there is motion along an axis that matters.
    """

    motion: Double
    error: Double
    moves: npt.NDArray[np.bool_]


def compare_halves(frames: npt.NDArray[Any], learned: Learned, scale: Double, workers: int) -> Agreement:
    """Estimate shifts from either half of the volume.

    Their covariance is the variance of the motion, as noise and activity of the halves have nothing to do with one
    another; what they differ by is four times the variance of the error of both together.

    Parameters
    ----------
    frames : (n, Z, Y, X)
        That the template was learned from.
    learned : Learned
    scale : (3,)
        Voxels of the movie in one of the frames.
    workers : int
    """
    basis, axes = learned.basis, learned.basis.axes
    shape = basis.template.shape
    tile = max(4, -(-max(shape[1:]) // TILES))
    odd = (np.arange(shape[1])[:, None] // tile + np.arange(shape[2]) // tile) % 2
    whole = np.rint(learned.shifts).astype(np.int64)
    reach = np.abs(whole).max(axis=0)

    def half_shifts(mask: npt.NDArray[np.int64]) -> Double:
        half = basis.within(mask.astype(np.float32))
        fit = regress(
            Grams(half, reach).of(whole),
            project(frames, whole, by_blocks(half.instruments), learned.level, workers),
            axes,
        )
        return whole + fit.offset

    one, other = (shifts - np.median(shifts, axis=0) for shifts in map(half_shifts, (odd, 1 - odd)))
    both = np.clip(one * other, -1e3, 1e3)
    common = both.mean(axis=0)
    # neighbours in time are alike: what is sure is counted over stretches
    stretches = np.array([part.mean(axis=0) for part in np.array_split(both, min(16, len(both)))])
    unsure = stretches.std(axis=0) / np.sqrt(max(len(stretches) - 1, 1))
    motion = np.sqrt(np.maximum(common, 0))
    error = np.sqrt(np.mean((one - other) ** 2, axis=0)) / 2
    moves = (
        np.isin(range(3), axes) & (motion * scale > LEAST) & (common > SURE * np.minimum(unsure, common / SURE / 1.5))
    )
    return Agreement(motion, error, moves)
