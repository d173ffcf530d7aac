"""Which dimension of an array is time, depth, height, width: what was said, what fits, what is assumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies.arrays import folded
from cnmf3d.movies.stored import LazyArray

LETTERS = "tzyxc"
ORDERS = ("tzyx", "tyxz", "txyz", "ztyx", "xyzt")
"""Orders of four axes that are found in the field, the likeliest first."""


def parse_axes(axes: str) -> str:
    """Read an order of axes as a user writes it, such as ``tzxy`` or ``TZCYX``.

    Raises
    ------
    UsageError
        For letters that aren't axes, that come twice, or where ``y`` or ``x`` is missing.
    """
    letters = axes.lower().replace(",", "").replace(" ", "")
    fix = "Write a letter a dimension, slowest first: t time, z depth, y height, x width, c channel: tzyx."
    unknown = sorted(set(letters) - set(LETTERS))
    if unknown:
        raise UsageError(f"axes {axes!r}: {', '.join(unknown)} is no axis", fix)
    if len(set(letters)) != len(letters):
        raise UsageError(f"axes {axes!r} names an axis twice", fix)
    if not {"y", "x"} <= set(letters):
        raise UsageError(f"axes {axes!r} lacks y or x", fix)
    return letters


NAMES = {
    "t": ("t", "time", "frame", "frames", "volume", "volumes"),
    "z": ("z", "depth", "plane", "planes", "slice", "slices"),
    "y": ("y", "height", "row", "rows"),
    "x": ("x", "width", "column", "columns", "col"),
    "c": ("c", "channel", "channels"),
}
"""What files call the axes."""


def letters_of(names: Sequence[str | None] | None, rank: int) -> str:
    """Turn the names that a file gives its dimensions into letters, ``?`` for what isn't known.

    Parameters
    ----------
    names : sequence of str or None
        As the file has them, in any case; None or another number of names where it has none.
    rank : int
        Number of dimensions.
    """
    if names is None or len(names) != rank:
        return "?" * rank
    letters = ""
    for name in names:
        plain = (name or "").strip().lower()
        letter = next((letter for letter, known in NAMES.items() if plain in known), "?")
        letters += "?" if letter in letters else letter
    return letters


def describe(shape: Sequence[int], axes: str) -> str:
    """Say what a shape is when its axes are `axes`: ``300 volumes of 60 × 60 × 10 (x, y, z)``."""
    sizes = dict(zip(axes, shape, strict=True))
    channels = f", {sizes['c']} channels" if sizes.get("c", 1) > 1 else ""
    time, z = sizes.get("t", 1), sizes.get("z", 1)
    return f"{time} volumes of {sizes['x']} × {sizes['y']} × {z} (x, y, z){channels}"


def page_readings(pages: int, most: int = 6) -> list[tuple[int, int]]:
    """Ways to read a flat list of pages as (volumes, planes), both at least 2; few planes first."""
    ways = ((pages // planes, planes) for planes in range(2, pages // 2 + 1) if pages % planes == 0)
    return [way for way, _ in zip(ways, range(most), strict=False)]


def fitting(shape: Sequence[int]) -> str:
    """Name the readings of an array of this shape that would be a movie, as the end of a message."""
    lengths = [n for n in shape if n > 1]
    if len(lengths) == 4:
        ways = [f'axes="{order}" ({describe(lengths, order)})' for order in ORDERS]
        return "These would fit: " + "; ".join(ways) + "."
    if len(lengths) == 3:
        ways = list(_three(lengths))
        return "These would fit: " + "; ".join(ways) + "."
    if len(lengths) == 5:
        return 'With channels the axes have five letters, e.g. axes="tzcyx" with channel=0.'
    return "A movie has three dimensions (t, y, x), four (t, z, y, x), or five with channels (t, z, c, y, x)."


def _three(lengths: Sequence[int]) -> Iterator[str]:
    """Name readings of three dimensions: one plane, or several whose pages lie in one list."""
    pages, height, width = lengths
    yield f'axes="tyx" (one plane, {pages} frames of {width} × {height})'
    for volumes, planes in page_readings(pages):
        yield f"planes={planes} ({volumes} volumes of {planes} planes)"


def with_axes(data: LazyArray, found: str, wanted: str, planes: int | None, where: str) -> tuple[LazyArray, str]:
    """Give an array the axes that the user wants.

    Parameters
    ----------
    data : LazyArray
    found : str
        What the file says: a letter a dimension, ``?`` where it says nothing.
    wanted : str
        As `parse_axes` returns.
    planes : int or None
        Planes a volume, where the pages lie in one list.
    where : str
        The file, for errors.

    Returns
    -------
    data, axes
        ``-`` stands for a dimension of length 1 that has no letter in `wanted`.

    Raises
    ------
    InputError
        Where they don't fit; the message says which readings would.
    """
    axes = _match(tuple(data.shape), found, wanted)
    if axes is not None:
        inside = data.shape[axes.index("z")] if "z" in axes else 1
        if planes not in (None, inside):
            raise UsageError(f"planes is {planes}, but {where} has {inside} with axes={wanted!r}", "Leave one out.")
        return data, axes
    shape = " × ".join(str(n) for n in data.shape)
    if planes is not None and {"t", "z"} <= set(wanted):
        return fold_planes(data, found, planes, where, "zt" if wanted.index("z") < wanted.index("t") else "tz")
    raise InputError(f'{where} has the shape {shape}, to which axes="{wanted}" does not fit', fitting(data.shape))


def _match(shape: tuple[int, ...], found: str, wanted: str) -> str | None:
    """Give the dimensions the letters of `wanted`, dropping such of length 1; None where they don't fit."""
    spare = len(shape) - len(wanted)
    if spare < 0:
        # A file of one plane is often written without its z axis.
        return found if found == wanted.replace("z", "") else None
    singles = [axis for axis, length in enumerate(shape) if length == 1]
    singles.sort(key=lambda axis: (found[axis] in wanted, found[axis] != "?", axis))
    if len(singles) < spare:
        return None
    dropped = set(singles[:spare])
    letters = iter(wanted)
    return "".join("-" if axis in dropped else next(letters) for axis in range(len(shape)))


def fold_planes(data: LazyArray, found: str, planes: int, where: str, order: str = "tz") -> tuple[LazyArray, str]:
    """Read the pages before (Y, X) as one list of volumes with `planes` planes each.

    Raises
    ------
    UsageError
        For planes below 1.
    InputError
        Where the pages can't be cut so.
    """
    if planes < 1:
        raise UsageError(f"planes is {planes}", "Give the number of planes of a volume, at least 1.")
    lead = max(1, len(data.shape) - 2)
    if "c" in found[1:lead]:
        lead = found.index("c")
    pages = 1
    for length in data.shape[:lead]:
        pages *= length
    if pages % planes:
        ways = ", ".join(f"{p} ({v} volumes)" for v, p in page_readings(pages, 12))
        fix = f"These numbers of planes divide it: {ways}." if ways else "Its pages can only be one plane a volume."
        raise InputError(f"{where} has {pages} pages, which are no multiple of planes={planes}", fix)
    leading = (pages // planes, planes) if order == "tz" else (planes, pages // planes)
    result = folded(data, leading, lead)
    tail = found[lead:] if set("yx") <= set(found[lead:]) else "yx"
    if result is None or len(tail) != len(data.shape) - lead:
        raise UsageError(f"planes={planes} needs pages in one list; {where} has the axes {found}", fitting(data.shape))
    return result, order + tail


def completed(shape: Sequence[int], found: str, where: str, *, volumes: bool) -> tuple[str, str]:
    """Fill in what the file doesn't say about its axes.

    Parameters
    ----------
    shape : sequence of int
    found : str
        A letter a dimension, ``?`` where unknown.
    where : str
        The file, for messages.
    volumes : bool
        Whether an unnamed stack of pages is one volume (one of several files) rather than frames of one
        plane.

    Returns
    -------
    axes, warning
        The warning is empty where nothing was assumed.

    Raises
    ------
    InputError
        Where no reading as a movie is likely.
    """
    axes = ["-" if letter == "?" and n == 1 else letter for letter, n in zip(found, shape, strict=True)]
    open_places = [place for place, letter in enumerate(axes) if letter == "?"]
    if not open_places:
        return "".join(axes), ""
    missing = [letter for letter in "tzyx" if letter not in axes]
    if len(open_places) == 1 and missing[:2] == ["t", "z"]:
        missing = ["z"] if volumes else ["t"]
    if len(open_places) == 3 and missing == list("tzyx"):
        missing = list("zyx") if volumes else list("tyx")
    if len(open_places) > len(missing) or not set("yx") <= set(axes) | set(missing[: len(open_places)]):
        text = " × ".join(str(n) for n in shape)
        raise InputError(f"{where} has the shape {text} and does not say what its axes are", fitting(shape))
    for place, letter in zip(open_places, missing, strict=False):
        axes[place] = letter
    named = "".join(axes)
    kept = [(n, a) for n, a in zip(shape, named, strict=True) if a != "-"]
    reading = describe([n for n, _ in kept], "".join(a for _, a in kept))
    order = named.replace("-", "")
    return named, f"{where} does not name its axes; read as {order}, {reading}. {fitting(shape)}"
