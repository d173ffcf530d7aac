"""What a user says about a movie when opening it: numbers, also as text with a unit, and names of options."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.geometry import ZYX, along_axes
from cnmf3d.movies.axes import parse_axes

RATE = re.compile(
    r"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*(?:hz|fps|/ ?s|vol(?:ume)?s?(?: ?/ ?s| a second)?)?\s*", re.IGNORECASE
)
"""A rate as text: a number, and its unit if there is one."""

OTHER_NAMES = {
    "fps": "rate", "fr": "rate", "frame_rate": "rate", "framerate": "rate", "volume_rate": "rate", "hz": "rate",
    "pixel_size": "voxel_size", "dxy": "voxel_size", "spacing": "voxel_size", "resolution": "voxel_size",
    "dims": "axes", "order": "axes", "dimension_order": "axes", "n_planes": "planes", "nplanes": "planes",
    "key": "dataset", "series": "dataset", "var_name_hdf5": "dataset", "n_channels": "channels",
}  # fmt: skip
"""What other programs call the options of `open_movie`."""


def rate_given(rate: Any) -> float | None:
    """Volumes a second as a user gave them: a number, or text as ``"5 Hz"``.

    Raises
    ------
    UsageError
        Where it is no rate.
    """
    if rate is None:
        return None
    value = rate
    if isinstance(rate, str) and (found := RATE.fullmatch(rate)):
        try:
            value = float(found[1])
        except ValueError:
            value = rate
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not (math.isfinite(number) and number > 0):
        raise UsageError(f"rate is {rate!r}", "Give the number of volumes a second, above 0: rate=5 (--fps 5).")
    return number


Z_ALONE = re.compile(r"\s*z\s*=\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([µμu]m)?\s*", re.IGNORECASE)
"""The distance of planes alone, as text."""


def depth_given(voxel_size: Any) -> float | None:
    """The distance of planes where a user gave it alone, as ``"z=15"`` or ``{"z": 15}``; None for anything else."""
    if isinstance(voxel_size, Mapping) and set(voxel_size) == {"z"} and isinstance(voxel_size["z"], Real):
        return float(voxel_size["z"])
    found = Z_ALONE.fullmatch(voxel_size) if isinstance(voxel_size, str) else None
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def size_given(voxel_size: Any) -> ZYX | None:
    """Size of a voxel in µm as a user gave it; x and y are not-a-number where it is the distance of planes alone.

    Raises
    ------
    UsageError
        Where it is none.
    """
    depth = depth_given(voxel_size)
    if depth is not None:
        if not (math.isfinite(depth) and depth > 0):
            raise UsageError(f"voxel_size is z={depth:g}", "Give µm above 0.")
        return ZYX(depth, math.nan, math.nan)
    size = None if voxel_size is None else along_axes(voxel_size, "voxel_size")
    if size is not None and not all(math.isfinite(side) and side > 0 for side in size):
        raise UsageError(f"voxel_size is {size}", "Give µm above 0, in the order x, y, z.")
    return size


def axes_given(axes: Any) -> str | None:
    """Order of the axes as a user gave it.

    Raises
    ------
    UsageError
        Where it is none.
    """
    if axes is not None and not isinstance(axes, str):
        raise UsageError(f"axes is {axes!r}", 'Write a letter a dimension, slowest first: axes="tzyx".')
    return None if axes is None else parse_axes(axes)


def whole_given(value: Any, name: str) -> int | None:
    """A whole number as a user gave it.

    Raises
    ------
    UsageError
        Where it is none.
    """
    if value is None:
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UsageError(f"{name} is {value!r}", f"Give a whole number: {name}=2.")
    return int(value)


def one_of(value: Any, words: Sequence[str], name: str) -> str:
    """A word as a user gave it; the first of `words` for None.

    Raises
    ------
    UsageError
        Where it is another one.
    """
    if value is None:
        return words[0]
    plain = str(value).strip().lower().replace("-", " ").replace("_", " ")
    if plain not in words:
        raise UsageError(f"{name} is {value!r}", f"{did_you_mean(plain, words)}It may be {', '.join(words)}.")
    return plain


def refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse options that `open_movie` doesn't have, with the one that is meant.

    Raises
    ------
    UsageError
        For the first one.
    """
    options = tuple(known)
    for name in (each for each in names if each not in options):
        meant = did_you_mean(OTHER_NAMES.get(name.lower(), name), options)
        raise UsageError(f"a movie can't be opened with {name}=", f"{meant}There are {', '.join(options)}.")
