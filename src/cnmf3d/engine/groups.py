"""Places along an axis in groups of neighbours: supervoxels, pools, tiles; the same ones from either end.

Groups counted from one end leave a narrower one at the other: a movie and its mirror image would be other pools,
other neuropil, and at the end other cells.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def count_of(length: int, width: int, *, wider: bool = False) -> int:
    """How many groups of `width` places there are along an axis: an odd number where its middle is a place.

    Where that asks for another number than would do, there is one more, or one less, `wider` ones.
    """
    count = -(-length // width)
    return count + (-1 if wider else 1) if length % 2 and not count % 2 else count


def groups(length: int, count: int) -> Ints:
    """The group of each place, (length,) from 0 to `count` - 1: of nearly the same width, mirrored about the middle.

    Parameters
    ----------
    length : int
    count : int
        At most `length`; where `length` is odd and `count` even, the middle one is counted to the first half.
    """
    place = np.arange(length)
    half = np.minimum(place, length - 1 - place)
    first = (2 * half + 1) * count // (2 * length)
    return np.where(place <= (length - 1) / 2, first, count - 1 - first)


def centres(group: Ints) -> npt.NDArray[np.float64]:
    """Where the middle of each group is, in places."""
    return np.bincount(group, np.arange(group.size)) / np.bincount(group)


def to_places(numbers: npt.NDArray[np.float64], group: Ints) -> npt.NDArray[np.float64]:
    """Positions that are counted in groups, 0 for the middle of the first one, as places."""
    at, where = _known(group)
    return np.asarray(np.interp(numbers, at, where))


def to_groups(places: npt.NDArray[np.float64], group: Ints) -> npt.NDArray[np.float64]:
    """The inverse of `to_places`."""
    at, where = _known(group)
    return np.asarray(np.interp(places, where, at))


def _known(group: Ints) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Numbers and places of all groups, and of one more on each side, as wide as the groups there are on average."""
    middle, width = centres(group), group.size / (group[-1] + 1)
    return np.arange(-1, middle.size + 1.0), np.concatenate([[middle[0] - width], middle, [middle[-1] + width]])
