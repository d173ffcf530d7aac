"""Which dimension of an array is time, depth, height, width: what was said, what fits, what is assumed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies.stored import MATLAB_ORDERS, ORDERS

LETTERS = "tzyxc"


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
    "t": ("t", "time", "frame", "frames", "volume", "volumes", "times", "timepoint", "timepoints", "num_frames"),
    "z": ("z", "depth", "plane", "planes", "slice", "slices", "num_planes"),
    "y": ("y", "height", "row", "rows"),
    "x": ("x", "width", "column", "columns", "col"),
    "c": ("c", "channel", "channels"),
}
"""What files call the axes."""


NAMELESS = re.compile(r"(phony_)?(dim|axis)_?\d*|\d*|q|i|other|unknown|none")
"""Names that programs make up for dimensions that nobody named."""


def letters_of(names: Sequence[str | None] | None, rank: int) -> str:
    """Turn the names that a file gives its dimensions into letters.

    Parameters
    ----------
    names : sequence of str or None
        As the file has them, in any case; None or another number of names where it has none.
    rank : int
        Number of dimensions.

    Returns
    -------
    str
        ``?`` for a dimension without a name, ``!`` for one whose name is none of `NAMES` or comes twice: that is no
        dimension without a name, and may not be taken for one that is missing.
    """
    if names is None or len(names) != rank:
        return "?" * rank
    letters = ""
    for name in names:
        plain = (name or "").strip().lower()
        letter = next((letter for letter, known in NAMES.items() if plain in known), "!")
        letters += "?" if NAMELESS.fullmatch(plain) else "!" if letter in letters else letter
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


def fitting(shape: Sequence[int], found: str = "", likely: Sequence[str] = ORDERS) -> str:
    """Name the readings of an array that would be a movie, as the end of a message.

    Parameters
    ----------
    shape : sequence of int
    found : str
        What the file says of the axes, as in `Stored`; readings that contradict it are left out.
    likely : sequence of str
        Orders of four axes, as in `Stored`.
    """
    kept = [(n, letter) for n, letter in zip(shape, found or "?" * len(shape), strict=True) if n > 1]
    lengths, letters = [n for n, _ in kept], "".join(letter for _, letter in kept)
    matlab = tuple(likely) == MATLAB_ORDERS
    if len(lengths) == 4:
        orders = [order for order in likely if _agree(order, letters)] or list(likely)
        ways = [f'axes="{order}" ({_in_matlab(order, matlab)}{describe(lengths, order)})' for order in orders]
        return "These would fit: " + "; ".join(ways) + "."
    if len(lengths) == 3:
        ways = list(_three(lengths, likely[0].replace("z", ""), matlab))
        return "These would fit: " + "; ".join(ways) + "."
    if len(lengths) == 5:
        example = likely[0][:2] + "c" + likely[0][2:]
        return f'With channels the axes have five letters, e.g. axes="{example}" with channel=0.'
    return "A movie has three dimensions (t, y, x), four (t, z, y, x), or five with channels (t, z, c, y, x)."


def with_times(axes: str, planes: int) -> str:
    """Say what helps where a file whose axes are known holds one time only, as the end of a message.

    Parameters
    ----------
    axes : str
        As they are read.
    planes : int
    """
    if planes < 2 or "z" not in axes:
        return "A movie has several times: give all files of the recording, or their folder."
    other = axes.translate(str.maketrans("tz", "zt")) if "t" in axes else axes.replace("z", "t")
    return (
        f'If its planes are times, give axes="{other}" (--axes {other}); if others lie in other files, give them all.'
    )


def _agree(order: str, letters: str) -> bool:
    """Whether an order of axes fits what the file names."""
    return all(letter in ("?", axis) for axis, letter in zip(order, letters, strict=True))


def _in_matlab(order: str, matlab: bool) -> str:
    """Name an order as MATLAB has it, for files that it wrote."""
    return " × ".join(reversed(order.upper())) + " in MATLAB; " if matlab else ""


def _three(lengths: Sequence[int], order: str, matlab: bool) -> Iterator[str]:
    """Name readings of three dimensions: one plane, or several whose pages lie in one list."""
    for axes in (order, order[0] + order[:0:-1]):
        sizes = dict(zip(axes, lengths, strict=True))
        size = f"one plane, {sizes['t']} frames of {sizes['x']} × {sizes['y']}"
        yield f'axes="{axes}" ({_in_matlab(axes, matlab)}{size})'
    for volumes, planes in page_readings(lengths[0]):
        yield f"planes={planes} ({volumes} volumes of {planes} planes)"


COUNTS = {"z": "planes", "c": "channels"}
"""What users call the numbers of planes and channels that follow one another in a list of pages."""


def with_axes(
    shape: Sequence[int], found: str, wanted: str, sizes: Mapping[str, int], where: str, likely: Sequence[str] = ORDERS
) -> str:
    """Give an array the axes that the user wants.

    Parameters
    ----------
    shape : sequence of int
    found : str
        What the file says: a letter a dimension, ``?`` where it says nothing.
    wanted : str
        As `parse_axes` returns.
    sizes : mapping
        Planes ``z`` and channels ``c``, where the user says them.
    where : str
        The file, for errors.
    likely : sequence of str
        Orders of four axes, as in `Stored`, for errors.

    Returns
    -------
    axes
        ``-`` stands for a dimension of length 1 that has no letter in `wanted`.

    Raises
    ------
    InputError
        Where they don't fit; the message says which readings would.
    """
    axes = match_axes(shape, found, wanted)
    if axes is None:
        text = " × ".join(str(n) for n in shape)
        raise InputError(
            f'{where} has the shape {text}, to which axes="{wanted}" does not fit', fitting(shape, found, likely)
        )
    for letter, size in sizes.items():
        inside = shape[axes.index(letter)] if letter in axes else 1
        if size != inside:
            name = COUNTS[letter]
            raise UsageError(f"{name} is {size}, but {where} has {inside} with axes={wanted!r}", "Leave one out.")
    return axes


def match_axes(shape: Sequence[int], found: str, wanted: str) -> str | None:
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


def completed(
    shape: Sequence[int], found: str, where: str, *, volumes: bool, likely: Sequence[str] = ORDERS
) -> tuple[str, str]:
    """Fill in what the file doesn't say about its axes.

    Parameters
    ----------
    shape : sequence of int
    found : str
        A letter a dimension, as in `Stored`.
    where : str
        The file, for messages.
    volumes : bool
        Whether an unnamed stack of pages is one volume (one of several files) rather than frames of one
        plane.
    likely : sequence of str
        Orders of four axes, as in `Stored`: the first that fits is taken.

    Returns
    -------
    axes, warning
        The warning is empty where nothing was assumed.

    Raises
    ------
    InputError
        Where no reading as a movie is likely, and where the file names an axis that is no axis of a movie.
    """
    axes = ["-" if letter in "?!" and n == 1 else letter for letter, n in zip(found, shape, strict=True)]
    if "!" in axes:
        raise _another_axis(shape, axes, where)
    open_places = [place for place, letter in enumerate(axes) if letter == "?"]
    if not open_places and {"y", "x"} <= set(axes):
        return "".join(axes), ""
    missing = [letter for letter in _order(axes, likely) if letter not in axes]
    spare = len(missing) - len(open_places)
    if spare == 1 and {"t", "z"} <= set(missing):
        missing.remove("t" if volumes else "z")
    if len(open_places) > len(missing) or not set("yx") <= set(axes) | set(missing[: len(open_places)]):
        text = " × ".join(str(n) for n in shape)
        said = "does not say what its axes are" if open_places else "names no y and x among its axes"
        raise InputError(f"{where} has the shape {text} and {said}", fitting(shape, found, likely))
    for place, letter in zip(open_places, missing, strict=False):
        axes[place] = letter
    named = "".join(axes)
    kept = [(n, a) for n, a in zip(shape, named, strict=True) if a != "-"]
    reading = describe([n for n, _ in kept], "".join(a for _, a in kept))
    order = named.replace("-", "")
    return named, f"{where} does not name its axes; read as {order}, {reading}. {fitting(shape, found, likely)}"


def _order(axes: Sequence[str], likely: Sequence[str]) -> str:
    """The likeliest order that has the named axes where they are."""
    kept = "".join(letter for letter in axes if letter != "-")
    fits = (order for order in likely if len(kept) == len(order) and _agree(order, kept))
    return next(fits, likely[0])


def _another_axis(shape: Sequence[int], axes: Sequence[str], where: str) -> InputError:
    """Make the error for an axis that the file names and that is neither time, space nor channel."""
    place = axes.index("!")
    known = "".join("c" if at == place else letter for at, letter in enumerate(axes) if letter != "-")
    text = " × ".join(str(n) for n in shape)
    problem = (
        f"{where} has the shape {text}; its dimension {place + 1}, of length {shape[place]}, is neither time, z, y, x "
        "nor channel by its name (it may be positions of the stage), and is not taken for planes"
    )
    if known.count("c") > 1 or set(known) - set(LETTERS):
        return InputError(problem, "Save each of its items as a file, or give the order of all axes: axes= (--axes).")
    fix = f'To read one of its items, take it for the channel: axes="{known}" (--axes {known})'
    return InputError(problem, f"{fix} with channel=0 (--channel 0) up to channel={shape[place] - 1}.")
