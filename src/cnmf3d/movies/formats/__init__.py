"""The table of formats, one file each. Outside packages add theirs as entry points."""

from __future__ import annotations

from functools import cache

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.faults import library_fault
from cnmf3d.movies.formats import caiman, hdf5, npy, nwb, tiff, vendors, zarr
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import Place, Stored
from cnmf3d.plugins import load_all

BUILT_IN: tuple[Format, ...] = (
    *vendors.FORMATS,
    nwb.FORMAT,
    hdf5.FORMAT,
    tiff.FORMAT,
    npy.FORMAT,
    caiman.FORMAT,
    zarr.FORMAT,
    vendors.UNREAD,
)
"""Asked in this order which of them recognises a place."""

ENTRY_POINTS = "cnmf3d.movie_formats"
"""Group of entry points; each names a `Format`."""


def formats() -> tuple[Format, ...]:
    """All formats, those of outside packages first, so that they can take over a special kind of file."""
    return (*outside(), *BUILT_IN)


@cache
def outside() -> tuple[Format, ...]:
    """Formats of other packages, looked for once: that takes longer than opening a movie.

    Raises
    ------
    InputError
        Where one can't be loaded; it names the package.
    """
    return tuple(load_all(ENTRY_POINTS, "the movie format"))


def format_of(place: Place) -> Format:
    """Find who reads the file.

    Raises
    ------
    InputError
        Where nobody does.
    """
    known = formats()
    for candidate in known:
        if candidate.recognises(place):
            return candidate
    names = "; ".join(
        f"{each.name} ({', '.join(each.suffixes)})" if each.suffixes else each.name
        for each in known
        if each is not vendors.UNREAD
    )
    raise InputError(f"{place} is in no format that cnmf3d reads", f"It reads: {names}.")


def open_place(place: Place, dataset: str | None) -> Stored:
    """Open a file by its format.

    Raises
    ------
    InputError
        Where nobody reads it, or it can't be used.
    EngineError
        Where something fails that no format foresaw: that doesn't make the file a bad one.
    """
    known = format_of(place)
    try:
        return known.open(place, dataset)
    except (Cnmf3dError, MemoryError):
        raise
    except Exception as error:
        raise library_fault(str(place), error) from error
