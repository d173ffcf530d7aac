"""Formats that are known and not read: what they are, and how to convert them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import Place

ONE_PHOTON = "It is a recording of one plane with a one-photon microscope, for which CNMF-E or EXTRACT are made."

VIDEO = (
    "a video",
    "Videos are compressed for the eye, which changes values. If it is all there is: ffmpeg -i FILE -pix_fmt gray "
    "frame_%05d.tif, then open the folder.",
)

HOW = {
    ".isxd": ("Inscopix", f"{ONE_PHOTON} Export it as TIFF: Inscopix Data Processing, File > Export Movie."),
    **dict.fromkeys((".avi", ".mp4", ".mov", ".mkv", ".wmv", ".m4v"), VIDEO),
    ".oir": ("Olympus OIR", "Export it from the microscope's program as OME-TIFF, or with bioformats2raw."),
    ".oib": ("Olympus OIB", "Export it from the microscope's program as OME-TIFF, or with bioformats2raw."),
    ".cxd": ("Hamamatsu CXD", "Convert it: bioformats2raw FILE OUT.zarr."),
}
"""What files with a suffix are, and what helps."""


def recognises(place: Place) -> bool:
    """Whether the file has one of these suffixes."""
    return place.suffix in HOW


def open_nothing(place: Place, dataset: str | None) -> NoReturn:
    """Say what the file is.

    Raises
    ------
    InputError
        Always.
    """
    del dataset
    name, fix = HOW[place.suffix]
    raise InputError(f"{place} is {name}, which cnmf3d doesn't read", fix)


def refuse_unread(folder: Path, paths: Sequence[Path]) -> None:
    """Say how to convert the files of a folder that has no movies; nothing where they are of no known kind.

    Raises
    ------
    InputError
        Where one of `paths` has such a suffix.
    """
    found = [path for path in paths if path.suffix.lower() in HOW]
    if found:
        name, fix = HOW[found[0].suffix.lower()]
        more = f" and {len(found) - 1} more files" if len(found) > 1 else ""
        raise InputError(f"the folder {folder} holds {found[0].name}{more}: {name}, which cnmf3d doesn't read", fix)


FORMAT = Format("known, not read", (), recognises, open_nothing)
