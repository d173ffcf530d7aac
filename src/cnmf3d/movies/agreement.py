"""What is given, what the sidecar says and what the file says: where they differ, the user is warned."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cnmf3d.geometry import ZYX
from cnmf3d.movies.stored import Facts
from cnmf3d.movies.timing import DISAGREE, contradiction

FLYBACK = "flyback_frames"
"""Entry of a movie's metadata: frames of each volume that are left out, because the focus returns in them."""

SMALLEST, LARGEST = 0.01, 1000.0
"""µm; a voxel beyond is no voxel of a microscope, but a unit that was mistaken."""


def rate_of(known: Sequence[tuple[str, Facts]], planes: int) -> tuple[float | None, list[str]]:
    """The rate of the first source that has one, and how others contradict it.

    Parameters
    ----------
    known : sequence of (name, Facts)
        Sources of facts, the one that wins first, with the names that the user knows them by.
    planes : int
        Planes of a volume.

    Returns
    -------
    rate, warnings
    """
    stated = [(name, facts.rate) for name, facts in known if facts.rate is not None]
    if not stated:
        return None, []
    used = stated[0][1]
    flyback = next((n for _, each in known if isinstance(n := each.metadata.get(FLYBACK), int)), 0)  # not others' texts
    return used, [text for name, rate in stated[1:] for text in contradiction(used, rate, planes, name, flyback)]


def voxel_size_of(known: Sequence[tuple[str, Facts]]) -> tuple[ZYX | None, list[str]]:
    """The voxel size of the first source that has one, and how others contradict it.

    Returns
    -------
    voxel_size, warnings
        A warning too where it is no size of a voxel, as where µm were written as metres.
    """
    stated = [(name, facts.voxel_size) for name, facts in known if facts.voxel_size is not None]
    if not stated:
        return None, []
    name, used = stated[0]
    for _, size in stated[1:]:  # a distance of planes that is given alone leaves the size of pixels to the file
        used = ZYX(*(other if math.isnan(side) else side for side, other in zip(used, size, strict=True)))
    if math.isnan(used.x) or math.isnan(used.y):
        text = f"{name} has the distance of planes {used.z:g} µm, but no size of a pixel is known"
        return None, [f"{text}. Give voxel_size=(x, y, z) in µm (--voxel-size)."]
    warnings = [
        f"{other} says that a voxel is {size} µm (x × y × z), but {used} µm is used. Give the right one with "
        "voxel_size= (--voxel-size)."
        for other, size in stated[1:]
        if not all(_same(one, two) for one, two in zip(used, size, strict=True))
    ]
    sides = [side for side in used if not math.isnan(side)]
    if any(not SMALLEST <= side <= LARGEST for side in sides):
        text = f"a voxel of {used} µm (x × y × z; {name}) is not plausible for a microscope: its unit may be wrong"
        warnings.append(f"{text}. Give voxel_size=(x, y, z) in µm (--voxel-size).")
    return used, warnings


def facts_differ(known: Sequence[tuple[str, Facts]], planes: int) -> list[str]:
    """How sources contradict the one that wins, in rate and voxel size; see `rate_of`, `voxel_size_of`."""
    return [*rate_of(known, planes)[1], *voxel_size_of(known)[1]]


def axes_differ(found: str, used: str, where: str) -> list[str]:
    """Warn where the axes that are given rename those that the file names.

    Parameters
    ----------
    found, used : str
        A letter a dimension of the same array, as in `Stored`.
    where : str
        The file.
    """
    pairs = list(zip(found, used, strict=True))
    if all(one in "?!-" or two == "-" or one == two for one, two in pairs):
        return []
    named = found.replace("-", "").replace("!", "?")
    return [f"{where} names its axes {named}; they are read as {used.replace('-', '')}, as axes= (--axes) says."]


def planes_differ(found: str, shape: Sequence[int], planes: int, where: str) -> list[str]:
    """Warn where the planes that are given contradict the file's own."""
    stated = shape[found.index("z")] if "z" in found else planes
    if stated == planes:
        return []
    return [
        f"{where} says that a volume has {stated} planes; "
        f"it is cut into volumes of {planes}, as planes= (--planes) says."
    ]


def _same(one: float, two: float) -> bool:
    """Whether two lengths agree; not-a-number is a length that isn't known."""
    return math.isnan(one) or math.isnan(two) or abs(one / two - 1) <= DISAGREE
