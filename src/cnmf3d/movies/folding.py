"""A flat list of pages as volumes: how many planes and channels follow one another, which of them runs fastest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies.arrays import Mapped, Stacked, folded
from cnmf3d.movies.axes import COUNTS, fitting, page_readings
from cnmf3d.movies.stored import LazyArray

ORDER = "tzc"
"""How pages follow one another where the user says nothing: channels of a plane, planes of a volume, volumes. That is
the order in which microscopes record and ImageJ stores."""


TURNS = 20
"""Pages that must be bright and dim in turn to be taken for two channels: by chance that happens once in 90,000 lists;
more would make opening slow."""


def fold_pages(
    data: LazyArray, found: str, sizes: Mapping[str, int], where: str, order: str = ORDER, image: str = "yx"
) -> tuple[LazyArray, str, tuple[str, ...]]:
    """Read the pages before (Y, X) as one list of volumes.

    Parameters
    ----------
    data : LazyArray
    found : str
        What the file says of its axes; channels that it names stay apart.
    sizes : mapping
        Planes ``z`` and channels ``c`` that follow one another.
    where : str
        The file, for messages.
    order : str
        Letters ``t``, ``z`` and ``c`` as they follow one another, the slowest first.
    image : str
        The dimensions of a page where the file doesn't name them.

    Returns
    -------
    data, axes, cautions

    Raises
    ------
    UsageError
        For numbers below 1, or where the file names its channels.
    InputError
        Where the pages can't be cut so.
    """
    for letter, name in COUNTS.items():
        if sizes.get(letter, 1) < 1:
            raise UsageError(f"{name} is {sizes[letter]}", "Give a whole number, at least 1.")
    lead = max(1, len(data.shape) - 2)
    named = next((place for place, letter in enumerate(found[:-2]) if letter == "c" and data.shape[place] > 1), None)
    if named is not None and "c" in sizes:
        if data.shape[named] != sizes["c"]:
            problem = f"channels is {sizes['c']}, but {where} has {data.shape[named]}"
            raise UsageError(problem, "Leave channels (--channels) out.")
        sizes = {letter: size for letter, size in sizes.items() if letter != "c"}
    lead = lead if named is None else named
    tail = found[lead:] if set("yx") <= set(found[lead:]) else image
    counts = " and ".join(f"{name}={sizes[letter]}" for letter, name in COUNTS.items() if letter in sizes)
    pages = _one_list(data, lead)
    if pages is None or len(tail) != len(data.shape) - lead:
        raise UsageError(f"{counts} needs pages in one list; {where} has the axes {found}", fitting(data.shape))
    order = "".join(letter for letter in order if letter == "t" or letter in sizes)
    whole = math.prod(sizes.values())
    volumes, left = divmod(pages.shape[0], whole)
    cautions: tuple[str, ...] = ()
    if left:
        text = f"{where} has {pages.shape[0]} pages, which are no multiple of {counts}"
        fix = _dividing(pages.shape[0])
        if order[0] != "t" or volumes < 2:
            raise InputError(text, fix)
        cautions = (f"{text}: the last {left} are left out, as of a recording that was stopped. {fix}",)
        pages = _first(pages, volumes * whole)
    result = folded(pages, tuple(volumes if letter == "t" else sizes[letter] for letter in order))
    assert result is not None
    return result, order + tail, cautions


def take_turns(pages: LazyArray) -> bool:
    """Whether pages of a list are bright and dim in turn, without exception: unnamed channels do that.

    Planes of a volume get brighter or dimmer step by step; only two planes take turns as two channels do.

    Parameters
    ----------
    pages : (pages, Y, X) LazyArray
        The first few are read.
    """
    count = min(TURNS, int(pages.shape[0]))
    if count < TURNS:
        return False
    means = np.array([np.mean(pages[(number, slice(None), slice(None))]) for number in range(count)])
    one, other = means[::2], means[1::2]
    return bool(one.max() < other.min() or other.max() < one.min())


def _one_list(data: LazyArray, lead: int) -> LazyArray | None:
    """Take the first `lead` dimensions as one list of pages; None where that needs a copy."""
    return data if lead == 1 else folded(data, (math.prod(data.shape[:lead]),), lead) if lead else None


def _first(pages: LazyArray, count: int) -> LazyArray:
    """Take the first pages of a list."""
    if isinstance(pages, np.ndarray):
        return pages[:count]
    if isinstance(pages, Mapped):
        return replace(pages, shape=(count, *pages.shape[1:]))
    if isinstance(pages, Stacked):
        return Stacked(pages.pages, pages.numbers[:count])
    return Stacked(pages, np.arange(count, dtype=np.intp))


def _dividing(pages: int) -> str:
    """Say which numbers of planes divide a number of pages."""
    ways = ", ".join(f"{planes} ({volumes} volumes)" for volumes, planes in page_readings(pages, 12))
    return f"These numbers of planes divide it: {ways}." if ways else "Its pages can only be one plane a volume."
