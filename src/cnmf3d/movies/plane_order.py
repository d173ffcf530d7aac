"""Planes in the order of depth, where the file has them in another one.

Light beads microscopes record planes as channels. These are numbered as the beads arrive, or as the lab wired them, so
that only the lab knows which plane is which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import ChoiceError, UsageError
from cnmf3d.movies.stored import Index, LazyArray
from cnmf3d.movies.timing import PLANES, Times

MOST = 4
"""Channels that microscopes have detectors for: more in one plane are planes of light beads."""

HOW = 'Write plane_order="3,0,1,2" (--plane-order 3,0,1,2): numbers from 0, the first plane first.'

NUMBERS = re.compile(r"\s*[0-9]{1,9}(\s*[,;]\s*[0-9]{1,9})*\s*")

Order = tuple[tuple[int, ...], ...]


def order_given(value: Any) -> Order | None:
    """Read an order of planes: numbers with commas between; a semicolon between those of several channels.

    Raises
    ------
    UsageError
        Where it is none, a number comes twice or channels have several numbers of planes.
    """
    if value is None:
        return None
    text = value
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str):
        parts = value if len(value) and isinstance(value[0], (Sequence, np.ndarray)) else [value]
        text = ";".join(",".join(map(str, part)) for part in parts)
    if not isinstance(text, str) or not NUMBERS.fullmatch(text):
        raise UsageError(f"plane_order is {value!r}", HOW)
    groups = [tuple(map(int, part.split(","))) for part in text.split(";")]
    numbers = [number for group in groups for number in group]
    if len(set(numbers)) < len(numbers):
        again = next(number for number in numbers if numbers.count(number) > 1)
        raise UsageError(f"plane_order names {again} twice", HOW)
    if len({len(group) for group in groups}) > 1:
        raise UsageError(f"plane_order has {' and '.join(str(len(group)) for group in groups)} planes", HOW)
    return tuple(groups)


@dataclass(frozen=True)
class Taken:
    """Some items of one dimension, in an order.

    Attributes
    ----------
    source : LazyArray
    axis : int
    numbers : (n,) int
    """

    source: LazyArray
    axis: int
    numbers: npt.NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths, with the items that are taken."""
        shape = list(self.source.shape)
        shape[self.axis] = len(self.numbers)
        return tuple(shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self.source.dtype)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part: each run of items that follow one another in the source at once."""
        before, part, after = index[: self.axis], index[self.axis], index[self.axis + 1 :]
        if not isinstance(part, slice):
            return np.asarray(self.source[(*before, int(self.numbers[part]), *after)])
        wanted = self.numbers[part]
        place = sum(isinstance(each, slice) for each in before)
        if not wanted.size:
            return np.asarray(self.source[(*before, slice(0, 0), *after)])
        low, high = int(wanted.min()), int(wanted.max())
        if high - low < 2 * len(wanted):  # most of what lies between is wanted
            block = np.asarray(self.source[(*before, slice(low, high + 1), *after)])
            return block.take(wanted - low, axis=place)
        ends = [0, *(np.flatnonzero(np.diff(wanted) != 1) + 1).tolist(), wanted.size]
        runs = [slice(int(wanted[first]), int(wanted[last - 1]) + 1) for first, last in pairwise(ends)]
        return np.concatenate([np.asarray(self.source[(*before, run, *after)]) for run in runs], axis=place)


def in_depth(
    data: LazyArray, axes: str, order: Order | None, channel: int | None, where: str
) -> tuple[LazyArray, str, int | None, tuple[str, ...]]:
    """Put planes in the order of depth; channels are planes where there is one plane and several channels.

    Parameters
    ----------
    data : LazyArray
    axes : str
        A letter for each of its dimensions.
    order : Order or None
    channel : int or None
        The user's; with an order of several channels, which of them is read.
    where : str
        The file, for messages.

    Returns
    -------
    data, axes, channel, cautions
        `channel` is None where the order has used it up.

    Raises
    ------
    UsageError, ChoiceError
        Where the order has other numbers than the movie, or a channel must be chosen.
    """
    sizes = dict(zip(axes, map(int, data.shape), strict=True))
    channels, planes = sizes.get("c", 1), sizes.get("z", 1)
    as_channels = planes == 1 and channels > 1
    if order is None:
        if channel is not None or not as_channels or channels <= MOST:
            return data, axes, channel, ()
        text = (
            f"{where}: its {channels} channels are more than microscopes have detectors for; they were read as planes "
            "(light beads) in the order of their numbers. Give plane_order= (--plane-order) if they lie otherwise, or "
            "channel= (--channel) if they are channels."
        )
        return data, _named(axes), None, (text,)
    count, what = (channels, "channels") if as_channels else (planes, "planes")
    beyond = [number for group in order for number in group if number >= count]
    if beyond:
        raise UsageError(f"plane_order names {beyond[0]}, but {where} has {count} {what}", f"They count from 0. {HOW}")
    chosen = 0
    if len(order) > 1:
        if channel is None:
            choices = [f"planes {', '.join(map(str, group))}" for group in order]
            fix = f"Say which one to read: channel=0 (--channel 0) up to channel={len(order) - 1}."
            raise ChoiceError(f"{where} has {len(order)} channels by plane_order", fix, "channel", choices)
        if not 0 <= channel < len(order):
            raise UsageError(f"channel is {channel}, plane_order has {len(order)}", "Channels count from 0.")
        chosen, channel = channel, None
    if "z" not in axes and not as_channels:
        return data, axes, channel, ()
    numbers = np.array(order[chosen], np.intp)
    left = count - sum(map(len, order))
    text = f"{where}: {left} of its {count} {what} are not in plane_order and are left out."
    taken = Taken(data, axes.index("c" if as_channels else "z"), numbers)
    return taken, _named(axes) if as_channels else axes, channel, (text,) if left else ()


def times_in_depth(metadata: Mapping[str, Any], data: LazyArray) -> Mapping[str, Any]:
    """A file's metadata whose times of planes are of those that `data` has, in its order; see `in_depth`."""
    late = metadata.get(PLANES)
    if not isinstance(late, Times) or not isinstance(data, Taken) or len(late) != data.source.shape[data.axis]:
        return metadata
    return {**metadata, PLANES: Times(late[number] for number in data.numbers)}


def _named(axes: str) -> str:
    """Axes where channels are planes, and the one plane is none."""
    return axes.replace("z", "-").replace("c", "z")
