"""Borders that registration left: rows and columns at a plane's edge where a frame shows nothing.

Where a frame was moved, programs fill its edge with zeros, another constant, or the last row that they saw, repeated.
In movies of whole numbers nothing else says that these voxels weren't seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LEAST_LENGTH = 16
"""Voxels in a row below which a row of equal values may be chance."""

CHANCE = 1e-8
"""Probability that values that are equal by chance make a row: movies of few photons are mostly zeros."""

EVERY = 8
"""Every so many frames, one is used to count how often neighbours are equal by chance."""

Flags = npt.NDArray[np.bool_]


def unseen(frames: npt.NDArray[Any]) -> Flags | None:
    """Which values lie in a filled border.

    Parameters
    ----------
    frames : (frames, Z, Y, X)

    Returns
    -------
    (frames, Z, Y, X) bool, or None where no frame has such a border
        From each of the four sides of a plane: rows (columns) of one value all along, and rows that are the same as the
        next further in. A plane that is empty altogether is left alone.
    """
    mask: Flags | None = None
    least = least_length(frames)
    for axis in (2, 3):
        if frames.shape[axis] < 3 or frames.shape[5 - axis] < least:
            continue
        lines = frames if axis == 2 else frames.swapaxes(2, 3)
        for inward in (lines, lines[:, :, ::-1]):
            width = _border(inward)
            if not width.any():
                continue
            if mask is None:
                mask = np.zeros(frames.shape, bool)
            view = mask if axis == 2 else mask.swapaxes(2, 3)
            view = view if inward is lines else view[:, :, ::-1]
            view |= (np.arange(lines.shape[2]) < width[..., None])[..., None]
    return mask


def least_length(frames: npt.NDArray[Any]) -> float:
    """Voxels that a row of equal values must have so that it isn't chance: from neighbours in the middle of planes."""
    height, width = frames.shape[2:]
    middle = frames[::EVERY, :, height // 4 : height - height // 4, width // 4 : width - width // 4]
    equal = float((middle[..., 1:] == middle[..., :-1]).mean()) if middle.shape[3] > 1 else 0.0
    if equal >= 1:
        return np.inf
    return max(LEAST_LENGTH, np.log(CHANCE) / np.log(equal)) if equal > 0 else LEAST_LENGTH


def _border(lines: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Lines from the first on that were filled, (frames, planes): none where all of them would be."""
    count = lines.shape[2]
    width = np.zeros(lines.shape[:2], np.int64)
    open_ = np.ones(lines.shape[:2], bool)
    for line in range(count - 1):
        where = np.nonzero(open_)
        here = lines[(*where, line)]
        with np.errstate(invalid="ignore"):
            filled = (here == here[:, :1]).all(axis=1) | (here == lines[(*where, line + 1)]).all(axis=1)
        open_[where] = filled
        if not filled.any():
            break
        width[open_] = line + 1
    width[open_] = 0
    return width
