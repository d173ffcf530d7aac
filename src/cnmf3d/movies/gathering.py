"""Several files whose pages make volumes only together: a plane a file, or volumes cut over files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Mapped, Stacked
from cnmf3d.movies.chained import Chained
from cnmf3d.movies.naming import Grid, grid_of
from cnmf3d.movies.places import bytes_of
from cnmf3d.movies.stored import LazyArray, Place, Stored


@dataclass(frozen=True)
class Sheets:
    """Files with flat lists of pages.

    Attributes
    ----------
    first : Stored
        The first file.
    counts : sequence of int
        Pages of each file.
    pages : LazyArray
        (pages, Y, X) of all files, in their order.
    """

    first: Stored
    counts: Sequence[int]
    pages: LazyArray


def by_names(places: Sequence[Place], opened: Callable[[int], Stored], axes: str | None, folded: bool) -> Stored | None:
    """Put files to planes, channels and times by their names.

    Parameters
    ----------
    places : sequence of Place
    opened : callable
        ``opened(i)`` opens file i.
    axes : str or None
        What the user says of each file's axes.
    folded : bool
        Whether the user says how many planes or channels follow one another in a list of pages.

    Returns
    -------
    Stored or None
        None where the names say nothing, or the user says that a file holds planes of its own.

    Raises
    ------
    InputError
        Where a file is missing, or holds something else than the names say.
    """
    grid = grid_of([place.address for place in places])
    if grid is None:
        return None
    sheets = _sheets(places, opened, axes)
    if axes is not None and "z" in axes and len(grid.planes) > 1 and (sheets is None or max(sheets.counts) > 1):
        return None
    if sheets is None:
        fix = 'Say what each file holds: axes="tyx" (--axes tyx) for frames of a plane, axes="tzyx" for volumes.'
        if len(grid.channels) > 1:
            fix = 'Open one channel\'s files with a pattern; if each holds a plane, say so: axes="tyx" (--axes tyx).'
        said = f"by their names the files are {_said(grid)}, but {places[0]} holds more than one list of pages"
        raise InputError(said, fix)
    rows, cautions = _rows(grid, sheets.counts, places)
    cautions = [f"{places[0]} and {len(places) - 1} more files: {text}" for text in (*cautions, *grid.cautions)]
    cautions.append(f"{places[0]} and {len(places) - 1} more files were put together by their names: {_said(grid)}.")
    inner = "yx" if axes is None else axes.replace("t", "").replace("z", "").replace("c", "")
    order, letters = _order(rows, len(grid.planes) > 1, folded)
    if axes is not None and "z" in axes and "t" not in axes:
        letters = letters.replace("?", "z")
    sources = {**sheets.first.facts.sources, **dict.fromkeys("tzc", f"the names of {len(places)} files")}
    facts = replace(
        sheets.first.facts,
        warnings=(*sheets.first.facts.warnings, *cautions),
        sources=sources,
    )
    return Stored(Stacked(sheets.pages, order), letters + inner, sheets.first.format, facts)


def end_to_end(
    places: Sequence[Place], opened: Callable[[int], Stored], pages_a_volume: int, *, rising: bool
) -> Stored | None:
    """Take the pages of all files as one list, in the files' order.

    Parameters
    ----------
    places : sequence of Place
    opened : callable
        ``opened(i)`` opens file i.
    pages_a_volume : int
    rising : bool
        Whether one volume follows the other. Else all times of a plane come before the next plane, which is a reading
        of all files only where each holds one page.

    Returns
    -------
    Stored or None
        None where files hold anything else than a list of pages.
    """
    sheets = _sheets(places, opened, None, "?tz")
    if sheets is None or not (rising or max(sheets.counts) == 1):
        return None
    facts, torn = sheets.first.facts, [place for place, n in enumerate(sheets.counts[:-1]) if n % pages_a_volume]
    if torn and max(sheets.counts) > 1:
        number = sheets.counts[torn[0]]
        text = (
            f"{places[torn[0]]} has {number} pages, no multiple of {pages_a_volume} a volume. The pages of all files "
            "were read as one list in which volumes run on from file to file. If each file begins with a new volume, "
            "open them one by one."
        )
        facts = replace(facts, warnings=(*facts.warnings, text))
    return Stored(sheets.pages, "?yx", sheets.first.format, facts)


def _sheets(
    places: Sequence[Place], opened: Callable[[int], Stored], axes: str | None, lists: str = "?t"
) -> Sheets | None:
    """See files as one list of pages; None where one of them is more than a list of pages.

    `lists` are the letters that a list of pages may have where the user names no axes.

    A file as large as the first one is not opened before it is read, where that one holds its values uncompressed.
    """
    first = opened(0)
    flat = _flat(first, axes, lists)
    if flat is None:
        return None
    known = bytes_of(places[0]) if isinstance(first.data, Mapped) else None
    counts = [int(flat.shape[0])]
    for number, place in enumerate(places[1:], 1):
        if known is not None and bytes_of(place) == known and place.suffix == places[0].suffix:
            counts.append(counts[0])
            continue
        stored = opened(number)
        pages = _flat(stored, axes, lists)
        if pages is None:
            return None
        _check_calibration(place, stored, places[0], first)
        if tuple(pages.shape[1:]) != tuple(flat.shape[1:]) or np.dtype(pages.dtype) != np.dtype(flat.dtype):
            raise InputError(
                f"{place} has pages of {_text(pages)}, the first file {places[0]} has {_text(flat)}",
                "All files of a movie must have pages of one shape and type; leave the others out.",
            )
        counts.append(int(pages.shape[0]))

    def opener(number: int) -> LazyArray:
        stored = opened(number)
        pages = _flat(stored, axes, lists)
        _check_calibration(places[number], stored, places[0], first)
        if pages is None:
            raise InputError(f"{places[number]} is no longer a list of pages", "Open the movie again.")
        return pages

    names = [str(place) for place in places]
    return Sheets(first, counts, Chained(names, counts, tuple(flat.shape[1:]), np.dtype(flat.dtype), opener))


def _check_calibration(place: Place, stored: Stored, other: Place, first: Stored) -> None:
    """See that the values of two files mean the same."""
    if stored.facts.calibration != first.facts.calibration:
        raise InputError(
            f"{place} and {other} have different calibrations of their values", "Export them with one calibration."
        )


def _flat(stored: Stored, axes: str | None, lists: str) -> LazyArray | None:
    """See a file as (pages, Y, X); None where it is something else, such as volumes or several channels."""
    shape, letters = tuple(stored.data.shape), stored.axes
    long = [letter for n, letter in zip(shape[:-2], letters[:-2], strict=True) if n > 1]
    known = axes is not None or all(letter in lists for letter in long)
    if len(shape) < 2 or len(long) > 1 or not known or any(letter not in "?yx" for letter in letters[-2:]):
        return None
    return stored.data if len(shape) == 3 else _Flat(stored.data)


@dataclass(frozen=True)
class _Flat:
    """An array of pages with further dimensions of length 1, or without the one of pages, as (pages, Y, X)."""

    source: LazyArray

    @property
    def shape(self) -> tuple[int, ...]:
        """(pages, Y, X)."""
        shape = tuple(self.source.shape)
        return (int(np.prod(shape[:-2], dtype=np.int64)), *shape[-2:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self.source.dtype)

    def __getitem__(self, index: Any, /) -> npt.NDArray[Any]:
        """Read a part."""
        first, lead = index[0], tuple(self.source.shape)[:-2]
        long = next((place for place, length in enumerate(lead) if length > 1), None)
        inner = tuple(first if place == long else 0 for place in range(len(lead)))
        block = np.asarray(self.source[(*inner, *index[1:])])
        if long is None and isinstance(first, slice):
            return block[np.newaxis][first]
        return block


def _rows(grid: Grid, counts: Sequence[int], places: Sequence[Place]) -> tuple[list[npt.NDArray[np.intp]], list[str]]:
    """Page numbers (planes, channels, pages) of each time; the last one may have been stopped."""
    starts = np.concatenate([[0], np.cumsum(counts)])
    of_files = np.array(counts)
    rows, cautions = [], []
    for time, files in enumerate(grid.files):
        numbers = np.array(files)
        pages = of_files[numbers]
        least = int(pages.min())
        if least != pages.max():
            fewest, most = int(numbers.flat[int(pages.argmin())]), int(numbers.flat[int(pages.argmax())])
            text = f"{places[fewest]} has {least} pages, {places[most]} beside it {int(pages.max())}"
            if time < len(grid.files) - 1 or pages.max() - least > 1:
                raise InputError(text, "Files of all planes must have one number of pages: copy the shorter one again.")
            cautions.append(f"{text}; the last one is left out, as of a recording that was stopped within a volume.")
        rows.append((starts[numbers][..., np.newaxis] + np.arange(least)).astype(np.intp))
    return rows, cautions


def _order(rows: Sequence[npt.NDArray[np.intp]], planes: bool, folded: bool) -> tuple[npt.NDArray[np.intp], str]:
    """Page numbers with one letter a dimension, from those of each time (planes, channels, pages)."""
    if planes or folded or len(rows) == 1 or rows[0].shape[2] == 1 or len({row.shape for row in rows}) > 1:
        order = np.concatenate([np.moveaxis(row, 2, 0) for row in rows])
        letters = "tzc" if planes else "?zc"
    else:
        order = np.stack([np.moveaxis(row, 1, 0) for row in rows])
        letters = "tcz?"
    kept = [place for place, letter in enumerate(letters) if letter not in "zc" or order.shape[place] > 1]
    return order.reshape([order.shape[place] for place in kept]), "".join(letters[place] for place in kept)


def _said(grid: Grid) -> str:
    """Say what names number."""
    parts = [
        f"{len(numbers)} {name} ({numbers[0]} to {numbers[-1]})"
        for name, numbers in (("planes", grid.planes), ("channels", grid.channels))
        if len(numbers) > 1
    ]
    times = f"{len(grid.files)} times" if len(grid.files) > 1 else ""
    return " and ".join([*parts, *([times] if times else [])])


def _text(pages: LazyArray) -> str:
    """Shape and type of pages, as x × y."""
    return f"{pages.shape[2]} × {pages.shape[1]} {pages.dtype}"
